package import Channel
package import Platform
import Primitives
import Wire

/// One client's connection, from its first byte to its last: HTTP upgrade, WebSocket, Noise,
/// frames. A value without I/O and without a clock.
///
/// The loop hands it what the socket gave and acts on the events it returns; frames go to the
/// router by way of the loop, and come back as frames to send. It keeps the limits of one client:
/// over them it is *paused*, which means that the loop reads nothing more from the socket until an
/// answer was given or the client has read, so that nothing is refused and nothing piles up.
///
/// While it is idle it holds no buffer.
///
/// - SPEC: §11
package struct ServerConnection: ~Copyable {
    /// What the loop has to do next.
    package enum Event: Sendable {
        /// Nothing until more bytes come, or until it is no longer paused.
        case incomplete
        /// The client's handshake message; answer with `completeHandshake`.
        case handshake([UInt8], versions: ChannelHandshake.Versions)
        /// Frames lie in this range of the input, decrypted.
        case frames(Range<Int>)
        /// Frames lie in `heldFrames`.
        case held
    }

    /// How far the connection has come.
    package enum Phase: Sendable {
        /// The HTTP head is awaited.
        case head
        /// The channel handshake is awaited.
        case handshake
        /// The crypto thread computes the channel handshake's answer.
        case proving
        /// Frames flow.
        case open
        /// What was to be said is being written; nothing more is heard.
        case closing
    }

    /// Its name.
    package let id: ConnectionID
    /// How far it has come.
    package internal(set) var phase = Phase.head
    /// Milliseconds on the monotonic clock at which it is closed unless something happens.
    package internal(set) var deadline: Int64
    /// Why it ended, for the counters.
    package internal(set) var end: ConnectionEnd?

    /// Bytes from the socket that are not used up.
    package var input = ByteBuffer()
    /// Frames that were decrypted while there was no room to take them.
    package var heldFrames: [UInt8] = []
    /// Whether the loop has it on its list of connections to write to at the turn's end.
    package var isDirty = false

    var reader: HTTPRequestReader?
    var socket: WebSocketServer
    private var versions: ChannelHandshake.Versions?
    var channel: NoiseTransport?
    /// Whether the crypto thread was asked for the handshake and has not answered.
    var awaitsHandshake = false
    var output = OutputQueue()
    var usage = ConnectionUsage()
    private let openedAt: Int64

    /// Begins with the HTTP head.
    ///
    /// - Parameter now: milliseconds on the monotonic clock.
    package init(_ id: ConnectionID, now: Int64) {
        self.id = id
        openedAt = now
        deadline = now + Int64(Limits.headSeconds) * 1_000  // CH-45
        reader = HTTPRequestReader(
            limits: HTTPLimits(
                headByteCountMax: Limits.headByteCountMax, fieldCountMax: Limits.headFieldsMax))
        // CH-20: whoever has proven nothing is not held more of.
        socket = WebSocketServer(
            limits: WebSocketLimits(messageByteCountMax: ChannelHandshake.firstMessageByteCount))
    }

    /// Whether the socket is not to be read: an answer must be given or read first.
    package var isPaused: Bool {
        switch phase {
        case .proving: true
        case .open: !heldFrames.isEmpty
        case .head, .handshake, .closing: false
        }
    }

    /// Notes that bytes came. CH-44
    package mutating func heard(now: Int64) {
        if phase == .open { deadline = now + Int64(Limits.idleSeconds) * 1_000 }
    }

    /// Advances to the next event.
    ///
    /// - Parameters:
    ///   - input: the bytes of the socket, which are decrypted in place.
    ///   - position: where to go on; moved past what is used up.
    package mutating func next(
        _ input: inout ByteBuffer, position: inout Int, policy: WebSocketUpgradePolicy, now: Int64
    ) -> Event {
        while true {
            switch phase {
            case .head:
                guard upgrade(input.readable, &position, policy, now) else { return .incomplete }
            case .closing:
                position = input.count
                return .incomplete
            case .proving:
                return .incomplete
            case .handshake, .open:
                if !heldFrames.isEmpty { return .incomplete }
                if let event = message(&input, &position, now) { return event }
            }
        }
    }

    /// Reads the head; false when more bytes are needed.
    private mutating func upgrade(
        _ input: RawSpan, _ position: inout Int, _ policy: WebSocketUpgradePolicy, _ now: Int64
    ) -> Bool {
        do throws(HTTPError) {
            guard let head = try reader?.receive(input) else { return false }
            let upgrade = try WebSocketUpgrade(answering: head, policy: policy)
            output.appendRaw(upgrade.response.raw)
            versions = ChannelHandshake.Versions(
                offer: upgrade.offeredSubprotocols ?? "", choice: upgrade.subprotocol ?? "")
            position = head.byteCount
            phase = .handshake
            reader = nil
            deadline = openedAt + Int64(Limits.handshakeSeconds) * 1_000  // CH-45
        } catch {
            output.appendRaw(error.response.encoded.raw)
            finish(.badRequest, now: now)
        }
        return true
    }

    /// Reads one message; nil when the phase changed or a control frame was handled.
    private mutating func message(
        _ input: inout ByteBuffer, _ position: inout Int, _ now: Int64
    ) -> Event? {
        var bytes = input.writable
        let event: WebSocketEvent
        do throws(WebSocketError) {
            event = try socket.receive(&bytes, position: &position)
        } catch {
            finish(.badFrame, now: now)
            return nil
        }
        switch event {
        case .incomplete:
            return .incomplete
        case .ping, .pong:
            return nil
        case .close:
            finish(.byClient, now: now)
            return nil
        case .message(_, let range):
            var message = bytes._mutatingExtracting(range)
            guard phase == .open else { return handshake(message.bytes, now) }
            guard let count = open(&message, now) else { return nil }
            return .frames(range.lowerBound..<range.lowerBound + count)
        case .assembledMessage:
            var message = socket.takeAssembledMessage()
            guard phase == .open else { return handshake(message.raw, now) }
            var span = message.mutableRaw
            guard let count = open(&span, now) else { return nil }
            message.removeLast(message.count - count)
            heldFrames = message
            return .held
        }
    }

    private mutating func handshake(_ message: RawSpan, _ now: Int64) -> Event? {
        guard let versions else {
            close(.handshakeFailed, .protocolError, now: now)
            return nil
        }
        phase = .proving
        awaitsHandshake = true
        self.versions = nil
        return .handshake([UInt8](copying: message), versions: versions)
    }

    /// Decrypts a message in place and gives the size of its plaintext, checked as CH-40 says.
    private mutating func open(_ message: inout MutableRawSpan, _ now: Int64) -> Int? {
        guard let count = channel.openMessage(&message) else {
            // CH-43
            close(.badSeal, .protocolError, now: now)
            return nil
        }
        guard FrameWalk.isWellFormed(message.bytes.extracting(0..<count)) else {
            // CH-40
            close(.badFrame, .protocolError, now: now)
            return nil
        }
        return count
    }
}
