/// Why a box did not open.
package enum AEADError: Error, Equatable, Sendable {
    /// It is shorter than a tag.
    case tooShort(byteCount: Int)
    /// Key, nonce, associated data or bytes are not those it was sealed with.
    case authentication
}

/// An authenticated cipher with a 32-byte key and a 16-byte tag behind the ciphertext.
///
/// It does not commit to its key: a box can be made that opens under two keys, so what is opened
/// under a passphrase or by a key that others may choose carries a commitment besides.
///
/// - SPEC: §4.3, PR-6
package protocol AEAD {
    /// The nonce; a key never sees one twice.
    associatedtype Nonce: Sendable

    /// Seals `count` bytes into `count + 16`; in place when both pointers are equal.
    @unsafe static func sealRaw(
        _ output: UnsafeMutablePointer<UInt8>, _ input: UnsafePointer<UInt8>, _ count: Int,
        _ associatedData: RawSpan, _ nonce: Nonce, _ key: UnsafePointer<UInt8>)

    /// Opens `count` bytes into `count - 16`; in place when both pointers are equal.
    @unsafe static func openRaw(
        _ output: UnsafeMutablePointer<UInt8>, _ input: UnsafePointer<UInt8>, _ count: Int,
        _ associatedData: RawSpan, _ nonce: Nonce, _ key: UnsafePointer<UInt8>
    ) -> Bool
}

extension AEAD {
    /// Bytes in a key.
    package static var keyByteCount: Int { 32 }
    /// Bytes that sealing adds.
    package static var tagByteCount: Int { 16 }

    /// Seals `plaintext` into a new array: ciphertext, then tag.
    package static func seal(
        _ plaintext: RawSpan, key: borrowing SecretBytes, nonce: Nonce,
        authenticating associatedData: RawSpan = RawSpan()
    ) -> [UInt8] {
        var sealed = [UInt8](repeating: 0, count: plaintext.byteCount + tagByteCount)
        var span = sealed.mutableRaw
        seal(plaintext, into: &span, key: key, nonce: nonce, authenticating: associatedData)
        return sealed
    }

    /// Seals the bytes of a secret, to be stored or sent.
    package static func seal(
        _ secret: borrowing SecretBytes, key: borrowing SecretBytes, nonce: Nonce,
        authenticating associatedData: RawSpan = RawSpan()
    ) -> [UInt8] {
        seal(secret.raw, key: key, nonce: nonce, authenticating: associatedData)
    }

    /// Opens into a new array.
    ///
    /// - Throws: `tooShort` or `authentication`; nothing of the plaintext is shown then.
    package static func open(
        _ sealed: RawSpan, key: borrowing SecretBytes, nonce: Nonce,
        authenticating associatedData: RawSpan = RawSpan()
    ) throws(AEADError) -> [UInt8] {
        guard sealed.byteCount >= tagByteCount else {
            throw .tooShort(byteCount: sealed.byteCount)
        }
        var plaintext = [UInt8](repeating: 0, count: sealed.byteCount - tagByteCount)
        var span = plaintext.mutableRaw
        try open(sealed, into: &span, key: key, nonce: nonce, authenticating: associatedData)
        return plaintext
    }

    /// Opens into locked memory: for keys under keys.
    ///
    /// - Throws: `tooShort` or `authentication`; nothing of the plaintext is shown then.
    package static func openSecret(
        _ sealed: RawSpan, key: borrowing SecretBytes, nonce: Nonce,
        authenticating associatedData: RawSpan = RawSpan(), home: SecretBytes.Home = .slab
    ) throws(AEADError) -> SecretBytes {
        guard sealed.byteCount >= tagByteCount else {
            throw .tooShort(byteCount: sealed.byteCount)
        }
        let keySpan = key.raw
        precondition(keySpan.byteCount == keyByteCount)
        return try SecretBytes(byteCount: sealed.byteCount - tagByteCount, home: home) {
            span throws(AEADError) in
            try open(
                sealed, into: &span, keySpan: keySpan, nonce: nonce,
                authenticating: associatedData)
        }
    }

