package import Database
package import KeyDirectory
package import Primitives
import Wire

/// The key directory behind the store's transactions.
///
/// Signatures of publications are checked here, on the storage thread: two to ten verifications of
/// 60 µs each for a request that one client makes a few times a week.
package final class DirectoryAdapter: DirectoryRequests {
    private let directory: Directory

    /// Works over the connection of a store whose file has the directory's tables.
    ///
    /// - Throws: errors of the database.
    package init(_ connection: Connection, random: any RandomSource) throws(DatabaseError) {
        directory = try Directory(connection, random: random)
    }

    package func answer(
        _ job: DirectoryJob, wallSeconds: Int64, believedHour: Int64, refusesGrowth: Bool,
        into answers: inout [UInt8]
    ) throws(DatabaseError) {
        try directory.answer(
            job.check(secondsSince1970: wallSeconds), secondsSince1970: wallSeconds,
            believed: Hours(UInt32(clamping: believedHour)), refusesGrowth: refusesGrowth,
            into: &answers)
    }

    package func sweep(wallSeconds: Int64) throws(DatabaseError) -> Int {
        try directory.sweep(secondsSince1970: wallSeconds)
    }
}
