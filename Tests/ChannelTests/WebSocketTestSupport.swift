import Channel
import Primitives

/// What a test saw an endpoint report, with the bytes themselves in place of ranges.
enum Seen: Equatable {
    case message(WebSocketMessageKind, [UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?, [UInt8])
    case failure(WebSocketError)
}

/// Feeds an endpoint as an event loop does: it keeps what is not used up and shows it again.
struct Feeder<Endpoint: WebSocketEndpoint> {
    var socket: Endpoint
    var held: [UInt8] = []
    var seen: [Seen] = []

    init(_ socket: Endpoint) { self.socket = socket }

    mutating func feed(_ bytes: [UInt8]) {
        held += bytes
        var position = 0
        reading: while true {
            let event: WebSocketEvent
            do throws(WebSocketError) {
                event = try Self.next(&socket, &held, &position)
            } catch {
                seen.append(.failure(error))
                continue
            }
            switch event {
            case .incomplete: break reading
            case .message(let kind, let range): seen.append(.message(kind, Array(held[range])))
            case .assembledMessage(let kind):
                seen.append(.message(kind, socket.takeAssembledMessage()))
            case .ping(let range): seen.append(.ping(Array(held[range])))
            case .pong(let range): seen.append(.pong(Array(held[range])))
            case .close(let code, let reason):
                seen.append(.close(code?.rawValue, Array(held[reason])))
            }
        }
        held.removeFirst(position)
    }

    private static func next(
        _ socket: inout Endpoint, _ held: inout [UInt8], _ position: inout Int
    ) throws(WebSocketError) -> WebSocketEvent {
        var input = held.mutableRaw
        return try socket.receive(&input, position: &position)
    }
}

/// Builds frames by hand, right and wrong ones, without the code under test.
struct RawFrame {
    var first: UInt8
    var payload: [UInt8]
    var mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
    /// The length as it is declared; nil for the true one in its shortest form.
    var lengthBytes: [UInt8]?

    var bytes: [UInt8] {
        var bytes = [first]
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        if let lengthBytes {
            bytes.append(lengthBytes[0] | maskBit)
            bytes += lengthBytes.dropFirst()
        } else if payload.count < 126 {
            bytes.append(UInt8(payload.count) | maskBit)
        } else if payload.count < 65_536 {
            bytes += [126 | maskBit, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        } else {
            bytes.append(127 | maskBit)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    /// A frame from a client.
    static func masked(_ first: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
        RawFrame(first: first, payload: payload).bytes
    }

    /// A frame from a server.
    static func plain(_ first: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
        RawFrame(first: first, payload: payload, mask: nil).bytes
    }

    /// A Close frame from a client.
    static func close(_ code: UInt16, _ reason: [UInt8] = []) -> [UInt8] {
        masked(0x88, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
    }
}

let generousLimits = WebSocketLimits(messageByteCountMax: 1 << 20)

/// A server that takes everything.
func anyServer(_ limits: WebSocketLimits = generousLimits) -> Feeder<WebSocketServer> {
    Feeder(WebSocketServer(limits: limits, acceptance: .textAndBinary))
}

/// What a server that takes everything reports for `bytes` in one piece.
func seenByServer(_ bytes: [UInt8], _ limits: WebSocketLimits = generousLimits) -> [Seen] {
    var feeder = anyServer(limits)
    feeder.feed(bytes)
    return feeder.seen
}

/// The control frames that are due, as a server writes them.
func controlFrames(of socket: inout WebSocketServer) -> [UInt8] {
    var output: [UInt8] = []
    socket.appendControlFrames(to: &output)
    return output
}
