import Mailbox
import Primitives
import Testing
import Wire

@Suite("Input in any pieces, and hostile input")
struct FragmentTests {
    @Test("a session cut at every byte has the same outcome (H2)")
    func everyByte() {
        let server = TestServer()
        let box = TestMailbox(seed: 1)
        let client = server.connect()
        func feed() {
            for _ in 0..<20 {
                if client.output.isEmpty { break }
                let bytes = client.output
                client.output = []
                for byte in bytes { server.deliver([byte], to: client) }
                while server.outputByteCount(client) > 0 { server.trickle(1, to: client) }
            }
        }
        feed()
        #expect(client.isOpen)
        client.create(box)
        client.attach(box, .read)
        client.attach(box, .write)
        client.send()
        feed()
        client.deposit(box.id, 1, envelope(1, size: .medium))
        client.deposit(box.id, 2, envelope(2))
        client.send()
        client.acknowledge(box.id, 1...1)
        client.send()
        feed()
        let events = client.take()
        #expect(events.deliveries.map(\.1) == [envelope(1, size: .medium), envelope(2)])
        #expect(events.filter { if case .done = $0 { true } else { false } }.count == 4)
        #expect(events.filter(\.isAttached).count == 2)
        #expect(server.bufferByteCount(client) == 0)
    }

    @Test("several messages and a part of one in a single read")
    func together() {
        let server = TestServer()
        let client = server.open()
        for seed in 0..<30 {
            client.create(TestMailbox(seed: UInt64(seed)))
            client.send()
        }
        let bytes = client.output
        client.output = []
        server.deliver(Array(bytes.prefix(bytes.count - 100)), to: client)
        server.deliver(Array(bytes.suffix(100)), to: client)
        server.run()
        #expect(client.take().count == 30)
    }

    @Test(
        "H1 a flipped bit anywhere in a stream ends that connection at most, and no other notices")
    func flips() {
        let server = TestServer()
        let box = TestMailbox(seed: 1)
        let bystander = server.reader(of: box)
        let writer = server.writer(of: box)
        var random = SeededRandom(5)
        var counter: UInt64 = 0
        for round in 0..<300 {
            let client = server.connect(address: UInt32(round))
            // Stage 0: in the head; 1: in the handshake message; 2: in a request.
            let stage = round % 3
            if stage > 0 {
                let head = client.output
                client.output = []
                server.deliver(head, to: client)
                client.receive(server.output(of: client))
            }
            if stage > 1 {
                server.run()
                client.create(TestMailbox(seed: UInt64(round)))
                client.send()
            }
            var bytes = client.output
            client.output = []
            let bit = Int(random.integer(below: UInt64(bytes.count * 8)))
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            server.deliver(bytes, to: client)
            client.receive(server.output(of: client))
            server.disconnect(client)

            counter += 1
            writer.deposit(box.id, counter, envelope(round))
            #expect(server.exchange(writer).errorCode == nil)
            #expect(bystander.take().deliveries.map(\.1) == [envelope(round)])
            bystander.acknowledge(box.id, counter...counter)
            _ = server.exchange(bystander)
        }
    }

    @Test("H1 random bytes at each layer never trap, and end in silence or an error")
    func noise() {
        let server = TestServer()
        var random = SeededRandom(6)
        for round in 0..<400 {
            let client = server.connect(address: UInt32(round))
            let junk = random.bytes(count: Int(random.integer(below: 600)))
            switch round % 4 {
            case 0:
                client.output = []
                server.deliver(junk, to: client)
            case 1:
                let head = client.output
                client.output = []
                server.deliver(head + junk, to: client)
            case 2:
                server.run()
                client.sendPlaintext(
                    junk + [UInt8](repeating: 0, count: (256 - junk.count % 256) % 256))
                server.run()
            default:
                server.run()
                // Frames of random types and bodies, in well-formed messages.
                for _ in 0..<5 {
                    client.addRaw(
                        UInt8(1 + random.integer(below: 0x34)),
                        random.bytes(count: Int(random.integer(below: 300))))
                }
                client.send()
                server.run()
            }
            server.disconnect(client)
        }
        #expect(server.core.connectionCount == 0)
        let client = server.open()
        client.create(TestMailbox(seed: 1))
        #expect(server.exchange(client).errorCode == nil)
    }
}
