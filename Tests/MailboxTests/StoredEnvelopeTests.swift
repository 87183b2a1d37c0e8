import Database
import Mailbox
import Primitives
import Testing
import Wire

@Suite("§10.2 Stored envelopes")
struct StoredEnvelopeTests {
    let server = TestServer()
    let box = TestMailbox(seed: 1)

    @Test(
        "MB-8 a deposit is answered, delivered, acknowledged and erased",
        arguments: EnvelopeSize.allCases)
    func thread(size: EnvelopeSize) {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        let request = writer.deposit(box.id, 1, envelope(1, size: size))
        #expect(server.exchange(writer) == [.done(request)])
        #expect(reader.take() == [.delivery(box.id, 1, envelope(1, size: size))])
        let acknowledge = reader.acknowledge(box.id, 1...1)
        #expect(server.exchange(reader) == [.done(acknowledge)])
        // MB-13
        reader.attach(box, .read)
        #expect(server.exchange(reader).attached?.waiting == 0)
    }

    @Test(
        "MB-8 J3 when the commit fails nothing is acknowledged, neither that deposit nor a later one"
    )
    func failedCommit() {
        let store = BrokenStore()
        let server = TestServer(store: store)
        _ = server.reader(of: box)
        let writer = server.writer(of: box)
        store.isBroken = true
        writer.deposit(box.id, 1, envelope(1))
        #expect(server.exchange(writer).isEmpty)
        store.isBroken = false
        writer.deposit(box.id, 2, envelope(2))
        #expect(server.exchange(writer).isEmpty)
        #expect(server.failure == .mustStop(.inputOutput(code: 10)))
    }

    @Test(
        "MB-9 the next counter is taken, a lower one is counterTaken whatever its bytes, a higher one names the next"
    )
    func counters() {
        _ = server.reader(of: box)
        let writer = server.writer(of: box)
        func deposit(_ counter: UInt64, _ number: Int) -> TestClient.Event? {
            let request = writer.deposit(box.id, counter, envelope(number))
            let events = server.exchange(writer)
            if case .done(let answered)? = events.first { #expect(answered == request) }
            return events.first
        }
        func code(_ event: TestClient.Event?) -> ErrorCode? { event.map { [$0] }?.errorCode }
        #expect(code(deposit(2, 1)) == .counterGap)
        #expect(code(deposit(0, 1)) == .counterTaken)
        #expect(code(deposit(1, 1)) == nil)
        #expect(code(deposit(1, 1)) == .counterTaken)
        #expect(code(deposit(1, 9)) == .counterTaken)
        let gap = deposit(3, 1)
        guard case .error(let frame)? = gap else {
            Issue.record("no error")
            return
        }
        #expect(frame.code == .counterGap)
        #expect(frame.nextCounter == 2)
        #expect(code(deposit(.max, 1)) == .counterGap)
    }

    @Test("MB-10 an erased counter is never given again, also to a writer that comes later")
    func floor() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        for counter in 1...3 { writer.deposit(box.id, UInt64(counter), envelope(counter)) }
        _ = server.exchange(writer)
        reader.acknowledge(box.id, 1...3)
        _ = server.exchange(reader)
        let later = server.open()
        later.attach(box, .write)
        #expect(server.exchange(later).attached?.nextCounter == 4)
        later.deposit(box.id, 3, envelope(3))
        #expect(server.exchange(later).errorCode == .counterTaken)
    }

