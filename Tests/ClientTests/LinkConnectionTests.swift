import Channel
import Primitives
import Testing
import Wire

@testable import Client

/// A server's side of one connection, honest unless a test makes it lie.
private struct ScriptedServer: ~Copyable {
    private let key: X25519KeyPair
    private var random = SeededRandom(seed: FixedBytes(repeating: 7))
    private var channel: NoiseTransport?
    private var socket = WebSocketServer(limits: WebSocketLimits(messageByteCountMax: 65_535))
    var output: [UInt8] = []

    init(key: consuming X25519KeyPair) { self.key = key }

    /// Answers the HTTP request and the channel's first message.
    mutating func accept(_ request: [UInt8]) throws {
        var reader = HTTPRequestReader(
            limits: HTTPLimits(headByteCountMax: 8_192, fieldCountMax: 64))
        let head = try #require(try reader.receive(request.raw))
        let upgrade = try WebSocketUpgrade(
            answering: head, policy: WebSocketUpgradePolicy(subprotocols: [versionSubprotocol]))
        versions = .init(
            offer: upgrade.offeredSubprotocols ?? "", choice: upgrade.subprotocol ?? "")
        output += upgrade.response
    }

    private var versions = ChannelHandshake.Versions(offer: "", choice: "")

    /// The plaintext of the client's next message.
    mutating func message(in bytes: [UInt8]) throws -> [UInt8] {
        var input = bytes
        var position = 0
        var span = input.mutableRaw
        guard case .message(_, let range) = try socket.receive(&span, position: &position) else {
            throw ScriptError.noMessage
        }
        return Array(input[range])
    }

    mutating func handshake(_ first: [UInt8]) throws {
        let response = try ChannelHandshake.respond(
            to: first.raw, staticKey: key, versions: versions, from: &random)
        let message = response.message
        channel = response.takeTransport()
        socket.appendMessage(message.raw, to: &output)
    }

    mutating func open(_ sealed: [UInt8]) throws -> [UInt8] {
        guard var open = channel.take() else { throw ScriptError.noMessage }
        let plaintext = try open.receiving.open(sealed.raw)
        channel = consume open
        return plaintext
    }

    /// Sends a plaintext as it is, padded or not.
    mutating func send(_ plaintext: [UInt8]) throws {
        guard var open = channel.take() else { throw ScriptError.noMessage }
        let sealed = try open.sending.seal(plaintext.raw)
        channel = consume open
        socket.appendMessage(sealed.raw, to: &output)
    }

    mutating func sendRaw(_ message: [UInt8]) { socket.appendMessage(message.raw, to: &output) }

    mutating func close(_ code: WebSocketCloseCode) {
        socket.close(code)
        socket.appendControlFrames(to: &output)
    }

    mutating func takeOutput() -> [UInt8] {
        defer { output = [] }
        return output
    }
}

private enum ScriptError: Error { case noMessage }

/// A padded message of frames.
private func message(_ frames: [(type: UInt8, body: [UInt8])]) -> [UInt8] {
    var bytes: [UInt8] = []
    for frame in frames {
        bytes.append(frame.type)
        bytes.append(UInt8(frame.body.count >> 8))
        bytes.append(UInt8(frame.body.count & 0xFF))
        bytes += frame.body
    }
    bytes += [UInt8](repeating: 0, count: (256 - bytes.count % 256) % 256)
    return bytes
}

private let hello: [UInt8] = [UInt8](repeating: 9, count: 37)
private let helloMessage = message([(0xC0, hello)])

/// A client and its server after the upgrade and the handshake, before the hello.
private struct Pair: ~Copyable {
    var client: LinkConnection
    var server: ScriptedServer

    /// `wrongKey`: the client's address names another key than the server has.
    init(wrongKey: Bool = false) throws {
        var random = SeededRandom(seed: FixedBytes(repeating: 1))
        let key = X25519KeyPair.generate(from: &random)
        let other = X25519KeyPair.generate(from: &random)
        let address = try ServerAddress(
            key: wrongKey ? other.publicKey : key.publicKey, host: try Host("127.0.0.1"))
        client = try LinkConnection(
            to: address, now: 0, random: SeededRandom(seed: FixedBytes(repeating: 2)))
        server = ScriptedServer(key: key)
    }

    /// Everything the client has to say.
    mutating func clientBytes() -> [UInt8] {
        let bytes = client.output
        client.sent(bytes.count)
        return bytes
    }

