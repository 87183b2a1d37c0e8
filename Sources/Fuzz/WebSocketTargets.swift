import Channel
import Primitives

/// The parsers that meet the network before anything is authenticated.
///
/// Each input is read twice, in one piece and cut in two, and both must be understood alike: the
/// first byte of the input says where the cut is.
enum WebSocketTargets {
    static let all: [Target] = [
        Target("http-request", byteCountMax: 2_048, seeds: requestSeeds, run: request),
        Target("http-response", byteCountMax: 2_048, seeds: responseSeeds, run: response),
        Target("websocket-server", byteCountMax: 2_048, seeds: serverSeeds, run: server),
        Target("websocket-client", byteCountMax: 2_048, seeds: clientSeeds, run: client),
    ]

    private static let headLimits = HTTPLimits(headByteCountMax: 1_024, fieldCountMax: 16)
    private static let limits = WebSocketLimits(
        messageByteCountMax: 600, frameByteCountMax: 400, fragmentCountMax: 5)
    private static let policy = WebSocketUpgradePolicy(
        allowedOrigins: ["https://a.example"], subprotocols: ["postern.v1"])

    /// A request head and the upgrade.
    @Sendable static func request(_ input: RawSpan) {
        guard let (bytes, cut) = prepared(input) else { return }
        var whole = HTTPRequestReader(limits: headLimits)
        var parted = HTTPRequestReader(limits: headLimits)
        let result = outcome { () throws(HTTPError) in try whole.receive(bytes.raw) }
        var other = outcome { () throws(HTTPError) in
            try parted.receive(bytes.raw.extracting(first: cut))
        }
        if case .success(nil) = other {
            other = outcome { () throws(HTTPError) in try parted.receive(bytes.raw) }
        }
        precondition(result == other)
        guard case .success(let head?) = result else { return }
        precondition(head.byteCount <= bytes.count && head.target.hasPrefix("/"))
        _ = try? WebSocketUpgrade(answering: head, policy: policy)
    }

    /// The answer to an upgrade request.
    @Sendable static func response(_ input: RawSpan) {
        guard let (bytes, cut) = prepared(input) else { return }
        var random = SeededRandom(1)
        guard
            var whole = try? WebSocketClientHandshake(
                host: "a", subprotocols: ["postern.v1"], limits: headLimits, random: &random)
        else { preconditionFailure("a good host") }
        var parted = whole
        let result = outcome { () throws(WebSocketHandshakeError) in try whole.receive(bytes.raw) }
        var other = outcome { () throws(WebSocketHandshakeError) in
            try parted.receive(bytes.raw.extracting(first: cut))
        }
        if case .success(nil) = other {
            other = outcome { () throws(WebSocketHandshakeError) in try parted.receive(bytes.raw) }
        }
        precondition(result == other)
    }

    /// Frames of a client.
    @Sendable static func server(_ input: RawSpan) {
        guard let (bytes, cut) = prepared(input) else { return }
        let endpoint = WebSocketServer(limits: limits, acceptance: .textAndBinary)
        var whole = FuzzedEndpoint(endpoint)
        whole.feed(bytes)
        var parted = FuzzedEndpoint(endpoint)
        parted.feed(Array(bytes[..<cut]))
        parted.feed(Array(bytes[cut...]))
        precondition(whole.seen == parted.seen)
    }

    /// Frames of a server.
    @Sendable static func client(_ input: RawSpan) {
        guard let (bytes, cut) = prepared(input) else { return }
        let endpoint = WebSocketClient(limits: limits, acceptance: .textAndBinary)
        var whole = FuzzedEndpoint(endpoint)
        whole.feed(bytes)
        var parted = FuzzedEndpoint(endpoint)
        parted.feed(Array(bytes[..<cut]))
        parted.feed(Array(bytes[cut...]))
        precondition(whole.seen == parted.seen)
    }

    /// The input without its first byte, and where to cut it.
    private static func prepared(_ input: RawSpan) -> (bytes: [UInt8], cut: Int)? {
        guard input.byteCount > 0 else { return nil }
        let bytes = [UInt8](copying: input.extracting(droppingFirst: 1))
        return (bytes, min(Int(input.byte(at: 0)), bytes.count))
    }

    private static func outcome<Value, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) -> Result<Value, Failure> {
        do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
    }
}

