import Database
import KeyDirectory
import Platform
import Primitives
import Testing
import Wire

@testable import Mailbox

/// The storage thread's work, run on the thread of the test: what it is to do waits before it
/// begins, and it ends with that.
struct StorageThreadWorld {
    let folder: ServerFolder
    let links: StorageLinks

    init() throws {
        folder = try ServerFolder()
        links = StorageLinks(inbox: try Inbox(), router: try Inbox(), control: try Inbox())
        try ServerStorage.make(in: folder.data)
    }

    func run(_ asks: [Ask], believesClock: Bool = false) {
        if !asks.isEmpty {
            var batch = StorageBatch()
            for ask in asks { batch.add(ask) }
            links.inbox.post(.batch(batch))
        }
        links.inbox.post(.stop)
        ServerStorage.thread(
            in: folder.data, diskFloorByteCount: 0, believesClock: believesClock)(links)
    }

    /// Another connection to the file.
    func file() throws -> Connection { try Connection(path: folder.data.storePath) }
}

/// A store in memory on which every commit takes a while, and which counts when it is tidied.
private final class SlowStore: Store {
    private let inner = StoreMemory()
    private let clock: ManualClock
    private let milliseconds: Int64
    private(set) var commitCount = 0
    /// After how many commits it was tidied.
    private(set) var tidied: [Int] = []
    var refusesGrowth = false
    var directory: (any DirectoryRequests)?
    var lastSweep: SweepReport { inner.lastSweep }

    init(_ clock: ManualClock, commitMilliseconds: Int64) {
        self.clock = clock
        milliseconds = commitMilliseconds
    }

    func commit(
        _ batch: StorageBatch, wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers {
        clock.advance(milliseconds: milliseconds)
        commitCount += 1
        inner.refusesGrowth = refusesGrowth
        return try inner.commit(batch, wallSeconds: wallSeconds)
    }

    func believeClock(wallSeconds: Int64) throws(StoreError) {}
    func counts() throws(StoreError) -> StoreCounts { try inner.counts() }
    func tidy() throws(StoreError) -> Bool {
        tidied.append(commitCount)
        return true
    }
}

@Suite("The storage thread")
struct StorageThreadTests {
    @Test(
        "MB-29 J13 a server told that the clock is right holds nothing up",
        arguments: [true, false])
    func operatorsWord(_ isSaid: Bool) throws {
        let world = try StorageThreadWorld()
        let now = SystemClock().wallSeconds / 3_600
        do {
            let file = try world.file()
            var clock = try Statement(
                file, "INSERT INTO sweep(row, hour, held_hour, steady_hours) VALUES(1, ?1, 0, 0)")
            clock.bind(1, now - 2_400)
            try clock.run()
        }
        world.run([.sweep], believesClock: isSaid)
        let file = try world.file()
        let believed = try file.number("SELECT hour FROM sweep")
        // The test may pass the end of an hour.
        #expect(isSaid ? (now...now + 1).contains(believed) : believed == now - 2_400)
        #expect(try (file.number("SELECT held_hour FROM sweep") == 0) == isSaid)
    }

    @Test("MB-13 without any pause the log is cut ten minutes after its oldest commit")
    func cutUnderLoad() throws {
        let clock = ManualClock(wallMilliseconds: StoreWorld.start * 1_000)
        let store = SlowStore(clock, commitMilliseconds: 200_000)
        let links = StorageLinks(inbox: try Inbox(), router: try Inbox(), control: try Inbox())
        for _ in 0..<9 { links.inbox.post(.batch(StorageBatch())) }
        links.inbox.post(.stop)
        var thread = StorageThread(
            store: store, links: links, disk: DiskFloor(path: "/", byteCount: 0), clock: clock)
        try thread.run()
        // The first commit ends at 200 s, the fourth at 800 s; the next log begins with the fifth.
        #expect(store.tidied == [4, 8, 9])
    }

    @Test("MB-13 when the log is cut")
    func pace() {
        var pace = TidyPace()
        #expect(pace.waitMilliseconds(at: 0) == -1)
        #expect(!pace.isDue(at: 1_000_000, isIdle: true))
        pace.committed(at: 1_000)
        #expect(pace.waitMilliseconds(at: 1_100) == 400)
        #expect(!pace.isDue(at: 1_499, isIdle: true))
        #expect(pace.isDue(at: 1_500, isIdle: true))
        #expect(!pace.isDue(at: 1_500, isIdle: false))
        // A pause never comes.
        for now in stride(from: Int64(1_400), through: 601_000, by: 400) { pace.committed(at: now) }
        #expect(!pace.isDue(at: 600_999, isIdle: false))
        #expect(pace.isDue(at: 601_000, isIdle: false))
        #expect(pace.waitMilliseconds(at: 601_000) == 0)
        // Somebody reads: it is left alone for a while, and nobody spins.
        pace.tried(at: 601_000, isCut: false)
        #expect(pace.waitMilliseconds(at: 601_000) == 10_000)
        #expect(!pace.isDue(at: 610_999, isIdle: true))
        #expect(pace.isDue(at: 611_000, isIdle: false))
        pace.tried(at: 611_000, isCut: true)
        #expect(pace.waitMilliseconds(at: 611_000) == -1)
    }

    @Test(
        "MB-13 cutting the log does not wait for a reader of the file, and says that it stood there"
    )
    func readerInTheWay() throws {
        let folder = try ServerFolder()
        var options = Connection.Options()
        // Who waits at all waits for longer than this test may take.
        options.busyMilliseconds = 600_000
        let store = try StoreSQLite(
            path: folder.data.storePath, wallSeconds: StoreWorld.start, random: SeededRandom(1),
            options: options)
        func create(_ number: Int) throws {
            var batch = StorageBatch()
            batch.add(.create(.chat(number)))
            _ = try store.commit(batch, wallSeconds: StoreWorld.start)
        }
        try create(1)
        let reader = try Connection(path: folder.data.storePath, access: .readOnly)
        var query = try Statement(reader, "SELECT id FROM mailbox")
        let clock = SystemClock()
        let before = clock.monotonicMilliseconds
        try query.forEach { _ throws(DatabaseError) in
            do {
                try create(2)
                #expect(try !store.tidy())
            } catch {
                Issue.record(error)
            }
            return false
        }
        #expect(clock.monotonicMilliseconds - before < 60_000)
        #expect(try store.tidy())
        #expect(store.connection.logByteCount == 0)
    }

    @Test(
        "MB-17 a disk that does not say how full it is ends the refusing: the next commit will say")
    func silentDisk() throws {
        let clock = ManualClock(wallMilliseconds: StoreWorld.start * 1_000)
        for (path, isRefused) in [("/", true), ("/no/such/place", false)] {
            let store = SlowStore(clock, commitMilliseconds: 1)
            store.refusesGrowth = true
            let links = StorageLinks(
                inbox: try Inbox(), router: try Inbox(), control: try Inbox())
            var batch = StorageBatch()
            batch.add(.create(.chat()))
            links.inbox.post(.batch(batch))
            links.inbox.post(.stop)
            var thread = StorageThread(
                store: store, links: links, disk: DiskFloor(path: path, byteCount: .max / 2),
                clock: clock)
            try thread.run()
            #expect(store.refusesGrowth == isRefused)
            #expect(try store.counts().chatMailboxes == (isRefused ? 0 : 1))
        }
    }
}
