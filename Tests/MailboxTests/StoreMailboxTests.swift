import Database
import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("10.1 Store: the SQLite store alone")
struct StoreSQLiteMailboxTests {
    @Test(
        "MB-4 a key is looked up the same way whether or not its mailbox is there, and counts nothing"
    )
    func lookUp() throws {
        let world = try StoreWorld(.sqlite)
        let box = StoreMailboxKeys.chat()
        let contact = StoreMailboxKeys.contact(1)
        try world.make(box)
        _ = try world.ask(.create(contact), .deposit(box.id, 1, letter(1)))
        try world.reopen()
        let store = try #require(world.store as? StoreSQLite)
        #expect(
            try world.ask(
                .findKey(box.id, .read), .findKey(box.id, .write), .findKey(contact.id, .read),
                .findKey(contact.id, .write), .findKey(StoreMailboxKeys.chat(9).id, .read))
                == [
                    .key(box.keys[0].bytes), .key(box.keys[1].bytes), .key(contact.keys[0].bytes),
                    .key(nil), .key(nil),
                ])
        // Whoever asks makes the server neither count nor remember what a mailbox holds.
        #expect(store.cache.count == 0)
        // One that this very batch has made is found.
        let other = StoreMailboxKeys.chat(2)
        #expect(
            try world.ask(.create(other), .findKey(other.id, .read))
                == [.done, .key(other.keys[0].bytes)])
    }

    @Test("MB-18 the rows of a commit lie in another order than their envelopes came in")
    func rowOrder() throws {
        let world = try StoreWorld(.sqlite)
        let boxes = (0..<48).map { StoreMailboxKeys.chat($0) }
        for box in boxes { try world.make(box) }
        let store = try #require(world.store as? StoreSQLite)
        let arrival = boxes.map { $0.id }
        var orders: [[MailboxID]] = []
        for counter in 1...2 as ClosedRange<UInt64> {
            _ = try world.ask(boxes.map { .deposit($0.id, counter, letter(1)) })
            var query = try Statement(
                store.connection,
                """
                SELECT mailbox.id FROM envelope JOIN mailbox ON mailbox.number = envelope.mailbox
                WHERE counter = ?1 ORDER BY envelope.row
                """)
            query.bind(1, Int64(counter))
            var order: [MailboxID] = []
            try query.forEach { row throws(DatabaseError) in
                let id = try row.withBlob(0) { (span: RawSpan) throws(DatabaseError) in
                    MailboxID(copying: span)
                }
                order.append(id ?? .zero)
                return true
            }
            orders.append(order)
        }
        for order in orders {
            #expect(Set(order) == Set(arrival))
            // In a random order about one lies where it came; in order, or turned round, all do.
            #expect(zip(order, arrival).count { $0 == $1 } < 12)
            #expect(zip(order, arrival.reversed()).count { $0 == $1 } < 12)
        }
        // Drawn anew for each commit.
        #expect(zip(orders[0], orders[1]).count { $0 == $1 } < 12)
    }
}

@Suite("10.1 Store: mailboxes")
struct StoreMailboxTests {
    @Test("MB-2 creating twice changes nothing", arguments: StoreKind.allCases)
    func createTwice(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        #expect(try world.one(.deposit(box.id, 1, letter(1))) == .deposited(1, isKept: true))
        #expect(try world.ask(.create(box), .create(box)) == [.done, .done])
        try world.reopen()
        #expect(try world.one(.create(box)) == .done)
        #expect(try world.one(.attachReader(box.id)) == world.reader(2, next: 2, waiting: 1))
        #expect(try world.store.counts().chatMailboxes == 1)
    }

    @Test("MB-25 a mailbox of kind log is unsupported", arguments: StoreKind.allCases)
    func log(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys(.log, 0)
        #expect(try world.one(.create(box)) == .refused(.unsupported))
        #expect(try world.one(.findKey(box.id, .read)) == .key(nil))
    }

