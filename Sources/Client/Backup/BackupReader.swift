internal import Crypto
internal import Platform
package import Primitives

/// A backup that was opened to its end and is genuine, to be read.
///
/// The memory it needs does not depend on the size of the contents: the file is read once to be
/// checked, and once more for what is in it.
///
/// - SPEC: §10.8, CL-63, CL-64, CL-65, CL-67
package final class BackupReader {
    private let file: Descriptor
    private var opener: BackupOpener
    private var sealed = [UInt8](repeating: 0, count: BackupSize.sealedChunkByteCount)
    private var chunk = [UInt8](repeating: 0, count: BackupSize.chunkByteCount)
    private let chunkCount: Int
    private var left: UInt64 = 0
    /// Bytes of contents.
    package private(set) var byteCount: UInt64 = 0

    /// Opens the whole file once.
    ///
    /// - Throws: `ClientError.backupForeign`, `.backupTooNew`, `.backupCorrupt`, `.passphraseWrong`,
    ///   `.noBackup`, `.noSecretMemory`, `.diskFailed`.
    package init(_ path: String, passphrase: borrowing SecretBytes) throws(ClientError) {
        do throws(UnsafeFile) {
            // It may come from a medium that knows neither owners nor modes; its seal protects it.
            file = try SafeFile.openForReading(path, isPrivate: false)
        } catch {
            throw ClientError(openingBackup: error)
        }
        var head = [UInt8](repeating: 0, count: BackupHeader.byteCount)
        let size: Int64
        do {
            let count = try file.readFully(into: &head)
            head.removeLast(head.count - count)
            size = try file.fileByteCount()
        } catch {
            throw ClientError(error)
        }
        do throws(BackupError) {
            let header = try BackupHeader(parsing: head)
            // CL-63: before the key is derived.
            guard let count = BackupSize.chunkCount(file: size) else { throw .damaged }
            chunkCount = count
            opener = try BackupOpener(header, chunkCount: count, passphrase: passphrase)
        } catch {
            throw ClientError(error)
        }
        // CL-65: all of it, before anything of it is given out.
        for _ in 0..<chunkCount { try openNext() }
        guard let found = opener.byteCount else { throw .backupCorrupt }
        byteCount = found
        try rewind()
    }

    deinit { chunk.wipeBytes() }

    /// Begins with the first byte again.
    package func rewind() throws(ClientError) {
        do {
            try file.seek(to: Int64(BackupHeader.byteCount))
        } catch {
            throw ClientError(error)
        }
        opener.rewind()
        left = byteCount
    }

    /// The next piece of the contents, at most 65,536 bytes; nil behind the last one.
    ///
    /// - Throws: `ClientError.backupCorrupt` when the file was changed since it was opened, and
    ///   `.diskFailed`. What was given out before is genuine.
    package func next() throws(ClientError) -> [UInt8]? {
        guard left > 0 else { return nil }
        try openNext()
        let count = Int(min(left, UInt64(chunk.count)))
        left -= UInt64(count)
        return Array(chunk[..<count])
    }

    /// All of the contents at once.
    ///
    /// - Throws: `ClientError.backupTooLarge` when they have more bytes than `byteCountMax`, before
    ///   memory is taken for them; and as above.
    package func readAll(byteCountMax: Int) throws(ClientError) -> [UInt8] {
        guard byteCount <= UInt64(byteCountMax) else { throw .backupTooLarge }
        try rewind()
        var contents: [UInt8] = []
        contents.reserveCapacity(Int(byteCount))
        while let piece = try next() { contents += piece }
        return contents
    }

    private func openNext() throws(ClientError) {
        var input = exchange(&sealed, with: [])
        var output = exchange(&chunk, with: [])
        defer {
            sealed = input
            chunk = output
        }
        let count: Int
        do {
            count = try file.readFully(into: &input)
        } catch {
            throw ClientError(error)
        }
        guard count == input.count else { throw .backupCorrupt }
        do {
            var span = output.mutableRaw
            try opener.open(input.raw, into: &span)
        } catch {
            throw ClientError(error)
        }
    }
}