extension WebSocketTargets {
    @Sendable private static func requestSeeds() -> [[UInt8]] {
        var random = SeededRandom(2)
        let limits = HTTPLimits(headByteCountMax: 1_024, fieldCountMax: 16)
        let request = try? WebSocketClientHandshake(
            host: "a.example:8437", subprotocols: ["postern.v1"], limits: limits, random: &random)
        let more = [
            "GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\nUpgrade: websocket\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        ]
        return [[9] + (request?.request ?? [])] + more.map { [4] + Array($0.utf8) }
    }

    @Sendable private static func responseSeeds() -> [[UInt8]] {
        // The key that `response` sends follows from its seed, so this is the answer to it.
        guard let (bytes, _) = prepared(([0] + acceptedRequest).raw) else { return [] }
        var reader = HTTPRequestReader(limits: headLimits)
        let answer = (try? reader.receive(bytes.raw)).flatMap { $0 }.flatMap {
            try? WebSocketUpgrade(answering: $0, policy: policy).response
        }
        return [
            [7] + (answer ?? []),
            [3] + Array("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".utf8),
        ]
    }

    private static var acceptedRequest: [UInt8] {
        var random = SeededRandom(1)
        let request = try? WebSocketClientHandshake(
            host: "a", subprotocols: ["postern.v1"], limits: headLimits, random: &random)
        return request?.request ?? []
    }

    @Sendable private static func serverSeeds() -> [[UInt8]] {
        var random = SeededRandom(3)
        var client = WebSocketClient(limits: limits, acceptance: .textAndBinary)
        var bytes: [UInt8] = [5]
        client.appendMessage([UInt8](repeating: 7, count: 300).raw, to: &bytes, random: &random)
        client.appendPing([1, 2].raw, to: &bytes, random: &random)
        client.close(.normal)
        client.appendControlFrames(to: &bytes, random: &random)
        // A text in two fragments with a ping between them.
        let fragments: [UInt8] = [
            9, 0x01, 0x82, 0, 0, 0, 0, 0x61, 0x62, 0x89, 0x80, 0, 0, 0, 0, 0x80, 0x81, 0, 0, 0, 0,
            0x63,
        ]
        return [bytes, fragments]
    }

    @Sendable private static func clientSeeds() -> [[UInt8]] {
        [
            [2, 0x82, 0x03, 1, 2, 3, 0x8a, 0x00, 0x88, 0x02, 0x03, 0xe8],
            [6, 0x01, 0x01, 0x61, 0x89, 0x01, 0x00, 0x80, 0x7e, 0x00, 0x80]
                + [UInt8](repeating: 0x62, count: 128),
        ]
    }
}

/// An endpoint with the bytes that it has not used up, and what it reported so far.
private struct FuzzedEndpoint<Endpoint: WebSocketEndpoint> {
    enum Report: Equatable {
        case event(WebSocketEvent, [UInt8])
        case failure(WebSocketError)
    }

    var seen: [Report] = []
    private var endpoint: Endpoint
    private var held: [UInt8] = []
    /// How many bytes were used up before `held`, so that ranges can be compared.
    private var offset = 0

    init(_ endpoint: Endpoint) { self.endpoint = endpoint }

    mutating func feed(_ bytes: [UInt8]) {
        held += bytes
        var position = 0
        while true {
            do throws(WebSocketError) {
                let event = try Self.next(&endpoint, &held, &position)
                if event == .incomplete { break }
                report(event)
            } catch {
                seen.append(.failure(error))
                precondition(position == held.count && !endpoint.isOpen)
            }
        }
        held.removeFirst(position)
        offset += position
        // No more is held back than one frame of the largest size.
        precondition(held.count <= 400 + WebSocketFrameHeader.byteCountMax)
    }

    private mutating func report(_ event: WebSocketEvent) {
        func moved(_ range: Range<Int>) -> Range<Int> {
            range.lowerBound + offset..<range.upperBound + offset
        }
        switch event {
        case .incomplete: break
        case .message(let kind, let range):
            seen.append(.event(.message(kind, moved(range)), Array(held[range])))
        case .assembledMessage(let kind):
            let message = endpoint.takeAssembledMessage()
            precondition(message.count <= 600)
            seen.append(.event(.assembledMessage(kind), message))
        case .ping(let range): seen.append(.event(.ping(moved(range)), Array(held[range])))
        case .pong(let range): seen.append(.event(.pong(moved(range)), Array(held[range])))
        case .close(let code, let reason):
            seen.append(.event(.close(code, reason: moved(reason)), Array(held[reason])))
        }
    }

    private static func next(
        _ endpoint: inout Endpoint, _ held: inout [UInt8], _ position: inout Int
    ) throws(WebSocketError) -> WebSocketEvent {
        var input = held.mutableRaw
        return try endpoint.receive(&input, position: &position)
    }
}
