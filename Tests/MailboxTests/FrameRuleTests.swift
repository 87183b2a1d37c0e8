@testable import Mailbox
import Primitives
import Testing
import Wire

@Suite("§10.6 Frames")
struct FrameRuleTests {
    let server = TestServer()
    let box = TestMailbox(seed: 1)

    /// One valid body of each type that has a fixed one.
    private func bodies() -> [(ClientFrameType, [UInt8])] {
        var create = Writer()
        create.u32(1)
        create.u8(1)
        create.u8(2)
        for key in box.keys { create.fixed(key.bytes) }
        create.u8(0)
        create.u16(0)
        let only = [0, 0, 0, 1] + box.id.array
        let sequences = [UInt8](repeating: 0, count: 16)
        return [
            (.create, create.bytes),
            (.attach, [0, 0, 0, 1, 0] + box.id.array + [UInt8](repeating: 0, count: 72)),
            (.detach, [0, 0, 0, 1, 0] + box.id.array),
            (.acknowledge, only + sequences),
            (.settings, only + [0, 1, 0, 1, 7]),
            (.close, only), (.open, only), (.delete, only), (.getBlob, only),
            (.eraseBlob, only + box.id.array),
        ]
    }

    @Test(
        "MB-24 every frame cut short or with a byte too many is malformed, closes, and takes no effect"
    )
    func malformed() throws {
        for (type, body) in bodies() {
            for wrong in [Array(body.dropLast()), body + [0], Array(body.prefix(5)), []] {
                let client = server.open()
                client.addRaw(type.rawValue, wrong)
                // What comes behind it in the same message is not looked at any more.
                client.create(TestMailbox(seed: 99))
                let events = server.exchange(client)
                let request: UInt32 = wrong.count >= 4 ? 1 : 0
                #expect(
                    events == [
                        .error(ErrorFrame(request: request, code: .malformed)), .closed(1002),
                    ], "\(type) of \(wrong.count)")
            }
        }
        #expect(try server.store.counts() == StoreCounts())
    }

    @Test("MB-24 what stood before a malformed frame in its message has taken effect")
    func before() {
        let client = server.open()
        client.create(box)
        client.addRaw(ClientFrameType.delete.rawValue, [1])
        let events = server.exchange(client)
        #expect(events.last == .closed(1002))
        let other = server.open()
        other.attach(box, .read)
        #expect(server.exchange(other).attached != nil)
    }

    @Test(
        "MB-24 a range that ends before it begins, a cursor, a time-to-live of no known length are malformed"
    )
    func values() {
        let only = [0, 0, 0, 1] + box.id.array
        let reversed = [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1] as [UInt8]
        let cursor =
            [0, 0, 0, 1, 0] + box.id.array + [0, 0, 0, 0, 0, 0, 0, 1]
            + [UInt8](repeating: 0, count: 64)
        for (type, body) in [
            (.acknowledge, only + reversed), (.attach, cursor),
            (.settings, only + [0, 1, 0, 1, 2]),
        ] as [(ClientFrameType, [UInt8])] {
            let client = server.open()
            client.addRaw(type.rawValue, body)
            #expect(server.exchange(client).errorCode == .malformed)
        }
    }

    @Test("MB-24 a malformed ephemeral frame is said to nobody's request and closes")
    func malformedEphemeral() {
        let client = server.open()
        client.addRaw(ClientFrameType.ephemeral.rawValue, [UInt8](repeating: 5, count: 100))
        let events = server.exchange(client)
        #expect(events == [.error(ErrorFrame(request: 0, code: .malformed)), .closed(1002)])
    }

    @Test("MB-25 an unknown type, role, kind or setting is unsupported and the connection goes on")
    func unsupported() {
        let client = server.open()
        let only = [0, 0, 0, 1] + box.id.array
        var log = Writer()
        log.u32(1)
        log.u8(3)
        log.u8(3)
        for index in 0..<3 { log.fixed(TestMailbox(seed: UInt64(index)).keys[0].bytes) }
        log.u8(0)
        log.u16(0)
        let attachTail = box.id.array + [UInt8](repeating: 0, count: 72)
        for (type, body, request) in [
            (0x0c, [0, 0, 0, 1], 1), (0x30, [0, 0, 0, 1, 9, 9], 1), (0x7f, [1, 2], 0),
            (0x2f, [], 0),
            (0xff, [0, 0, 0, 1], 1),
            (ClientFrameType.create.rawValue, log.bytes, 1),
            (ClientFrameType.attach.rawValue, [0, 0, 0, 1, 2] + attachTail, 1),
            (ClientFrameType.attach.rawValue, [0, 0, 0, 1, 3] + attachTail, 1),
            (ClientFrameType.attach.rawValue, [0, 0, 0, 1, 77] + attachTail, 1),
            (ClientFrameType.detach.rawValue, [0, 0, 0, 1, 2] + box.id.array, 1),
            (ClientFrameType.settings.rawValue, only + [0, 2, 0, 0], 1),
        ] as [(UInt8, [UInt8], UInt32)] {
            client.addRaw(type, body)
            #expect(
                server.exchange(client)
                    == [.error(ErrorFrame(request: request, code: .unsupported))], "\(type)")
        }
        let request = client.create(box)
        #expect(server.exchange(client) == [.done(request)])
    }

    @Test(
        "MB-9 an envelope of another size is wrongSize",
        arguments: [0, 1, 1_023, 1_025, 4_095, 16_383, 16_385])
    func envelopeSize(size: Int) {
        _ = server.reader(of: box)
        let writer = server.writer(of: box)
        var body = Writer()
        body.u32(1)
        body.fixed(box.id)
        body.u64(1)
        body.zeros(size)
        writer.addRaw(ClientFrameType.deposit.rawValue, body.bytes)
        #expect(server.exchange(writer) == [.error(ErrorFrame(request: 1, code: .wrongSize))])
        writer.deposit(box.id, 1, envelope(1))
        #expect(server.exchange(writer).errorCode == nil)
    }

    @Test("MB-26 answers carry the id of their request, whatever ids a client chooses")
    func requestIDs() {
        let client = server.open()
        for id in [0, 1, 0xffff_ffff, 7, 7] as [UInt32] {
            var body = Writer()
            body.u32(id)
            body.fixed(box.id)
            client.addRaw(ClientFrameType.getBlob.rawValue, body.bytes)
            #expect(server.exchange(client) == [.error(ErrorFrame(request: id, code: .notFound))])
        }
    }

    @Test("MB-27 no line of the log can hold more than counts and codes")
    func log() {
        // The events are an enumeration; this is their whole text.
        let lines = ServerLog.inventory.map(ServerLog.text)
        for line in lines {
            let words = line.split(separator: " ")
            #expect(words.count >= 1)
            for word in words.dropFirst() {
                let parts = word.split(separator: "=", maxSplits: 1)
                #expect(parts.count == 2)
                let value = parts[1]
                let isNumber = Int(value) != nil
                let isVersion = value.allSatisfy { $0.isNumber || $0 == "." }
                let isCall = value == "listen"
                #expect(isNumber || isVersion || isCall, "\(line)")
            }
        }
        #expect(Set(lines.map { $0.prefix { $0 != " " } }).count == lines.count)
    }

    @Test("G9 of a hundred clients with the same request ids each gets its own answers")
    func apart() {
        let clients = (0..<100).map { _ in server.open() }
        for (index, client) in clients.enumerated() {
            let id = FixedBytes<32>(copying: SHA256.hash([UInt8(index)].raw).raw) ?? .zero
            client.putBlob(
                id: id, eraseKey: id, expiry: Hours(secondsSince1970: server.wallSeconds + 7_200),
                [UInt8(index)])
            client.add { .getBlob(GetBlobFrame(request: $0, id: id)) }
            client.send()
        }
        server.run()
        for (index, client) in clients.enumerated() {
            #expect(client.take() == [.done(1), .blob(2, [UInt8(index)])])
        }
    }
}
