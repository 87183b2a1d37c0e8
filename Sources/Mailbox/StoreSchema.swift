package import Database

/// The tables of the server's one file.
///
/// - Mailbox rows are keyed by the id that clients name and carry a random number by which the
///   other tables name them, so that an index over envelopes is small and says nothing.
/// - Envelopes lie in the order in which they came, not by mailbox: measured two to five times
///   faster. One unique index finds them by mailbox and counter; a second, whose keys only grow,
///   finds those whose time is over.
/// - What every column means and may hold stands in `StoreDescription`, which a test and the
///   zero-knowledge check compare with the file.
package enum StoreSchema {
    /// "PSTN" in ASCII, in the header of the file.
    package static let applicationID: Int32 = 0x5053_544E

    /// The tables of this target.
    private static let mailboxTables: [StaticString] = [
        """
        CREATE TABLE mailbox(
            id BLOB NOT NULL PRIMARY KEY,
            number INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            read_key BLOB NOT NULL,
            write_key BLOB NOT NULL,
            read_attaches INTEGER NOT NULL,
            floor INTEGER NOT NULL,
            closed INTEGER NOT NULL,
            time_to_live INTEGER NOT NULL,
            lease_week INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE UNIQUE INDEX mailbox_number ON mailbox(number)",
        """
        CREATE TABLE envelope(
            row INTEGER NOT NULL PRIMARY KEY,
            mailbox INTEGER NOT NULL,
            counter INTEGER NOT NULL,
            expiry INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX envelope_place ON envelope(mailbox, counter)",
        "CREATE INDEX envelope_expiry ON envelope(expiry)",
        """
        CREATE TABLE blob(
            row INTEGER NOT NULL PRIMARY KEY,
            id_hash BLOB NOT NULL,
            erase_hash BLOB NOT NULL,
            expiry INTEGER NOT NULL,
            body BLOB NOT NULL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX blob_id ON blob(id_hash)",
        "CREATE INDEX blob_expiry ON blob(expiry)",
        """
        CREATE TABLE sweep(
            row INTEGER NOT NULL PRIMARY KEY CHECK(row = 1),
            hour INTEGER NOT NULL,
            held_hour INTEGER NOT NULL,
            steady_hours INTEGER NOT NULL
        ) STRICT
        """,
    ]

    /// All steps of the file, with the tables of the key directory where it has any.
    package static func migrations(directoryTables: [StaticString]) -> [Migration] {
        [
            Migration(
                version: 1,
                mailboxTables + directoryTables + [
                    "PRAGMA application_id=0x5053544E", "PRAGMA user_version=1",
                ])
        ]
    }
}