    @Test("MB-11 a contact mailbox takes 4,096 bytes from anybody and nothing else")
    func contact() {
        let contact = TestMailbox(.contact, seed: 2)
        let owner = server.reader(of: contact)
        let stranger = server.open(address: 9)
        let request = stranger.depositContact(contact.id, envelope(1, size: .medium))
        #expect(server.exchange(stranger) == [.done(request)])
        #expect(owner.take() == [.delivery(contact.id, 1, envelope(1, size: .medium))])

        for size in [1_024, 16_384, 4_095, 4_097] {
            var body = Writer()
            body.u32(5)
            body.fixed(contact.id)
            body.u8(0)
            body.u16(0)
            body.zeros(size)
            stranger.addRaw(ClientFrameType.contactDeposit.rawValue, body.bytes)
            #expect(server.exchange(stranger).errorCode == .wrongSize)
        }
        let missing = TestMailbox(.contact, seed: 3)
        stranger.depositContact(missing.id, envelope(1, size: .medium))
        #expect(server.exchange(stranger).errorCode == .noSuchMailbox)
        // A chat mailbox is none, and says no more about itself than one that is not there.
        _ = server.reader(of: box)
        stranger.depositContact(box.id, envelope(1, size: .medium))
        #expect(server.exchange(stranger).errorCode == .noSuchMailbox)
    }

    @Test("MB-11 contactEnvelopesMax first messages wait and one more is mailboxFull")
    func contactQuota() {
        let contact = TestMailbox(.contact, seed: 2)
        let owner = server.reader(of: contact)
        server.disconnect(owner)
        let stranger = server.open(address: 9)
        var done = 0
        for number in 0..<Limits.contactEnvelopesMax {
            stranger.depositContact(contact.id, envelope(number, size: .medium))
            done +=
                server.exchange(stranger).filter { if case .done = $0 { true } else { false } }
                .count
        }
        #expect(done == Limits.contactEnvelopesMax)
        stranger.depositContact(contact.id, envelope(0, size: .medium))
        #expect(server.exchange(stranger).errorCode == .mailboxFull)
        // Acknowledging one makes room for one.
        let again = server.open()
        again.attach(contact, .read)
        _ = server.exchange(again)
        again.acknowledge(contact.id, 1...1)
        _ = server.exchange(again)
        stranger.depositContact(contact.id, envelope(1, size: .medium))
        #expect(server.exchange(stranger).errorCode == nil)
    }

    @Test("MB-12 what waits is delivered in order, windowEnvelopesMax at a time")
    func envelopeWindow() {
        let writer = prepare()
        let count = Limits.windowEnvelopesMax + 10
        for counter in 1...count { writer.deposit(box.id, UInt64(counter), envelope(counter)) }
        _ = server.exchange(writer)
        let reader = server.open()
        reader.attach(box, .read)
        var events = server.exchange(reader)
        #expect(events.attached?.waiting == UInt32(count))
        #expect(events.deliveries.map(\.0) == (1...UInt64(Limits.windowEnvelopesMax)).map { $0 })
        for (sequence, bytes) in events.deliveries { #expect(bytes == envelope(Int(sequence))) }
        // Nothing more comes until one is acknowledged, and then one comes for each.
        reader.acknowledge(box.id, 1...3)
        events = server.exchange(reader)
        let first = UInt64(Limits.windowEnvelopesMax)
        #expect(events.deliveries.map(\.0) == [first + 1, first + 2, first + 3])
    }

    @Test("MB-12 windowByteCountMax bounds large envelopes")
    func byteWindow() {
        let writer = prepare()
        let fits = Limits.windowByteCountMax / EnvelopeSize.large.rawValue
        for counter in 1...(fits + 2) {
            writer.deposit(box.id, UInt64(counter), envelope(counter, size: .large))
        }
        _ = server.exchange(writer)
        let reader = server.open()
        reader.attach(box, .read)
        #expect(server.exchange(reader).deliveries.count == fits)
        reader.acknowledge(box.id, 1...1)
        #expect(server.exchange(reader).deliveries.map(\.0) == [UInt64(fits) + 1])
    }

    @Test("MB-12 live deposits stop at the window too, and go on from the store in order")
    func liveWindow() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        let count = Limits.windowEnvelopesMax + 20
        for counter in 1...count { writer.deposit(box.id, UInt64(counter), envelope(counter)) }
        _ = server.exchange(writer)
        var got = reader.take().deliveries.map(\.0)
        #expect(got == (1...UInt64(Limits.windowEnvelopesMax)).map { $0 })
        while let last = got.last, last < UInt64(count) {
            reader.acknowledge(box.id, 1...last)
            let more = server.exchange(reader).deliveries.map(\.0)
            #expect(!more.isEmpty)
            if more.isEmpty { break }
            got += more
        }
        #expect(got == (1...UInt64(count)).map { $0 })
        // And then live again.
        reader.acknowledge(box.id, 1...UInt64(count))
        _ = server.exchange(reader)
        writer.deposit(box.id, UInt64(count + 1), envelope(0))
        _ = server.exchange(writer)
        #expect(reader.take().deliveries.map(\.0) == [UInt64(count + 1)])
    }

