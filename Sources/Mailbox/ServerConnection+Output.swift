package import Channel
import Platform
import Primitives
package import Wire

extension ServerConnection {
    /// Whether a request of this class may be taken; else the frames are held and reading pauses.
    package func mayTake(_ requestClass: RequestClass) -> Bool { usage.mayTake(requestClass) }

    /// Notes a request that is handed to the router; its answer gives the room back.
    package mutating func take(_ requestClass: RequestClass) { usage.take(requestClass) }

    /// Whether the crypto thread may have work for this connection, which is over; said once.
    mutating func stopsAwaitingCrypto() -> Bool {
        defer { awaitsHandshake = false }
        return awaitsHandshake || usage.abandonAttaches()
    }

    /// Requests that have no answer yet.
    package var requestCount: Int { usage.requestCount }

    /// Adds a frame to what this turn sends. Dropped when the connection is closing, and an
    /// ephemeral one also when the client is slow to read.
    ///
    /// - Parameters:
    ///   - byteCount: bytes of the frame with its head.
    ///   - body: writes exactly so many.
    package mutating func send(
        _ frameClass: FrameClass, byteCount: Int, _ body: (inout OutputRawSpan) -> Void
    ) {
        guard phase == .open else { return }
        // MB-19
        if frameClass == .ephemeral, !takesMore(byteCount) { return }
        usage.sent(frameClass, byteCount: byteCount)
        if !output.fits(byteCount) { seal() }
        output.append(byteCount: byteCount, body)
    }

    /// Answers the client's handshake message and begins with the hello frame, which stands alone.
    /// CH-41
    ///
    /// - Parameter now: milliseconds on the monotonic clock.
    package mutating func completeHandshake(
        _ answer: RawSpan, channel: consuming NoiseTransport, hello: HelloFrame, now: Int64
    ) {
        awaitsHandshake = false
        guard phase == .proving,
            let header = socket.messageHeader(payloadByteCount: answer.byteCount)
        else { return }
        var head: [UInt8] = []
        header.append(to: &head)
        output.appendRaw(head.raw)
        output.appendRaw(answer)
        self.channel = consume channel
        socket.limits = WebSocketLimits(messageByteCountMax: Limits.webSocketMessageByteCountMax)
        phase = .open
        deadline = now + Int64(Limits.idleSeconds) * 1_000
        let frame = ServerAnswer.hello(hello)
        output.append(byteCount: frame.byteCount) { frame.encode(into: &$0) }
        seal()
    }

    /// Says what is left to say and ends: `code` goes to the client in a Close frame.
    package mutating func close(_ end: ConnectionEnd, _ code: WebSocketCloseCode, now: Int64) {
        guard phase != .closing else { return }
        seal()
        if phase != .head { socket.close(code) }
        finish(end, now: now)
    }

    /// Nothing more is heard; what waits is still written.
    mutating func finish(_ end: ConnectionEnd, now: Int64) {
        guard phase != .closing else { return }
        seal()
        self.end = end
        phase = .closing
        deadline = now + Self.closingMilliseconds
        heldFrames = []
        channel = nil
        reader = nil
    }

    /// How long a client may take to read the last words.
    static var closingMilliseconds: Int64 { 5_000 }

    /// Seals what the turn has gathered and adds the control frames that are due. After it
    /// `output.sealed` is what the socket is to be given.
    ///
    /// CH-46: while sealed bytes wait the open message takes further frames instead, so that a
    /// client which does not read costs no padded message a turn.
    package mutating func endTurn() {
        if output.sealedByteCount == 0 { seal() }
        guard phase != .head, socket.hasControlFrames else { return }
        // CH-18: a pong waits for a client that does not read, and only the latest is kept; else
        // pings alone would fill the server's memory.
        guard phase == .closing || takesMore(Self.pongByteCountMax) else { return }
        seal()
        var frames: [UInt8] = []
        socket.appendControlFrames(to: &frames)
        output.appendRaw(frames.raw)
        usage.added(frames.count)
    }

    /// Bytes of a pong and of the message that is sealed before it.
    private static var pongByteCountMax: Int { 127 + 276 }

    /// Whether so many bytes that the client can do without may be added for it.
    private func takesMore(_ byteCount: Int) -> Bool {
        output.count <= Limits.ephemeralBacklogByteCountMax && usage.hasRoom(byteCount)
    }

    /// How many bytes the socket may be given.
    package var pendingOutputByteCount: Int { output.sealedByteCount }

    /// How many bytes the client has not read, as far as the server knows. CH-46
    package var unreadByteCount: Int { output.count }

    /// Whether the end of a turn would add to what the socket may be given.
    var hasTurnToEnd: Bool {
        output.hasOpenMessage && output.sealedByteCount == 0
            || phase == .open && socket.hasControlFrames
    }

    /// Takes off what the socket took.
    package mutating func wrote(_ byteCount: Int) {
        output.consume(byteCount)
        usage.written(leaving: output.count)
        if output.count == 0 { output.trim() }
    }

    /// Bytes of delivery frames that the client's socket has surely taken. CH-46
    package var flushedDeliveryByteCount: UInt64 {
        let waiting = UInt64(output.count)
        return usage.deliveredByteCount > waiting ? usage.deliveredByteCount - waiting : 0
    }

    /// Whether all was said and the sending half of the socket is to be shut.
    package var isSpent: Bool { phase == .closing && output.count == 0 }

    /// Bytes of memory the connection's buffers hold.
    package var bufferByteCount: Int {
        input.allocatedByteCount + output.allocatedByteCount + heldFrames.capacity
    }

    private mutating func seal() {
        guard output.hasOpenMessage else { return }
        let before = output.count
        // A message is open only while there is a channel, and one that has sealed 2^64 messages
        // has outlived the machine.
        let sealed = channel.sealMessage(&output, socket)
        precondition(sealed, "a message is open that cannot be sealed")
        usage.added(output.count - before + OutputQueue.headerByteCount)
    }
}
