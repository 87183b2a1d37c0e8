/// Tells bytes that could be a key, a hash or a ciphertext from bytes that say something.
///
/// It cannot prove that bytes are encrypted: nothing can. It finds text in any language, base64,
/// hexadecimal, zeros, counters and tables, whole or as a part, and so the mistakes and the
/// careless lies by which a server would come to hold what it must not.
enum Readability {
    /// Bytes below which a value is too short to judge.
    static let judgedByteCountMin = 32
    /// Bytes of readable text in a row that are never chance: less than one in 10^17 at any place
    /// of random bytes, so not once in a store of many terabytes.
    static let textByteCountMax = 47

    /// Whether the bytes show neither text nor pattern. Shorter values than
    /// `judgedByteCountMin` do.
    ///
    /// A random key fails by chance less than once in 10^11.
    static func looksRandom(_ bytes: RawSpan) -> Bool {
        let count = bytes.byteCount
        if count < judgedByteCountMin { return true }
        let limit = min(textByteCountMax, count - 1)
        return longestText(in: bytes) <= limit && !hasPattern(bytes)
    }

    /// Bytes of the longest run of printable UTF-8, line ends and tabs among it.
    static func longestText(in bytes: RawSpan) -> Int {
        var longest = 0
        var length = 0
        var index = 0
        while index < bytes.byteCount {
            let step = characterByteCount(in: bytes, at: index)
            if step == 0 {
                longest = max(longest, length)
                length = 0
                index += 1
            } else {
                length += step
                index += step
            }
        }
        return max(longest, length)
    }

    /// Bytes of the printable character at an offset; 0 when there is none.
    private static func characterByteCount(in bytes: RawSpan, at offset: Int) -> Int {
        let first = bytes[offset]
        let count: Int
        switch first {
        case 0x20...0x7e, 0x09, 0x0a, 0x0d: return 1
        case 0xc2...0xdf: count = 2
        case 0xe0...0xef: count = 3
        case 0xf0...0xf4: count = 4
        default: return 0
        }
        if offset + count > bytes.byteCount { return 0 }
        for index in offset + 1..<offset + count where bytes[index] & 0xc0 != 0x80 { return 0 }
        return count
    }

    /// Whether some byte values are much more frequent than others.
    ///
    /// Counts the pairs of equal bytes. Random bytes have n(n − 1)/512 of them, with a deviation of
    /// the square root of that; text, padding and tables have many times as many.
    static func hasPattern(_ bytes: RawSpan) -> Bool {
        var seen = InlineArray<256, Int>(repeating: 0)
        for index in 0..<bytes.byteCount { seen[Int(bytes[index])] += 1 }
        var pairs = 0
        for value in 0..<256 { pairs += seen[value] * (seen[value] - 1) / 2 }
        let expected = Double(bytes.byteCount) * Double(bytes.byteCount - 1) / 512
        // The constant covers short values, whose numbers of pairs are not spread evenly.
        return Double(pairs) > expected + 12 * expected.squareRoot() + 24
    }
}

extension RawSpan {
    /// One byte; the offset is checked.
    fileprivate subscript(offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
}
