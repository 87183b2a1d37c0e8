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
                == [.done, .envelopes([small(1), small(2)], more: false)])
        world.now += 1
        #expect(
            try world.ask(.sweep, .read(box.id, fence: 1))
                == [.done, .envelopes([small(2)], more: false)])
        #expect(world.store.lastSweep.envelopes == 1)
        world.now += StoreWorld.hour
        try world.reopen()
        #expect(
            try world.ask(.sweep, .read(box.id, fence: 1), .attachReader(box.id))
                == [.done, .envelopes([], more: false), world.reader(2, next: 3)])
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
                == [.done, .envelopes([small(1)], more: false)])
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
        for _ in 0..<4 {
            _ = try world.one(.sweep)
            left.append(try world.store.counts().envelopes)
        }
        #expect(left == [15, 5, 0, 0])
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
                == [.done, .envelopes([small(1)], more: false)])
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
            #expect(permission == (sweeps < 167 ? .nothing : .all))
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
