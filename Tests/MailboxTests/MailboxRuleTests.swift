import Mailbox
import Primitives
import Testing
import Wire

@Suite("§10.1 Mailboxes")
struct MailboxRuleTests {
    let server = TestServer()
    let box = TestMailbox(seed: 1)

    @Test("MB-1 a created mailbox is found under the hash of its kind and keys only")
    func identifier() {
        let client = server.open()
        client.create(box)
        #expect(server.exchange(client) == [.done(1)])
        client.attach(box, .read)
        #expect(server.exchange(client).attached?.readAttaches == 1)
        // The same keys as a mailbox of the other kind are another mailbox, and there is none.
        let other = TestMailbox(.contact, seed: 1)
        #expect(other.id != box.id)
        client.attach(other, .read)
        #expect(server.exchange(client).errorCode == .attachRefused)
    }

    @Test("MB-2 creating again is answered alike and changes nothing")
    func createAgain() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        writer.deposit(box.id, 1, envelope(1))
        _ = server.exchange(writer)
        _ = reader.take()
        let request = reader.create(box)
        #expect(server.exchange(reader) == [.done(request)])
        // The attach holds, the envelope waits, the counter goes on.
        reader.attach(box, .read)
        let events = server.exchange(reader)
        #expect(events.attached?.nextCounter == 2)
        #expect(events.attached?.waiting == 1)
        #expect(events.deliveries.map(\.0) == [1])
    }

    @Test("MB-3 a number of keys that is not the kind's is malformed", arguments: [0, 1, 3])
    func keyCount(count: Int) {
        let client = server.open()
        var body = Writer()
        body.u32(7)
        body.u8(MailboxKind.chat.rawValue)
        body.u8(UInt8(count))
        for index in 0..<count { body.fixed(TestMailbox(seed: UInt64(index)).keys[0].bytes) }
        body.u8(0)
        body.u16(0)
        client.addRaw(ClientFrameType.create.rawValue, body.bytes)
        let events = server.exchange(client)
        #expect(events.first == .error(ErrorFrame(request: 7, code: .malformed)))
        #expect(events.last == .closed(1002))
    }

    @Test(
        "MB-4 each role's key opens that role only, and nothing opens a mailbox that is not there")
    func attachKeys() {
        let client = server.reader(of: box)
        let wrong = TestMailbox(seed: 2)
        func attempt(_ role: AttachRole, _ signature: Ed25519Signature, _ id: MailboxID)
            -> ErrorCode?
        {
            client.add {
                .attach(AttachFrame(request: $0, role: role, id: id, signature: signature))
            }
            return server.exchange(client).errorCode
        }
        let hash = client.handshakeHash
        #expect(attempt(.write, box.sign(.write, hash), box.id) == nil)
        // The read key's signature over the write role, and the other way about.
        #expect(attempt(.write, box.sign(.read, hash), box.id) == .attachRefused)
        #expect(attempt(.read, box.sign(.write, hash), box.id) == .attachRefused)
        // Another mailbox's key, another channel's hash, no such mailbox.
        #expect(attempt(.read, wrong.sign(.read, hash), box.id) == .attachRefused)
        #expect(attempt(.read, box.sign(.read, .zero), box.id) == .attachRefused)
        #expect(attempt(.read, wrong.sign(.read, hash), wrong.id) == .attachRefused)
    }

    @Test("MB-4 a signature made on one channel is worth nothing on another (G1)")
    func attachReplay() {
        let first = server.reader(of: box)
        let signature = box.sign(.read, first.handshakeHash)
        let second = server.open()
        second.add {
            .attach(AttachFrame(request: $0, role: .read, id: box.id, signature: signature))
        }
        #expect(server.exchange(second).errorCode == .attachRefused)
        #expect(first.take().isEmpty, "the reader was not superseded")
    }

    @Test("MB-4 a contact mailbox has no write key to attach with")
    func contactWriter() {
        let contact = TestMailbox(.contact, seed: 3)
        let client = server.reader(of: contact)
        client.attach(contact, .write)
        #expect(server.exchange(client).errorCode == .attachRefused)
    }

    @Test("MB-5 every read attach is counted, across connections and roles")
    func attachCount() {
        let first = server.open()
        first.create(box)
        first.attach(box, .read)
        // Both in one message: the mailbox is there when its attach is looked at.
        #expect(server.exchange(first).attached?.readAttaches == 1)
        let writer = server.open()
        writer.attach(box, .write)
        #expect(server.exchange(writer).attached?.readAttaches == 0)
        first.attach(box, .read)
        #expect(server.exchange(first).attached?.readAttaches == 2)
        let second = server.open()
        second.attach(box, .read)
        #expect(server.exchange(second).attached?.readAttaches == 3)
    }

    @Test("MB-6 a second reader takes over: the first is told and can do nothing more")
    func takeOver() {
        let writer0 = server.reader(of: box)
        let first = writer0
        let second = server.open()
        second.attach(box, .read)
        #expect(server.exchange(second).attached?.readAttaches == 2)
        #expect(first.take() == [.superseded(box.id)])

        let writer = server.writer(of: box)
        writer.deposit(box.id, 1, envelope(1))
        _ = server.exchange(writer)
        #expect(second.take().deliveries.map(\.0) == [1])
        #expect(first.take().isEmpty)

        first.acknowledge(box.id, 1...1)
        #expect(server.exchange(first).errorCode == .superseded)
        for make in [
            { .close(MailboxFrame(request: $0, mailbox: box.id)) },
            { .open(MailboxFrame(request: $0, mailbox: box.id)) },
            { .delete(MailboxFrame(request: $0, mailbox: box.id)) },
            { .settings(SettingsFrame(request: $0, mailbox: box.id, timeToLive: .day)) },
        ] as [(UInt32) -> ClientRequest] {
            first.add(make)
            #expect(server.exchange(first).errorCode == .superseded)
        }
        // Attaching again takes it back, and what was not acknowledged comes again.
        first.attach(box, .read)
        let events = server.exchange(first)
        #expect(events.attached?.readAttaches == 3)
        #expect(events.deliveries.map(\.0) == [1])
        #expect(second.take() == [.superseded(box.id)])
    }

    @Test("MB-6 an acknowledge that was on its way when another took over erases nothing")
    func fence() {
        let first = server.reader(of: box)
        let writer = server.writer(of: box)
        writer.deposit(box.id, 1, envelope(1))
        _ = server.exchange(writer)
        _ = first.take()
        // The store has counted the second reader, and the router has not heard of it yet: the
        // acknowledge passes the router and meets the fence in the store.
        let second = server.open()
        second.attach(box, .read)
        second.send()
        first.acknowledge(box.id, 1...1)
        first.send()
        server.run()
        let answers = first.take()
        if answers.errorCode == nil {
            // It was in time: then the second reader has nothing to read.
            #expect(second.take().deliveries.isEmpty)
        } else {
            #expect(answers.errorCode == .superseded)
            #expect(second.take().deliveries.map(\.0) == [1])
        }
    }

    @Test(
        "MB-7 only a writer deposits, only a reader acknowledges, closes, opens, deletes and sets")
    func rights() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        reader.deposit(box.id, 1, envelope(1))
        #expect(server.exchange(reader).errorCode == .notAttached)
        writer.acknowledge(box.id, 1...1)
        #expect(server.exchange(writer).errorCode == .notAttached)
        for make in [
            { .close(MailboxFrame(request: $0, mailbox: box.id)) },
            { .open(MailboxFrame(request: $0, mailbox: box.id)) },
            { .delete(MailboxFrame(request: $0, mailbox: box.id)) },
            { .settings(SettingsFrame(request: $0, mailbox: box.id, timeToLive: .day)) },
        ] as [(UInt32) -> ClientRequest] {
            writer.add(make)
            #expect(server.exchange(writer).errorCode == .notAttached)
        }
        let stranger = server.open()
        stranger.deposit(box.id, 1, envelope(1))
        #expect(server.exchange(stranger).errorCode == .notAttached)
    }

    @Test("MB-7 a detached writer and one whose connection has gone deposit no more")
    func detached() {
        _ = server.reader(of: box)
        let writer = server.writer(of: box)
        writer.add { .detach(DetachFrame(request: $0, role: .write, mailbox: box.id)) }
        #expect(server.exchange(writer).errorCode == nil)
        writer.deposit(box.id, 1, envelope(1))
        #expect(server.exchange(writer).errorCode == .notAttached)
        // Detaching what is not attached is answered alike.
        let request = writer.add { .detach(DetachFrame(request: $0, role: .read, mailbox: box.id)) }
        #expect(server.exchange(writer) == [.done(request)])
    }

    @Test("MB-28 one write attach too many takes the place of the oldest")
    func writers() {
        let reader = server.reader(of: box)
        let writers = (0..<Limits.writersMax).map { _ in server.writer(of: box) }
        writers[0].deposit(box.id, 1, envelope(1))
        #expect(server.exchange(writers[0]).errorCode == nil)
        let next = server.writer(of: box)
        writers[0].deposit(box.id, 2, envelope(2))
        #expect(server.exchange(writers[0]).errorCode == .notAttached)
        writers[1].deposit(box.id, 2, envelope(2))
        #expect(server.exchange(writers[1]).errorCode == nil)
        next.deposit(box.id, 3, envelope(3))
        #expect(server.exchange(next).errorCode == nil)
        #expect(reader.take().deliveries.map(\.0) == [1, 2, 3])
    }

    @Test("Limits.attachmentsMax attaches are taken on one connection and one more is not (H12)")
    func attachmentsMax() {
        let client = server.open()
        var taken = 0
        for seed in 0..<Limits.attachmentsMax {
            let box = TestMailbox(seed: UInt64(1_000 + seed))
            client.create(box)
            client.attach(box, .read)
            if seed % 32 == 31 { taken += server.exchange(client).filter(\.isAttached).count }
        }
        #expect(taken == Limits.attachmentsMax)
        client.create(box)
        client.attach(box, .read)
        #expect(server.exchange(client).errorCode == .tooMany)
        let first = TestMailbox(seed: 1_000)
        client.add { .detach(DetachFrame(request: $0, role: .read, mailbox: first.id)) }
        client.attach(box, .read)
        #expect(server.exchange(client).attached != nil)
    }

    @Test("a deleted mailbox is gone for its reader, its writers and those who attach later")
    func deleted() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        let request = reader.add { .delete(MailboxFrame(request: $0, mailbox: box.id)) }
        #expect(server.exchange(reader) == [.done(request)])
        writer.deposit(box.id, 1, envelope(1))
        #expect(server.exchange(writer).errorCode == .notAttached)
        reader.acknowledge(box.id, 1...1)
        #expect(server.exchange(reader).errorCode == .notAttached)
        writer.attach(box, .write)
        #expect(server.exchange(writer).errorCode == .attachRefused)
    }
}

extension TestClient.Event {
    var isAttached: Bool { if case .attached = self { true } else { false } }
}
