import Database
import KeyDirectory
import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("10.2 Store: what expires")
struct StoreExpiryTests {
    @Test(
        "MB-14 an envelope goes when its time-to-live has passed since the hour it came in",
        arguments: StoreKind.allCases, [1, 7, 30])
    func timeToLive(_ kind: StoreKind, _ days: UInt8) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        if days != 30 { _ = try world.one(.setTimeToLive(box.id, fence: 1, days)) }
        // At half past: the hour it counts from is the one it lies in.
        world.now += 1_800
        _ = try world.one(.deposit(box.id, 1, letter(1)))
        world.now += 1_800
        _ = try world.one(.deposit(box.id, 2, letter(2)))
        for day in 1..<Int64(days) {
            world.now = StoreWorld.start + day * StoreWorld.day
            _ = try world.one(.sweep)
        }
        world.now = StoreWorld.start + Int64(days) * StoreWorld.day - 1
        #expect(
            try world.ask(.sweep, .read(box.id, fence: 1))
                == [.swept(more: false), .envelopes([small(1), small(2)], more: false)])
        world.now += 1
        #expect(
            try world.ask(.sweep, .read(box.id, fence: 1))
                == [.swept(more: false), .envelopes([small(2)], more: false)])
        #expect(world.store.lastSweep.envelopes == 1)
        world.now += StoreWorld.hour
        try world.reopen()
        #expect(
            try world.ask(.sweep, .read(box.id, fence: 1), .attachReader(box.id))
                == [.swept(more: false), .envelopes([], more: false), world.reader(2, next: 3)])
        // MB-10: what expired keeps its counter.
        try world.reopen()
        #expect(
            try world.ask(.deposit(box.id, 2, letter(2)), .deposit(box.id, 3, letter(3)))
                == [.refused(.counterTaken), .deposited(3, isKept: true)])
    }

    @Test(
        "MB-14 a changed time-to-live holds for what comes after it", arguments: StoreKind.allCases)
    func changedTimeToLive(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.ask(
            .deposit(box.id, 1, letter(1)), .setTimeToLive(box.id, fence: 1, 1),
            .deposit(box.id, 2, letter(2)))
        world.now += StoreWorld.day
        #expect(
            try world.ask(.sweep, .read(box.id, fence: 1))
                == [.swept(more: false), .envelopes([small(1)], more: false)])
    }

    @Test(
        "MB-15 a mailbox unread for its lease goes with all in it; one that is read stays",
        arguments: StoreKind.allCases)
    func lease(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let boxes = (0..<4).map { StoreMailboxKeys.chat($0) }
        for box in boxes { try world.make(box) }
        let days = Int64(Limits.leaseDays)
        for day in 1...(days + 14) {
            world.now = StoreWorld.start + day * StoreWorld.day
            _ = try world.one(.sweep)
            // The second is attached now and then, the third held attached, the fourth only
            // written to.
            if day % 60 == 0 { _ = try world.one(.attachReader(boxes[1].id)) }
            if day % 7 == 0 { _ = try world.one(.renewLease(boxes[2].id)) }
            if day % 9 == 0 {
                _ = try world.one(.deposit(boxes[3].id, UInt64(day / 9), letter(1)))
            }
            if day % 50 == 0 { try world.reopen() }
            if day <= days { #expect(try world.store.counts().chatMailboxes == 4) }
        }
        #expect(
            try world.ask(boxes.map { .findKey($0.id, .read) })
                == [
                    .key(nil), .key(boxes[1].keys[0].bytes), .key(boxes[2].keys[0].bytes),
                    .key(nil),
                ])
        #expect(try world.store.counts().envelopes == 0)
        #expect(try world.one(.renewLease(boxes[0].id)) == .done)
    }

    @Test(
        "A sweep takes no more rows than its bound and the next goes on",
        arguments: StoreKind.allCases)
    func bounded(_ kind: StoreKind) throws {
        var limits = StoreLimits()
        limits.sweepRowsMax = 10
        let world = try StoreWorld(kind, limits: limits)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.ask((1...25).map { .deposit(box.id, $0, letter(1)) })
        for day in stride(from: Int64(2), through: 30, by: 2) {
            world.now = StoreWorld.start + day * StoreWorld.day
            if day < 30 { _ = try world.one(.sweep) }
        }
        var left: [Int64] = []
        var more: [Outcome] = []
        for _ in 0..<4 {
            more.append(try world.one(.sweep))
            left.append(try world.store.counts().envelopes)
            // What is over is not read, though it lies there still.
            #expect(try world.one(.read(box.id, fence: 1)) == .envelopes([], more: false))
        }
        #expect(left == [15, 5, 0, 0])
        #expect(more == [true, true, false, false].map { .swept(more: $0) })
    }

    @Test(
        "MB-15 mailboxes are looked at in rounds, a bounded number a sweep",
        arguments: StoreKind.allCases)
    func rounds(_ kind: StoreKind) throws {
        var limits = StoreLimits()
        limits.sweepRowsMax = 10
        let world = try StoreWorld(kind, limits: limits)
        for number in 0..<25 { try world.make(.chat(number)) }
        for day in 1...(Int64(Limits.leaseDays) + 14) {
            world.now = StoreWorld.start + day * StoreWorld.day
            while try world.one(.sweep) == .swept(more: true) {}
            let left = try world.store.counts().chatMailboxes
            // 26 weeks and the one in which it was read.
            #expect(left == (day < 27 * 7 ? 25 : 0), "day \(day)")
            if day % 50 == 0 { try world.reopen() }
        }
    }

    @Test(
        "J13 a clock ten years ahead removes at most a hundredth and then holds",
        arguments: StoreKind.allCases)
    func jump(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let boxes = (0..<3).map { StoreMailboxKeys.chat($0) }
        for box in boxes { try world.make(box) }
        for box in boxes {
            _ = try world.ask((1...100).map { .deposit(box.id, $0, letter(1)) })
        }
        for id in 0..<200 {
            _ = try world.one(.putBlob(id: UInt8(id), erase: 1, hours: world.hours + 700, [1]))
        }
        _ = try world.one(.sweep)
        let full = try world.store.counts()
        world.now += 3_650 * StoreWorld.day
        for step in 0..<6 {
            _ = try world.one(.sweep)
            #expect(world.store.lastSweep.isOnHold)
            if step == 2 { try world.reopen() }
        }
        var now = try world.store.counts()
        #expect(now.envelopes == full.envelopes - 3)
        #expect(now.blobs == full.blobs - 2)
        #expect(now.chatMailboxes == full.chatMailboxes)

        // The clock comes back: nothing more is gone, and what came meanwhile lives as it should.
        _ = try world.one(.deposit(boxes[0].id, 101, letter(1)))
        world.now -= 3_650 * StoreWorld.day
        _ = try world.one(.sweep)
        #expect(!world.store.lastSweep.isOnHold)
        now = try world.store.counts()
        #expect(now.envelopes == full.envelopes - 2)
        for day in stride(from: Int64(1), through: 30, by: 1) {
            world.now = StoreWorld.start + day * StoreWorld.day
            _ = try world.one(.sweep)
        }
        #expect(try world.store.counts().envelopes == 0)
    }

    @Test("J13 the operator's word ends the hold", arguments: StoreKind.allCases)
    func believed(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.ask(.deposit(box.id, 1, letter(1)), .sweep)
        world.now += 40 * StoreWorld.day
        _ = try world.one(.sweep)
        #expect(try world.store.counts().envelopes == 1)
        try world.reopen()
        try world.store.believeClock(wallSeconds: world.now)
        try world.reopen()
        _ = try world.one(.sweep)
        #expect(world.store.lastSweep.envelopes == 1)
        #expect(!world.store.lastSweep.isOnHold)
    }

    @Test(
        "J13 a clock set back for a moment shortens no envelope's life",
        arguments: StoreKind.allCases)
    func setBack(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.one(.sweep)
        world.now -= 3_650 * StoreWorld.day
        _ = try world.ask(.deposit(box.id, 1, letter(1)), .sweep)
        world.now += 3_650 * StoreWorld.day + StoreWorld.hour
        #expect(
            try world.ask(.sweep, .read(box.id, fence: 1))
                == [.swept(more: false), .envelopes([small(1)], more: false)])
    }

    @Test(
        "MB-29 a mailbox made or read while the clock is set back keeps its lease",
        arguments: StoreKind.allCases)
    func leaseSetBack(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let boxes = (0..<3).map { StoreMailboxKeys.chat($0) }
        for box in boxes.dropLast() { try world.make(box) }
        _ = try world.ask(.deposit(boxes[0].id, 1, letter(1)), .sweep)
        try world.reopen()
        world.now -= 3_650 * StoreWorld.day
        // Read, held attached, made: each writes a lease.
        _ = try world.ask(.attachReader(boxes[0].id), .renewLease(boxes[1].id), .create(boxes[2]))
        try world.reopen()
        _ = try world.one(.sweep)
        world.now += 3_650 * StoreWorld.day + 7 * StoreWorld.day
        for _ in 0..<3 {
            world.now -= 2 * StoreWorld.day
            _ = try world.one(.sweep)
        }
        #expect(try world.store.counts().chatMailboxes == 3)
        #expect(
            try world.one(.read(boxes[0].id, fence: 2)) == .envelopes([small(1)], more: false))
    }

    @Test(
        "MB-29 a mailbox read while the clock is ten years ahead has a lease of 180 days still",
        arguments: StoreKind.allCases)
    func leaseAhead(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.one(.sweep)
        world.now += 3_650 * StoreWorld.day
        _ = try world.ask(.attachReader(box.id), .sweep)
        for day in stride(from: Int64(0), through: Int64(Limits.leaseDays) + 14, by: 2) {
            world.now = StoreWorld.start + day * StoreWorld.day
            _ = try world.one(.sweep)
        }
        #expect(try world.store.counts().chatMailboxes == 0)
    }

    @Test(
        "MB-29 when a clock that jumped is believed every lease begins anew: nobody could read",
        arguments: StoreKind.allCases, [true, false])
    func switchedOff(_ kind: StoreKind, _ isSaid: Bool) throws {
        let world = try StoreWorld(kind)
        for number in 0..<3 { try world.make(.chat(number)) }
        _ = try world.one(.sweep)
        world.now += 300 * StoreWorld.day
        try world.reopen()
        if isSaid {
            try world.store.believeClock(wallSeconds: world.now)
        } else {
            for _ in 0..<168 {
                _ = try world.one(.sweep)
                world.now += StoreWorld.hour
            }
        }
        let believed = world.now
        for day in 0...(Int64(Limits.leaseDays) + 14) {
            world.now = believed + day * StoreWorld.day
            _ = try world.one(.sweep)
            #expect(!world.store.lastSweep.isOnHold)
            if day == 1 { try world.reopen() }
            if day <= Limits.leaseDays { #expect(try world.store.counts().chatMailboxes == 3) }
        }
        #expect(try world.store.counts().chatMailboxes == 0)
    }

    @Test(
        "MB-29 the operator's word takes back an hour that was believed wrongly",
        arguments: StoreKind.allCases)
    func takenBack(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.one(.sweep)
        // Ten years ahead for a steady week.
        world.now += 3_650 * StoreWorld.day
        for _ in 0..<169 {
            _ = try world.one(.sweep)
            world.now += StoreWorld.hour
        }
        #expect(!world.store.lastSweep.isOnHold)
        world.now = StoreWorld.start + 8 * StoreWorld.day
        try world.store.believeClock(wallSeconds: world.now)
        try world.reopen()
        _ = try world.ask(.deposit(box.id, 1, letter(1)), .sweep)
        for day in 0...30 as ClosedRange<Int64> {
            #expect(try world.store.counts().envelopes == 1)
            world.now = StoreWorld.start + (8 + day) * StoreWorld.day
            _ = try world.one(.sweep)
        }
        #expect(try world.store.counts().envelopes == 0)
        #expect(try world.store.counts().chatMailboxes == 1)
    }

    @Test(
        "KD-18 MB-29 the directory hears the hour that is believed beside the one of the wall clock",
        arguments: StoreKind.allCases)
    func directoryHours(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let spy = HourSpy()
        world.store.directory = spy
        let handle = try Handle("alice")
        let frame = ClientFrame.lookUp(LookUpFrame(request: 1, handle: handle))
        let bytes: [UInt8] = []
        let made = DirectoryJob(frame, in: bytes.raw, handshakeHash: .zero)
        let job = try #require(made)
        var batch = StorageBatch()
        batch.add(.sweep)
        batch.requests.append(StorageRequest(origin: .server, operation: .directory(job)))
        let hour = StoreWorld.start / 3_600
        for ahead in [0, 2_000, -2_000, 3] as [Int64] {
            _ = try world.store.commit(batch, wallSeconds: (hour + ahead) * 3_600)
        }
        #expect(spy.wall == [hour, hour + 2_000, hour - 2_000, hour + 3])
        #expect(spy.believed == [hour, hour, hour, hour + 3])
    }

    @Test(
        "MB-14 five thousand that are over at once are gone after three ticks",
        arguments: StoreKind.allCases)
    func manyThroughTheRouter(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        if kind == .sqlite {
            world.now = TestServer<StoreMemory>.start
            try emptied(world, TestServer(store: try world.open()))
        } else {
            try emptied(world, TestServer(store: StoreMemory()))
        }
    }

    private func emptied<S: Store>(_ world: StoreWorld, _ server: TestServer<S>) throws {
        let box = TestMailbox(seed: 1)
        let reader = server.reader(of: box)
        server.disconnect(reader)
        var batch = StorageBatch()
        for counter in 1...5_000 as ClosedRange<UInt64> {
            batch.add(.deposit(box.id, counter, letter(1)))
        }
        _ = try server.store.commit(batch, wallSeconds: server.wallSeconds)
        for _ in 0..<15 { server.advanceWall(seconds: 2 * StoreWorld.day) }
        var left: [Int64] = []
        for _ in 0..<4 {
            left.append(try server.store.counts().envelopes)
            server.advanceWall(seconds: 1)
        }
        #expect(left == [3_000, 1_000, 0, 0])
        // A sweep was asked for only while there was something to do.
        #expect(server.store.lastSweep.envelopes == 1_000)
    }

    @Test(
        "J13 the clock is believed for 72 hours ahead and not for 73, and again after a steady week"
    )
    func clockRule() {
        let start: Int64 = 1_000_000
        var clock = StoreClock(hour: start)
        #expect(clock.sweep((start + 72) * 3_600) == .all)
        #expect(clock.hour == start + 72)
        var far = StoreClock(hour: start)
        #expect(far.sweep((start + 73) * 3_600) == .hundredth)
        var hour = start + 73
        var sweeps = 0
        while far.hour == start {
            hour += 1
            sweeps += 1
            let permission = far.sweep(hour * 3_600)
            #expect(permission == (sweeps < 167 ? .nothing : .allAfterJump))
            // Sweeping often within one hour makes no time pass.
            if sweeps < 167 { #expect(far.sweep(hour * 3_600 + 1_800) == .nothing) }
        }
        #expect(sweeps == 167)
        // Another jump during the week begins it anew.
        var restless = StoreClock(hour: start)
        _ = restless.sweep((start + 100) * 3_600)
        for hour in 101...200 { _ = restless.sweep((start + Int64(hour)) * 3_600) }
        #expect(restless.steadyHours == 101)
        #expect(restless.sweep((start + 900) * 3_600) == .nothing)
        #expect(restless.steadyHours == 1)
        // Time before 1970 or at the end of it makes no trouble.
        var odd = StoreClock(hour: 0)
        #expect(odd.sweep(-5) == .all)
        #expect(odd.sweep(.max) == .hundredth)
        #expect(odd.sweep(.min) == .all)
    }
}

/// Stands where the directory does and writes down the hours it is told.
private final class HourSpy: DirectoryRequests {
    private(set) var wall: [Int64] = []
    private(set) var believed: [Int64] = []

    func answer(
        _ job: DirectoryJob, wallSeconds: Int64, believedHour: Int64, refusesGrowth: Bool,
        into answers: inout [UInt8]
    ) throws(DatabaseError) {
        wall.append(wallSeconds / 3_600)
        believed.append(believedHour)
    }

    func sweep(wallSeconds: Int64) throws(DatabaseError) -> Int { 0 }
}
