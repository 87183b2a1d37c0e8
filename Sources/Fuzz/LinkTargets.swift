import Channel
import Client
import Primitives
import Wire

/// The client's end of a connection to a server that says what it likes, before the channel and
/// in it (C5).
enum LinkTargets {
    static let all: [Target] = [
        Target("link", byteCountMax: 8_192, seeds: seeds, run: run)
    ]

    @Sendable private static func seeds() -> [[UInt8]] {
        let hello = WireSeeds.written {
            ServerAnswer.hello(
                HelloFrame(signingKey: Cast.bob.device.publicKey, minutes: UInt32(Cast.now / 60))
            ).encode(into: &$0)
        }
        let frames = WireSeeds.serverFrames().filter { $0.count < 5_000 }
        let refused = Array("HTTP/1.1 503 Service Unavailable\r\n\r\n".utf8)
        return [[1] + refused.asPart, [0, 2] + hello.asPart + [0] + [1, 2, 3].asPart] + [
            [0, 4] + hello.asPart + [6] + hello.asPart + [2] + [0x88, 2, 3, 0xe8].asPart,
            [0, 0] + [0x89, 1, 7, 0x82, 1, 9].asPart,
        ] + frames.map { [0, 4] + hello.asPart + [4] + $0.asPart }
    }

    @Sendable private static func run(_ input: RawSpan) {
        var choices = Choices(input)
        let bob = Cast.bob
        let server = made("an address") {
            try ServerAddress(key: bob.identity.publicKey, hostAndPort: "a")
        }
        var link = made("a connection") {
            try LinkConnection(to: server, now: 0, random: SeededRandom(71))
        }
        // Answering for the server: a broken upgrade or handshake as the input has it, or good ones.
        guard choices.byte() & 1 == 0 else {
            let bytes = choices.part()
            _ = try? link.feed(bytes.raw, now: 1)
            let rest = choices.rest()
            _ = try? link.feed(rest.raw, now: 2)
            return
        }
        guard var channel = answer(&link, bob.identity) else {
            preconditionFailure("a handshake by the rules fails")
        }
        var hasHello = false
        for _ in 0..<16 where !choices.isEmpty {
            let kind = choices.byte()
            let bytes = choices.part()
            var payload: [UInt8] = []
            switch kind >> 1 & 3 {
            case 2:
                let plaintext = bytes.sized(Framing.paddedByteCount(bytes.count))
                guard let sealed = try? channel.sending.seal(plaintext.raw) else { return }
                payload = message(sealed)
            case 3:
                guard let sealed = try? channel.sending.seal(bytes.raw) else { return }
                payload = message(sealed)
            case 1: payload = bytes
            default: payload = message(bytes)
            }
            guard let events = try? link.feed(payload.raw, now: 3) else { return }
            for event in events {
                switch event {
                case .connected(_, let hello):
                    precondition(!hasHello, "a connection opens twice")
                    hasHello = true
                    _ = try? IncomingFrame(type: ServerFrameType.hello.rawValue, body: hello)
                case .frame(let type, let body):
                    precondition(hasHello, "a frame before the hello")
                    _ = try? IncomingFrame(type: type, body: body)
                }
            }
            precondition(link.isReady == hasHello)
            precondition(link.output.count <= 16_384, "an answer to every ping is kept")
        }
        let frame: [UInt8] = [0x0b, 0, 0]
        link.send(frame.raw)
        link.flush()
        link.close()
    }

    /// A WebSocket message of a server.
    private static func message(_ payload: [UInt8]) -> [UInt8] {
        let socket = WebSocketServer(
            limits: WebSocketLimits(messageByteCountMax: Limits.webSocketMessageByteCountMax))
        var bytes: [UInt8] = []
        socket.messageHeader(payloadByteCount: payload.count)?.append(to: &bytes)
        return bytes + payload
    }

    /// Answers upgrade and handshake by the rules; the server's end of the channel.
    private static func answer(
        _ link: inout LinkConnection, _ key: borrowing X25519KeyPair
    ) -> NoiseTransport? {
        var reader = HTTPRequestReader(
            limits: HTTPLimits(headByteCountMax: 8_192, fieldCountMax: 64))
        let request = link.output
        link.sent(request.count)
        guard let head = (try? reader.receive(request.raw)) ?? nil,
            let upgrade = try? WebSocketUpgrade(
                answering: head,
                policy: WebSocketUpgradePolicy(
                    allowedOrigins: [], subprotocols: [versionSubprotocol])),
            (try? link.feed(upgrade.response.raw, now: 0)) != nil
        else { return nil }
        var socket = WebSocketServer(
            limits: WebSocketLimits(messageByteCountMax: Limits.webSocketMessageByteCountMax))
        var first = link.output
        link.sent(first.count)
        var position = 0
        guard case .message(_, let range)? = receive(&socket, &first, &position) else { return nil }
        var random = SeededRandom(72)
        let versions = ChannelHandshake.Versions(
            offer: upgrade.offeredSubprotocols ?? "", choice: upgrade.subprotocol ?? "")
        let handshake = Array(first[range])
        guard
            let response = try? ChannelHandshake.respond(
                to: handshake.raw, staticKey: key, versions: versions, from: &random)
        else { return nil }
        let second = message(response.message)
        _ = try? link.feed(second.raw, now: 0)
        return response.takeTransport()
    }

    private static func receive(
        _ socket: inout WebSocketServer, _ bytes: inout [UInt8], _ position: inout Int
    ) -> WebSocketEvent? {
        var span = bytes.mutableRaw
        return try? socket.receive(&span, position: &position)
    }
}
