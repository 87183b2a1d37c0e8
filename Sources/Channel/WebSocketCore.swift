import Primitives

/// What both ends of a WebSocket share: receiving, the answers that the protocol itself demands,
/// and the closing handshake.
package struct WebSocketCore: Sendable {
    private var receiver: WebSocketReceiver
    /// The payload of the latest ping that has not been answered.
    private var pongPayload: [UInt8]?
    private var closing = Closing.no

    /// How far our half of the closing handshake is.
    private enum Closing: Equatable, Sendable {
        case no
        case due(WebSocketCloseCode?)
        case sent
    }

    init(role: WebSocketRole, acceptance: WebSocketAcceptance, limits: WebSocketLimits) {
        receiver = WebSocketReceiver(
            from: role == .server ? .client : .server, acceptance: acceptance, limits: limits)
    }

    var limits: WebSocketLimits {
        get { receiver.limits }
        set { receiver.limits = newValue }
    }

    var isOpen: Bool { closing == .no }
    var isFinished: Bool { receiver.hasEnded && closing == .sent }
    var isMidMessage: Bool { receiver.isMidMessage }
    var hasControlFrames: Bool {
        if case .due = closing { return true }
        return pongPayload != nil
    }

    mutating func receive(
        _ input: inout MutableRawSpan, position: inout Int
    ) throws(WebSocketError) -> WebSocketEvent {
        let event: WebSocketEvent
        do {
            event = try receiver.next(&input, position: &position)
        } catch {
            close(error.closeCode)
            throw error
        }
        switch event {
        case .ping(let payload):
            // CH-18: only the latest is answered, so pings that come faster than the peer reads
            // do not pile up. After our Close nothing more is sent.
            if isOpen { pongPayload = [UInt8](copying: input.bytes.extracting(payload)) }
        case .close(let code, _):
            close(code)  // CH-17: the answer repeats the code.
        default:
            break
        }
        return event
    }

    mutating func takeAssembledMessage() -> [UInt8] { receiver.takeAssembledMessage() }

    /// Makes a Close frame due, unless one is or was.
    mutating func close(_ code: WebSocketCloseCode?) {
        if isOpen { closing = .due(code) }  // CH-17: one Close frame.
    }

    /// Writes the control frames that are due. `mask` is asked once a frame.
    mutating func appendControlFrames(
        to output: inout [UInt8], mask: () -> WebSocketMask?
    ) {
        if let payload = pongPayload {
            WebSocketFrameHeader(
                opcode: .pong, payloadByteCount: payload.count, mask: mask()
            ).append(with: payload.raw, to: &output)
            pongPayload = nil
        }
        if case .due(let code) = closing {
            var payload: [UInt8] = []
            if let code { payload.append(bigEndian: code.rawValue) }
            WebSocketFrameHeader(
                opcode: .close, payloadByteCount: payload.count, mask: mask()
            ).append(with: payload.raw, to: &output)
            closing = .sent
        }
    }
}

extension WebSocketFrameHeader {
    /// Appends the header and the payload, masked if the header says so.
    func append(with payload: RawSpan, to output: inout [UInt8]) {
        precondition(payload.byteCount == payloadByteCount)
        append(to: &output)
        let start = output.count
        output.append(copying: payload)
        var bytes = output.mutableRaw
        mask?.apply(to: &bytes, range: start..<bytes.byteCount)
    }
}

/// One end of an open WebSocket, after the upgrade: a value without I/O.
///
/// The caller feeds it what it reads and sends what it writes:
///
///     while true {
///         let event = try socket.receive(&input, position: &position)
///         if event == .incomplete { break }
///         …
///     }
///     socket.appendControlFrames(to: &output)
///
/// After an error or a Close frame it drops all input. When `isFinished` the caller sends what is
/// left of its output and ends the connection; how long it waits for that is its own affair.
/// - SPEC: §11.1, CH-10, CH-12 to CH-19
package protocol WebSocketEndpoint: Sendable {
    /// The state that both ends share.
    var core: WebSocketCore { get set }
}

extension WebSocketEndpoint {
    /// Whether messages may be sent: no Close frame was sent or is due.
    package var isOpen: Bool { core.isOpen }

    /// Whether both halves of the closing handshake are done, or the peer violated the protocol and
    /// was told so: the connection is to be ended.
    package var isFinished: Bool { core.isFinished }

    /// How much the peer may send; a change holds for the frames that begin after it.
    package var limits: WebSocketLimits {
        get { core.limits }
        set { core.limits = newValue }
    }

    /// Whether the peer has begun a frame or a message and not ended it: for the caller's timeout.
    package var isMidMessage: Bool { core.isMidMessage }

    /// Whether `appendControlFrames` has something to write.
    package var hasControlFrames: Bool { core.hasControlFrames }

    /// Advances to the next event in the bytes received.
    ///
    /// - Parameters:
    ///   - input: everything received and not used up, as the last call left it: payloads are
    ///     unmasked in place, those of unfinished frames too.
    ///   - position: the offset in `input` to begin at; moved past what is used up.
    /// - Throws: what the peer did wrong. A Close frame that says so is then due, and all further
    ///   input is dropped.
    package mutating func receive(
        _ input: inout MutableRawSpan, position: inout Int
    ) throws(WebSocketError) -> WebSocketEvent {
        try core.receive(&input, position: &position)
    }

    /// The message that `.assembledMessage` told of. To be called before the next `receive`, once.
    package mutating func takeAssembledMessage() -> [UInt8] { core.takeAssembledMessage() }

    /// Begins the closing handshake, or goes on with it: no message can be sent any more. The
    /// frame is written by `appendControlFrames`.
    package mutating func close(_ code: WebSocketCloseCode) { core.close(code) }
}
