import Testing

@testable import Database

@Suite("Migrations and damaged files")
struct MigrationTests {
    private static let two =
        notes + [
            Migration(
                version: 2,
                [
                    "ALTER TABLE note ADD COLUMN kind INTEGER NOT NULL DEFAULT 0",
                    "CREATE INDEX note_kind ON note(kind)", "PRAGMA user_version=2",
                ])
        ]

    @Test("Steps are taken once, rows stay, and a file of today needs none")
    func steps() throws {
        let temporary = TemporaryDatabase()
        do {
            let connection = try temporary.open()
            try connection.migrate(notes, applicationID: testApplication)
            try insert(connection, 1, [1])
        }
        let connection = try temporary.open()
        try connection.migrate(Self.two, applicationID: testApplication)
        #expect(try connection.number("PRAGMA user_version") == 2)
        try connection.migrate(Self.two, applicationID: testApplication)
        #expect(try connection.number("SELECT kind FROM note") == 0)
    }

    @Test("A file of a newer version, of another program, or an older one to be read is refused")
    func refusals() throws {
        let temporary = TemporaryDatabase()
        do {
            let connection = try temporary.open()
            try connection.migrate(Self.two, applicationID: testApplication)
            #expect(throws: DatabaseError.newerVersion(found: 2, known: 1)) {
                try connection.migrate(notes, applicationID: testApplication)
            }
            #expect(throws: DatabaseError.wrongApplication(found: testApplication)) {
                try connection.migrate(Self.two, applicationID: 1)
            }
        }
        let reader = try temporary.open(.readOnly)
        let three = Self.two + [Migration(version: 3, ["CREATE TABLE other(id INTEGER) STRICT"])]
        #expect(throws: DatabaseError.olderVersion(found: 2, known: 3)) {
            try reader.migrate(three, applicationID: testApplication)
        }
    }

    @Test("A foreign database that has tables is not taken for a new one")
    func foreign() throws {
        let temporary = TemporaryDatabase()
        let connection = try temporary.open()
        try connection.execute("CREATE TABLE theirs(id INTEGER) STRICT")
        #expect(throws: DatabaseError.wrongApplication(found: 0)) {
            try connection.migrate(notes, applicationID: testApplication)
        }
        #expect(try connection.number("SELECT count(*) FROM sqlite_schema") == 1)
    }

    @Test("J10 a migration that fails at any statement leaves the version before it")
    func failingStep() throws {
        let temporary = TemporaryDatabase()
        let connection = try temporary.open()
        try connection.migrate(notes, applicationID: testApplication)
        let broken =
            notes + [
                Migration(
                    version: 2,
                    ["CREATE TABLE other(id INTEGER) STRICT", "CREATE TABLE note(id INTEGER)"])
            ]
        #expect(throws: DatabaseError.other(code: 1)) {
            try connection.migrate(broken, applicationID: testApplication)
        }
        #expect(try connection.number("PRAGMA user_version") == 1)
        #expect(try connection.number("SELECT count(*) FROM sqlite_schema") == 1)
        try connection.migrate(Self.two, applicationID: testApplication)
    }

    @Test("J9 a file that is no database is refused and not changed")
    func notADatabase() throws {
        let temporary = TemporaryDatabase()
        do {
            let connection = try temporary.open()
            try connection.migrate(notes, applicationID: testApplication)
        }
        temporary.overwrite(at: 0, Array("this is not what you think it is".utf8))
        let before = temporary.contents()
        #expect(throws: DatabaseError.notADatabase) { try temporary.open() }
        #expect(throws: DatabaseError.notADatabase) {
            let reader = try temporary.open(.readOnly)
            try reader.migrate(notes, applicationID: testApplication)
        }
        #expect(temporary.contents() == before)
    }

    @Test("J9 a database in a folder that is not there cannot be opened")
    func cannotOpen() {
        #expect {
            _ = try Connection(path: "/no/such/folder/x.db")
        } throws: { error in
            if case DatabaseError.cannotOpen = error { true } else { false }
        }
    }

    @Test("J5 a damaged page is found by the check, and the connection that met it must stop")
    func damage() throws {
        let temporary = TemporaryDatabase()
        do {
            let connection = try temporary.open()
            try connection.migrate(notes, applicationID: testApplication)
            for id in 0..<200 {
                try insert(connection, Int64(id), [UInt8](repeating: 9, count: 900))
            }
            #expect(try connection.findProblems(isThorough: true).isEmpty)
            #expect(try connection.findProblems(isThorough: false).isEmpty)
        }
        // The header of the table's root page, the second of the file.
        temporary.overwrite(at: 16_384, [UInt8](repeating: 0xFF, count: 16))
        let connection = try temporary.open()
        try connection.migrate(notes, applicationID: testApplication)
        #expect(try !connection.findProblems(isThorough: false).isEmpty)
        #expect {
            _ = try ids(connection)
        } throws: { error in
            (error as? DatabaseError)?.isFatal == true
        }
        #expect(connection.isBroken)
        #expect(throws: DatabaseError.mustStop) { try connection.begin() }
    }
}
