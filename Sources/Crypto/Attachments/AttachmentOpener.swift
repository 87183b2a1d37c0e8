package import Primitives

/// Opens the blobs of a file in their order; the memory it needs does not depend on the size.
///
/// What it gives is the file only once ``finish()`` has said so: until then nobody may see it under
/// its name, and all of it is thrown away when anything fails (C4). A blob that is missing, doubled,
/// of another place or another file does not open; one more than there are is refused.
///
/// A transfer that broke off is resumed with ``resume(_:)``: the stream cannot be entered in its
/// middle, so the bytes that were kept are put through it once more.
///
/// - SPEC: §7.7, EN-31, EN-34, EN-35, EN-36
package struct AttachmentOpener: ~Copyable {
    private var stream: SecretStreamPuller
    private var hash = SHA256()
    private let digest: SHA256.Digest
    private var scratch = [UInt8](repeating: 0, count: AttachmentSize.blobByteCount)
    private var hasFailed = false
    /// The exact size that the reference states.
    package let size: AttachmentSize
    /// The number of blobs taken so far.
    package private(set) var nextIndex = 0

    /// Begins.
    ///
    /// - Throws: `commitment` when key, hash and size of the reference do not belong together:
    ///   nothing is to be fetched or written.
    package init(_ reference: borrowing AttachmentReference) throws(AttachmentError) {
        let keys = try reference.keys()  // EN-31
        let stream = keys.stream()
        self.stream = SecretStreamPuller(key: stream.key, header: stream.header)
        digest = reference.digest
        size = reference.size
    }

    /// Whether the last blob was taken.
    package var isComplete: Bool { nextIndex == size.blobCount }

    /// How many bytes of the file the next blob has.
    package var nextByteCount: Int { isComplete ? 0 : size.messageByteCount(at: nextIndex) }

    /// Opens the next blob.
    ///
    /// - Parameters:
    ///   - blob: 32,768 bytes.
    ///   - message: 32,751 bytes; those of the file come first.
    /// - Returns: how many are of the file.
    /// - Throws: `blobSize`, `authentication`: nothing has changed, and another copy of this blob
    ///   can be tried; `complete`; `mark`, `padding`, `digest`: the file is refused for good, and
    ///   `ended` is all that follows.
    package mutating func open(
        _ blob: RawSpan, into message: inout MutableRawSpan
    ) throws(AttachmentError) -> Int {
        guard !hasFailed else { throw .ended }
        guard !isComplete else { throw .complete }
        // EN-34
        guard blob.byteCount == AttachmentSize.blobByteCount else {
            throw .blobSize(byteCount: blob.byteCount)
        }
        precondition(message.byteCount == AttachmentSize.messageByteCount, "room for a message")
        let isLast = nextIndex + 1 == size.blobCount
        let tag: SecretStreamTag?
        do {
            tag = try stream.pull(blob, into: &message)
        } catch .authentication {
            throw .authentication(index: nextIndex)
        } catch {
            tag = nil
        }
        // EN-35
        guard tag == (isLast ? .final : .message) else {
            hasFailed = true
            throw .mark(index: nextIndex)
        }
        let count = size.messageByteCount(at: nextIndex)
        let opened = message.bytes
        guard ConstantTime.isZero(opened.extracting(count..<opened.byteCount)) else {
            hasFailed = true
            throw .padding  // EN-35
        }
        hash.update(opened.extracting(0..<count))
        if isLast { try checkDigest() }
        nextIndex += 1
        return count
    }

    private mutating func checkDigest() throws(AttachmentError) {
        let found = hash
        // EN-36
        guard found.finish() == digest else {
            hasFailed = true
            throw .digest
        }
    }

    /// Takes bytes of the file that an earlier run opened and kept, in place of their blob.
    ///
    /// Bytes that are not those of the file are not found out here: then the next blob does not
    /// open, and the transfer begins again.
    ///
    /// - Parameter piece: all 32,751 bytes of the next message, which is not the last one.
    /// - Throws: `complete` at the last blob, which is always opened; `ended`.
    package mutating func resume(_ piece: RawSpan) throws(AttachmentError) {
        guard !hasFailed else { throw .ended }
        guard nextIndex + 1 < size.blobCount else { throw .complete }
        precondition(piece.byteCount == AttachmentSize.messageByteCount, "a whole message")
        do {
            try stream.skip(piece, using: &scratch)
        } catch {
            throw .ended
        }
        hash.update(piece)
        nextIndex += 1
    }

    /// Says that the file is whole and the one that the reference names.
    ///
    /// - Throws: `incomplete`, `ended`: everything opened so far is to be thrown away.
    package consuming func finish() throws(AttachmentError) -> OpenedAttachment {
        guard !hasFailed else { throw .ended }
        // EN-36
        guard isComplete else { throw .incomplete(missing: size.blobCount - nextIndex) }
        return OpenedAttachment(size: size, digest: digest)
    }
}

/// A file that was opened whole, to its last mark, with the size and hash of its reference. Only an
/// opener makes one, so that what takes one cannot be given half a file.
///
/// - SPEC: §7.7, EN-36
package struct OpenedAttachment: Equatable, Sendable {
    /// Its exact size.
    package let size: AttachmentSize
    /// Its SHA-256.
    package let digest: SHA256.Digest
}
