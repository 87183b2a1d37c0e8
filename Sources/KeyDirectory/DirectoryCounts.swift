package import Database

/// How much the directory holds; names nobody.
package struct DirectoryCounts: Equatable, Sendable {
    /// Handles that somebody has registered.
    package let handles: Int64
    /// Devices with prekeys.
    package let devices: Int64
    /// One-time prekeys nobody has asked for yet.
    package let oneTimePreKeys: Int64
    /// The same of the KEM.
    package let oneTimeKEMPreKeys: Int64
    /// Handles given up that are not free yet.
    package let restingHandles: Int64

    /// Counts over any connection to a file with the directory's tables.
    package init(reading connection: Connection) throws(DatabaseError) {
        handles = try connection.number("SELECT count(*) FROM directory_account")
        devices = try connection.number("SELECT count(*) FROM directory_device")
        oneTimePreKeys = try connection.number("SELECT count(*) FROM directory_prekey")
        oneTimeKEMPreKeys = try connection.number("SELECT count(*) FROM directory_kem_prekey")
        restingHandles = try connection.number("SELECT count(*) FROM directory_rest")
    }
}