    @Test(
        "MB-4 keys are found by role, and none for what does not exist",
        arguments: StoreKind.allCases)
    func keys(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let chat = StoreMailboxKeys.chat()
        let contact = StoreMailboxKeys.contact(1)
        _ = try world.ask(.create(chat), .create(contact))
        try world.reopen()
        #expect(
            try world.ask(
                .findKey(chat.id, .read), .findKey(chat.id, .write), .findKey(chat.id, .notify),
                .findKey(chat.id, .owner), .findKey(contact.id, .read),
                .findKey(contact.id, .write), .findKey(StoreMailboxKeys.chat(5).id, .read))
                == [
                    .key(chat.keys[0].bytes), .key(chat.keys[1].bytes), .key(nil), .key(nil),
                    .key(contact.keys[0].bytes), .key(nil), .key(nil),
                ])
    }

    @Test("MB-5 read attaches are counted, also over a restart", arguments: StoreKind.allCases)
    func attachCount(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        #expect(
            try world.ask(.attachReader(box.id), .attachReader(box.id))
                == [world.reader(2, next: 1), world.reader(3, next: 1)])
        // A write attach counts nothing.
        #expect(try world.one(.attachWriter(box.id)) == .writer(next: 1))
        try world.reopen()
        #expect(try world.one(.attachReader(box.id)) == world.reader(4, next: 1))
    }

    @Test(
        "MB-4 nobody attaches to what does not exist, no writer to a contact mailbox",
        arguments: StoreKind.allCases)
    func attachMissing(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let contact = StoreMailboxKeys.contact()
        _ = try world.one(.create(contact))
        #expect(
            try world.ask(
                .attachReader(StoreMailboxKeys.chat(9).id),
                .attachWriter(StoreMailboxKeys.chat(9).id),
                .attachWriter(contact.id))
                == [.refused(.attachRefused), .refused(.attachRefused), .refused(.attachRefused)])
    }

    @Test("MB-6 a reader that was taken over changes nothing", arguments: StoreKind.allCases)
    func fence(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.ask(.deposit(box.id, 1, letter(1)), .attachReader(box.id))
        let refused = Outcome.refused(.superseded)
        for fence: UInt32 in [0, 1, 3, .max] {
            #expect(
                try world.ask(
                    .acknowledge(box.id, fence: fence, 1...1),
                    .setClosed(box.id, fence: fence, true),
                    .setTimeToLive(box.id, fence: fence, 1), .delete(box.id, fence: fence),
                    .read(box.id, fence: fence))
                    == [refused, refused, refused, refused, refused])
        }
        #expect(
            try world.ask(.read(box.id, fence: 2), .attachReader(box.id))
                == [.envelopes([small(1)], more: false), world.reader(3, next: 2, waiting: 1)])
    }

    @Test("MB-7 requests to a mailbox that is gone are refused", arguments: StoreKind.allCases)
    func gone(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        try world.make(box)
        _ = try world.one(.deposit(box.id, 1, letter(1)))
        #expect(try world.one(.delete(box.id, fence: 1)) == .done)
        let refused = Outcome.refused(.notAttached)
        #expect(
            try world.ask(
                .deposit(box.id, 2, letter(2)), .acknowledge(box.id, fence: 1, 1...1),
                .setClosed(box.id, fence: 1, true), .setTimeToLive(box.id, fence: 1, 1),
                .delete(box.id, fence: 1), .read(box.id, fence: 1))
                == [refused, refused, refused, refused, refused, refused])
        #expect(try world.store.counts() == StoreCounts())
        // Made anew it begins anew.
        try world.make(box)
    }

    @Test(
        "A mailbox that is deleted goes with what came in the same commit",
        arguments: StoreKind.allCases)
    func deleteWithPending(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let box = StoreMailboxKeys.chat()
        let other = StoreMailboxKeys.chat(1)
        try world.make(box)
        try world.make(other)
        #expect(
            try world.ask(
                .deposit(box.id, 1, letter(1)), .deposit(other.id, 1, letter(1)),
                .delete(box.id, fence: 1), .create(box), .attachReader(box.id),
                .deposit(box.id, 1, letter(7)), .read(box.id, fence: 1))
                == [
                    .deposited(1, isKept: true), .deposited(1, isKept: true), .done, .done,
                    world.reader(1, next: 1), .deposited(1, isKept: true),
                    .envelopes([Letter(1, letter(7))], more: false),
                ])
        try world.reopen()
        #expect(
            try world.ask(.read(box.id, fence: 1), .read(other.id, fence: 1))
                == [
                    .envelopes([Letter(1, letter(7))], more: false),
                    .envelopes([small(1)], more: false),
                ])
    }

    @Test(
        "MB-14 the time-to-live is 1, 7 or 30 days, of contact mailboxes always 30",
        arguments: StoreKind.allCases)
    func timeToLive(_ kind: StoreKind) throws {
        let world = try StoreWorld(kind)
        let chat = StoreMailboxKeys.chat()
        let contact = StoreMailboxKeys.contact(1)
        try world.make(chat)
        try world.make(contact)
        for days: UInt8 in [0, 2, 6, 8, 29, 31, 255] {
            #expect(
                try world.one(.setTimeToLive(chat.id, fence: 1, days)) == .refused(.unsupported))
        }
        for days: UInt8 in [1, 7, 30] {
            #expect(try world.one(.setTimeToLive(chat.id, fence: 1, days)) == .done)
            let expected: Outcome = days == 30 ? .done : .refused(.unsupported)
            #expect(try world.one(.setTimeToLive(contact.id, fence: 1, days)) == expected)
        }
    }
}
