import Database
import FaultyDisk
import Glibc
import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("Faults under the store")
struct StoreFaultTests {
    private static let writing: Set<FaultyDisk.Operation> = [.write, .sync, .truncate]

    /// What clients were told.
    private struct Told {
        /// Sequences that were acknowledged as stored, with the bytes.
        var stored: [UInt64: [UInt8]] = [:]
        /// Sequences that were acknowledged as erased.
        var erased: Set<UInt64> = []
        var refusals = 0
        var isStopped = false
    }

    private static func run(_ world: StoreWorld, _ box: StoreMailboxKeys) throws -> Told {
        var told = Told()
        var next: UInt64 = 1
        var fence: UInt32 = 1
        for round in 0..<10 {
            var asks: [Ask] = (0..<4).map {
                .deposit(box.id, next + UInt64($0), letter(Int(next) + $0, .medium))
            }
            asks.append(.attachReader(box.id))
            asks.append(.acknowledge(box.id, fence: fence + 1, UInt64(round)...UInt64(round)))
            do throws(StoreError) {
                var batch = StorageBatch()
                for ask in asks { batch.add(ask) }
                let outcomes = try world.store.commit(batch, wallSeconds: world.now).outcomes
                for (ask, outcome) in zip(asks, outcomes) {
                    switch (ask, outcome) {
                    case (.deposit(_, let counter, let bytes), .deposited(let sequence, _)):
                        #expect(sequence == counter)
                        told.stored[sequence] = bytes
                        next = sequence + 1
                    case (.attachReader, .reader(let given, _, _, _)): fence = given
                    case (.acknowledge(_, _, let range), .done):
                        told.erased.formUnion(range)
                    case (_, .refused(.storageFull)), (_, .gap), (_, .refused(.superseded)):
                        told.refusals += 1
                    default: Issue.record("\(outcome)")
                    }
                }
                world.store.refusesGrowth = false
                if round % 3 == 2 { try world.store.tidy() }
            } catch {
                // J3: from here on nothing is acknowledged.
                told.isStopped = true
                var batch = StorageBatch()
                batch.add(.deposit(box.id, next, letter(1)))
                #expect(throws: StoreError.mustStop(.mustStop)) {
                    try world.store.commit(batch, wallSeconds: world.now)
                }
                return told
            }
        }
        return told
    }

    private static func check(_ told: Told, _ world: StoreWorld, _ box: StoreMailboxKeys) throws {
        try world.reopen()
        guard
            case .reader(let fence, let next, _, _) = try world.one(.attachReader(box.id)),
            case .envelopes(let letters, false) = try world.one(.read(box.id, fence: fence))
        else {
            Issue.record("the mailbox is gone")
            return
        }
        let found = Dictionary(uniqueKeysWithValues: letters.map { ($0.sequence, $0.bytes) })
        for (sequence, bytes) in told.stored where !told.erased.contains(sequence) {
            #expect(found[sequence] == bytes)
        }
        for sequence in told.erased { #expect(found[sequence] == nil) }
        // No counter is given twice, whatever was cut off.
        #expect(next > (told.stored.keys.max() ?? 0))
        let store = try #require(world.store as? StoreSQLite)
        #expect(try store.connection.findProblems(isThorough: true).isEmpty)
    }

    @Test(
        "J1 J3 J4 R3 whichever write or sync fails, no answer was false",
        arguments: FaultyDisk.Fault.allCases, [false, true])
    func everyPoint(_ fault: FaultyDisk.Fault, _ isLasting: Bool) throws {
        var operations = 0
        let box = StoreMailboxKeys.chat()
        do {
            let disk = FaultyDisk()
            let world = try StoreWorld(.sqlite, layer: disk.name)
            try world.make(box)
            disk.countOnly(Self.writing)
            let told = try Self.run(world, box)
            #expect(told.stored.count == 40 && !told.isStopped)
            operations = disk.operationCount
        }
        #expect(operations > 40)
        var stops = 0
        var refusals = 0
        // Every third point; all of them in the long setting.
        let step = unsafe getenv("POSTERN_LONG") == nil ? 3 : 1
        for point in stride(from: 1, through: operations, by: step) {
            let disk = FaultyDisk()
            let world = try StoreWorld(.sqlite, layer: disk.name)
            try world.make(box)
            disk.arm(failing: point, fault, of: Self.writing, isLasting: isLasting)
            let told = try Self.run(world, box)
            #expect(disk.hasFailed)
            if told.isStopped { stops += 1 }
            if told.refusals > 0 { refusals += 1 }
            disk.countOnly([])
            try Self.check(told, world, box)
        }
        // An error of the disk stops the store; a full one makes it refuse and go on.
        #expect(fault == .full ? refusals > operations / 3 / step : stops > operations / 2 / step)
    }

    @Test("J1 R2 a power cut after any batch loses nothing that was answered")
    func powerCuts() throws {
        let box = StoreMailboxKeys.chat()
        for seed in 0..<40 {
            var generator = SplitMix(seed: UInt64(seed))
            let disk = FaultyDisk()
            disk.startPowerModel()
            let world = try StoreWorld(.sqlite, layer: disk.name)
            try world.make(box)
            let told = try Self.run(world, box)
            disk.cutPower(
                &generator, keeping: [0, 0.4, 0.8][seed % 3], tearing: seed % 2 == 0)
            disk.arm(failing: 1, .error, of: Set(FaultyDisk.Operation.allCases), isLasting: true)
            try Self.check(told, world, box)
        }
    }

    @Test("MB-12 while somebody else holds the file nothing is written and readers go on")
    func busy() throws {
        let box = StoreMailboxKeys.chat()
        let world = try StoreWorld(.sqlite)
        try world.make(box)
        _ = try world.ask(.deposit(box.id, 1, letter(1)))
        var options = Connection.Options()
        options.busyMilliseconds = 0
        let other = try Connection(path: world.path, options: options)
        try other.begin()
        #expect(
            try world.ask(.deposit(box.id, 2, letter(2)), .read(box.id, fence: 1))
                == [.refused(.internalError), .envelopes([small(1)], more: false)])
        other.rollback()
        #expect(
            try world.ask(.deposit(box.id, 2, letter(2))) == [.deposited(2, isKept: true)])
    }

    @Test(
        "J3 numbers that only damage can have put into a mailbox's row stop the store, never trap it",
        arguments: [
            "UPDATE mailbox SET floor = 9223372036854775807",
            "UPDATE mailbox SET floor = -1",
            "UPDATE mailbox SET time_to_live = 9223372036854775807",
            "UPDATE mailbox SET kind = 9",
            "UPDATE mailbox SET read_key = x'00'",
            "UPDATE envelope SET counter = 9223372036854775807",
        ] as [StaticString])
    func damagedRow(_ sql: StaticString) throws {
        let box = StoreMailboxKeys.chat()
        let world = try StoreWorld(.sqlite)
        try world.make(box)
        _ = try world.ask(.deposit(box.id, 1, letter(1)))
        world.store = StoreMemory()
        try Self.damage(world, sql)
        world.store = try world.open()
        #expect(throws: StoreError.self) {
            try world.ask(.deposit(box.id, 2, letter(2)))
        }
    }

    @Test("J3 a clock row that only damage can have made is refused at the start")
    func damagedClock() throws {
        for sql in [
            "UPDATE sweep SET hour = 9223372036854775807",
            "UPDATE sweep SET held_hour = -9223372036854775808",
        ] as [StaticString] {
            let world = try StoreWorld(.sqlite)
            world.now += StoreWorld.hour
            _ = try world.ask(.sweep)
            world.store = StoreMemory()
            try Self.damage(world, sql)
            #expect(throws: StoreError.cannotOpen(.corrupt(code: 0))) { try world.open() }
        }
    }

    private static func damage(_ world: StoreWorld, _ sql: StaticString) throws {
        try Connection(path: world.path).execute(sql)
    }

    @Test("J4 on a full disk growth is refused, erasing goes on, and it recovers without a restart")
    func fullDisk() throws {
        let disk = FaultyDisk()
        let box = StoreMailboxKeys.chat()
        let world = try StoreWorld(.sqlite, layer: disk.name)
        try world.make(box)
        _ = try world.ask((1...4).map { .deposit(box.id, $0, letter(Int($0))) })
        disk.arm(failing: 1, .full, of: [.write])
        #expect(
            try world.ask(
                .deposit(box.id, 5, letter(5)), .acknowledge(box.id, fence: 1, 1...2),
                .read(box.id, fence: 1))
                == [
                    .refused(.storageFull), .done, .envelopes([small(3), small(4)], more: false),
                ])
        #expect(world.store.refusesGrowth)
        // Not even erasing works: all that writes is refused, nothing is lost, reading goes on.
        disk.arm(failing: 1, .full, of: [.write], isLasting: true)
        #expect(
            try world.ask(
                .deposit(box.id, 5, letter(5)), .acknowledge(box.id, fence: 1, 3...3),
                .findKey(box.id, .write), .read(box.id, fence: 1))
                == [
                    .refused(.storageFull), .refused(.storageFull), .key(box.keys[1].bytes),
                    .envelopes([small(3), small(4)], more: false),
                ])
        disk.countOnly([])
        world.store.refusesGrowth = false
        #expect(
            try world.ask(.deposit(box.id, 5, letter(5)), .read(box.id, fence: 1))
                == [
                    .deposited(5, isKept: true),
                    .envelopes([small(3), small(4), small(5)], more: false),
                ])
    }
}
