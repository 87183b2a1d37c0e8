/// Why a backup was not made or not opened.
///
/// - SPEC: §10.8
package enum BackupError: Error, Equatable, Sendable {
    /// The file does not begin as a backup does.
    case foreign
    /// It was made by a newer version.
    case tooNew(version: UInt8)
    /// It is damaged, cut, or was changed.
    case damaged
    /// Another passphrase made it.
    case wrongPassphrase
    /// The system did not give the memory that the passphrase needs.
    case outOfMemory(memoryKiB: UInt32)
}
