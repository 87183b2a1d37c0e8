internal import Crypto
internal import Platform
package import Primitives

/// A backup being written: contents in, and under its name the whole file or nothing.
///
/// The memory it needs does not depend on the size of the contents.
///
/// - SPEC: §10.8, CL-61, CL-62, CL-66
package final class BackupWriter {
    private let target: String
    private var sealer: BackupSealer
    private let partial: PartialFile

    /// Derives the key and makes the file under another name.
    ///
    /// - Parameters:
    ///   - target: where the backup will stand; nothing may have this name.
    ///   - passphrase: 1 to 1,024 bytes.
    ///   - parameters: what opening it will cost.
    /// - Throws: `ClientError.fileExists`, `.noSecretMemory`, `.diskFull`, `.diskFailed`.
    package init(
        target: String, passphrase: borrowing SecretBytes,
        parameters: Argon2id.Parameters = .moderate, random: inout some RandomSource
    ) throws(ClientError) {
        self.target = target
        do throws(UnsafeFile) {
            if try SafeFile.exists(target) { throw .exists }
        } catch {
            throw ClientError(writing: .file(error))
        }
        let salt: FixedBytes<32> = random.bytes()
        do {
            sealer = try BackupSealer(passphrase: passphrase, parameters: parameters, salt: salt)
        } catch {
            throw ClientError(error)
        }
        do {
            // By the name it is meant for, so that the next run finds what a killed one has left.
            let name = Array("backup/".utf8) + target.utf8
            let mark = SHA256.hash(name.raw)
            partial = try PartialFile(beside: target, mark: mark.raw)
            try partial.cut(at: 0)  // CL-62
            try partial.append(sealer.header.encoded.raw)
        } catch {
            throw ClientError(writing: error)
        }
    }

    /// Adds contents.
    ///
    /// - Throws: `ClientError.backupTooLarge`, `.diskFull`, `.diskFailed`; only letting go of this
    ///   value is left then, which removes the file.
    package func add(_ bytes: RawSpan) throws(ClientError) {
        guard !sealer.isTooMuch(bytes.byteCount) else { throw .backupTooLarge }
        do throws(FileTransferError) {
            try sealer.add(bytes) { chunk throws(FileTransferError) in try partial.append(chunk) }
        } catch {
            throw ClientError(writing: error)
        }
    }

    /// Seals the rest and gives the file its name once it is on the disk.
    ///
    /// - Throws: `ClientError.fileExists`, `.diskFull`, `.diskFailed`; nothing of it is left then.
    package func finish() throws(ClientError) {
        do throws(FileTransferError) {
            try sealer.finish { chunk throws(FileTransferError) in try partial.append(chunk) }
            try partial.publish(as: target)
        } catch {
            throw ClientError(writing: error)
        }
    }
}
