import Platform
import Testing

@Suite("Threads, locks, inboxes and clocks")
struct ThreadTests {
    @Test("Eight threads that count under one lock lose no step")
    func lockExcludes() throws {
        let lock = Lock(0)
        var threads: [Inbox<Int>] = []
        for _ in 0..<8 {
            let done = try Inbox<Int>()
            threads.append(done)
            _ = try spawnThread(named: "count") {
                for _ in 0..<5_000 { lock.withLock { $0 += 1 } }
                done.post(1)
            }
        }
        for done in threads {
            var batch: [Int] = []
            while batch.isEmpty {
                done.wait()
                done.take(into: &batch)
            }
        }
        #expect(lock.withLock { $0 } == 40_000)
    }

    struct Boom: Error {}

    @Test("A lock is free again after its body threw")
    func lockIsReleasedByThrow() {
        let lock = Lock(1)
        #expect(throws: Boom.self) {
            try lock.withLock { (state: inout Int) throws(Boom) in
                state = 2
                throw Boom()
            }
        }
        #expect(lock.withLock { $0 } == 2)
    }

    @Test("Every message of four posting threads arrives once, each thread's in order")
    func inboxKeepsOrder() throws {
        let inbox = try Inbox<Int>()
        var posters: [Inbox<Int>] = []
        for poster in 0..<4 {
            posters.append(inbox)
            _ = try spawnThread(named: "poster") {
                for number in 0..<2_000 {
                    inbox.post(poster * 10_000 + number)
                }
            }
        }
        var next = [0, 0, 0, 0]
        var batch: [Int] = []
        while next.reduce(0, +) < 8_000 {
            // A wake that got lost would make this wait run into its limit.
            inbox.wait(timeoutMilliseconds: 20_000)
            inbox.take(into: &batch)
            if batch.isEmpty { continue }
            for message in batch {
                #expect(message % 10_000 == next[message / 10_000])
                next[message / 10_000] += 1
            }
        }
        #expect(next == [2_000, 2_000, 2_000, 2_000])
        inbox.take(into: &batch)
        #expect(batch.isEmpty)
    }

    @Test("A message that is posted in the middle of a take leaves the inbox able to wake")
    func inboxWakesAfterEveryTake() throws {
        let inbox = try Inbox<Int>()
        let total = 300_000
        let poster = try spawnThread(named: "poster") {
            for number in 0..<total { inbox.post(number) }
        }
        let clock = SystemClock()
        var batch: [Int] = []
        var received = 0
        while received < total {
            // Posts come all the time, so nothing but a lost wake lets this run into its limit.
            let start = clock.monotonicMilliseconds
            inbox.wait(timeoutMilliseconds: 10_000)
            let waited = clock.monotonicMilliseconds - start
            inbox.take(into: &batch)
            received += batch.count
            try #require(waited < 10_000, "\(batch.count) messages lay in an inbox asleep")
        }
        poster.join()
        #expect(received == total)
    }

    @Test("The inbox's descriptor is readable exactly while messages wait")
    func inboxDescriptor() throws {
        let inbox = try Inbox<Int>()
        var poller = Poller()
        poller.watch(inbox.descriptor, [.read])
        #expect(try poller.wait(timeoutMilliseconds: 0) == 0)
        inbox.post(1)
        inbox.post(2)
        #expect(try poller.wait(timeoutMilliseconds: 0) == 1)
        var batch: [Int] = []
        inbox.take(into: &batch)
        #expect(batch == [1, 2])
        #expect(try poller.wait(timeoutMilliseconds: 0) == 0)
        inbox.post(3)
        #expect(try poller.wait(timeoutMilliseconds: 0) == 1)
    }

    @Test("Join returns after the thread's body has ended")
    func join() throws {
        let lock = Lock(false)
        let thread = try spawnThread(named: "body") { lock.withLock { $0 = true } }
        thread.join()
        #expect(lock.withLock { $0 })
    }

    @Test("The system's clocks run; the manual one moves only when told")
    func clocks() {
        let system = SystemClock()
        let start = system.monotonicMilliseconds
        // 2026-01-01 in milliseconds: whoever runs this lives later.
        #expect(system.wallMilliseconds > 1_767_225_600_000)
        #expect(system.wallSeconds == system.wallMilliseconds / 1_000)
        while system.monotonicMilliseconds == start {}
        #expect(system.monotonicMilliseconds > start)

        let manual = ManualClock(wallMilliseconds: 5_000, monotonicMilliseconds: 7)
        manual.advance(milliseconds: 1_500)
        #expect(manual.wallMilliseconds == 6_500)
        #expect(manual.wallSeconds == 6)
        manual.setWall(milliseconds: 1)
        #expect(manual.monotonicMilliseconds == 1_507)
    }
}