    @Test("MB-12 acknowledging out of order returns the credit of what was acknowledged")
    func outOfOrder() {
        let writer = prepare()
        let count = Limits.windowEnvelopesMax + 5
        for counter in 1...count { writer.deposit(box.id, UInt64(counter), envelope(counter)) }
        _ = server.exchange(writer)
        let reader = server.open()
        reader.attach(box, .read)
        _ = server.exchange(reader)
        reader.acknowledge(box.id, 10...12)
        #expect(server.exchange(reader).deliveries.map(\.0) == [65, 66, 67])
        // What was passed over is still there for the next reader.
        reader.attach(box, .read)
        let again = server.exchange(reader).deliveries.map(\.0)
        #expect(again.first == 1)
        #expect(!again.contains(10) && !again.contains(11) && !again.contains(12))
    }

    @Test(
        "MB-14 an envelope goes when the mailbox's time-to-live has passed",
        arguments: SettingsFrame.TimeToLive.allCases)
    func timeToLive(life: SettingsFrame.TimeToLive) {
        let reader = server.reader(of: box)
        let request = reader.add {
            .settings(SettingsFrame(request: $0, mailbox: box.id, timeToLive: life))
        }
        #expect(server.exchange(reader) == [.done(request)])
        let writer = server.writer(of: box)
        writer.deposit(box.id, 1, envelope(1))
        _ = server.exchange(writer)
        server.disconnect(writer)
        server.disconnect(reader)
        func waiting() -> UInt32? {
            let client = server.open()
            client.attach(box, .read)
            defer { server.disconnect(client) }
            return server.exchange(client).attached?.waiting
        }
        // The clock moves a day at a time, as it does; a jump is another matter (J13).
        for _ in 1..<max(2, Int(life.rawValue)) { server.advance(seconds: 86_400 - 3_600 * 2 / 30) }
        if life != .day { #expect(waiting() == 1) }
        server.advance(seconds: 86_400)
        server.advance(seconds: 3_600 * 3)
        #expect(waiting() == 0)
    }

    @Test("MB-16 a closed mailbox answers its writer alike, counts on and keeps nothing")
    func closed() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        reader.add { .close(MailboxFrame(request: $0, mailbox: box.id)) }
        _ = server.exchange(reader)
        for counter in 1...3 {
            let request = writer.deposit(box.id, UInt64(counter), envelope(counter))
            #expect(server.exchange(writer) == [.done(request)])
        }
        writer.deposit(box.id, 3, envelope(3))
        #expect(server.exchange(writer).errorCode == .counterTaken)
        writer.ephemeral(box.id, envelope(9))
        #expect(server.exchange(writer).isEmpty)
        #expect(reader.take().isEmpty)
        reader.add { .open(MailboxFrame(request: $0, mailbox: box.id)) }
        _ = server.exchange(reader)
        writer.deposit(box.id, 4, envelope(4))
        _ = server.exchange(writer)
        #expect(reader.take().deliveries.map(\.0) == [4])
        writer.ephemeral(box.id, envelope(9))
        _ = server.exchange(writer)
        #expect(reader.take() == [.ephemeral(box.id, envelope(9))])
    }

