internal import Database
internal import Primitives

/// The prepared statements of a vault.
final class VaultStatements {
    /// A row as it lies in the file.
    struct Cell {
        let place: Int64
        let name: [UInt8]
        let group: [UInt8]
        let sealed: [UInt8]
    }

    private var findOne: Statement
    private var putOne: Statement
    private var removeOne: Statement
    private var removeMany: Statement
    private let connection: Connection

    init(_ connection: Connection) throws(DatabaseError) {
        self.connection = connection
        findOne = try Statement(
            connection,
            "SELECT place, name, grp, sealed FROM cell WHERE kind = ?1 AND name = ?2")
        putOne = try Statement(
            connection,
            """
            INSERT INTO cell (kind, name, grp, sealed) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (kind, name) DO UPDATE SET grp = excluded.grp, sealed = excluded.sealed
            """)
        removeOne = try Statement(connection, "DELETE FROM cell WHERE kind = ?1 AND name = ?2")
        removeMany = try Statement(connection, "DELETE FROM cell WHERE kind = ?1 AND grp = ?2")
    }

    func find(_ table: VaultTable, name: [UInt8]) throws(DatabaseError) -> Cell? {
        findOne.bind(1, Int64(table.rawValue))
        findOne.bind(2, copying: name.raw)
        return try findOne.first { row throws(DatabaseError) in try Self.cell(row) }
    }

    func put(
        _ table: VaultTable, name: [UInt8], group: [UInt8], sealed: [UInt8]
    ) throws(DatabaseError) {
        putOne.bind(1, Int64(table.rawValue))
        putOne.bind(2, copying: name.raw)
        putOne.bind(3, copying: group.raw)
        putOne.bind(4, copying: sealed.raw)
        try putOne.run()
    }

    func remove(_ table: VaultTable, name: [UInt8]) throws(DatabaseError) {
        removeOne.bind(1, Int64(table.rawValue))
        removeOne.bind(2, copying: name.raw)
        try removeOne.run()
    }

    func removeGroup(_ table: VaultTable, group: [UInt8]) throws(DatabaseError) {
        removeMany.bind(1, Int64(table.rawValue))
        removeMany.bind(2, copying: group.raw)
        try removeMany.run()
    }

    func list(
        _ table: VaultTable, group: [UInt8]?, page: VaultPage
    ) throws(DatabaseError) -> [Cell] {
        var select = try Statement(connection, Self.query(group != nil, page.isNewestFirst))
        select.bind(1, Int64(table.rawValue))
        select.bind(2, page.after ?? -1)
        select.bind(3, page.before ?? .max)
        select.bind(4, Int64(clamping: page.limit))
        if let group { select.bind(5, copying: group.raw) }
        var cells: [Cell] = []
        try select.forEach { row throws(DatabaseError) in
            cells.append(try Self.cell(row))
            return true
        }
        return cells
    }

    private static func query(_ isGrouped: Bool, _ isNewestFirst: Bool) -> StaticString {
        switch (isGrouped, isNewestFirst) {
        case (true, false):
            """
            SELECT place, name, grp, sealed FROM cell
            WHERE kind = ?1 AND grp = ?5 AND place > ?2 AND place < ?3 ORDER BY place LIMIT ?4
            """
        case (true, true):
            """
            SELECT place, name, grp, sealed FROM cell
            WHERE kind = ?1 AND grp = ?5 AND place > ?2 AND place < ?3 ORDER BY place DESC LIMIT ?4
            """
        case (false, false):
            """
            SELECT place, name, grp, sealed FROM cell
            WHERE kind = ?1 AND place > ?2 AND place < ?3 ORDER BY place LIMIT ?4
            """
        case (false, true):
            """
            SELECT place, name, grp, sealed FROM cell
            WHERE kind = ?1 AND place > ?2 AND place < ?3 ORDER BY place DESC LIMIT ?4
            """
        }
    }

    private static func cell(_ row: borrowing Row) throws(DatabaseError) -> Cell {
        Cell(
            place: try row.int(0), name: try row.bytes(1), group: try row.bytes(2),
            sealed: try row.bytes(3))
    }
}
