import Database
import KeyDirectory
import Platform
import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("§9.9 a store of an earlier version")
struct StoreMigrationTests {
    /// A store as the first version made it: an account, a device with a bundle without a KEM
    /// prekey, and a one-time prekey.
    private func older(_ folder: ServerFolder) throws {
        _ = try SafeFile.create(folder.data.storePath)
        let connection = try Connection(path: folder.data.storePath)
        try connection.migrate(
            Array(StoreSchema.migrations().prefix(1)), applicationID: StoreSchema.applicationID)
        try connection.execute(
            """
            INSERT INTO directory_account(handle, account_key, first_device, record)
            VALUES('alice', zeroblob(32), 1, zeroblob(2048))
            """)
        try connection.execute(
            """
            INSERT INTO directory_device(account, device, bundle)
            SELECT row, 1, zeroblob(1677) FROM directory_account
            """)
        try connection.execute(
            """
            INSERT INTO directory_prekey(device, draw, issued)
            SELECT row, 0, zeroblob(198) FROM directory_device
            """)
    }

    @Test("KD-11 J10 it keeps its handles, and what was offered without a KEM prekey goes")
    func migrated() throws {
        let folder = try ServerFolder()
        try older(folder)
        let store = try StoreSQLite(
            path: folder.data.storePath, wallSeconds: StoreWorld.start, withDirectory: true,
            random: SeededRandom(3))
        let counts = try DirectoryCounts(reading: store.connection)
        #expect(counts.handles == 1 && counts.devices == 0)
        #expect(counts.oneTimePreKeys == 0 && counts.oneTimeKEMPreKeys == 0)
        #expect(try store.connection.number("PRAGMA user_version") == 2)
    }

    @Test("J10 it is read by nobody before that, and named as what it is")
    func refusedForReading() throws {
        let folder = try ServerFolder()
        try older(folder)
        let before = try SafeFile.read(folder.data.storePath, byteCountMax: 1 << 24)
        #expect(throws: StorageFailure.olderVersion) { try StoreStatistics(folder.data) }
        #expect(throws: StorageFailure.olderVersion) { try StoreAudit(folder.data) }
        #expect(try SafeFile.read(folder.data.storePath, byteCountMax: 1 << 24) == before)
    }
}
