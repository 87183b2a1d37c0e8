import Database
import Glibc
import KeyDirectory
import Platform
import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("§10.6 what a server's folder holds")
struct StoreAuditTests {
    @Test("Z4 the lists name every table and column of the schema in its order, and no other")
    func lists() throws {
        let model = try Connection(path: "", access: .inMemory)
        try model.migrate(
            StoreSchema.migrations(),
            applicationID: StoreSchema.applicationID)
        var found: [String: [String]] = [:]
        var statement = try Statement(
            model,
            """
            SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_xinfo(t.name) c
            WHERE t.type = 'table' ORDER BY t.name, c.cid
            """)
        try statement.forEach { row throws(DatabaseError) in
            found[try row.text(0), default: []].append(try row.text(1))
            return true
        }
        let described = StoreSchema.descriptions
        #expect(Set(described.map(\.name)) == Set(found.keys))
        #expect(Set(described.map(\.name)).count == described.count)
        for table in described {
            #expect(table.columns.map(\.name) == found[table.name])
            #expect("\(table.rows)" == "SELECT * FROM \(table.name)")
            #expect(!table.meaning.isEmpty && table.columns.allSatisfy { !$0.meaning.isEmpty })
        }
    }

    @Test("Z4 MB-18 MB-27 a store in use passes, beside its server and after it")
    func passes() throws {
        let folder = try ServerFolder()
        let store = try filled(folder)
        let audit = try StoreAudit(folder.data)
        #expect(audit.findings == [])
        let rows = Dictionary(
            uniqueKeysWithValues: audit.tables.map { ($0.description.name, $0.rowCount) })
        #expect(rows["mailbox"] == 2 && rows["envelope"] == 3 && rows["blob"] == 1)
        #expect(audit.files.map(\.name).contains("server.keys"))
        // Still there and still writing.
        #expect(try store.counts().envelopes == 3)
        _ = consume store
        #expect(try StoreAudit(folder.data).findings == [])
    }

    /// One thing put into a good store, and what the check says of it.
    struct Plant: Sendable, CustomTestStringConvertible {
        let sql: StaticString
        let findings: [StoreAudit.Finding]
        var testDescription: String { "\(sql)" }

        static let all = [
            Plant(
                sql: "CREATE TABLE sender(name TEXT NOT NULL) STRICT",
                findings: [.unlistedObject(kind: "table", name: "sender")]),
            Plant(
                sql: "CREATE INDEX envelope_body ON envelope(body)",
                findings: [.unlistedObject(kind: "index", name: "envelope_body")]),
            Plant(
                sql: "CREATE VIEW who AS SELECT id FROM mailbox",
                findings: [.unlistedObject(kind: "view", name: "who")]),
            Plant(
                sql: """
                    CREATE TRIGGER copy AFTER DELETE ON envelope
                    BEGIN INSERT INTO blob(id_hash, erase_hash, expiry, body)
                    VALUES(randomblob(32), randomblob(32), 1, old.body); END
                    """,
                findings: [.unlistedObject(kind: "trigger", name: "copy")]),
            Plant(
                sql: "ALTER TABLE envelope ADD COLUMN sender TEXT",
                findings: [
                    .changedObject(kind: "table", name: "envelope"),
                    .unlistedColumn(table: "envelope", column: "sender"),
                ]),
            Plant(
                sql: "DROP INDEX blob_expiry",
                findings: [.missingObject(kind: "index", name: "blob_expiry")]),
            Plant(
                sql:
                    "UPDATE envelope SET body = CAST(printf('%01024d', 7) AS BLOB) WHERE counter = 1",
                findings: [.values(table: "envelope", column: "body", .readable, count: 2)]),
            Plant(
                sql: """
                    UPDATE envelope SET body = CAST(randomblob(500) ||
                    'Meet me at the usual place tonight, and tell nobody.' ||
                    randomblob(472) AS BLOB) WHERE counter = 2
                    """,
                findings: [.values(table: "envelope", column: "body", .readable, count: 1)]),
            Plant(
                sql: "UPDATE envelope SET body = zeroblob(4096) WHERE counter = 2",
                findings: [.values(table: "envelope", column: "body", .readable, count: 1)]),
            Plant(
                sql: "UPDATE envelope SET body = randomblob(1023) WHERE counter = 2",
                findings: [.values(table: "envelope", column: "body", .size, count: 1)]),
            // A time in seconds, as it would stand for somebody's habits.
            Plant(
                sql: "UPDATE envelope SET expiry = expiry * 3600 + 17 WHERE counter = 2",
                findings: [.values(table: "envelope", column: "expiry", .size, count: 1)]),
            Plant(
                sql:
                    "UPDATE mailbox SET read_key = CAST('alice@example.org writes to bob!' AS BLOB)",
                findings: [.values(table: "mailbox", column: "read_key", .readable, count: 2)]),
            // An address of a client, padded.
            Plant(
                sql: "UPDATE blob SET erase_hash = CAST(x'c0000201' || zeroblob(28) AS BLOB)",
                findings: [.values(table: "blob", column: "erase_hash", .readable, count: 1)]),
            Plant(
                sql: """
                    INSERT INTO directory_account(handle, account_key, first_device, record)
                    VALUES('Alice Example', randomblob(32), 1, randomblob(2048))
                    """,
                findings: [
                    .values(table: "directory_account", column: "handle", .form, count: 1),
                    .values(table: "directory_account", column: "record", .form, count: 1),
                ]),
        ]
    }

