package import Database
import KeyDirectory
package import Platform

/// The zero-knowledge check: what a server's folder holds, and whether that is all.
///
/// Every object of the store's schema, every table, every column and every value, and every file
/// of the folder, is held against the lists that stand beside the schema. What is not on a list is
/// a finding, whatever it is: that the server keeps nothing readable is shown by reading all that
/// it keeps. Nothing is written, so it runs beside a server as well as without one.
///
/// - SPEC: §10.2 MB-18, §10.6 MB-27
package struct StoreAudit: Sendable {
    /// A table that is on the list.
    package struct Table: Sendable {
        /// What it means and may hold.
        package let description: TableDescription
        /// How many rows there are.
        package fileprivate(set) var rowCount: Int64 = 0
    }

    /// A file of the folder that is on the list.
    package struct File: Sendable {
        /// Its name.
        package let name: String
        /// What it is.
        package let meaning: String
        /// Its size in bytes.
        package let byteCount: Int64
    }

    /// Something that is not as the lists say. Names come from the file and may hold anything.
    package enum Finding: Equatable, Sendable {
        /// An object of the schema that is not on the list.
        case unlistedObject(kind: String, name: String)
        /// A listed object that is defined in another way.
        case changedObject(kind: String, name: String)
        /// A listed object that is not there.
        case missingObject(kind: String, name: String)
        /// A column of a listed table that is not on the list.
        case unlistedColumn(table: String, column: String)
        /// So many values of a column are not of its kind.
        case values(table: String, column: String, ColumnFault, count: Int64)
        /// A file that is not on the list.
        case unlistedFile(String)
        /// A listed file that others could read or change, or that is no plain file.
        case unsafeFile(String, UnsafeFile)
    }

    /// The tables, in the order of the list.
    package private(set) var tables: [Table] = []
    /// The files, by name.
    package private(set) var files: [File] = []
    /// All that is not as it should be; empty when the check has passed.
    package private(set) var findings: [Finding] = []

    /// Checks a folder.
    ///
    /// - Throws: `StorageFailure` when the store cannot be read or contradicts itself; nothing is
    ///   mended.
    package init(_ folder: DataFolder) throws(StorageFailure) {
        do throws(StoreError) {
            let connection = try ServerStorage.openForReading(folder)
            do throws(DatabaseError) {
                let unchanged = try checkSchema(of: connection)
                for description in StoreSchema.descriptions {
                    var table = Table(description: description)
                    if unchanged.contains(description.name) {
                        try checkRows(of: &table, connection)
                    }
                    tables.append(table)
                }
                // Last, since it reads everything again.
                guard try connection.findProblems(isThorough: true, problemsMax: 1).isEmpty else {
                    throw .corrupt(code: 0)
                }
            } catch {
                throw .mustStop(error)
            }
        } catch {
            throw StorageFailure(error)
        }
        checkFiles(of: folder)
    }

    // MARK: The schema

    private struct SchemaObject: Hashable {
        let kind: String
        let name: String
    }

    private static func schema(
        of connection: Connection
    ) throws(DatabaseError) -> [SchemaObject: String] {
        var objects: [SchemaObject: String] = [:]
        var statement = try Statement(
            connection, "SELECT type, name, tbl_name || ' ' || ifnull(sql, '') FROM sqlite_schema")
        try statement.forEach { row throws(DatabaseError) in
            let object = SchemaObject(kind: try row.text(0), name: try row.text(1))
            objects[object] = try row.text(2)
            return true
        }
        return objects
    }

    /// Compares the schema with the one that this program would make, object by object.
    ///
    /// - Returns: the names of the tables that are as they should be.
    private mutating func checkSchema(
        of connection: Connection
    ) throws(DatabaseError) -> Set<String> {
        let model = try Connection(path: "", access: .inMemory)
        let migrations = StoreSchema.migrations()
        try model.migrate(migrations, applicationID: StoreSchema.applicationID)
        let listed = try Self.schema(of: model)
        let found = try Self.schema(of: connection)
        var unchanged: Set<String> = []
        for object in found.keys.sorted(by: { ($0.kind, $0.name) < ($1.kind, $1.name) }) {
            guard let definition = listed[object] else {
                findings.append(.unlistedObject(kind: object.kind, name: object.name))
                continue
            }
            if definition == found[object] {
                if object.kind == "table" { unchanged.insert(object.name) }
                continue
            }
            findings.append(.changedObject(kind: object.kind, name: object.name))
            if object.kind == "table" { try checkColumns(of: object.name, connection) }
        }
        for object in listed.keys.sorted(by: { ($0.kind, $0.name) < ($1.kind, $1.name) })
        where found[object] == nil {
            findings.append(.missingObject(kind: object.kind, name: object.name))
        }
        return unchanged
    }

    /// Names the columns of a changed table that are not on the list.
    private mutating func checkColumns(
        of table: String, _ connection: Connection
    ) throws(DatabaseError) {
        let description = StoreSchema.descriptions.first { $0.name == table }
        let listed = Set(description?.columns.map(\.name) ?? [])
        var statement = try Statement(connection, "SELECT name FROM pragma_table_xinfo(?1)")
        statement.bind(1, text: table)
        var unlisted: [Finding] = []
        try statement.forEach { row throws(DatabaseError) in
            let name = try row.text(0)
            if !listed.contains(name) {
                unlisted.append(.unlistedColumn(table: table, column: name))
            }
            return true
        }
        findings += unlisted
    }

    // MARK: Values

    private mutating func checkRows(
        of table: inout Table, _ connection: Connection
    ) throws(DatabaseError) {
        let columns = table.description.columns
        var faults = columns.map { _ in [ColumnFault: Int64]() }
        var count: Int64 = 0
        var statement = try Statement(connection, table.description.rows)
        try statement.forEach { row throws(DatabaseError) in
            count += 1
            for (index, column) in columns.enumerated() {
                if let fault = try column.kind.judge(row, Int32(index)) {
                    faults[index][fault, default: 0] += 1
                }
            }
            return true
        }
        table.rowCount = count
        for (index, column) in columns.enumerated() {
            for fault in ColumnFault.allCases {
                guard let count = faults[index][fault] else { continue }
                findings.append(
                    .values(table: table.description.name, column: column.name, fault, count: count)
                )
            }
        }
    }

    // MARK: Files

    private mutating func checkFiles(of folder: DataFolder) {
        let names: [String]
        do throws(UnsafeFile) {
            names = try SafeFile.names(in: folder.path)
        } catch {
            findings.append(.unsafeFile(".", error))
            return
        }
        for name in names.sorted() {
            guard let meaning = DataFolder.files[name] else {
                findings.append(.unlistedFile(name))
                continue
            }
            let path = folder.path + "/" + name
            do throws(UnsafeFile) {
                let byteCount = try SafeFile.byteCount(of: path)
                files.append(File(name: name, meaning: meaning, byteCount: byteCount))
            } catch .missing {
                // SQLite takes its two helpers away when a server ends.
            } catch {
                findings.append(.unsafeFile(name, error))
            }
        }
        checkContents(of: folder)
    }

    /// The small files hold what they should and nothing else.
    private mutating func checkContents(of folder: DataFolder) {
        do throws(DataFolder.Failure) {
            _ = try folder.readKeys()
        } catch {
            findings.append(.changedObject(kind: "file", name: "server.keys"))
        }
        do throws(DataFolder.Failure) {
            if let host = try folder.readHost(), ServerKeys.canonicalHost(host) == nil {
                throw .host
            }
        } catch {
            findings.append(.changedObject(kind: "file", name: "server.host"))
        }
        if let lock = files.first(where: { $0.name == "lock" }), lock.byteCount != 0 {
            findings.append(.changedObject(kind: "file", name: "lock"))
        }
    }
}
