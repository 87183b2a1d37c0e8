package import Primitives
internal import Wire

/// What follows from an attachment's key together with the hash and the size of its file.
///
/// Both go into every derivation: under one key another file has another stream, another commitment
/// and other blobs, and a reference whose hash or size was changed opens nothing.
///
/// - SPEC: §7.7, EN-31, EN-33
package struct AttachmentKeys: ~Copyable, Sendable {
    /// Bytes in the key.
    package static let keyByteCount = 32

    private let root: SecretBytes
    /// Stands in the reference.
    package let commitment: KeyCommitment

    /// Derives from a key of 32 bytes.
    package init(key: borrowing SecretBytes, digest: SHA256.Digest, size: AttachmentSize) {
        precondition(key.byteCount == Self.keyByteCount, "an attachment's key has 32 bytes")
        var salt = Writer(capacity: 40)
        salt.fixed(digest)
        salt.u64(size.byteCount)
        root = HKDFSHA256.extract(salt: salt.bytes.raw, inputKey: key)
        commitment = KeyCommitment(
            to: key, salt: salt.bytes.raw, label: AttachmentLabels.commitment)
    }

    /// Key and header of the stream.
    struct Stream: ~Copyable {
        let key: SecretBytes
        let header: FixedBytes<24>
    }

    /// Both are of this file only, so that the header need not be sent.
    borrowing func stream() -> Stream {
        let both = HKDFSHA256.expand(
            root, info: AttachmentLabels.stream.raw,
            byteCount: SecretStream.keyByteCount + SecretStream.headerByteCount)
        let header = both.withBytes { FixedBytes<24>(copying: $0.extracting(32..<56)) }
        guard let header else { preconditionFailure("a header has 24 bytes") }
        return Stream(key: both.part(0..<32), header: header)
    }

    /// The id under which the blob at `index` is stored: a secret of sender and recipient, of which
    /// the server knows the hash.
    package borrowing func blobID(at index: Int) -> FixedBytes<32> {
        var info = Writer(capacity: 32)
        info.append(bytes: AttachmentLabels.blob.raw)
        info.u32(UInt32(index))
        let id = HKDFSHA256.expand(root, info: info.bytes.raw, byteCount: 32)
        guard let id = id.withBytes({ FixedBytes<32>(copying: $0) }) else {
            preconditionFailure("an id has 32 bytes")
        }
        return id
    }

    /// The erase key of a blob.
    ///
    /// - Parameters:
    ///   - id: the blob's id.
    ///   - eraseSecret: 32 bytes that stay with the sender (EN-33); one for all its files will do.
    package static func eraseKey(
        ofBlob id: FixedBytes<32>, eraseSecret: borrowing SecretBytes
    ) -> FixedBytes<32> {
        // EN-33
        let key = HKDFSHA256.derive(
            from: eraseSecret, salt: id.raw, info: AttachmentLabels.erase.raw, byteCount: 32)
        guard let key = key.withBytes({ FixedBytes<32>(copying: $0) }) else {
            preconditionFailure("an erase key has 32 bytes")
        }
        return key
    }
}