    @Test("Z4 whatever is put into a store beyond the lists is found", arguments: Plant.all)
    func planted(_ plant: Plant) throws {
        let folder = try ServerFolder()
        let store = try filled(folder)
        try store.connection.execute(plant.sql)
        _ = consume store
        #expect(try StoreAudit(folder.data).findings == plant.findings)
    }

    @Test("Z4 files beyond the list, open files and other contents are found")
    func files() throws {
        let folder = try ServerFolder()
        _ = try filled(folder)
        try SafeFile.write([1].raw, toNew: folder.path("access.log"))
        _ = unsafe mkdir(folder.path("old"), 0o700)
        _ = unsafe chmod(folder.path("store.sqlite"), 0o640)
        // posternd asks this before it reads anything.
        #expect(
            throws: DataFolder.Failure.unusable(
                file: "store.sqlite", .openToOthers(mode: 0o640))
        ) { try folder.data.checkStore() }
        _ = unsafe chmod(folder.path("store.sqlite"), 0o600)
        _ = unsafe chmod(folder.path("server.host"), 0o644)
        #expect(
            try StoreAudit(folder.data).findings.contains(
                .unsafeFile("server.host", .openToOthers(mode: 0o644))))
        try SafeFile.write([1].raw, toNew: folder.path("lock"))
        try SafeFile.replace(folder.path("server.host"), with: Array("who was here\n".utf8).raw)
        try SafeFile.replace(folder.path("server.keys"), with: Array("no keys".utf8).raw)
        #expect(
            try StoreAudit(folder.data).findings == [
                .unlistedFile("access.log"), .unlistedFile("old"),
                .changedObject(kind: "file", name: "server.keys"),
                .changedObject(kind: "file", name: "server.host"),
                .changedObject(kind: "file", name: "lock"),
            ])
    }

    @Test("J9 a store that contradicts itself is no finding but an error, and nothing is mended")
    func corrupt() throws {
        let folder = try ServerFolder()
        _ = try filled(folder)
        let path = folder.path("store.sqlite")
        var bytes = try SafeFile.read(path, byteCountMax: 1 << 24)
        for offset in 16_384..<bytes.count where offset % 16_384 < 64 { bytes[offset] ^= 0xa5 }
        try SafeFile.replace(path, with: bytes.raw)
        #expect(throws: StorageFailure.corrupt) { try StoreAudit(folder.data) }
        #expect(throws: StorageFailure.corrupt) { try StoreStatistics(folder.data) }
        #expect(try SafeFile.read(path, byteCountMax: 1 << 24) == bytes)
    }

    @Test("Statistics count what is there")
    func statistics() throws {
        let folder = try ServerFolder()
        let store = try filled(folder)
        let numbers = try StoreStatistics(folder.data)
        #expect(numbers.counts == (try store.counts()))
        #expect(numbers.envelopeByteCount == 1_024 + 4_096 + 4_096)
        #expect(numbers.blobByteCount == 300)
        #expect(numbers.handles == 0 && numbers.oneTimePreKeys == 0)
        #expect(numbers.fileByteCount > 0)
    }

    @Test("KD-18 the hourly sweep forgets handles whose rest is over, by a clock it believes")
    func rests() throws {
        let folder = try ServerFolder()
        let store = try filled(folder)
        store.directory = try DirectoryAdapter(store.connection, random: SeededRandom(1))
        let hour = StoreWorld.start / 3_600
        var insert = try Statement(
            store.connection, "INSERT INTO directory_rest(handle, free_hour) VALUES('alice', ?1)")
        insert.bind(1, hour + 2)
        try insert.run()
        var batch = StorageBatch()
        batch.add(.sweep)
        func left(atHour hour: Int64) throws -> Int64 {
            _ = try store.commit(batch, wallSeconds: hour * 3_600)
            return try DirectoryCounts(reading: store.connection).restingHandles
        }
        #expect(try left(atHour: hour + 1) == 1)
        // J13: years ahead at once is not believed.
        #expect(try left(atHour: hour + 100_000) == 1)
        #expect(try left(atHour: hour + 2) == 0)
        #expect(store.lastSweep.handles == 1)
    }

    /// A store with two mailboxes, three envelopes and a blob.
    private func filled(_ folder: ServerFolder) throws -> StoreSQLite {
        let store = try StoreSQLite(
            path: makeFile(folder), wallSeconds: StoreWorld.start,
            withDirectory: true, random: SeededRandom(3))
        var random = SplitMix(seed: 9)
        let chat = StoreMailboxKeys.chat()
        let contact = StoreMailboxKeys.contact(1)
        var batch = StorageBatch()
        batch.add(.create(chat))
        batch.add(.create(contact))
        batch.add(.deposit(chat.id, 1, letter(1)))
        batch.add(.deposit(chat.id, 2, letter(2, .medium)))
        batch.add(.depositContact(contact.id, letter(3, .medium)))
        batch.add(.sweep)
        let blob = (0..<300).map { _ in UInt8.random(in: 0...255, using: &random) }
        let start = batch.bytes.count
        batch.bytes += blob
        let put = BlobPut(
            idHash: SHA256.hash([1].raw), eraseHash: SHA256.hash([2].raw),
            expiry: Hours(secondsSince1970: StoreWorld.start + StoreWorld.day))
        batch.requests.append(
            StorageRequest(
                origin: .server, operation: .putBlob(put, bytes: start..<start + blob.count)))
        let outcomes = try store.commit(batch, wallSeconds: StoreWorld.start).outcomes
        #expect(!outcomes.contains { if case .refused = $0 { true } else { false } })
        return store
    }

    private func makeFile(_ folder: ServerFolder) throws -> String {
        _ = try SafeFile.create(folder.data.storePath)
        return folder.data.storePath
    }
}
