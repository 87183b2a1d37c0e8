import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("10.2 Store: envelopes")
struct StoreEnvelopeTests {
    @Test("MB-9 only the next counter is taken", arguments: StoreKind.allCases)
    func counters(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        #expect(
            try world.ask(
                .deposit(box.id, 0, letter(1)), .deposit(box.id, 2, letter(1)),
                .deposit(box.id, 1, letter(1)), .deposit(box.id, 1, letter(1)),
                .deposit(box.id, 1, letter(9)), .deposit(box.id, 3, letter(1)),
                .deposit(box.id, .max, letter(1)), .deposit(box.id, 2, letter(2)))
                == [
                    .refused(.counterTaken), .gap(next: 2 - 1), .deposited(1, isKept: true),
                    .refused(.counterTaken), .refused(.counterTaken), .gap(next: 2), .gap(next: 2),
                    .deposited(2, isKept: true),
                ])
        try world.reopen()
        #expect(try world.one(.attachWriter(box.id)) == .writer(next: 3))
        #expect(
            try world.one(.read(box.id, fence: 1)) == .envelopes([small(1), small(2)], more: false))
    }

    @Test(
        "MB-9 MB-10 a counter stays taken after its envelope was erased",
        arguments: StoreKind.allCases)
    func floor(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.ask((1...5).map { .deposit(box.id, $0, letter(Int($0))) })
        #expect(try world.one(.acknowledge(box.id, fence: 1, 1...5)) == .done)
        try world.reopen()
        #expect(
            try world.ask(
                .deposit(box.id, 5, letter(5)), .attachWriter(box.id), .read(box.id, fence: 1))
                == [
                    .refused(.counterTaken), .writer(next: 6), .envelopes([], more: false),
                ])
        #expect(try world.one(.deposit(box.id, 6, letter(6))) == .deposited(6, isKept: true))
    }

    @Test(
        "MB-10 acknowledging beyond what was given out uses up no counter",
        arguments: StoreKind.allCases)
    func acknowledgeBeyond(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.ask(.deposit(box.id, 1, letter(1)))
        #expect(
            try world.ask(
                .acknowledge(box.id, fence: 1, 2...2),
                .acknowledge(box.id, fence: 1, UInt64.max...UInt64.max),
                .acknowledge(box.id, fence: 1, 0...0), .read(box.id, fence: 1))
                == [.done, .done, .done, .envelopes([small(1)], more: false)])
        #expect(try world.one(.acknowledge(box.id, fence: 1, 0...UInt64.max)) == .done)
        try world.reopen()
        #expect(
            try world.ask(.attachWriter(box.id), .attachReader(box.id))
                == [.writer(next: 2), world.reader(2, next: 2)])
    }

    @Test("MB-13 acknowledged envelopes are gone, others stay", arguments: StoreKind.allCases)
    func acknowledge(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.ask((1...6).map { .deposit(box.id, $0, letter(Int($0))) })
        _ = try world.ask(
            .acknowledge(box.id, fence: 1, 2...3), .acknowledge(box.id, fence: 1, 6...6))
        try world.reopen()
        #expect(
            try world.one(.read(box.id, fence: 1))
                == .envelopes([small(1), small(4), small(5)], more: false))
        #expect(try world.one(.attachReader(box.id)) == world.reader(2, next: 7, waiting: 3))
    }

    @Test("Requests of one batch see those before them", arguments: StoreKind.allCases)
    func order(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        #expect(
            try world.ask(
                .deposit(box.id, 1, letter(1)), .read(box.id, fence: 1),
                .deposit(box.id, 2, letter(2)), .deposit(box.id, 3, letter(3)),
                .acknowledge(box.id, fence: 1, 2...2), .read(box.id, fence: 1),
                .read(box.id, fence: 1, from: 2), .read(box.id, fence: 1, count: 1),
                .attachReader(box.id))
                == [
                    .deposited(1, isKept: true), .envelopes([small(1)], more: false),
                    .deposited(2, isKept: true), .deposited(3, isKept: true), .done,
                    .envelopes([small(1), small(3)], more: false),
                    .envelopes([small(3)], more: false), .envelopes([small(1)], more: true),
                    world.reader(2, next: 4, waiting: 2),
                ])
        try world.reopen()
        #expect(
            try world.one(.read(box.id, fence: 2))
                == .envelopes([small(1), small(3)], more: false))
    }

    @Test(
        "MB-12 reading is bounded by count and bytes and says whether more wait",
        arguments: StoreKind.allCases)
    func readBounds(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        let sizes: [EnvelopeSize] = [.small, .medium, .large, .small]
        for (index, size) in sizes.enumerated() {
            let deposit = Ask.deposit(box.id, UInt64(index + 1), letter(index + 1, size))
            #expect(try world.one(deposit) == .deposited(UInt64(index + 1), isKept: true))
        }
        func read(from first: UInt64 = 1, count: Int = 64, bytes: Int = 1 << 20) throws -> String {
            let outcome = try world.one(
                .read(box.id, fence: 1, from: first, count: count, bytes: bytes))
            guard case .envelopes(let letters, let more) = outcome else { return "\(outcome)" }
            for read in letters {
                let size = sizes[Int(read.sequence) - 1]
                #expect(read.bytes == letter(Int(read.sequence), size))
            }
            return letters.map { "\($0.sequence)" }.joined(separator: " ") + (more ? " …" : "")
        }
        #expect(try read() == "1 2 3 4")
        #expect(try read(count: 4) == "1 2 3 4")
        #expect(try read(count: 3) == "1 2 3 …")
        #expect(try read(from: 3) == "3 4")
        #expect(try read(from: 5) == "")
        #expect(try read(from: .max) == "")
        // At the limit of bytes, and one below.
        #expect(try read(bytes: 5_120) == "1 2 …")
        #expect(try read(bytes: 5_119) == "1 …")
        #expect(try read(bytes: 21_504) == "1 2 3 …")
        #expect(try read(bytes: 22_528) == "1 2 3 4")
        #expect(try read(bytes: 22_527) == "1 2 3 …")
        #expect(try read(bytes: 1_023) == " …")
        #expect(try read(count: 0) == " …")
    }

    @Test("An envelope has one of three sizes", arguments: StoreKind.allCases)
    func sizes(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        for count in [0, 1, 1_023, 1_025, 4_095, 4_097, 16_383, 16_385] {
            let bytes = [UInt8](repeating: 1, count: count)
            #expect(try world.one(.deposit(box.id, 1, bytes)) == .refused(.wrongSize))
        }
        var counter: UInt64 = 0
        for size in EnvelopeSize.allCases {
            counter += 1
            #expect(
                try world.one(.deposit(box.id, counter, letter(1, size)))
                    == .deposited(counter, isKept: true))
        }
    }

    @Test(
        "MB-11 contact mailboxes take 4,096 bytes and number them themselves",
        arguments: StoreKind.allCases)
    func contact(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.contact()
        let chat = StoreMailboxKeys.chat(3)
        try world.make(box)
        try world.make(chat)
        #expect(
            try world.ask(
                .depositContact(box.id, letter(1, .small)),
                .depositContact(box.id, letter(1, .large)),
                .depositContact(box.id, letter(1, .medium)),
                .depositContact(box.id, letter(1, .medium)), .deposit(box.id, 3, letter(1)),
                .depositContact(chat.id, letter(1, .medium)),
                .depositContact(StoreMailboxKeys.contact(9).id, letter(1, .medium)))
                == [
                    .refused(.wrongSize), .refused(.wrongSize), .deposited(1, isKept: true),
                    .deposited(2, isKept: true), .refused(.notAttached),
                    .refused(.noSuchMailbox), .refused(.noSuchMailbox),
                ])
        _ = try world.one(.acknowledge(box.id, fence: 1, 1...2))
        try world.reopen()
        #expect(
            try world.one(.depositContact(box.id, letter(1, .medium)))
                == .deposited(3, isKept: true))
    }

    @Test(
        "MB-11 a contact mailbox holds 200, and one more when one was erased",
        arguments: StoreKind.allCases)
    func contactQuota(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.contact()
        try world.make(box)
        let deposits = (0..<200).map { _ in Ask.depositContact(box.id, letter(1, .medium)) }
        #expect(try world.ask(deposits).last == .deposited(200, isKept: true))
        #expect(
            try world.one(.depositContact(box.id, letter(1, .medium))) == .refused(.mailboxFull))
        try world.reopen()
        #expect(
            try world.ask(
                .depositContact(box.id, letter(1, .medium)),
                .acknowledge(box.id, fence: 1, 7...7),
                .depositContact(box.id, letter(1, .medium)),
                .depositContact(box.id, letter(1, .medium)))
                == [
                    .refused(.mailboxFull), .done, .deposited(201, isKept: true),
                    .refused(.mailboxFull),
                ])
    }

    @Test(
        "MB-17 a chat mailbox is full by number, and loses nothing", arguments: StoreKind.allCases)
    func quotaByCount(_ kind: StoreKind) throws {
        var limits = StoreLimits()
        limits.envelopesMax = 3
        let world = try StoreWorld(kind, limits: limits)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        #expect(
            try world.ask((1...4).map { .deposit(box.id, $0, letter(Int($0))) }).last
                == .refused(.mailboxFull))
        try world.reopen()
        // The refused counter is free: the writer tries it again later.
        #expect(
            try world.ask(
                .deposit(box.id, 4, letter(4)), .acknowledge(box.id, fence: 1, 1...1),
                .deposit(box.id, 4, letter(4)), .read(box.id, fence: 1))
                == [
                    .refused(.mailboxFull), .done, .deposited(4, isKept: true),
                    .envelopes([small(2), small(3), small(4)], more: false),
                ])
    }

    @Test(
        "MB-17 a chat mailbox is full by bytes, at the limit and one above",
        arguments: StoreKind.allCases)
    func quotaByBytes(_ kind: StoreKind) throws {
        var limits = StoreLimits()
        limits.byteCountMax = 3 * 16_384 + 1_024
        let world = try StoreWorld(kind, limits: limits)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        #expect(
            try world.ask(
                .deposit(box.id, 1, letter(1, .large)), .deposit(box.id, 2, letter(2, .large)),
                .deposit(box.id, 3, letter(3, .large)), .deposit(box.id, 4, letter(4, .medium)),
                .deposit(box.id, 4, letter(4, .small)), .deposit(box.id, 5, letter(5, .small)))
                == [
                    .deposited(1, isKept: true), .deposited(2, isKept: true),
                    .deposited(3, isKept: true), .refused(.mailboxFull),
                    .deposited(4, isKept: true), .refused(.mailboxFull),
                ])
        try world.reopen()
        // Erasing 4,096 of the bytes (the pending one first) makes room for exactly as many.
        #expect(
            try world.ask(
                .deposit(box.id, 5, letter(5, .small)), .acknowledge(box.id, fence: 1, 1...1),
                .deposit(box.id, 5, letter(5, .medium)), .deposit(box.id, 6, letter(6, .medium)),
                .acknowledge(box.id, fence: 1, 6...6), .deposit(box.id, 7, letter(7, .medium)),
                .deposit(box.id, 8, letter(8, .medium)), .deposit(box.id, 9, letter(9, .medium)),
                .deposit(box.id, 10, letter(9, .small)))
                == [
                    .refused(.mailboxFull), .done, .deposited(5, isKept: true),
                    .deposited(6, isKept: true), .done, .deposited(7, isKept: true),
                    .deposited(8, isKept: true), .deposited(9, isKept: true),
                    .refused(.mailboxFull),
                ])
    }

    @Test(
        "MB-16 a closed mailbox answers as an open one, counts on and keeps nothing",
        arguments: StoreKind.allCases)
    func closed(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.one(.deposit(box.id, 1, letter(1)))
        #expect(
            try world.ask(
                .setClosed(box.id, fence: 1, true), .deposit(box.id, 2, letter(2)),
                .deposit(box.id, 2, letter(2)), .deposit(box.id, 4, letter(4)),
                .deposit(box.id, 3, letter(3)))
                == [
                    .done, .deposited(2, isKept: false), .refused(.counterTaken), .gap(next: 3),
                    .deposited(3, isKept: false),
                ])
        try world.reopen()
        #expect(
            try world.ask(
                .attachWriter(box.id), .attachReader(box.id), .read(box.id, fence: 2),
                .setClosed(box.id, fence: 2, false), .deposit(box.id, 4, letter(4)),
                .read(box.id, fence: 2))
                == [
                    .writer(next: 4), world.reader(2, next: 4, waiting: 1, isClosed: true),
                    .envelopes([small(1)], more: false), .done, .deposited(4, isKept: true),
                    .envelopes([small(1), small(4)], more: false),
                ])
    }

    @Test("MB-16 a closed contact mailbox answers as an open one", arguments: StoreKind.allCases)
    func closedContact(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.contact()
        try world.make(box)
        #expect(
            try world.ask(
                .setClosed(box.id, fence: 1, true), .depositContact(box.id, letter(1, .medium)),
                .depositContact(box.id, letter(1, .small)), .read(box.id, fence: 1))
                == [
                    .done, .deposited(1, isKept: false), .refused(.wrongSize),
                    .envelopes([], more: false),
                ])
    }

    @Test(
        "MB-17 below the disk's floor nothing grows; reading, erasing and deleting go on",
        arguments: StoreKind.allCases)
    func diskFloor(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        let contact = StoreMailboxKeys.contact(2)
        let closed = StoreMailboxKeys.chat(4)
        for made in [box, contact, closed] { try world.make(made) }
        _ = try world.ask(
            .deposit(box.id, 1, letter(1)), .deposit(box.id, 2, letter(2)),
            .putBlob(id: 1, erase: 2, hours: world.hours + 5, [1]),
            .setClosed(closed.id, fence: 1, true))
        world.store.refusesGrowth = true
        let full = Outcome.refused(.storageFull)
        #expect(
            try world.ask(
                .deposit(box.id, 3, letter(3)), .depositContact(contact.id, letter(1, .medium)),
                .create(StoreMailboxKeys.chat(7)),
                .putBlob(id: 9, erase: 2, hours: world.hours + 5, [1]),
                .deposit(closed.id, 1, letter(1)))
                == [full, full, full, full, full])
        #expect(
            try world.ask(
                .create(box), .attachReader(box.id), .attachWriter(box.id), .read(box.id, fence: 2),
                .acknowledge(box.id, fence: 2, 1...1), .setTimeToLive(box.id, fence: 2, 7),
                .getBlob(id: 1), .eraseBlob(id: 1, erase: 2), .delete(contact.id, fence: 1),
                .deposit(box.id, 2, letter(2)), .sweep)
                == [
                    .done, world.reader(2, next: 3, waiting: 2), .writer(next: 3),
                    .envelopes([small(1), small(2)], more: false), .done, .done, .blob([1]), .done,
                    .done, .refused(.counterTaken), .swept(more: false),
                ])
        world.store.refusesGrowth = false
        #expect(try world.one(.deposit(box.id, 3, letter(3))) == .deposited(3, isKept: true))
    }
}
