import Channel
import Mailbox
import Primitives
import Testing
import Wire

@Suite("§11.3 Secure messages")
struct ConnectionTests {
    let server = TestServer()
    let box = TestMailbox(seed: 1)

    @Test("CH-41 the hello comes first and alone, with the server's key and its minutes")
    func hello() {
        let client = server.connect()
        server.run()
        let events = client.take()
        guard case .hello(let hello)? = events.first else {
            Issue.record("no hello")
            return
        }
        #expect(events.count == 1)
        #expect(hello.minutes == UInt32(server.wallSeconds / 60))
        #expect(hello.admissionMethods == 1)
        #expect(hello.limits == .standard)
        #expect(client.messageSizes == [256])
        // The key that clients pin is the one of the key file.
        #expect(hello.signingKey == server.signingKey)
    }

    @Test("CH-40 every message of the server is a multiple of the padding unit")
    func padding() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        for counter in 1...20 {
            writer.deposit(box.id, UInt64(counter), envelope(counter))
            if counter % 3 == 0 { _ = server.exchange(writer) }
        }
        _ = server.exchange(writer)
        for size in reader.messageSizes + writer.messageSizes {
            #expect(size > 0 && size.isMultiple(of: Limits.paddingByteCount))
            #expect(size <= Limits.messageByteCountMax)
        }
        // A turn's answers share one message.
        #expect(writer.messageSizes.count <= 3 + 7)
    }

    @Test(
        "CH-40 a plaintext of a wrong size, with a frame past its end or bytes in its padding closes at once"
    )
    func badPlaintext() {
        let create = Writer.frames { writer in
            CreateFrame(request: 1, kind: .chat, keys: box.keys).encoded(into: &writer)
        }
        var pastEnd = [UInt8](repeating: 0, count: 256)
        pastEnd[0] = 4
        pastEnd[1] = 0xff
        var afterZero = create
        afterZero[255] = 1
        var headOnly = [UInt8](repeating: 0, count: 256)
        headOnly[255] = 4
        headOnly.replaceSubrange(0..<4, with: [0x11, 0, 252, 0])
        for plaintext in [
            Array(create.dropLast()), create + [0], create + [UInt8](repeating: 0, count: 255),
            pastEnd, afterZero, [UInt8](repeating: 0, count: 1), headOnly,
        ] {
            let client = server.open()
            client.sendPlaintext(plaintext)
            server.run()
            // Nothing inside the channel, and nothing of the good frame in it took effect.
            #expect(client.take() == [.closed(1002)], "\(plaintext.count)")
        }
        let probe = server.open()
        probe.attach(box, .read)
        #expect(server.exchange(probe).errorCode == .attachRefused)
    }

    @Test("CH-40 messageByteCountMax bytes are taken, and a message of padding alone as well")
    func largestMessage() {
        let client = server.open()
        let create = Writer.frames { writer in
            CreateFrame(request: 1, kind: .chat, keys: box.keys).encoded(into: &writer)
        }
        client.sendPlaintext(
            create + [UInt8](repeating: 0, count: Limits.messageByteCountMax - create.count))
        client.sendPlaintext([UInt8](repeating: 0, count: 256))
        server.run()
        #expect(client.take() == [.done(1)])
    }

    @Test("CH-43 a message that does not open ends the connection without a word inside")
    func badSeal() {
        for length in [0, 15, 16, 272, 65_535] {
            let client = server.open()
            client.sendBinary([UInt8](repeating: 0x5a, count: length))
            server.run()
            #expect(client.take() == [.closed(1002)], "\(length)")
        }
    }

    @Test("CH-43 H1 answers that wait are sealed before a message that does not open ends all")
    func badSealBehindAnswers() {
        let client = server.open()
        let other = server.open()
        let request = client.deposit(box.id, 1, [UInt8](repeating: 1, count: 1_024))
        client.send()
        client.sendBinary([UInt8](repeating: 0x5a, count: 272))
        // Both in one read: the answer to the first is not sealed yet when the second is refused.
        server.run()
        let events = client.take()
        #expect(events.count == 2)
        #expect(events.errorCode == .notAttached)
        #expect(events.first == .error(ErrorFrame(request: request, code: .notAttached)))
        #expect(events.last == .closed(1002))
        other.create(box)
        #expect(server.exchange(other) == [.done(1)])
    }

    @Test(
        "CH-23 a handshake message that is wrong is answered by the end",
        arguments: [0, 48, 1_000, 1_247, 1_248])
    func badHandshake(length: Int) {
        let client = server.connect()
        server.deliver(client.output, to: client)
        client.output = []
        client.sendBinary([UInt8](repeating: 9, count: length))
        let bytes = client.output
        client.output = []
        server.deliver(bytes, to: client)
        client.receive(server.output(of: client))
        #expect(!client.isOpen)
        #expect(
            server.isOver(client)
                || client.take().contains { if case .closed = $0 { true } else { false } })
    }

    @Test("CH-20 CH-14 H1 before the handshake no more than its message is held, afterwards all")
    func handshakeLimit() {
        // A head that only declares the byte too many; nothing of its payload is awaited.
        for (length, isTaken) in [(1_248, true), (1_249, false), (65_535, false)] {
            let client = server.connect()
            server.hand(client)
            client.receive(server.output(of: client))
            client.output = []
            client.sendBinary([UInt8](repeating: 9, count: length))
            let head = Array(client.output.prefix(8))
            client.output = []
            server.deliver(head, to: client)
            client.receive(server.output(of: client))
            #expect(client.take() == (isTaken ? [] : [.closed(1009)]))
        }
        let client = server.open()
        let request = client.deposit(box.id, 1, [UInt8](repeating: 1, count: 16_384))
        #expect(
            server.exchange(client) == [.error(ErrorFrame(request: request, code: .notAttached))])
    }

    @Test("CH-21 A11 a client does not connect where a version was stripped from its offer")
    func strippedOffer() {
        let offer = ["postern.v1", "postern.v0"]
        let honest = server.connect(subprotocols: offer)
        server.run()
        #expect(honest.isOpen)
        // Somebody between the two takes the better version out of the request.
        let client = server.connect(subprotocols: offer)
        let request = String(decoding: client.output, as: UTF8.self)
        let parts = request.split(separator: "postern.v1, ", omittingEmptySubsequences: false)
        #expect(parts.count == 2)
        client.output = []
        server.deliver(Array(parts.joined().utf8), to: client)
        server.run()
        #expect(!client.isOpen)
        #expect(client.take() == [.closed(1002)])
    }

    @Test("CH-18 H5 pings of a client that does not read are answered once it reads, by one pong")
    func pingFlood() {
        let client = server.open()
        for number in 0..<2_000 {
            client.ping([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 125))
            server.run(stalled: [client])
            #expect(
                server.outputByteCount(client) <= Limits.ephemeralBacklogByteCountMax + 127)
        }
        var last: [UInt8] = []
        for _ in 0..<2 {
            last = server.output(of: client)
            server.turn()
        }
        #expect(last == [0x8a, 125] + [UInt8](repeating: UInt8(1_999 % 256), count: 125))
        #expect(server.output(of: client).isEmpty)
    }

    @Test("CH-44 a connection is closed idleSeconds after the last byte, and a ping keeps it")
    func idle() {
        let client = server.open()
        server.advance(seconds: Int64(Limits.idleSeconds) - 1)
        #expect(client.take().isEmpty)
        client.ping([1])
        server.run()
        server.advance(seconds: Int64(Limits.idleSeconds) - 1)
        #expect(client.take().isEmpty)
        server.advance(seconds: 1)
        #expect(client.take() == [.closed(1000)])
    }

    @Test("CH-45 H4 the head has headSeconds, byte by byte or not at all")
    func slowHead() {
        let silent = server.connect()
        silent.output = []
        let slow = server.connect()
        let head = slow.output
        slow.output = []
        for second in 0..<Limits.headSeconds - 1 {
            server.deliver([head[second]], to: slow)
            server.advance(seconds: 1)
        }
        #expect(!server.isOver(slow) && !server.isOver(silent))
        server.advance(seconds: 1)
        #expect(server.isOver(slow) && server.isOver(silent))
    }

    @Test("CH-45 the handshake has handshakeSeconds from connecting")
    func slowHandshake() {
        let client = server.connect()
        let head = client.output
        client.output = []
        server.deliver(head, to: client)
        _ = server.output(of: client)
        server.wait(seconds: Int64(Limits.handshakeSeconds) - 1)
        #expect(server.outputByteCount(client) == 0)
        server.wait(seconds: 1)
        // A Close frame with 1000, unmasked.
        #expect(server.output(of: client) == [0x88, 2, 3, 232])
        #expect(server.isOver(client))
    }

    @Test(
        "CH-46 H5 a reader that does not read is held to outputByteCountMax, others do not notice, and nothing is lost"
    )
    func slowReader() {
        let boxes = (0..<20).map { TestMailbox(seed: UInt64(100 + $0)) }
        let reader = server.open()
        for box in boxes {
            reader.create(box)
            reader.attach(box, .read)
        }
        _ = server.exchange(reader)
        let writer = server.open()
        for box in boxes { writer.attach(box, .write) }
        _ = server.exchange(writer)
        let other = TestMailbox(seed: 999)
        let otherReader = server.reader(of: other)
        let otherWriter = server.writer(of: other)

        let each = 40
        for counter in 1...each {
            for box in boxes { writer.deposit(box.id, UInt64(counter), envelope(counter)) }
            writer.send()
            server.run(stalled: [reader])
            #expect(server.outputByteCount(reader) <= Limits.outputByteCountMax)
        }
        #expect(server.outputByteCount(reader) > Limits.outputByteCountMax / 2)
        otherWriter.deposit(other.id, 1, envelope(1))
        otherWriter.send()
        server.run(stalled: [reader])
        #expect(otherReader.take().deliveries.map(\.0) == [1])

        server.run()
        var got = reader.take().deliveries
        for _ in 0..<each * boxes.count where got.count < each * boxes.count {
            for box in boxes { reader.acknowledge(box.id, 0...UInt64(each)) }
            let more = server.exchange(reader).deliveries
            if more.isEmpty { break }
            got += more
        }
        #expect(got.count == each * boxes.count)
        #expect(server.bufferByteCount(reader) == 0)
    }

    @Test(
        "CH-46 a client that asks and does not read is read no further, and then gets all answers")
    func askingWithoutReading() {
        let client = server.open()
        let id = FixedBytes<32>(copying: [UInt8](repeating: 1, count: 32).raw) ?? .zero
        let bytes = [UInt8](repeating: 8, count: Limits.blobByteCountMax)
        client.putBlob(
            id: id, eraseKey: id, expiry: Hours(secondsSince1970: server.wallSeconds + 7_200),
            bytes)
        _ = server.exchange(client)
        let count = 1_000
        for _ in 0..<count { client.add { .getBlob(GetBlobFrame(request: $0, id: id)) } }
        client.send()
        server.run(stalled: [client])
        #expect(server.outputByteCount(client) <= Limits.outputByteCountMax)
        #expect(!server.wantsInput(client))
        server.run()
        let blobs = client.take().filter { if case .blob(_, bytes) = $0 { true } else { false } }
        #expect(blobs.count == count)
        #expect(server.wantsInput(client))
        #expect(server.bufferByteCount(client) == 0)
    }

    @Test("CH-46 H5 one small request a turn fills no more than many in one message, nor do pings")
    func askingBitByBit() {
        for pings in [false, true] {
            let client = server.open()
            let reading = server.open()
            let count = 1_200
            var most = 0
            for _ in 0..<count {
                if pings { client.ping([1, 2, 3]) }
                client.add { .detach(DetachFrame(request: $0, role: .read, mailbox: self.box.id)) }
                client.send()
                server.run(stalled: [client])
                most = max(most, server.outputByteCount(client))
                #expect(server.bufferByteCount(client) <= 2 * Limits.outputByteCountMax)
            }
            #expect(most <= Limits.outputByteCountMax)
            #expect(most > 8_000)
            reading.create(TestMailbox(seed: pings ? 50 : 51))
            #expect(server.exchange(reading).count == 1)
            server.run()
            #expect(
                client.take().filter { if case .done = $0 { true } else { false } }.count == count)
            #expect(server.wantsInput(client))
            #expect(server.bufferByteCount(client) == 0)
            server.disconnect(client)
        }
    }

    @Test("CH-46 H5 answers, ephemeral frames, deliveries and takeovers together stay in the bound")
    func everythingAtOnce() {
        let boxes = (0..<60).map { TestMailbox(seed: UInt64(700 + $0)) }
        let reader = server.open()
        let writer = server.open()
        for box in boxes {
            reader.create(box)
            reader.attach(box, .read)
        }
        _ = server.exchange(reader)
        for box in boxes { writer.attach(box, .write) }
        _ = server.exchange(writer)
        let thief = server.open()
        let blob = FixedBytes<32>(copying: [UInt8](repeating: 7, count: 32).raw) ?? .zero
        writer.putBlob(
            id: blob, eraseKey: blob, expiry: Hours(secondsSince1970: server.wallSeconds + 7_200),
            [UInt8](repeating: 8, count: Limits.blobByteCountMax))
        _ = server.exchange(writer)
        for round in 1...4 {
            for box in boxes {
                writer.deposit(box.id, UInt64(round), envelope(round))
                writer.ephemeral(box.id, [UInt8](repeating: 1, count: 1_024))
                writer.send()
                reader.ping([UInt8](repeating: 9, count: 100))
                reader.add { .getBlob(GetBlobFrame(request: $0, id: blob)) }
                reader.send()
                server.run(stalled: [reader])
                #expect(server.outputByteCount(reader) <= Limits.outputByteCountMax)
            }
        }
        for box in boxes { thief.attach(box, .read) }
        thief.send()
        server.run(stalled: [reader])
        #expect(server.outputByteCount(reader) <= Limits.outputByteCountMax)
        #expect(server.outputByteCount(reader) > Limits.outputByteCountMax / 2)
        server.run()
        let events = reader.take()
        #expect(events.filter { if case .blob = $0 { true } else { false } }.count == 4 * 60)
        #expect(events.filter { if case .superseded = $0 { true } else { false } }.count == 60)
    }

    @Test("CH-46 H5 while much waits for the store, clients are read no further and lose nothing")
    func gathered() {
        let server = TestServer(store: StoreMemory(), gatheredByteCountMax: 8_192)
        let boxes = (1...6).map { TestMailbox(seed: UInt64($0)) }
        let writers = boxes.map { box in
            let client = server.open()
            client.create(box)
            client.attach(box, .write)
            _ = server.exchange(client)
            return client
        }
        for (client, box) in zip(writers, boxes) {
            for counter in 1...20 as ClosedRange<UInt64> {
                client.deposit(box.id, counter, envelope(Int(counter)))
            }
            client.send()
            server.hand(client)
        }
        // Eight envelopes are taken, all of the first client; it and the others hold the rest.
        #expect(writers.allSatisfy { !server.wantsInput($0) })
        server.run()
        for writer in writers {
            #expect(writer.take() == (3...22 as ClosedRange<UInt32>).map { .done($0) })
            #expect(server.wantsInput(writer))
        }
    }

    @Test("CH-46 requestsInFlightMax and attachesPendingMax pause reading and refuse nothing")
    func manyRequests() {
        let client = server.open()
        let count = Limits.requestsInFlightMax * 4
        for _ in 0..<count { client.add { .getBlob(GetBlobFrame(request: $0, id: .zero)) } }
        client.create(box)
        for _ in 0..<Limits.attachesPendingMax * 4 { client.attach(box, .write) }
        let events = server.exchange(client)
        #expect(events.count == count + 1 + Limits.attachesPendingMax * 4)
        #expect(events.filter(\.isAttached).count == Limits.attachesPendingMax * 4)
    }

    @Test(
        "CH-47 on shutdown clients are told, what was taken is answered, and connections close with 1001"
    )
    func drain() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        let half = server.connect()
        half.output = []
        let request = writer.deposit(box.id, 1, envelope(1))
        writer.send()
        // The deposit has reached the server when the order to end comes.
        server.hand(writer)
        server.drain()
        server.run()
        #expect(server.continueDrain() > 0)
        server.run()
        let events = writer.take()
        #expect(events.contains(.done(request)))
        #expect(events.contains(.goingAway))
        #expect(events.last == .closed(1001))
        #expect(reader.take().last == .closed(1001))
        #expect(server.isOver(half))
        #expect(server.connectIsRefused)
    }

    @Test("CH-47 what comes after the order to end is answered shuttingDown")
    func late() {
        let writer = server.reader(of: box)
        server.drain()
        writer.create(TestMailbox(seed: 5))
        writer.send()
        server.run()
        #expect(writer.take().errorCode == .shuttingDown)
    }

    @Test("G4 a page of any origin, another path and another version are refused with their status")
    func refusedUpgrades() {
        let client = server.connect(subprotocols: ["postern.v9"])
        server.run()
        #expect(client.take() == [.refused(400)])
        for (head, status) in [
            (
                "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\nUpgrade: websocket\r\n\r\n",
                "403"
            ),
            ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "404"),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "426"),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "405"),
            ("\u{16}\u{3}\u{1}", "400"),
        ] {
            let raw = server.connect()
            raw.output = []
            server.deliver(Array(head.utf8), to: raw)
            let answer = String(decoding: server.output(of: raw), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(head)")
            #expect(server.isOver(raw))
        }
    }

    @Test("an idle connection holds no buffer, also after traffic both ways (P6)")
    func idleMemory() {
        let reader = server.reader(of: box)
        let writer = server.writer(of: box)
        for counter in 1...30 {
            writer.deposit(box.id, UInt64(counter), envelope(counter, size: .large))
        }
        _ = server.exchange(writer)
        reader.acknowledge(box.id, 1...30)
        _ = server.exchange(reader)
        #expect(server.bufferByteCount(reader) == 0)
        #expect(server.bufferByteCount(writer) == 0)
    }
}

extension Writer {
    /// Frames as a whole message, padded.
    static func frames(_ body: (inout Writer) -> Void) -> [UInt8] {
        var writer = Writer()
        body(&writer)
        writer.padMessage()
        return writer.bytes
    }
}

extension CreateFrame {
    func encoded(into writer: inout Writer) { ClientRequest.create(self).encode(into: &writer) }
}
