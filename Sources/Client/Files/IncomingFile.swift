package import Crypto
internal import Platform
package import Primitives

/// A file that is being received: blobs in, and under its name the whole file or nothing (C4).
///
/// The memory it needs does not depend on the size of the file.
///
/// - SPEC: §7.7, EN-31, EN-36, EN-37, CL-61, CL-62
package final class IncomingFile {
    private let target: String
    private let reference: AttachmentReference
    private let keys: AttachmentKeys
    private var opener: AttachmentOpener
    private let partial: PartialFile
    private var message = [UInt8](repeating: 0, count: AttachmentSize.messageByteCount)
    /// Blobs that an earlier run has received.
    package private(set) var resumedCount = 0

    /// Begins to receive a file, or goes on where an earlier run was kept or killed.
    ///
    /// - Parameter target: where the file will stand; nothing may have this name.
    /// - Throws: `attachment` when the parts of the reference do not belong together, before anything
    ///   is written; `exists`, `busy`, `noSpace`, `file`.
    package init(
        _ reference: consuming AttachmentReference, target: String
    ) throws(FileTransferError) {
        do throws(AttachmentError) {
            keys = try reference.keys()  // EN-31
            opener = try AttachmentOpener(reference)
        } catch {
            throw .attachment(error)
        }
        self.target = target
        let size = Int64(reference.size.byteCount)
        self.reference = reference
        do throws(UnsafeFile) {
            if try SafeFile.exists(target) { throw .exists }
        } catch .exists {
            throw .exists
        } catch {
            throw .file(error)
        }
        let mark = SHA256.hash(keys.blobID(at: 0).raw)
        partial = try PartialFile(beside: target, mark: mark.raw)
        // Told now and not after hours; what is not known is left to the writes.
        if let free = try? Usage.disk(at: partial.path).free, free < size - partial.keptByteCount {
            if partial.keptByteCount > 0 { partial.keep() }
            throw .noSpace(byteCount: size)
        }
        try takeUp()
    }

    deinit { message.wipeBytes() }

    /// The exact size of the file.
    package var size: AttachmentSize { reference.size }

    /// The number of the blob that is wanted next; `size.blobCount` when there is none.
    package var nextIndex: Int { opener.nextIndex }

    /// Whether all blobs were taken.
    package var isComplete: Bool { opener.isComplete }

    /// The id of a blob.
    package func blobID(at index: Int) -> FixedBytes<32> { keys.blobID(at: index) }

    /// Puts what was kept through the stream once more, whole pieces only and never the last one:
    /// there is no other way into the middle, and what was changed on the disk meanwhile keeps the
    /// next blob from opening. EN-37
    private func takeUp() throws(FileTransferError) {
        let pieceByteCount = Int64(AttachmentSize.messageByteCount)
        let whole = Int(partial.keptByteCount / pieceByteCount)
        let count = min(whole, reference.size.blobCount - 1)
        try partial.rewind()
        var buffer = exchange(&message, with: [])
        defer { message = buffer }
        do throws(AttachmentError) {
            for _ in 0..<count {
                guard (try? partial.read(into: &buffer)) == buffer.count else { break }
                try opener.resume(buffer.raw)
                resumedCount += 1
            }
        } catch {
            throw .attachment(error)
        }
        try partial.cut(at: Int64(resumedCount) * pieceByteCount)
    }

    /// Takes the next blob.
    ///
    /// - Throws: `attachment` with `blobSize` or `authentication`: nothing has changed; another copy
    ///   can be tried, or ``startAgain()`` when this is the first blob after a resumption. After any
    ///   other error only letting go of this value is left, which removes what was received.
    package func take(_ blob: RawSpan) throws(FileTransferError) {
        var buffer = exchange(&message, with: [])
        defer { message = buffer }
        let count: Int
        do throws(AttachmentError) {
            var span = buffer.mutableRaw
            count = try opener.open(blob, into: &span)
        } catch {
            throw .attachment(error)
        }
        try partial.append(buffer.raw.extracting(0..<count))
    }

    /// Throws away what was received and begins with the first blob. EN-37
    package func startAgain() throws(FileTransferError) {
        do throws(AttachmentError) {
            opener = try AttachmentOpener(reference)
        } catch {
            throw .attachment(error)
        }
        resumedCount = 0
        try partial.cut(at: 0)
    }

    /// Checks that the file is whole and gives it its name.
    ///
    /// - Throws: `attachment`, `exists`, `file`; nothing stands under the name then, and what was
    ///   received goes with this value.
    package func finish() throws(FileTransferError) {
        // EN-36: only an opener that has seen the whole file says so.
        do throws(AttachmentError) {
            let next = try AttachmentOpener(reference)
            let done = exchange(&opener, with: next)
            let found = try done.finish()
            precondition(found.digest == reference.digest, "the file of the reference")
        } catch {
            throw .attachment(error)
        }
        try partial.publish(as: target)
    }

    /// Keeps what was received for a later run, which begins with the same reference and target.
    package func suspend() { partial.keep() }

    /// Removes what programs that were killed while they received have left in a folder. CL-62
    ///
    /// - Returns: how many files were removed.
    package static func removeLeftovers(in folder: String) throws(FileTransferError) -> Int {
        try PartialFile.removeLeftovers(in: folder)
    }
}
