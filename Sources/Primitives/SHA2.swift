internal import CSodium

/// SHA-256 (FIPS 180-4), at once or in parts.
package struct SHA256: Sendable {
    /// Bytes in a digest.
    package static let byteCount = 32
    /// What it returns.
    package typealias Digest = FixedBytes<32>

    private var state = crypto_hash_sha256_state()

    /// Starts a hash over parts.
    package init() {
        unsafe crypto_hash_sha256_init(&state)
    }

    /// Adds bytes.
    package mutating func update(_ bytes: RawSpan) {
        let count = UInt64(bytes.byteCount)
        // Safe: the pointer is good for `count` bytes.
        unsafe bytes.withPointer { _ = unsafe crypto_hash_sha256_update(&state, $0, count) }
    }

    /// The digest of everything added.
    package consuming func finish() -> Digest {
        var digest = Digest()
        var span = digest.mutableRaw
        // Safe: the digest has the 32 bytes that are written.
        unsafe span.withMutablePointer { _ = unsafe crypto_hash_sha256_final(&state, $0) }
        return digest
    }

    /// The digest of one piece.
    package static func hash(_ bytes: RawSpan) -> Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }
}

/// SHA-512 (FIPS 180-4), at once or in parts.
package struct SHA512: Sendable {
    /// Bytes in a digest.
    package static let byteCount = 64
    /// What it returns.
    package typealias Digest = FixedBytes<64>

    private var state = crypto_hash_sha512_state()

    /// Starts a hash over parts.
    package init() {
        unsafe crypto_hash_sha512_init(&state)
    }

    /// Adds bytes.
    package mutating func update(_ bytes: RawSpan) {
        let count = UInt64(bytes.byteCount)
        // Safe: the pointer is good for `count` bytes.
        unsafe bytes.withPointer { _ = unsafe crypto_hash_sha512_update(&state, $0, count) }
    }

    /// The digest of everything added.
    package consuming func finish() -> Digest {
        var digest = Digest()
        var span = digest.mutableRaw
        // Safe: the digest has the 64 bytes that are written.
        unsafe span.withMutablePointer { _ = unsafe crypto_hash_sha512_final(&state, $0) }
        return digest
    }

    /// The digest of one piece.
    package static func hash(_ bytes: RawSpan) -> Digest {
        var hash = SHA512()
        hash.update(bytes)
        return hash.finish()
    }
}
