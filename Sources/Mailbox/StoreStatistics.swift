import Database
import KeyDirectory
import Platform

/// What an operator wants to know of a store: numbers only.
package struct StoreStatistics: Sendable {
    /// Mailboxes, envelopes, blobs.
    package let counts: StoreCounts
    /// Bytes of the envelopes that wait.
    package let envelopeByteCount: Int64
    /// Bytes of the blobs.
    package let blobByteCount: Int64
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
    /// Bytes of the store's file.
    package let fileByteCount: Int64
    /// Bytes that are free on its disk; nil when the disk does not say.
    package let freeByteCount: Int64?

    /// Reads them beside a server or without one; writes nothing.
    ///
    /// - Throws: `StorageFailure` when the store cannot be read.
    package init(_ folder: DataFolder) throws(StorageFailure) {
        do throws(StoreError) {
            let connection = try ServerStorage.openForReading(folder)
            do throws(DatabaseError) {
                counts = try StoreCounts(reading: connection)
                envelopeByteCount = try connection.number(
                    "SELECT ifnull(sum(length(body)), 0) FROM envelope")
                blobByteCount = try connection.number(
                    "SELECT ifnull(sum(length(body)), 0) FROM blob")
                let directory = try DirectoryCounts(reading: connection)
                handles = directory.handles
                devices = directory.devices
                oneTimePreKeys = directory.oneTimePreKeys
                oneTimeKEMPreKeys = directory.oneTimeKEMPreKeys
                restingHandles = directory.restingHandles
            } catch {
                throw .mustStop(error)
            }
        } catch {
            throw StorageFailure(error)
        }
        fileByteCount = (try? SafeFile.byteCount(of: folder.storePath)) ?? 0
        freeByteCount = (try? Usage.disk(at: folder.path))?.free
    }
}
