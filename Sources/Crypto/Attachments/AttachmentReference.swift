package import Primitives
package import Wire

/// What a message says about a file: enough to fetch, open and check it. 205 bytes.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 32 | key |
/// | 32 | 32 | commitment |
/// | 64 | 32 | SHA-256 of the file |
/// | 96 | 8 | size of the file |
/// | 104 | 97 | server that has the blobs |
/// | 201 | 4 | hour in which the blobs expire |
///
/// - SPEC: §7.7, EN-30
package struct AttachmentReference: ~Copyable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = 205

    /// Drawn anew for each file.
    package let key: SecretBytes
    /// Commits to key, hash and size.
    package let commitment: KeyCommitment
    /// SHA-256 of the file.
    package let digest: SHA256.Digest
    /// Exact size of the file.
    package let size: AttachmentSize
    /// Where the blobs are.
    package let server: ServerAddress
    /// Until when they are there.
    package let expiry: Hours

    /// The reference of a file that is or will be sealed under `key`.
    package init(
        key: consuming SecretBytes, digest: SHA256.Digest, size: AttachmentSize,
        server: ServerAddress, expiry: Hours
    ) {
        commitment = AttachmentKeys(key: key, digest: digest, size: size).commitment
        self.key = key
        self.digest = digest
        self.size = size
        self.server = server
        self.expiry = expiry
    }

    /// Parses 205 bytes. Whether the commitment is right shows when the file is opened (EN-31).
    ///
    /// - Throws: `WireError`; `outOfRange` for a size above the largest.
    package init(from reader: inout Reader) throws(WireError) {
        let key = SecretBytes(copying: try reader.span(AttachmentKeys.keyByteCount))
        let commitment: FixedBytes<32> = try reader.fixed()
        let digest: FixedBytes<32> = try reader.fixed()
        let byteCount = try reader.u64()
        // EN-30
        guard let size = try? AttachmentSize(byteCount) else {
            throw .outOfRange(
                value: byteCount, minimum: 0, maximum: AttachmentSize.byteCountMax)
        }
        let server = try ServerAddress(from: &reader)
        expiry = Hours(try reader.u32())
        self.key = key
        self.commitment = KeyCommitment(commitment)
        self.digest = digest
        self.size = size
        self.server = server
    }

    /// What follows from the key.
    ///
    /// - Throws: `AttachmentError.commitment` when key, hash and size do not belong together.
    package borrowing func keys() throws(AttachmentError) -> AttachmentKeys {
        let keys = AttachmentKeys(key: key, digest: digest, size: size)
        // EN-31, PR-20
        guard keys.commitment == commitment else { throw .commitment }
        return keys
    }

    /// The 205 bytes with the key in clear: the caller seals them at once.
    package borrowing func exposeForStorage() -> [UInt8] {
        var writer = Writer(capacity: Self.byteCount)
        key.withBytes { writer.append(bytes: $0) }
        writer.fixed(commitment.bytes)
        writer.fixed(digest)
        writer.u64(size.byteCount)
        ServerAddress.encode(server, into: &writer)
        writer.u32(expiry.count)
        return writer.bytes
    }
}
