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
}
