package import Database
import KeyDirectory
import Wire

/// The tables of the server's one file.
///
/// - Mailbox rows are keyed by the id that clients name and carry a random number by which the
///   other tables name them, so that an index over envelopes is small and says nothing.
/// - Envelopes lie in the order in which they came, not by mailbox: measured two to five times
///   faster. One unique index finds them by mailbox and counter; a second, whose keys only grow,
///   finds those whose time is over.
/// - What every column means and may hold stands below in `descriptions`, which a test and the
///   zero-knowledge check compare with the file (Z4).
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

    /// All steps of the file, with the tables of the key directory unless it has none.
    package static func migrations(withDirectory: Bool = true) -> [Migration] {
        [
            Migration(
                version: 1,
                mailboxTables + (withDirectory ? DirectorySchema.tables : []) + [
                    "PRAGMA application_id=0x5053544E", "PRAGMA user_version=1",
                ]),
            Migration(
                version: 2,
                (withDirectory ? DirectorySchema.kemTables : []) + ["PRAGMA user_version=2"]),
        ]
    }

    /// What every table of the file means and may hold, those of the key directory among them.
    package static let descriptions = mailboxDescriptions + DirectorySchema.descriptions

    private static let mailboxDescriptions = [
        TableDescription(
            "mailbox", "one direction of a chat, or a place for first messages",
            rows: "SELECT * FROM mailbox",
            [
                ColumnDescription("id", .hash, "the hash of its keys, by which clients name it"),
                ColumnDescription(
                    "number", .randomNumber, "drawn at random; by it the envelopes name it"),
                ColumnDescription("kind", .code(1...2), "1 chat, 2 contact"),
                ColumnDescription("read_key", .key, "of whoever may read, made for it alone"),
                ColumnDescription(
                    "write_key", .keyOrNothing, "of whoever may deposit, made for it alone"),
                ColumnDescription(
                    "read_attaches", .count(0...Int64(UInt32.max)), "how often a reader came"),
                ColumnDescription("floor", counter, "the highest counter that was erased"),
                ColumnDescription("closed", .flag, "whether deposits are thrown away"),
                ColumnDescription("time_to_live", .code(1...30), "days an envelope is kept"),
                ColumnDescription("lease_week", .week, "the week in which it was last read"),
            ]),
        TableDescription(
            "envelope", "a sealed message that waits for its reader",
            rows: "SELECT * FROM envelope",
            [
                ColumnDescription(
                    "row", .rowNumber, "the rough order of coming, shuffled within a commit"),
                ColumnDescription("mailbox", .randomNumber, "the number of the mailbox it is in"),
                ColumnDescription("counter", counter, "its place in the mailbox"),
                ColumnDescription("expiry", .hour, "when it is removed"),
                ColumnDescription(
                    "body", .ciphertext(EnvelopeSize.allCases.map { $0.rawValue...$0.rawValue }),
                    "the envelope, one of three sizes"),
            ]),
        TableDescription(
            "blob", "a sealed invite or piece of a file", rows: "SELECT * FROM blob",
            [
                ColumnDescription("row", .rowNumber, "the order of coming"),
                ColumnDescription("id_hash", .hash, "of the secret id that reads it"),
                ColumnDescription("erase_hash", .hash, "of the secret key that erases it"),
                ColumnDescription("expiry", .hour, "when it is removed"),
                ColumnDescription(
                    "body", .ciphertext([1...Limits.blobByteCountMax]), "its sealed bytes"),
            ]),
        TableDescription(
            "sweep", "how far the clock is believed", rows: "SELECT * FROM sweep",
            [
                ColumnDescription("row", .rowNumber, "always 1"),
                ColumnDescription("hour", .hour, "the last hour that was believed"),
                ColumnDescription("held_hour", .hour, "the hour of the last sweep on hold"),
                ColumnDescription(
                    "steady_hours", .count(0...StoreClock.steadyHoursMin),
                    "how long a clock that jumped has run steadily"),
            ]),
    ]

    private static let counter = ColumnKind(
        "counter", .integers(0...StoreMailbox.counterMax))
}
