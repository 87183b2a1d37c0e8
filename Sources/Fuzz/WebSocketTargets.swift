import Channel
import Primitives

/// The parsers that meet the network before anything is authenticated.
///
/// Each input is read twice, in one piece and cut in two, and both must be understood alike: the
/// first byte of the input says where the cut is.
enum WebSocketTargets {
    private static let headLimits = HTTPLimits(headByteCountMax: 1_024, fieldCountMax: 16)
    private static let limits = WebSocketLimits(
        messageByteCountMax: 600, frameByteCountMax: 400, fragmentCountMax: 5)
    private static let policy = WebSocketUpgradePolicy(
        allowedOrigins: ["https://a.example"], subprotocols: ["postern.v1"])

    /// A request head and the upgrade.
    static func request(_ input: RawSpan) {
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
    static func response(_ input: RawSpan) {
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
    static func server(_ input: RawSpan) {
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
    static func client(_ input: RawSpan) {
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
