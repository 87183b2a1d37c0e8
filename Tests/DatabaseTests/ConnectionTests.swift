import Testing

@testable import Database

@Suite("Connection")
struct ConnectionTests {
    @Test("A new file has the settings that safety rests on")
    func settings() throws {
        let temporary = TemporaryDatabase()
        let connection = try temporary.open()
        try connection.migrate(notes, applicationID: testApplication)
        var mode = try Statement(connection, "PRAGMA journal_mode")
        #expect(try mode.first { row throws(DatabaseError) in try row.text(0) } == "wal")
        #expect(try connection.number("PRAGMA synchronous") == 2)
        #expect(try connection.number("PRAGMA secure_delete") == 1)
        #expect(try connection.number("PRAGMA foreign_keys") == 1)
        #expect(try connection.number("PRAGMA trusted_schema") == 0)
        #expect(try connection.number("PRAGMA page_size") == 16_384)
        #expect(try connection.number("PRAGMA cell_size_check") == 1)
        // Sorting and temporary results never touch the disk.
        #expect(try connection.number("PRAGMA temp_store") == 2)
        #expect(try connection.number("PRAGMA application_id") == Int64(testApplication))
        #expect(Connection.libraryVersion.hasPrefix("3."))
        // A text in double quotes is a name here and never a value.
        #expect(throws: DatabaseError.other(code: 1)) {
            try connection.execute("SELECT \"no such column\"")
        }
    }

    @Test("The page size of a new file can be chosen and stays")
    func pageSize() throws {
        let temporary = TemporaryDatabase()
        do {
            let connection = try temporary.open(page: .kib4)
            try connection.migrate(notes, applicationID: testApplication)
        }
        #expect(try temporary.open().number("PRAGMA page_size") == 4_096)
    }

    struct Stop: DatabaseErrorConvertible {
        init() {}
        init(_ error: DatabaseError) {}
    }

    @Test("What a transaction wrote is there after opening again, or nothing of it when it threw")
    func transactions() throws {
        let temporary = TemporaryDatabase()
        do {
            let connection = try temporary.open()
            try connection.migrate(notes, applicationID: testApplication)
            let changed = try connection.transaction { () throws(DatabaseError) in
                try insert(connection, 1, [1]) + insert(connection, 2, [2])
            }
            #expect(changed == 2)
            #expect(throws: Stop.self) {
                try connection.transaction { () throws(Stop) in
                    do throws(DatabaseError) {
                        try insert(connection, 3, [3])
                    } catch {
                        throw Stop(error)
                    }
                    throw Stop()
                }
            }
            #expect(!connection.isInTransaction)
        }
        #expect(try ids(temporary.open()) == [1, 2])
    }

    @Test("A constraint violation is told, leaves the transaction usable, and breaks nothing")
    func constraint() throws {
        let temporary = TemporaryDatabase()
        let connection = try temporary.open()
        try connection.migrate(notes, applicationID: testApplication)
        try connection.transaction { () throws(DatabaseError) in
            try insert(connection, 1, [1])
            #expect(throws: DatabaseError.constraint(code: 1_555)) {
                try insert(connection, 1, [2])
            }
            try insert(connection, 2, [2])
        }
        #expect(try ids(connection) == [1, 2])
        #expect(!connection.isBroken)
    }

    @Test("Empty and long blobs come back as they went in; one above the limit is refused")
    func blobs() throws {
        let temporary = TemporaryDatabase()
        let connection = try temporary.open()
        try connection.migrate(notes, applicationID: testApplication)
        for (id, count) in [0, 1, 1_024, 40_000, (1 << 20) - 100].enumerated() {
            let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try insert(connection, Int64(id), body)
            var query = try Statement(connection, "SELECT body FROM note WHERE id = ?1")
            query.bind(1, Int64(id))
            #expect(try query.first { row throws(DatabaseError) in try row.bytes(0) } == body)
            // Bound by copy as well, the empty one not as NULL, which the column would refuse.
            var update = try Statement(connection, "UPDATE note SET body = ?2 WHERE id = ?1")
            update.bind(1, Int64(id))
            body.withSpan { update.bind(2, copying: $0) }
            #expect(try update.run() == 1)
            #expect(try query.first { row throws(DatabaseError) in try row.bytes(0) } == body)
        }
        #expect(throws: DatabaseError.tooLong) {
            try insert(connection, 99, [UInt8](repeating: 0, count: (1 << 20) + 1))
        }
    }

    @Test("A column is read as what it is or not at all")
    func columnTypes() throws {
        let temporary = TemporaryDatabase()
        let connection = try temporary.open()
        var query = try Statement(connection, "SELECT 7, x'01', 'text', NULL, ?1, 1.5")
        query.bind(1, text: "")
        let checked = try query.first { row throws(DatabaseError) in
            #expect(try row.int(0) == 7)
            #expect(try row.bytes(1) == [1])
            #expect(try row.text(2) == "text")
            let isNull = row.isNull(3)
            #expect(isNull)
            #expect(try row.text(4) == "")
            for column: Int32 in 1...5 {
                #expect(throws: DatabaseError.wrongType(column: Int(column))) {
                    try row.int(column)
                }
            }
            #expect(throws: DatabaseError.wrongType(column: 0)) { try row.bytes(0) }
            #expect(throws: DatabaseError.wrongType(column: 1)) { try row.text(1) }
            #expect(throws: DatabaseError.wrongType(column: 3)) { try row.bytes(3) }
            return true
        }
        #expect(checked == true)
    }

    @Test("J12 bound text is never taken for SQL")
    func bindsText() throws {
        let temporary = TemporaryDatabase()
        let connection = try temporary.open()
        try connection.execute("CREATE TABLE name(value TEXT NOT NULL) STRICT")
        let hostile = "'); DROP TABLE name; --\u{0}x"
        var statement = try Statement(connection, "INSERT INTO name VALUES(?1)")
        statement.bind(1, text: hostile)
        try statement.run()
        var query = try Statement(connection, "SELECT value FROM name")
        #expect(try query.first { row throws(DatabaseError) in try row.text(0) } == hostile)
    }

    @Test("A reader works beside the writer, sees committed rows only, and cannot write")
    func readerBesideWriter() throws {
        let temporary = TemporaryDatabase()
        let writer = try temporary.open()
        try writer.migrate(notes, applicationID: testApplication)
        try insert(writer, 1, [1])
        let reader = try temporary.open(.readOnly)
        try reader.migrate(notes, applicationID: testApplication)
        #expect(try ids(reader) == [1])
        try writer.begin()
        try insert(writer, 2, [2])
        #expect(try ids(reader) == [1])
        try writer.commit()
        #expect(try ids(reader) == [1, 2])
        #expect(throws: DatabaseError.readOnly) { try insert(reader, 3, [3]) }
        #expect(throws: DatabaseError.readOnly) {
            try reader.transaction { () throws(DatabaseError) in }
        }
        #expect(throws: DatabaseError.readOnly) { try reader.checkpoint(.passive) }
    }

    @Test("A file can be read when no writer runs, after a clean end and after a kill")
    func readerAlone() throws {
        let temporary = TemporaryDatabase()
        do {
            let writer = try temporary.open()
            try writer.migrate(notes, applicationID: testApplication)
            try insert(writer, 1, [1])
        }
        #expect(try ids(temporary.open(.readOnly)) == [1])
        // A kill leaves the log: here by a copy made while the writer has it open.
        let killed = TemporaryDatabase()
        let writer = try temporary.open()
        try insert(writer, 2, [2])
        killed.overwrite(at: 0, TemporaryDatabase.bytes(of: temporary.path))
        killed.overwrite(
            at: 0, TemporaryDatabase.bytes(of: temporary.path + "-wal"), suffix: "-wal")
        #expect(try ids(killed.open(.readOnly)) == [1, 2])
    }

    @Test("J2 a second writer is told that the file is busy, and the first is not disturbed")
    func secondWriter() throws {
        let temporary = TemporaryDatabase()
        let first = try temporary.open()
        try first.migrate(notes, applicationID: testApplication)
        let second = try temporary.open()
        try first.begin()
        #expect(throws: DatabaseError.busy) { try second.begin() }
        try insert(first, 1, [1])
        try first.commit()
        #expect(!second.isBroken)
    }

    @Test("H9 a query that was stopped early or threw does not keep the log from being cut")
    func stoppedQuery() throws {
        let temporary = TemporaryDatabase()
        let connection = try temporary.open()
        try connection.migrate(notes, applicationID: testApplication)
        for id in 1...10 { try insert(connection, Int64(id), [1]) }
        let reader = try temporary.open(.readOnly)
        var query = try Statement(reader, "SELECT id FROM note")
        try query.forEach { _ in false }
        #expect(try connection.checkpoint(.truncate))
        try insert(connection, 11, [1])
        _ = try query.first { row throws(DatabaseError) in try row.int(0) }
        #expect(try connection.checkpoint(.truncate))
        try insert(connection, 12, [1])
        #expect(throws: DatabaseError.wrongType(column: 0)) {
            try query.first { row throws(DatabaseError) in try row.text(0) }
        }
        #expect(try connection.checkpoint(.truncate))
        try insert(connection, 13, [1])
        #expect(throws: DatabaseError.wrongType(column: 0)) {
            try query.forEach { row throws(DatabaseError) in try row.text(0).isEmpty }
        }
        #expect(try connection.checkpoint(.truncate))
        #expect(connection.logByteCount == 0)
    }

    @Test("A checkpoint says whether a reader stood in its way, and goes through when it has gone")
    func checkpoint() throws {
        let temporary = TemporaryDatabase()
        let writer = try temporary.open()
        try writer.migrate(notes, applicationID: testApplication)
        #expect(writer.logPageCount > 0)
        let reader = try temporary.open(.readOnly)
        var query = try Statement(reader, "SELECT id FROM note")
        try insert(writer, 1, [1])
        try insert(writer, 2, [1])
        try query.forEach { _ throws(DatabaseError) in
            try insert(writer, 3, [UInt8](repeating: 7, count: 100_000))
            #expect(try !writer.checkpoint(.truncate))
            return false
        }
        #expect(writer.logByteCount > 100_000)
        #expect(try writer.checkpoint(.passive))
        #expect(writer.logPageCount == 0)
        #expect(try writer.checkpoint(.truncate))
        #expect(writer.logByteCount == 0)
        #expect(try ids(reader) == [1, 2, 3])
    }

    @Test("Z11 deleted bytes are in no file after a truncating checkpoint")
    func secureDelete() throws {
        let temporary = TemporaryDatabase()
        let connection = try temporary.open()
        try connection.migrate(notes, applicationID: testApplication)
        var generator = SeededGenerator(seed: 3)
        var bodies: [[UInt8]] = []
        for id in 0..<40 {
            // On the page, and in overflow pages.
            let count = id % 2 == 0 ? 1_024 : 40_000
            bodies.append((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
            try insert(connection, Int64(id), bodies[id])
        }
        #expect(try connection.checkpoint(.truncate))
        // The positive control: what is stored is found by this very search.
        let before = temporary.contents()
        #expect(bodies.allSatisfy { before.contains(run: Array($0.prefix(24))) })
        var delete = try Statement(connection, "DELETE FROM note WHERE id < ?1")
        delete.bind(1, 20)
        #expect(try delete.run() == 20)
        #expect(try connection.checkpoint(.truncate))
        let after = temporary.contents()
        for (id, body) in bodies.enumerated() {
            #expect(after.contains(run: Array(body.prefix(24))) == (id >= 20))
            #expect(after.contains(run: Array(body.suffix(24))) == (id >= 20))
        }
    }
}
