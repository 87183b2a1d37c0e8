package import Crypto
internal import Platform
package import Primitives

/// A file that is being sent: blob after blob out of it.
///
/// It is read twice, for its hash first; what changes between the two is found before the last blob
/// is made (EN-32). The memory it needs does not depend on the size of the file.
///
/// - SPEC: §7.7, EN-32
package final class OutgoingFile {
    private let file: Descriptor
    private var sealer: AttachmentSealer
    private var piece: [UInt8]
    /// SHA-256 of the file.
    package let digest: SHA256.Digest
    /// Its exact size.
    package let size: AttachmentSize

    /// What an earlier run found, to be resumed with the same key.
    package struct Known: Equatable, Sendable {
        /// SHA-256 of the file.
        package let digest: SHA256.Digest
        /// Its exact size.
        package let size: AttachmentSize

        /// The file of a reference.
        package init(digest: SHA256.Digest, size: AttachmentSize) {
            self.digest = digest
            self.size = size
        }
    }

    /// Reads a file once, for its hash, and begins to seal it.
    ///
    /// - Parameters:
    ///   - path: a plain file.
    ///   - key: 32 bytes, drawn for this file; of an earlier run only with `known`.
    ///   - known: what the earlier run found under this key.
    /// - Throws: `changed` when the file is not the one of the earlier run: draw a new key (EN-32);
    ///   `attachment` when it is too large; `file`.
    package init(
        _ path: String, key: borrowing SecretBytes, known: Known? = nil
    ) throws(FileTransferError) {
        do throws(UnsafeFile) {
            file = try SafeFile.openForReading(path, isPrivate: false)
        } catch {
            throw .file(error)
        }
        var buffer = [UInt8](repeating: 0, count: AttachmentSize.messageByteCount)
        var hash = SHA256()
        var byteCount: UInt64 = 0
        do throws(SystemError) {
            while true {
                let count = try file.readFully(into: &buffer)
                hash.update(buffer.raw.extracting(0..<count))
                byteCount += UInt64(count)
                // A file that grows for ever ends here.
                guard count == buffer.count, byteCount <= AttachmentSize.byteCountMax else { break }
            }
            try file.seek(to: 0)
        } catch {
            throw FileTransferError(error)
        }
        do throws(AttachmentError) {
            size = try AttachmentSize(byteCount)
        } catch {
            throw .attachment(error)
        }
        piece = buffer
        digest = hash.finish()
        sealer = AttachmentSealer(key: key, digest: digest, size: size)
        // EN-32
        if let known, known != Known(digest: digest, size: size) { throw .changed }
    }

    deinit { piece.wipeBytes() }

    /// The number of the blob that comes next; `size.blobCount` when there is none.
    package var nextIndex: Int { sealer.nextIndex }

    /// Whether the last blob was made.
    package var isComplete: Bool { sealer.isComplete }

    /// Makes the next blob. A transfer that is resumed makes those that the server has as well, and
    /// does not send them.
    ///
    /// - Parameter blob: 32,768 bytes.
    /// - Throws: `changed` when the file is not what it was; `file`.
    package func makeBlob(_ blob: inout [UInt8]) throws(FileTransferError) {
        let wanted = sealer.nextByteCount
        var buffer = exchange(&piece, with: [])
        defer { piece = buffer }
        do throws(SystemError) {
            // One byte more of the last piece tells that the file has grown.
            let count = try file.readFully(into: &buffer)
            guard count == wanted else { throw SystemError(.read, code: 0) }
        } catch {
            throw error.code == 0 ? .changed : FileTransferError(error)
        }
        do throws(AttachmentError) {
            var span = blob.mutableRaw
            try sealer.seal(buffer.raw.extracting(0..<wanted), into: &span)
        } catch {
            throw error == .digest ? .changed : .attachment(error)
        }
    }
}
