import Channel
import Platform
import Primitives

/// Why an echo session ended early.
enum WebSocketEchoFailure: Error {
    case system(SystemError)
    case http(HTTPError)
    case handshake(WebSocketHandshakeError)
    case disconnected
    case timeout
}

/// One socket of an echo endpoint, with its buffers: waits for the peer where the product would
/// return to its event loop.
struct WebSocketEchoSession: ~Copyable {
    private let socket: Descriptor
    var input = ByteBuffer()

    /// How long the peer may stay silent. Autobahn's longest pause is a few seconds.
    private static let timeoutMilliseconds: Int32 = 60_000

    /// Large enough for section 9 of the suite, which sends 16 MiB in one message.
    static let limits = WebSocketLimits(
        messageByteCountMax: 32 << 20, fragmentCountMax: 1 << 20)
    static let headLimits = HTTPLimits(headByteCountMax: 8_192, fieldCountMax: 64)

    init(_ socket: consuming Descriptor) {
        self.socket = socket
    }

    /// Waits for more input.
    /// - Throws: `disconnected` when the peer has gone, `timeout` when it stays silent.
    mutating func fill() throws(WebSocketEchoFailure) {
        do throws(SystemError) {
            while true {
                switch try socket.read(into: &input, room: 65_536) {
                case .bytes: return
                case .closed: break
                case .wouldBlock:
                    if try wait(.read) { continue }
                }
                break
            }
        } catch {
            throw .system(error)
        }
        throw .disconnected
    }

    /// Sends everything in `output`, waiting where it must.
    mutating func send(_ output: inout [UInt8]) throws(WebSocketEchoFailure) {
        var sent = 0
        do throws(SystemError) {
            while sent < output.count {
                switch try socket.send(output.raw.extracting(sent..<output.count)) {
                case .bytes(let count): sent += count
                case .closed: sent = .max
                case .wouldBlock:
                    if try !wait(.write) { sent = .max }
                }
            }
        } catch {
            throw .system(error)
        }
        guard sent == output.count else { throw .disconnected }
        output.removeAll(keepingCapacity: true)
    }

    /// Ends our half and reads until the peer has ended its own: closing with unread input would
    /// reset the connection and could destroy the Close frame on its way.
    consuming func finish() {
        TCP.finishSending(socket)
        do throws(WebSocketEchoFailure) {
            while true {
                try fill()
                input.removeAll()
            }
        } catch {
            // Gone or silent: either way this is the end.
        }
    }

    private func wait(_ readiness: Readiness) throws(SystemError) -> Bool {
        var poller = Poller()
        poller.watch(socket.raw, readiness)
        return try poller.wait(timeoutMilliseconds: Self.timeoutMilliseconds) > 0
    }

    /// Serves an open WebSocket to its end: every message is sent back, or shown to `observe`.
    mutating func serve(
        _ endpoint: consuming some EchoingEndpoint, observe: (([UInt8]) -> Void)? = nil
    ) throws(WebSocketEchoFailure) {
        var output: [UInt8] = []
        while true {
            var position = 0
            handling: while true {
                let event: WebSocketEvent
                do throws(WebSocketError) {
                    event = try Self.next(&endpoint, &input, &position)
                } catch {
                    // The Close frame that says so is ready.
                    endpoint.appendControl(to: &output)
                    continue
                }
                switch event {
                case .incomplete: break handling
                case .message(let kind, let range):
                    let payload = input.readable.extracting(range)
                    observe?([UInt8](copying: payload))
                    if observe == nil { endpoint.echo(payload, kind, to: &output) }
                case .assembledMessage(let kind):
                    let message = endpoint.takeAssembledMessage()
                    observe?(message)
                    if observe == nil { endpoint.echo(message.raw, kind, to: &output) }
                case .ping, .pong, .close: endpoint.appendControl(to: &output)
                }
            }
            input.consume(position)
            try send(&output)
            if endpoint.isFinished { return }
            try fill()
        }
    }

    private static func next(
        _ endpoint: inout some WebSocketEndpoint, _ input: inout ByteBuffer,
        _ position: inout Int
    ) throws(WebSocketError) -> WebSocketEvent {
        var bytes = input.writable
        return try endpoint.receive(&bytes, position: &position)
    }
}

/// What an echo needs of either end of a WebSocket.
protocol EchoingEndpoint: WebSocketEndpoint {
    /// Appends a message of the same kind and content.
    mutating func echo(_ payload: RawSpan, _ kind: WebSocketMessageKind, to output: inout [UInt8])
    /// Appends the control frames that are due.
    mutating func appendControl(to output: inout [UInt8])
}

extension WebSocketServer: EchoingEndpoint {
    mutating func echo(_ payload: RawSpan, _ kind: WebSocketMessageKind, to output: inout [UInt8]) {
        appendMessage(payload, kind, to: &output)
    }

    mutating func appendControl(to output: inout [UInt8]) { appendControlFrames(to: &output) }
}

extension WebSocketClient: EchoingEndpoint {
    mutating func echo(_ payload: RawSpan, _ kind: WebSocketMessageKind, to output: inout [UInt8]) {
        var random = SystemRandom()
        appendMessage(payload, kind, to: &output, random: &random)
    }

    mutating func appendControl(to output: inout [UInt8]) {
        var random = SystemRandom()
        appendControlFrames(to: &output, random: &random)
    }
}