    /// Seals into a buffer of exactly 16 bytes more than the plaintext. No allocation.
    package static func seal(
        _ plaintext: RawSpan, into output: inout MutableRawSpan, key: borrowing SecretBytes,
        nonce: Nonce, authenticating associatedData: RawSpan = RawSpan()
    ) {
        precondition(key.byteCount == keyByteCount, "an AEAD key has 32 bytes")
        let count = plaintext.byteCount
        precondition(output.byteCount == count + tagByteCount, "room for ciphertext and tag")
        let keySpan = key.raw
        // Safe: the sizes were just checked.
        unsafe output.withMutablePointer { target in
            unsafe plaintext.withPointer { source in
                unsafe keySpan.withPointer {
                    unsafe sealRaw(target, source, count, associatedData, nonce, $0)
                }
            }
        }
    }

    /// Opens into a buffer of exactly 16 bytes less than the box. No allocation.
    ///
    /// - Throws: `tooShort` or `authentication`; `output` is all zero after the latter.
    package static func open(
        _ sealed: RawSpan, into output: inout MutableRawSpan, key: borrowing SecretBytes,
        nonce: Nonce, authenticating associatedData: RawSpan = RawSpan()
    ) throws(AEADError) {
        precondition(key.byteCount == keyByteCount, "an AEAD key has 32 bytes")
        try open(
            sealed, into: &output, keySpan: key.raw, nonce: nonce, authenticating: associatedData)
    }

    private static func open(
        _ sealed: RawSpan, into output: inout MutableRawSpan, keySpan: RawSpan, nonce: Nonce,
        authenticating associatedData: RawSpan
    ) throws(AEADError) {
        let count = sealed.byteCount
        guard count >= tagByteCount else { throw .tooShort(byteCount: count) }
        precondition(output.byteCount == count - tagByteCount, "room for the plaintext")
        // Safe: the sizes were just checked.
        let opened = unsafe output.withMutablePointer { target in
            unsafe sealed.withPointer { source in
                unsafe keySpan.withPointer {
                    unsafe openRaw(target, source, count, associatedData, nonce, $0)
                }
            }
        }
        guard opened else { throw .authentication }  // PR-6
    }

    /// Seals in place: all of `buffer` but its last 16 bytes is the plaintext, and those receive
    /// the tag. No allocation.
    package static func seal(
        inPlace buffer: inout MutableRawSpan, key: borrowing SecretBytes, nonce: Nonce,
        authenticating associatedData: RawSpan = RawSpan()
    ) {
        precondition(key.byteCount == keyByteCount, "an AEAD key has 32 bytes")
        let count = buffer.byteCount - tagByteCount
        precondition(count >= 0, "room for the tag")
        let keySpan = key.raw
        // Safe: the sizes were just checked; libsodium allows input and output to be the same.
        unsafe buffer.withMutablePointer { target in
            unsafe keySpan.withPointer {
                unsafe sealRaw(target, target, count, associatedData, nonce, $0)
            }
        }
    }

    /// Opens in place: the plaintext stands in all of `buffer` but its last 16 bytes. No allocation.
    ///
    /// - Returns: the number of plaintext bytes.
    /// - Throws: `tooShort`, or `authentication`: the contents of `buffer` are then undefined, and
    ///   no plaintext.
    package static func open(
        inPlace buffer: inout MutableRawSpan, key: borrowing SecretBytes, nonce: Nonce,
        authenticating associatedData: RawSpan = RawSpan()
    ) throws(AEADError) -> Int {
        precondition(key.byteCount == keyByteCount, "an AEAD key has 32 bytes")
        let count = buffer.byteCount
        guard count >= tagByteCount else { throw .tooShort(byteCount: count) }
        let keySpan = key.raw
        // Safe: the sizes were just checked; libsodium allows input and output to be the same.
        let opened = unsafe buffer.withMutablePointer { target in
            unsafe keySpan.withPointer {
                unsafe openRaw(target, target, count, associatedData, nonce, $0)
            }
        }
        guard opened else { throw .authentication }  // PR-6
        return count - tagByteCount
    }
}
