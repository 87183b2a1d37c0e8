package import Database
import Primitives
import Wire

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

    /// The statements of the file's second migration. Bundles of before have no KEM prekey and are
    /// refused by everybody (KD-11), so they go with what was offered beside them; records and
    /// handles stay, and the clients publish their next bundle within a day.
    package static let kemTables: [StaticString] = [
        """
        CREATE TABLE directory_kem_prekey(
            device INTEGER NOT NULL,
            draw INTEGER NOT NULL,
            issued BLOB NOT NULL,
            PRIMARY KEY(device, draw)
        ) STRICT, WITHOUT ROWID
        """,
        "DELETE FROM directory_device",
        "DELETE FROM directory_prekey",
    ]

    /// What every table and column above means and may hold (Z4).
    package static let descriptions = [
        TableDescription(
            "directory_account", "a handle that somebody has registered",
            rows: "SELECT * FROM directory_account",
            [
                ColumnDescription("row", .rowNumber, "names the account in this file"),
                ColumnDescription("handle", publishedName, "the handle, as its owner published it"),
                ColumnDescription("account_key", .key, "the account key in the record"),
                ColumnDescription(
                    "first_device", .code(0...deviceIDMax), "the id of the record's first device"),
                ColumnDescription(
                    "record", publishedRecord, "the record, as its owner signed and published it"),
            ]),
        TableDescription(
            "directory_device", "a device that can be written to first",
            rows: "SELECT * FROM directory_device",
            [
                ColumnDescription("row", .rowNumber, "names the device in this file"),
                ColumnDescription("account", .rowNumber, "the account it belongs to"),
                ColumnDescription("device", .code(0...deviceIDMax), "its id in the record"),
                ColumnDescription(
                    "bundle", publishedBundle, "its prekeys, as its owner signed and published them"
                ),
            ]),
        TableDescription(
            "directory_prekey", "a one-time prekey nobody has asked for yet",
            rows: "SELECT * FROM directory_prekey",
            [
                ColumnDescription("device", .rowNumber, "the device it belongs to"),
                ColumnDescription(
                    "draw", .count(0...Int64(MerkleTree.leafCountMax - 1)),
                    "its place in a random order of giving out"),
                ColumnDescription(
                    "issued", publishedPreKey, "the public key with its path to the signed bundle"),
            ]),
        TableDescription(
            "directory_kem_prekey", "a one-time KEM prekey nobody has asked for yet",
            rows: "SELECT * FROM directory_kem_prekey",
            [
                ColumnDescription("device", .rowNumber, "the device it belongs to"),
                ColumnDescription(
                    "draw", .count(0...Int64(MerkleTree.leafCountMax - 1)),
                    "its place in a random order of giving out"),
                ColumnDescription(
                    "issued", publishedKEMPreKey,
                    "the public key with its path to the signed bundle"),
            ]),
        TableDescription(
            "directory_rest", "a handle that its owner gave up",
            rows: "SELECT * FROM directory_rest",
            [
                ColumnDescription("handle", publishedName, "the handle"),
                ColumnDescription("free_hour", .hour, "when it may be given again"),
            ]),
        TableDescription(
            "directory_pulse", "what a prekey fetch writes, the same for hit and miss",
            rows: "SELECT * FROM directory_pulse",
            [
                ColumnDescription("row", .rowNumber, "always 1"),
                ColumnDescription(
                    "beat", .flag,
                    "turned by every prekey fetch, so that a miss is committed as a hit is"),
            ]),
    ]

    private static let deviceIDMax = Int64(UInt32.max)

    private static let publishedName = ColumnKind(
        "published name", .text({ @Sendable text in (try? Handle(text)) != nil }))

    private static let publishedRecord = ColumnKind(
        "published, signed",
        .object({ @Sendable bytes in
            guard let record = try? Record(parsing: bytes), record.handle != nil else {
                return false
            }
            return (try? record.verify()) != nil
        }))

    private static let publishedBundle = ColumnKind(
        "published, signed",
        .object({ @Sendable bytes in
            guard let bundle = try? PreKeyBundle(parsing: bytes) else { return false }
            return (try? bundle.verify()) != nil
        }))

    private static let publishedPreKey = ColumnKind(
        "published",
        .object({ @Sendable bytes in
            var reader = Reader(bytes)
            guard let issued = try? IssuedPreKey.optional(from: &reader) else { return false }
            return issued.preKey.id != 0 && reader.remainingByteCount == 0
        }))

    private static let publishedKEMPreKey = ColumnKind(
        "published",
        .object({ @Sendable bytes in
            var reader = Reader(bytes)
            guard let issued = try? IssuedKEMPreKey.optional(from: &reader) else { return false }
            return issued.preKey.id != 0 && reader.remainingByteCount == 0
        }))
}
