internal import CSodium

/// Why a text is not the canonical encoding of some bytes.
///
/// - SPEC: §4.4, PR-7
package enum TextEncodingError: Error, Equatable, Sendable {
    /// No number of bytes has an encoding of this many characters.
    case length(characterCount: Int)
    /// A character is outside the alphabet.
    case character
    /// The unused low bits of the last character are not zero.
    case trailingBits
}

/// Strict lower-case hexadecimal (RFC 4648 section 8, lower case only).
///
/// The time depends on the length only, since link secrets and keys pass through.
package enum Hex {
    /// Two characters a byte.
    package static func encode(_ bytes: RawSpan) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.byteCount * 2)
        for index in 0..<bytes.byteCount {
            let byte = UInt32(bytes.byte(at: index))
            text.append(character(byte >> 4))
            text.append(character(byte & 15))
        }
        return String(decoding: text, as: Unicode.ASCII.self)
    }

    /// Reads what `encode` writes and nothing else.
    ///
    /// - Throws: `length` for an odd count, `character` for anything but `0-9a-f`.
    package static func decode(_ text: String) throws(TextEncodingError) -> [UInt8] {
        let characters = [UInt8](text.utf8)
        guard characters.count.isMultiple(of: 2) else {
            throw .length(characterCount: characters.count)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count / 2)
        var wrong: UInt32 = 0
        for pair in 0..<characters.count / 2 {
            let high = value(UInt32(characters[pair * 2]), &wrong)
            let low = value(UInt32(characters[pair * 2 + 1]), &wrong)
            bytes.append(UInt8(truncatingIfNeeded: high << 4 | low))
        }
        guard wrong == 0 else { throw .character }
        return bytes
    }

    private static func character(_ nibble: UInt32) -> UInt8 {
        // 48 is "0"; from 10 on the next 39 are added, which gives "a".
        UInt8(truncatingIfNeeded: nibble &+ 48 &+ (Bits.below(9, nibble) & 39))
    }

    private static func value(_ character: UInt32, _ wrong: inout UInt32) -> UInt32 {
        let digit = Bits.between(character, 48, 57)
        let letter = Bits.between(character, 97, 102)
        wrong |= ~(digit | letter)
        return (digit & (character &- 48)) | (letter & (character &- 87))
    }
}

/// Strict base32: RFC 4648 section 6 in lower case without padding, as in addresses and links.
///
/// 32 bytes are 52 characters. The unused bits of the last character must be zero, so that one
/// value has one text. The time depends on the length only.
package enum Base32 {
    /// Eight characters for five bytes, no padding.
    package static func encode(_ bytes: RawSpan) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.byteCount * 8 + 4) / 5)
        var buffer: UInt32 = 0
        var bitCount = 0
        for index in 0..<bytes.byteCount {
            buffer = buffer << 8 | UInt32(bytes.byte(at: index))
            bitCount += 8
            while bitCount >= 5 {
                bitCount -= 5
                text.append(character(buffer >> UInt32(bitCount) & 31))
            }
            buffer &= 0xff
        }
        if bitCount > 0 { text.append(character(buffer << UInt32(5 - bitCount) & 31)) }
        return String(decoding: text, as: Unicode.ASCII.self)
    }

    /// Reads what `encode` writes and nothing else.
    ///
    /// - Throws: `length` when no byte count has that many characters, `character` for anything
    ///   outside `a-z2-7`, `trailingBits` for a text that is not canonical.
    package static func decode(_ text: String) throws(TextEncodingError) -> [UInt8] {
        let characters = [UInt8](text.utf8)
        let byteCount = characters.count * 5 / 8
        guard (byteCount * 8 + 4) / 5 == characters.count else {
            throw .length(characterCount: characters.count)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        var buffer: UInt32 = 0
        var bitCount = 0
        var wrong: UInt32 = 0
        for character in characters {
            buffer = buffer << 5 | value(UInt32(character), &wrong)
            bitCount += 5
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bitCount)))
            }
            buffer &= 0xff
        }
        guard wrong == 0 else { throw .character }
        guard buffer & ((1 << UInt32(bitCount)) - 1) == 0 else { throw .trailingBits }  // PR-7
        return bytes
    }

    private static func character(_ value: UInt32) -> UInt8 {
        // 97 is "a"; from 26 on it is "2" and following, which stand 73 lower.
        UInt8(truncatingIfNeeded: value &+ 97 &- (Bits.below(25, value) & 73))
    }

    private static func value(_ character: UInt32, _ wrong: inout UInt32) -> UInt32 {
        let letter = Bits.between(character, 97, 122)
        let digit = Bits.between(character, 50, 55)
        wrong |= ~(letter | digit)
        return (letter & (character &- 97)) | (digit & (character &- 24))
    }
}

/// Strict base64url: RFC 4648 section 5 without padding, in constant time by libsodium.
package enum Base64URL {
    /// Four characters for three bytes, no padding.
    package static func encode(_ bytes: RawSpan) -> String {
        let variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING
        let count = bytes.byteCount
        let room = sodium_base64_encoded_len(count, variant)
        // Safe: libsodium writes `room` bytes, the last of them a terminator.
        let text = unsafe [CChar](unsafeUninitializedCapacity: room) { buffer, written in
            let base = unsafe buffer.baseAddress.unsafelyUnwrapped
            _ = unsafe bytes.withPointer { source in
                unsafe sodium_bin2base64(base, room, source, count, variant)
            }
            written = room
        }
        return String(decoding: text.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Reads what `encode` writes and nothing else.
    ///
    /// - Throws: `length` when no byte count has that many characters, else `character` for a
    ///   foreign character or for trailing bits that are not zero.
    package static func decode(_ text: String) throws(TextEncodingError) -> [UInt8] {
        let characters = [UInt8](text.utf8)
        guard characters.count % 4 != 1 else { throw .length(characterCount: characters.count) }
        // libsodium 1.0.18 compares signed characters as if they lay in 0...255: it takes some
        // bytes beyond ASCII for digits, which would be a second spelling.
        guard characters.reduce(0, |) < 0x80 else { throw .character }
        let byteCount = characters.count * 3 / 4
        var written = 0
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING
        var target = bytes.mutableRaw
        // Safe: libsodium writes at most `byteCount` bytes and refuses what does not fit.
        let code = unsafe target.withMutablePointer { output in
            unsafe characters.raw.withPointer { input in
                unsafe input.withMemoryRebound(to: CChar.self, capacity: characters.count) {
                    unsafe sodium_base642bin(
                        output, byteCount, $0, characters.count, nil, &written, nil, variant)
                }
            }
        }
        guard code == 0, written == byteCount else { throw .character }
        return bytes
    }
}

/// Comparisons of small numbers as masks, without branches.
private enum Bits {
    /// All ones when `low < value`, else zero; both below 2^31.
    @inline(__always)
    static func below(_ low: UInt32, _ value: UInt32) -> UInt32 {
        0 &- ((low &- value) >> 31)
    }

    /// All ones when `low <= value <= high`, else zero.
    @inline(__always)
    static func between(_ value: UInt32, _ low: UInt32, _ high: UInt32) -> UInt32 {
        below(low &- 1, value) & below(value, high &+ 1)
    }
}
