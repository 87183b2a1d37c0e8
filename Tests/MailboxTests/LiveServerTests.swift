import Glibc
import Platform
import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("§11 a server on real sockets", .serialized)
struct LiveServerTests {
    @Test("MB-8 MB-12 an envelope goes through sockets, threads and disk", arguments: [1, 3])
    func wholePath(_ loopCount: Int) throws {
        let server = try LiveServer(loopCount: loopCount)
        let box = TestMailbox(seed: 1)
        let reader = try server.open()
        reader.client.create(box)
        reader.client.attach(box, .read)
        #expect(try reader.exchange(2).attached?.readAttaches == 1)
        // Several, so that with several loops they are likely to lie on different ones.
        for counter in 1...4 as ClosedRange<UInt64> {
            let writer = try server.open()
            writer.client.attach(box, .write)
            #expect(try writer.exchange().attached?.nextCounter == counter)
            let sent = letter(Int(counter))
            writer.client.deposit(box.id, counter, sent)
            #expect(try writer.exchange() == [.done(2)])
            #expect(try reader.exchange() == [.delivery(box.id, counter, sent)])
            writer.client.ephemeral(box.id, letter(99))
            try writer.write()
            #expect(try reader.exchange() == [.ephemeral(box.id, letter(99))])
        }
        reader.client.acknowledge(box.id, 1...4)
        #expect(try reader.exchange() == [.done(3)])
        try server.stop()
    }

    @Test("H6 beyond the limit of connections a client is turned away, until there is room")
    func connectionLimit() throws {
        let server = try LiveServer(connectionsMax: 2)
        let first = try server.open()
        var second: LiveClient? = try server.open()
        #expect(throws: LiveClient.Failure.closed) { try server.open() }
        first.client.create(TestMailbox(seed: 1))
        #expect(try first.exchange() == [.done(1)])
        #expect(second?.isClosed == false)
        second = nil
        // The server learns of the free place by reading the end of the connection.
        let clock = SystemClock()
        let deadline = clock.monotonicMilliseconds + LiveServer.patience
        var third: LiveClient?
        while third == nil && clock.monotonicMilliseconds < deadline { third = try? server.open() }
        #expect(third != nil)
        try server.stop()
    }

    @Test("CH-45 who does not finish the head or the handshake in time is closed, others stay")
    func headTimeout() throws {
        let server = try LiveServer()
        let other = try server.open()
        let slow = try server.connect()
        let rest = Array(slow.client.output.dropFirst(20))
        slow.client.output.removeLast(rest.count)
        try slow.write()
        let mute = try server.connect()
        mute.isMute = true
        try mute.until { $0.client.output.isEmpty }
        // Both have been accepted when another one that came later was answered.
        _ = try server.open()
        server.clock.advance(milliseconds: Int64(Limits.headSeconds) * 1_000 + 1)
        try slow.untilClosed()
        server.clock.advance(milliseconds: Int64(Limits.handshakeSeconds) * 1_000)
        try mute.untilClosed()
        other.client.create(TestMailbox(seed: 1))
        #expect(try other.exchange() == [.done(1)])
        try server.stop()
    }

    @Test("CH-44 a connection from which nothing came is closed with 1000, a pinging one is kept")
    func idle() throws {
        let server = try LiveServer()
        let idle = try server.open()
        let alive = try server.open()
        server.clock.advance(milliseconds: Int64(Limits.idleSeconds) * 1_000 - 1_000)
        alive.client.create(TestMailbox(seed: 1))
        #expect(try alive.exchange() == [.done(1)])
        server.clock.advance(milliseconds: 2_000)
        try idle.untilClosed()
        guard case .closed(let code)? = idle.client.take().last else {
            Issue.record("no Close frame")
            return
        }
        #expect(code != nil)
        alive.client.create(TestMailbox(seed: 2))
        #expect(try alive.exchange() == [.done(2)])
        try server.stop()
    }

