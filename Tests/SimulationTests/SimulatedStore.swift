import Database
import Foundation
import KeyDirectory
import Primitives
import Wire

@testable import Mailbox

/// The store of a simulated server: the real one in memory or in a file, which a schedule can let
/// die before or after a commit.
final class SimulatedStore: Store {
    /// Where in the next commit the server dies.
    enum Fault {
        case beforeCommit, afterCommit
    }

    private var inner: any Store
    /// The folder of a store in a file.
    private let folder: SimulationFolder?
    var fault: Fault?
    /// Planted: answers leave before the commit is on the disk, so a kill takes the last ones.
    private let answersEarly: Bool
    private var journal: [(batch: StorageBatch, wallSeconds: Int64)] = []

    init(isInFile: Bool, answersEarly: Bool, wallSeconds: Int64) throws {
        self.answersEarly = answersEarly
        folder = isInFile ? try SimulationFolder() : nil
        inner = try Self.open(folder, wallSeconds)
    }

    private static func open(
        _ folder: SimulationFolder?, _ wallSeconds: Int64
    ) throws -> any Store {
        guard let folder else { return StoreMemory() }
        let store = try StoreSQLite(
            path: folder.path + "/store.db", wallSeconds: wallSeconds,
            withDirectory: true, random: SeededRandom(3))
        store.directory = try DirectoryAdapter(store.connection, random: SeededRandom(4))
        return store
    }

    /// The process was killed and starts again: what was not committed is gone.
    func killed(wallSeconds: Int64, losing lostMax: Int) throws {
        fault = nil
        if answersEarly {
            journal.removeLast(min(lostMax, journal.count))
            let again = StoreMemory()
            for (batch, seconds) in journal { _ = try again.commit(batch, wallSeconds: seconds) }
            inner = again
        } else if folder != nil {
            // The file is closed before it is opened again.
            inner = StoreMemory()
            inner = try Self.open(folder, wallSeconds)
        }
    }

    /// The disk was lost.
    func loseEverything() throws {
        precondition(folder == nil)
        inner = StoreMemory()
    }

    func commit(
        _ batch: StorageBatch, wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers {
        let fault = self.fault
        self.fault = nil
        if fault == .beforeCommit { throw .mustStop(.inputOutput(code: 0)) }
        if answersEarly { journal.append((batch, wallSeconds)) }
        let answers = try inner.commit(batch, wallSeconds: wallSeconds)
        if fault == .afterCommit { throw .mustStop(.inputOutput(code: 0)) }
        return answers
    }

    var refusesGrowth: Bool {
        get { inner.refusesGrowth }
        set { inner.refusesGrowth = newValue }
    }
    var directory: (any DirectoryRequests)? {
        get { inner.directory }
        set { inner.directory = newValue }
    }
    var lastSweep: SweepReport { inner.lastSweep }
    func believeClock(wallSeconds: Int64) throws(StoreError) {
        try inner.believeClock(wallSeconds: wallSeconds)
    }
    func counts() throws(StoreError) -> StoreCounts { try inner.counts() }
    func tidy() throws(StoreError) -> Bool { try inner.tidy() }
}

/// A folder of its own, removed with it; in memory where the system has such a place, since every
/// commit is synced.
final class SimulationFolder {
    let path: String

    init() throws {
        let memory = "/dev/shm"
        let isThere = FileManager.default.isWritableFile(atPath: memory)
        path = (isThere ? memory + "/" : NSTemporaryDirectory()) + "postern-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