    @Test("MB-16 a reader that attaches to a closed mailbox gets no ephemeral frame either")
    func closedBefore() {
        let first = server.reader(of: box)
        first.add { .close(MailboxFrame(request: $0, mailbox: box.id)) }
        _ = server.exchange(first)
        server.disconnect(first)
        let reader = server.open()
        reader.attach(box, .read)
        _ = server.exchange(reader)
        let writer = server.writer(of: box)
        writer.ephemeral(box.id, envelope(1))
        _ = server.exchange(writer)
        #expect(reader.take().isEmpty)
    }

    @Test(
        "MB-17 H7 below the disk's floor deposits are refused; reading, acknowledging and deleting go on"
    )
    func diskFloor() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        writer.deposit(box.id, 1, envelope(1))
        _ = server.exchange(writer)
        server.store.refusesGrowth = true
        writer.deposit(box.id, 2, envelope(2))
        #expect(server.exchange(writer).errorCode == .storageFull)
        let other = TestMailbox(seed: 5)
        writer.create(other)
        #expect(server.exchange(writer).errorCode == .storageFull)
        #expect(reader.take().deliveries.map(\.0) == [1])
        reader.attach(box, .read)
        #expect(server.exchange(reader).deliveries.map(\.0) == [1])
        let acknowledge = reader.acknowledge(box.id, 1...1)
        #expect(server.exchange(reader) == [.done(acknowledge)])
        // Without a restart, and with the counter that was refused.
        server.store.refusesGrowth = false
        let request = writer.deposit(box.id, 2, envelope(2))
        #expect(server.exchange(writer) == [.done(request)])
    }

    @Test("MB-17 a mailbox takes its maximum and not one more, and loses nothing")
    func mailboxFull() {
        var limits = StoreLimits()
        limits.envelopesMax = 5
        let server = TestServer(store: StoreMemory(limits: limits))
        let reader = server.reader(of: box)
        server.disconnect(reader)
        let writer = server.writer(of: box)
        for counter in 1...5 { writer.deposit(box.id, UInt64(counter), envelope(counter)) }
        #expect(server.exchange(writer).errorCode == nil)
        writer.deposit(box.id, 6, envelope(6))
        #expect(server.exchange(writer).errorCode == .mailboxFull)
        let again = server.open()
        again.attach(box, .read)
        #expect(server.exchange(again).deliveries.map(\.0) == [1, 2, 3, 4, 5])
        again.acknowledge(box.id, 1...1)
        _ = server.exchange(again)
        writer.deposit(box.id, 6, envelope(6))
        #expect(server.exchange(writer).errorCode == nil)
    }

    @Test("MB-26 deposits of one message are taken and answered in the order sent")
    func order() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        let requests = (1...40).map { writer.deposit(box.id, UInt64($0), envelope($0)) }
        #expect(server.exchange(writer) == requests.map { .done($0) })
        #expect(reader.take().deliveries.map(\.0) == (1...40).map { UInt64($0) })
    }

    @Test("MB-15 a mailbox whose reader stays attached keeps its lease")
    func attachedLease() {
        let reader = server.reader(of: box)
        for _ in 0..<(Limits.leaseDays + 30) {
            // The client keeps its connection alive.
            for _ in 0..<2 {
                reader.ping([1])
                server.run()
            }
            server.advance(seconds: 100)
            reader.ping([1])
            server.run()
            server.advanceWall(seconds: 86_400 - 100)
        }
        let writer = server.writer(of: box)
        let request = writer.deposit(box.id, 1, envelope(1))
        #expect(server.exchange(writer) == [.done(request)])
        #expect(reader.take().deliveries.map(\.0) == [1])
    }

    @Test("MB-15 a mailbox that nobody read for its lease is gone")
    func endedLease() {
        let reader = server.reader(of: box)
        server.disconnect(reader)
        for _ in 0..<(Limits.leaseDays + 14) { server.advance(seconds: 86_400) }
        let later = server.open()
        later.attach(box, .read)
        #expect(server.exchange(later).errorCode == .attachRefused)
    }

    /// A writer to the mailbox, which nobody reads.
    private func prepare() -> TestClient {
        let reader = server.reader(of: box)
        server.disconnect(reader)
        return server.writer(of: box)
    }
}