    @Test("CH-46 a client that does not read holds up nobody, and gets everything when it reads")
    func slowReader() throws {
        let server = try LiveServer()
        let slow = try server.open()
        let other = try server.open()
        let bytes = [UInt8](repeating: 7, count: Limits.blobByteCountMax)
        let expiry = Hours(secondsSince1970: SystemClock().wallSeconds + 86_400)
        other.client.putBlob(
            id: FixedBytes(repeating: 1), eraseKey: FixedBytes(repeating: 2), expiry: expiry, bytes)
        #expect(try other.exchange() == [.done(1)])
        // 20 MB of answers: more than the kernel's buffers of both sides together.
        let count = 600
        for _ in 0..<count {
            slow.client.add { .getBlob(GetBlobFrame(request: $0, id: FixedBytes(repeating: 1))) }
        }
        try slow.write()
        for number in 2..<40 as Range<UInt64> {
            other.client.create(TestMailbox(seed: number))
            #expect(try other.exchange() == [.done(UInt32(number))])
        }
        try slow.until { $0.client.events.count == count }
        #expect(
            slow.client.take() == (1...UInt32(count)).map { TestClient.Event.blob($0, bytes) })
        try server.stop()
    }

    @Test("CH-47 an end in order: every client is told, answered, and closed with 1001")
    func drain() throws {
        let server = try LiveServer(loopCount: 2)
        let clients = try (0..<6).map { _ in try server.open() }
        for (number, client) in clients.enumerated() {
            client.client.create(TestMailbox(seed: UInt64(number)))
            try client.write()
        }
        server.askToEnd()
        for client in clients {
            try client.untilClosed()
            let events = client.client.take()
            let answers = events.filter { event in
                switch event {
                case .done(1): true
                case .error(let frame): frame.request == 1 && frame.code == .shuttingDown
                default: false
                }
            }
            // What had arrived was answered; what lay in the kernel still may have not.
            #expect(answers.count <= 1)
            #expect(events.contains(.goingAway))
            #expect(events.last == .closed(1_001))
        }
        guard case .drained(cutOff: 0) = try server.waitForEnd() else {
            Issue.record("not drained")
            return
        }
        #expect(throws: (any Error).self) { try server.open() }
    }

    @Test("G3 G5 H1 hostile bytes at any stage end their own connection only")
    func hostile() throws {
        let server = try LiveServer(loopCount: 2)
        let witness = try server.open()
        var random = SplitMix(seed: 3)
        for round in 0..<60 as Range<UInt64> {
            let client = round % 3 == 0 ? try server.connect() : try server.open()
            let noise = (0..<2_000).map { _ in UInt8.random(in: 0...255, using: &random) }
            switch round % 6 {
            case 0, 3: client.client.output = noise
            // Reserved bits in the first byte: no length that could be waited for.
            case 1: client.client.output += [0xff] + noise
            case 2: client.client.sendBinary(noise)
            case 4: client.client.sendPlaintext(Array(noise.prefix(256)))
            // An acknowledge that is too long. MB-24
            default: client.client.addRaw(0x06, Array(noise.prefix(100)))
            }
            client.client.send()
            try client.untilClosed()
            witness.client.create(TestMailbox(seed: round))
            #expect(try witness.exchange() == [.done(UInt32(round) + 1)])
        }
        try server.stop()
    }

    @Test("O1 the admin listener answers health to its own name, by GET only")
    func admin() throws {
        let server = try LiveServer()
        let admin = try #require(server.admin)
        func ask(_ text: String) throws -> String {
            let socket = try TCP.connect(
                toAnyOf: [admin], timeoutMilliseconds: LiveServer.patience, clock: SystemClock())
            try socket.writeAll(Array(text.utf8).raw)
            var answer = ByteBuffer()
            while true {
                var poller = Poller()
                poller.watch(socket.raw, [.read])
                let ready = try poller.wait(timeoutMilliseconds: Int32(LiveServer.patience))
                guard ready > 0 else { throw LiveClient.Failure.timeout }
                if case .closed = try socket.read(into: &answer, room: 4_096) { break }
            }
            return String(decoding: [UInt8](copying: answer.readable), as: UTF8.self)
        }
        let host = "Host: \(admin)\r\n\r\n"
        let health = try ask("GET /health HTTP/1.1\r\n" + host)
        #expect(health.hasPrefix("HTTP/1.1 200 ") && health.hasSuffix("{\"status\":\"ok\"}\n"))
        for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
            #expect(try ask("\(method) /health HTTP/1.1\r\n" + host).hasPrefix("HTTP/1.1 405 "))
        }
        #expect(try ask("TRACK /health HTTP/1.1\r\n" + host).hasPrefix("HTTP/1.1 501 "))
        let rebound = try ask("GET /health HTTP/1.1\r\nHost: evil.example:\(admin.port)\r\n\r\n")
        #expect(rebound.hasPrefix("HTTP/1.1 403 ") && !rebound.contains("status"))
        try server.stop()
    }
}
