internal import Crypto
internal import Platform

extension ClientError {
    /// What a backup is refused for.
    init(_ error: BackupError) {
        switch error {
        case .foreign: self = .backupForeign
        case .tooNew(let version): self = .backupTooNew(version: UInt32(version))
        case .damaged: self = .backupCorrupt
        case .wrongPassphrase: self = .passphraseWrong
        case .outOfMemory: self = .noSecretMemory
        }
    }

    /// Why the file of a backup cannot be opened.
    init(openingBackup error: UnsafeFile) {
        switch error {
        case .system(let error): self = ClientError(error)
        case .missing: self = .noBackup
        default: self = .backupForeign
        }
    }

    /// Why a file was not written.
    init(writing error: FileTransferError) {
        switch error {
        case .exists, .file(.exists), .busy: self = .fileExists
        case .noSpace: self = .diskFull
        case .file(.system(let error)): self = ClientError(error)
        default: self = .internalFault(line: #line)
        }
    }
}
