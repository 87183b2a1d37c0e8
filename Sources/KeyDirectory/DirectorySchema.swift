/// The tables of the key directory in the server's file.
///
/// What is published stands here as it was signed; besides it there are row numbers and the day on
/// which a freed name may be given again. Nobody's questions leave a trace: budgets lie in memory.
package enum DirectorySchema {
    /// The statements that make the tables, for the first migration of the file.
    package static let tables: [StaticString] = [
        """
        CREATE TABLE directory_account(
            row INTEGER NOT NULL PRIMARY KEY,
            handle TEXT NOT NULL,
            account_key BLOB NOT NULL,
            first_device INTEGER NOT NULL,
            record BLOB NOT NULL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX directory_account_handle ON directory_account(handle)",
        "CREATE UNIQUE INDEX directory_account_key ON directory_account(account_key)",
        """
        CREATE TABLE directory_device(
            row INTEGER NOT NULL PRIMARY KEY,
            account INTEGER NOT NULL,
            device INTEGER NOT NULL,
            bundle BLOB NOT NULL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX directory_device_place ON directory_device(account, device)",
        """
        CREATE TABLE directory_prekey(
            device INTEGER NOT NULL,
            draw INTEGER NOT NULL,
            issued BLOB NOT NULL,
            PRIMARY KEY(device, draw)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE directory_rest(
            handle TEXT NOT NULL PRIMARY KEY,
            free_hour INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE directory_pulse(
            row INTEGER NOT NULL PRIMARY KEY CHECK(row = 1),
            beat INTEGER NOT NULL
        ) STRICT
        """,
        "INSERT INTO directory_pulse(row, beat) VALUES(1, 0)",
    ]

    /// What a column can hold at most, for the zero-knowledge check.
    package enum Kind: String, Sendable {
        /// A number that this file gives its rows.
        case row
        /// A name its owner has published.
        case publishedText
        /// A public key its owner has published.
        case publishedKey
        /// A signed object its owner has published.
        case publishedObject
        /// A time in whole hours.
        case hour
        /// A small number.
        case count
    }

    /// What one column means.
    package struct Column: Sendable {
        /// The table it is in.
        package let table: String
        /// Its name.
        package let name: String
        /// What it can hold.
        package let kind: Kind
        /// What it means, one clause.
        package let meaning: String
    }

    /// Every column of every table.
    package static let columns: [Column] = [
        Column(table: "directory_account", name: "row", kind: .row, meaning: "names the account"),
        Column(
            table: "directory_account", name: "handle", kind: .publishedText,
            meaning: "the handle its owner registered"),
        Column(
            table: "directory_account", name: "account_key", kind: .publishedKey,
            meaning: "the account key in the record"),
        Column(
            table: "directory_account", name: "first_device", kind: .count,
            meaning: "the id of the record's first device"),
        Column(
            table: "directory_account", name: "record", kind: .publishedObject,
            meaning: "the signed record"),
        Column(table: "directory_device", name: "row", kind: .row, meaning: "names the device"),
        Column(
            table: "directory_device", name: "account", kind: .row,
            meaning: "the account it belongs to"),
        Column(
            table: "directory_device", name: "device", kind: .count,
            meaning: "the device id in the record"),
        Column(
            table: "directory_device", name: "bundle", kind: .publishedObject,
            meaning: "the signed prekey bundle"),
        Column(
            table: "directory_prekey", name: "device", kind: .row,
            meaning: "the device it belongs to"),
        Column(
            table: "directory_prekey", name: "draw", kind: .count,
            meaning: "the place in a random order of giving out"),
        Column(
            table: "directory_prekey", name: "issued", kind: .publishedObject,
            meaning: "a one-time prekey nobody has asked for yet, with its path"),
        Column(
            table: "directory_rest", name: "handle", kind: .publishedText,
            meaning: "a handle its owner gave up"),
        Column(
            table: "directory_rest", name: "free_hour", kind: .hour,
            meaning: "when it may be given again"),
        Column(table: "directory_pulse", name: "row", kind: .row, meaning: "always 1"),
        Column(
            table: "directory_pulse", name: "beat", kind: .count,
            meaning: "0 or 1, turned by every prekey fetch, so that a miss is committed as a hit is"
        ),
    ]
}
