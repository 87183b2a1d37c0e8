package import Primitives

/// Seals a file into blobs, one after the other; the memory it needs does not depend on the size.
///
/// Hash and size are told first, so the file is read twice. They are part of every key, and the last
/// blob is not made unless what was sealed has them: the same file under the same key gives the same
/// blobs, in a later run too, and another file never meets the same stream (EN-32). A transfer that
/// broke off is resumed by sealing from the beginning and sending what the server lacks.
///
/// - SPEC: §7.7, EN-32
package struct AttachmentSealer: ~Copyable {
    private var stream: SecretStreamPusher
    private var hash = SHA256()
    private let digest: SHA256.Digest
    private var hasFailed = false
    /// The exact size that was told.
    package let size: AttachmentSize
    /// The number of blobs made so far.
    package private(set) var nextIndex = 0

    /// Begins.
    ///
    /// - Parameters:
    ///   - key: 32 random bytes, drawn for this file.
    ///   - digest: SHA-256 of the whole file.
    ///   - size: its exact size.
    package init(key: borrowing SecretBytes, digest: SHA256.Digest, size: AttachmentSize) {
        let keys = AttachmentKeys(key: key, digest: digest, size: size)
        let stream = keys.stream()
        self.stream = SecretStreamPusher(key: stream.key, header: stream.header)
        self.digest = digest
        self.size = size
    }

    /// Whether the last blob was made.
    package var isComplete: Bool { nextIndex == size.blobCount }

    /// How many bytes of the file the next blob takes: 32,751, or what is left for the last one.
    package var nextByteCount: Int { isComplete ? 0 : size.messageByteCount(at: nextIndex) }

    /// Makes the next blob.
    ///
    /// - Parameters:
    ///   - piece: the next bytes of the file, exactly `nextByteCount`.
    ///   - blob: 32,768 bytes.
    /// - Throws: `digest` instead of the last blob, when the file was not the one whose hash was
    ///   told: begin again with a new key. `complete`, `ended`.
    package mutating func seal(
        _ piece: RawSpan, into blob: inout MutableRawSpan
    ) throws(AttachmentError) {
        guard !hasFailed else { throw .ended }
        guard !isComplete else { throw .complete }
        precondition(piece.byteCount == nextByteCount, "as many bytes as the blob takes")
        precondition(blob.byteCount == AttachmentSize.blobByteCount, "room for a blob")
        hash.update(piece)
        if nextIndex + 1 < size.blobCount {
            stream.push(piece, tag: .message, into: &blob)
        } else {
            let found = hash
            // EN-32
            guard found.finish() == digest else {
                hasFailed = true
                throw .digest
            }
            var padded = [UInt8](copying: piece)
            defer { padded.wipeBytes() }
            let missing = AttachmentSize.messageByteCount - padded.count
            padded.append(contentsOf: repeatElement(0, count: missing))
            stream.push(padded.raw, tag: .final, into: &blob)
        }
        nextIndex += 1
    }
}
