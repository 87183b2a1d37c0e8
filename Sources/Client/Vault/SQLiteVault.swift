internal import Database
package import Primitives

/// The vault in a file: one SQLite database in which every value is sealed and every key hidden.
///
/// A reader and one writer may have it open at the same time. After an input or output error it
/// refuses all further work: what is on the disk is unknown then.
///
/// - SPEC: §10.7, CL-22, CL-23, CL-26
package final class SQLiteVault: VaultStore {
    /// "Pstv" in the file's header.
    private static let applicationID: Int32 = 0x5073_7476

    private static let migrations = [
        Migration(
            version: 1,
            [
                """
                CREATE TABLE header (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    bytes BLOB NOT NULL
                ) STRICT
                """,
                """
                CREATE TABLE cell (
                    place INTEGER PRIMARY KEY AUTOINCREMENT,
                    kind INTEGER NOT NULL,
                    name BLOB NOT NULL,
                    grp BLOB NOT NULL,
                    sealed BLOB NOT NULL
                ) STRICT
                """,
                "CREATE UNIQUE INDEX cell_name ON cell (kind, name)",
                "CREATE INDEX cell_group ON cell (kind, grp, place)",
                "PRAGMA application_id=1349743734",
                "PRAGMA user_version=1",
            ]),
        // What the rows hold has another form from here on; a file of before is refused (CL-26).
        Migration(version: 2, ["PRAGMA user_version=2"]),
    ]

    private let connection: Connection
    private let cipher: VaultCipherBox
    private var random: any RandomSource
    private let statements: VaultStatements
    /// What the file says about how its key is wrapped.
    package let header: VaultHeader

    private init(
        _ connection: Connection, _ header: VaultHeader, vaultKey: borrowing SecretBytes,
        random: any RandomSource
    ) throws(ClientError) {
        self.connection = connection
        self.header = header
        self.random = random
        cipher = VaultCipherBox(VaultCipher(vaultKey: vaultKey))
        do {
            statements = try VaultStatements(connection)
        } catch {
            throw ClientError(error)
        }
    }

    /// Makes the file and all in it; it must not exist.
    ///
    /// - Parameter password: the passphrase, or the 32 bytes of a key file.
    /// - Parameter parameters: cost of Argon2id, nil for a key file.
    package static func create(
        path: String, password: borrowing SecretBytes, parameters: Argon2id.Parameters?,
        random: any RandomSource
    ) throws(ClientError) -> SQLiteVault {
        var random = random
        let vaultKey = SecretBytes(byteCount: 32, home: .guarded, from: &random)
        let header = try VaultHeader(
            wrapping: vaultKey, under: password, parameters: parameters, random: &random)
        let connection = try open(path, .readWrite)
        do throws(DatabaseError) {
            try connection.migrate(migrations, applicationID: applicationID)
            try connection.transaction { () throws(DatabaseError) in
                var insert = try Statement(
                    connection, "INSERT INTO header (id, bytes) VALUES (1, ?1)")
                insert.bind(1, copying: header.encoded.raw)
                try insert.run()
            }
        } catch {
            throw ClientError(error)
        }
        return try SQLiteVault(connection, header, vaultKey: vaultKey, random: random)
    }

    /// Opens the file with the passphrase or key.
    ///
    /// - Throws: `ClientError.vaultForeign`, `.vaultTooNew`, `.vaultTooOld`, `.vaultCorrupt`,
    ///   `.passphraseWrong`.
    package static func open(
        path: String, access: VaultAccess, password: borrowing SecretBytes,
        random: any RandomSource
    ) throws(ClientError) -> SQLiteVault {
        // CL-26: read before anything may be written.
        let header = try header(path: path)
        let vaultKey = try header.unwrap(with: password)
        let connection = try open(path, access == .read ? .readOnly : .readWrite)
        do {
            try connection.migrate(migrations, applicationID: applicationID)
        } catch {
            throw ClientError(error)
        }
        return try SQLiteVault(connection, header, vaultKey: vaultKey, random: random)
    }

    /// How the key of the vault in a file is wrapped.
    static func header(path: String) throws(ClientError) -> VaultHeader {
        try header(of: try open(path, .readOnly))
    }

    private static func open(
        _ path: String, _ access: Connection.Access
    ) throws(ClientError) -> Connection {
        var options = Connection.Options()
        options.page = .kib4
        options.cache = .mib2
        options.valueByteCountMax = 2 << 20
        do {
            return try Connection(path: path, access: access, options: options)
        } catch {
            throw ClientError(error)
        }
    }

    private static func header(of connection: Connection) throws(ClientError) -> VaultHeader {
        let bytes: [UInt8]?
        do throws(DatabaseError) {
            // CL-26: whose the file is comes before anything in it.
            try connection.migrate(migrations, applicationID: applicationID)
            var select = try Statement(connection, "SELECT bytes FROM header WHERE id = 1")
            bytes = try select.first { row throws(DatabaseError) in try row.bytes(0) }
        } catch {
            throw ClientError(error)
        }
        guard let bytes else { throw .vaultCorrupt }
        return try VaultHeader(parsing: bytes)
    }

    // MARK: Reading

    package func value(_ table: VaultTable, key: [UInt8]) throws(ClientError) -> [UInt8]? {
        let name = cipher.value.name(table, key: key)
        let found: VaultStatements.Cell?
        do {
            found = try statements.find(table, name: name)
        } catch {
            throw ClientError(error)
        }
        guard let found else { return nil }
        let opened = try cipher.value.open(
            found.sealed, table: table, name: name, group: found.group)
        guard opened.key == key else { throw .vaultCorrupt }
        return opened.value
    }

    package func rows(
        _ table: VaultTable, group: [UInt8]?, page: VaultPage
    ) throws(ClientError) -> [VaultRow] {
        let hidden = group.map { cipher.value.group(table, $0) }
        let cells: [VaultStatements.Cell]
        do {
            cells = try statements.list(table, group: hidden, page: page)
        } catch {
            throw ClientError(error)
        }
        var rows: [VaultRow] = []
        rows.reserveCapacity(cells.count)
        for cell in cells {
            let opened = try cipher.value.open(
                cell.sealed, table: table, name: cell.name, group: cell.group)
            rows.append(VaultRow(place: cell.place, key: opened.key, value: opened.value))
        }
        return rows
    }

    // MARK: Writing

    package func commit(_ writes: [VaultWrite]) throws(ClientError) {
        if writes.isEmpty { return }
        do throws(DatabaseError) {
            try connection.transaction { () throws(DatabaseError) in
                for write in writes { try apply(write) }
            }
        } catch {
            throw ClientError(error)
        }
    }

    private func apply(_ write: VaultWrite) throws(DatabaseError) {
        switch write {
        case .put(let table, let key, let group, let value):
            let name = cipher.value.name(table, key: key)
            let hidden = cipher.value.group(table, group)
            let sealed = cipher.value.seal(
                key: key, value: value, table: table, name: name, group: hidden, random: &random)
            try statements.put(table, name: name, group: hidden, sealed: sealed)
        case .remove(let table, let key):
            try statements.remove(table, name: cipher.value.name(table, key: key))
        case .removeGroup(let table, let group):
            try statements.removeGroup(table, group: cipher.value.group(table, group))
        }
    }

    /// Moves everything into the main file and cuts the log, so that what was erased is in no file
    /// any more. Called when a writer ends; a reader in the way is no error.
    package func compact() {
        // Nothing depends on it: the log is as good, and as sealed, as the file.
        _ = try? connection.checkpoint(.truncate)
    }
}

/// Lets the cipher, which cannot be copied, be used while the vault is changed.
private final class VaultCipherBox {
    let value: VaultCipher
    init(_ value: consuming VaultCipher) { self.value = value }
}

extension ClientError {
    /// What an error of the database means to the user.
    init(_ error: DatabaseError) {
        switch error {
        case .diskFull: self = .diskFull
        case .inputOutput(let code), .other(let code), .constraint(let code),
            .cannotOpen(let code):
            self = .diskFailed(errorNumber: code)
        case .mustStop: self = .diskFailed(errorNumber: 0)
        case .corrupt, .wrongType, .tooLong: self = .vaultCorrupt
        case .olderVersion(let found, _): self = .vaultTooOld(version: UInt32(clamping: found))
        case .notADatabase, .wrongApplication: self = .vaultForeign
        case .newerVersion(let found, _): self = .vaultTooNew(version: UInt32(clamping: found))
        case .busy: self = .vaultInUse
        case .readOnly: self = .vaultReadOnly
        }
    }
}