    mutating func shakeHands() throws {
        try server.accept(clientBytes())
        #expect(try client.feed(server.takeOutput().raw, now: 0).isEmpty)
        try server.handshake(server.message(in: clientBytes()))
        #expect(try client.feed(server.takeOutput().raw, now: 0).isEmpty)
    }

    mutating func connect() throws {
        try shakeHands()
        try server.send(helloMessage)
        let events = try client.feed(server.takeOutput().raw, now: 0)
        #expect(events.count == 1)
        let isReady = client.isReady
        #expect(isReady)
    }

    mutating func feed() throws(ClientError) -> [LinkConnection.Event] {
        try client.feed(server.takeOutput().raw, now: 0)
    }
}

@Suite("§11.3 the client's end of a connection")
struct LinkConnectionTests {
    @Test("CH-40 CH-41 hello first, then frames both ways, however the bytes are cut")
    func exchange() throws {
        var pair = try Pair()
        try pair.connect()
        try pair.server.send(message([(0x80, [0, 0, 0, 1]), (0x7E, [])]))
        var events: [LinkConnection.Event] = []
        for byte in pair.server.takeOutput() {
            events += try pair.client.feed([byte].raw, now: 0)
        }
        #expect(events == [.frame(type: 0x80, body: [0, 0, 0, 1]), .frame(type: 0x7E, body: [])])

        let frame: [UInt8] = [0x12, 0, 2, 7, 8]
        pair.client.send(frame.raw)
        pair.client.send(frame.raw)
        #expect(pair.clientBytes().isEmpty)
        pair.client.flush()
        let sealed = try pair.server.message(in: pair.clientBytes())
        #expect(sealed.count == 256 + 16)
        let plaintext = try pair.server.open(sealed)
        #expect(Array(plaintext.prefix(10)) == frame + frame)
        #expect(plaintext.dropFirst(10).allSatisfy { $0 == 0 })
    }

    @Test("CH-40 frames that do not fit into one message go in two")
    func severalMessages() throws {
        var pair = try Pair()
        try pair.connect()
        let frame = [0x10, 0x80, 0x00] + [UInt8](repeating: 1, count: 0x8000)
        pair.client.send(frame.raw)
        pair.client.send(frame.raw)
        pair.client.flush()
        let bytes = pair.clientBytes()
        let first = try pair.server.open(pair.server.message(in: bytes))
        #expect(first.count == 32_768 + 256)
        #expect(bytes.count > 2 * (32_768 + 256))
    }

    @Test("G1 a server without the key in the address is a wrong server key")
    func wrongKey() throws {
        var pair = try Pair(wrongKey: true)
        try pair.server.accept(pair.clientBytes())
        _ = try pair.feed()
        let first = try pair.server.message(in: pair.clientBytes())
        #expect(throws: NoiseError.authentication) { try pair.server.handshake(first) }
        // The honest server closes; a lying one makes something up.
        pair.server.sendRaw(
            [UInt8](repeating: 3, count: ChannelHandshake.secondMessageByteCount))
        #expect(throws: ClientError.wrongServerKey) { try pair.feed() }

        var closing = try Pair(wrongKey: true)
        try closing.server.accept(closing.clientBytes())
        _ = try closing.feed()
        closing.server.close(.protocolError)
        #expect(throws: ClientError.wrongServerKey) { try closing.feed() }

        // CH-45: a server whose patience is over says nothing about its key.
        var late = try Pair(wrongKey: true)
        try late.server.accept(late.clientBytes())
        _ = try late.feed()
        late.server.close(.normal)
        #expect(throws: ClientError.connectionLost) { try late.feed() }
    }

