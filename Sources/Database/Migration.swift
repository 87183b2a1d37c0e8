/// One step of a schema, from one version to the next.
///
/// Steps are numbered from 1 without gaps and never edited once they were released: a file that
/// has taken a step must look the same everywhere.
package struct Migration: Sendable {
    /// The version the file has afterwards.
    package let version: Int64
    /// The statements, in order. The last sets `PRAGMA user_version` to `version`, and the first
    /// step also sets `PRAGMA application_id`, which cannot be bound and so stand here as literals.
    package let statements: [StaticString]

    /// Makes a step.
    package init(version: Int64, _ statements: [StaticString]) {
        self.version = version
        self.statements = statements
    }
}

extension Connection {
    /// Brings the file to the newest version, each step in one transaction of its own: killed at
    /// any moment, it is at one version or the next and never between (J10).
    ///
    /// A connection that only reads checks and changes nothing.
    ///
    /// - Parameters:
    ///   - migrations: all steps since the first, in order.
    ///   - applicationID: the number in the file's header that says whose it is, not 0.
    /// - Throws: `newerVersion` for a file of a later release, `olderVersion` where reading alone
    ///   cannot help, `wrongApplication` for a foreign file that is not empty.
    package func migrate(
        _ migrations: [Migration], applicationID: Int32
    ) throws(DatabaseError) {
        precondition(migrations.enumerated().allSatisfy { $1.version == $0 + 1 })
        precondition(applicationID != 0)
        let known = Int64(migrations.count)
        let owner = try number("PRAGMA application_id")
        let found = try number("PRAGMA user_version")
        if owner != Int64(applicationID) {
            let objects = try number("SELECT count(*) FROM sqlite_schema")
            if owner != 0 || found != 0 || objects != 0 {
                throw .wrongApplication(found: Int32(truncatingIfNeeded: owner))
            }
        }
        if found > known || found < 0 { throw .newerVersion(found: found, known: known) }
        if found == known { return }
        if access == .readOnly { throw .olderVersion(found: found, known: known) }
        for migration in migrations[Int(found)...] {
            try transaction { () throws(DatabaseError) in
                for statement in migration.statements { try execute(statement) }
                let owner = try number("PRAGMA application_id")
                let version = try number("PRAGMA user_version")
                precondition(owner == Int64(applicationID) && version == migration.version)
            }
        }
    }
}
