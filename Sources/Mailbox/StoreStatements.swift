import Database

/// All statements of the SQLite store, prepared once.
struct StoreStatements: ~Copyable {
    // Mailboxes
    var findMailbox: Statement
    var findKeys: Statement
    var findMailboxID: Statement
    var insertMailbox: Statement
    var updateMailbox: Statement
    var deleteMailbox: Statement
    var oldMailboxes: Statement
    var beginLeases: Statement
    // Envelopes
    var countEnvelopes: Statement
    var sumEnvelopes: Statement
    var insertEnvelope: Statement
    var eraseEnvelopes: Statement
    var eraseEnvelopesCounting: Statement
    var readEnvelopes: Statement
    var dueEnvelopes: Statement
    var deleteEnvelope: Statement
    var mendEnvelopes: Statement
    // Blobs
    var findBlob: Statement
    var readBlob: Statement
    var insertBlob: Statement
    var deleteBlob: Statement
    var deleteDueBlobs: Statement
    var mendBlobs: Statement
    // The clock
    var updateClock: Statement
}

extension StoreStatements {
    /// Prepares all of them.
    init(_ connection: Connection) throws(DatabaseError) {
        self.init(
            findMailbox: try Statement(
                connection,
                """
                SELECT number, kind, read_key, write_key, read_attaches, floor, closed, time_to_live,
                    lease_week
                FROM mailbox WHERE id = ?1
                """),
            findKeys: try Statement(
                connection, "SELECT read_key, write_key FROM mailbox WHERE id = ?1"),
            findMailboxID: try Statement(connection, "SELECT id FROM mailbox WHERE number = ?1"),
            insertMailbox: try Statement(
                connection,
                """
                INSERT INTO mailbox(number, kind, read_key, write_key, read_attaches, floor, closed,
                    time_to_live, lease_week, id)
                VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                """),
            updateMailbox: try Statement(
                connection,
                """
                UPDATE mailbox SET read_attaches = ?2, floor = ?3, closed = ?4, time_to_live = ?5,
                    lease_week = ?6
                WHERE id = ?1
                """),
            deleteMailbox: try Statement(connection, "DELETE FROM mailbox WHERE id = ?1"),
            oldMailboxes: try Statement(
                connection,
                "SELECT id, number, lease_week FROM mailbox WHERE id > ?1 ORDER BY id LIMIT ?2"),
            beginLeases: try Statement(
                connection, "UPDATE mailbox SET lease_week = ?1 WHERE lease_week <> ?1"),
            countEnvelopes: try Statement(
                connection,
                "SELECT count(*), ifnull(max(counter), 0) FROM envelope WHERE mailbox = ?1"),
            sumEnvelopes: try Statement(
                connection, "SELECT ifnull(sum(length(body)), 0) FROM envelope WHERE mailbox = ?1"),
            insertEnvelope: try Statement(
                connection,
                "INSERT INTO envelope(mailbox, counter, expiry, body) VALUES(?1, ?2, ?3, ?4)"),
            eraseEnvelopes: try Statement(
                connection, "DELETE FROM envelope WHERE mailbox = ?1 AND counter BETWEEN ?2 AND ?3"),
            eraseEnvelopesCounting: try Statement(
                connection,
                """
                DELETE FROM envelope WHERE mailbox = ?1 AND counter BETWEEN ?2 AND ?3
                RETURNING length(body)
                """),
            readEnvelopes: try Statement(
                connection,
                """
                SELECT counter, body FROM envelope
                WHERE mailbox = ?1 AND counter >= ?2 AND expiry > ?4
                ORDER BY counter LIMIT ?3
                """),
            dueEnvelopes: try Statement(
                connection,
                """
                SELECT row, mailbox, counter FROM envelope WHERE expiry <= ?1
                ORDER BY expiry, row LIMIT ?2
                """),
            deleteEnvelope: try Statement(connection, "DELETE FROM envelope WHERE row = ?1"),
            mendEnvelopes: try Statement(
                connection, "UPDATE envelope SET expiry = ?2 WHERE expiry > ?1"),
            findBlob: try Statement(
                connection, "SELECT row, erase_hash, expiry FROM blob WHERE id_hash = ?1"),
            readBlob: try Statement(connection, "SELECT expiry, body FROM blob WHERE id_hash = ?1"),
            insertBlob: try Statement(
                connection,
                "INSERT INTO blob(id_hash, erase_hash, expiry, body) VALUES(?1, ?2, ?3, ?4)"),
            deleteBlob: try Statement(connection, "DELETE FROM blob WHERE row = ?1"),
            deleteDueBlobs: try Statement(
                connection,
                """
                DELETE FROM blob WHERE row IN
                    (SELECT row FROM blob WHERE expiry <= ?1 ORDER BY expiry, row LIMIT ?2)
                """),
            mendBlobs: try Statement(connection, "UPDATE blob SET expiry = ?2 WHERE expiry > ?1"),
            updateClock: try Statement(
                connection,
                """
                INSERT INTO sweep(row, hour, held_hour, steady_hours) VALUES(1, ?1, ?2, ?3)
                ON CONFLICT(row) DO UPDATE SET hour = ?1, held_hour = ?2, steady_hours = ?3
                """))
    }
}