    @Test("CH-20 CH-14 a server that has proven nothing is not held more of than its message")
    func handshakeLimit() throws {
        for count in [ChannelHandshake.secondMessageByteCount + 1, 65_535] {
            var pair = try Pair()
            try pair.server.accept(pair.clientBytes())
            _ = try pair.feed()
            pair.server.sendRaw([UInt8](repeating: 3, count: count))
            let head = Array(pair.server.takeOutput().prefix(4))
            #expect(throws: ClientError.protocolViolation) {
                try pair.client.feed(head.raw, now: 0)
            }
        }
        var pair = try Pair()
        try pair.connect()
        try pair.server.send(
            message([(0x7E, [UInt8](repeating: 1, count: Limits.messageByteCountMax - 3))]))
        #expect(try pair.feed().count == 1)
    }

    @Test("CH-21 A11 a server that saw another offer, or whose choice was changed, is refused")
    func changedVersions() throws {
        // The request that the server sees offers one version more.
        var pair = try Pair()
        let request = String(decoding: pair.clientBytes(), as: UTF8.self)
        let parts = request.split(separator: versionSubprotocol, omittingEmptySubsequences: false)
        #expect(parts.count == 2)
        let longer = parts.joined(separator: "\(versionSubprotocol), postern.v1")
        try pair.server.accept(Array(longer.utf8))
        _ = try pair.feed()
        let first = try pair.server.message(in: pair.clientBytes())
        #expect(throws: NoiseError.authentication) { try pair.server.handshake(first) }

        // A choice that was not offered does not even reach the handshake.
        var other = try Pair()
        try other.server.accept(other.clientBytes())
        let answer = String(decoding: other.server.takeOutput(), as: UTF8.self)
        let changed = answer.split(separator: versionSubprotocol).joined(separator: "postern.v1")
        #expect(throws: ClientError.noCommonVersion) {
            try other.client.feed(Array(changed.utf8).raw, now: 0)
        }
    }

    @Test(
        "CH-40 CH-41 a first message that is not the hello alone is refused",
        arguments: [
            message([(0x80, [0, 0, 0, 1])]), message([(0xC0, hello), (0x80, [0, 0, 0, 1])]),
            message([]) + [UInt8](repeating: 0, count: 256), [], Array(helloMessage.dropLast()),
            helloMessage.dropLast() + [1], [0xC0, 1, 0] + [UInt8](repeating: 0, count: 253),
        ])
    func badHello(plaintext: [UInt8]) throws {
        var pair = try Pair()
        try pair.shakeHands()
        try pair.server.send(plaintext)
        #expect(throws: ClientError.protocolViolation) { try pair.feed() }
        let isReady = pair.client.isReady
        #expect(!isReady)
    }

    @Test("CH-43 a message that does not open ends the connection")
    func forged() throws {
        var pair = try Pair()
        try pair.connect()
        pair.server.sendRaw([UInt8](repeating: 5, count: 272))
        #expect(throws: ClientError.protocolViolation) { try pair.feed() }
    }

    @Test(
        "C5 whatever answers instead of a Postern server is told from one",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", ClientError.notPostern),
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n", .notPostern),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", .notPostern),
        ])
    func notPostern(answer: String, error: ClientError) throws {
        var pair = try Pair()
        _ = pair.clientBytes()
        #expect(throws: error) { try pair.client.feed(Array(answer.utf8).raw, now: 0) }
    }

    @Test("CH-47 a server that goes away is not taken for a broken one")
    func goingAway() throws {
        var pair = try Pair()
        try pair.connect()
        pair.server.close(.goingAway)
        #expect(throws: ClientError.serverShuttingDown) { try pair.feed() }
    }

    @Test("CH-47 CL-42 the last words of a server are heard, also when it ends in the same read")
    func lastWords() throws {
        var pair = try Pair()
        try pair.connect()
        try pair.server.send(message([(0x94, [0, 9])]))
        pair.server.close(.goingAway)
        let events = try pair.feed()
        #expect(events == [.frame(type: 0x94, body: [0, 9])])
        let failure = pair.client.failure
        #expect(failure == .serverShuttingDown)
        #expect(throws: ClientError.serverShuttingDown) { try pair.client.feed([0].raw, now: 0) }
    }

    @Test("CH-44 pings come at random moments; silence of two of them is the end")
    func keepAlive() throws {
        var pair = try Pair()
        try pair.connect()
        let first = pair.client.deadline
        #expect((40_000...55_000).contains(first))
        try pair.client.tick(now: first - 1)
        #expect(pair.clientBytes().isEmpty)
        try pair.client.tick(now: first)
        let ping = pair.clientBytes()
        #expect(ping.count == 6 && ping[0] == 0x89)
        let second = pair.client.deadline
        #expect(second > first)
        #expect(throws: Never.self) {
            try pair.client.tick(now: KeepAlive.silenceMillisecondsMax - 1)
        }
        #expect(throws: ClientError.timedOut) {
            try pair.client.tick(now: KeepAlive.silenceMillisecondsMax)
        }
    }
}
