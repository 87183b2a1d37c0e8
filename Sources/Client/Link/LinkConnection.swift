internal import Channel
package import Primitives
package import Wire

/// One connection to a server as bytes in and bytes out: HTTP upgrade, WebSocket, Noise, hello,
/// then frames both ways. No I/O and no clock of its own.
///
/// The caller sends `output` as it fills and feeds what it reads; after an error it sends what is
/// left, closes the socket and drops the value.
///
/// - SPEC: §11, CH-40, CH-41, CH-43, CH-44
package struct LinkConnection: ~Copyable {
    /// What came of the bytes fed.
    package enum Event: Equatable, Sendable {
        /// The channel stands: the server has proven the pinned key.
        case connected(handshakeHash: FixedBytes<32>, hello: [UInt8])
        /// A frame of the server.
        case frame(type: UInt8, body: [UInt8])
    }

    /// Bytes for the server; the caller removes what it has sent.
    package private(set) var output: [UInt8] = []
    /// Whether frames may be sent: the hello has come.
    package private(set) var isReady = false

    /// Why the connection is to be given up once the events before that were handled.
    package private(set) var failure: ClientError?

    private let serverKey: X25519PublicKey
    private var random: AnyRandom
    private var upgrade: WebSocketClientHandshake?
    private var initiator: ChannelHandshake.Initiator?
    private var transport: NoiseTransport?
    private var socket: WebSocketClient
    private var input: [UInt8] = []
    private var frames = PaddedFrames()
    private var keepAlive: KeepAlive

    /// Begins: `output` holds the HTTP request.
    ///
    /// - Parameters:
    ///   - server: Whom to reach and the key it must prove.
    ///   - now: Milliseconds of a clock that never goes back.
    /// - Throws: `ClientError.addressInvalid`.
    package init(
        to server: ServerAddress, now: Int64, random: any RandomSource
    ) throws(ClientError) {
        var random = AnyRandom(random)
        guard let request = Self.request(to: server, random: &random) else {
            throw .addressInvalid
        }
        keepAlive = KeepAlive(now: now, random: &random)
        // CH-20: a server that has proven nothing is not held more of.
        socket = WebSocketClient(
            limits: WebSocketLimits(messageByteCountMax: ChannelHandshake.secondMessageByteCount))
        serverKey = server.key
        output = request.request
        upgrade = request
        self.random = random
    }

    private static func request(
        to server: ServerAddress, random: inout AnyRandom
    ) -> WebSocketClientHandshake? {
        try? WebSocketClientHandshake(
            host: "\(server.host.text):\(server.port)", subprotocols: [versionSubprotocol],
            limits: HTTPLimits(
                headByteCountMax: Limits.headByteCountMax, fieldCountMax: Limits.headFieldsMax),
            random: &random)
    }

    /// The first message of the channel; nil if the server's key can have none.
    private static func initiator(
        serverKey: X25519PublicKey, versions: ChannelHandshake.Versions,
        random: inout AnyRandom
    ) -> ChannelHandshake.Initiator? {
        try? ChannelHandshake.Initiator(serverKey: serverKey, versions: versions, from: &random)
    }

    /// When `tick` is due, in milliseconds.
    var deadline: Int64 { keepAlive.deadline }

    /// Keeps an idle connection alive. CH-44
    ///
    /// - Throws: `ClientError.timedOut` when the server has been silent for too long.
    mutating func tick(now: Int64) throws(ClientError) {
        switch keepAlive.tick(now: now, random: &random) {
        case .nothing: break
        case .ping: if isReady { socket.appendPing(RawSpan(), to: &output, random: &random) }
        case .dead: throw .timedOut
        }
    }

    /// Takes bytes from the socket. An end that came with frames before it is in `failure`: they are
    /// often the server's last words.
    ///
    /// - Throws: The reason to give the connection up; nothing more may be fed.
    package mutating func feed(_ bytes: RawSpan, now: Int64) throws(ClientError) -> [Event] {
        if let failure { throw failure }
        keepAlive.received(now: now)
        input.append(copying: bytes)
        if upgrade != nil {
            guard try finishUpgrade() else { return [] }
        }
        var events: [Event] = []
        do throws(ClientError) {
            try readMessages(into: &events)
        } catch {
            if events.isEmpty { throw error }
            failure = error
        }
        return events
    }

    /// Queues an encoded frame; `flush` sends it.
    package mutating func send(_ frame: RawSpan) {
        if !frames.fits(byteCount: frame.byteCount) { flush() }
        frames.append(frame)
    }

    /// Seals what is queued into one message.
    package mutating func flush() {
        guard !frames.isEmpty, var channel = transport.take() else { return }
        var message = frames.take()
        message.append(contentsOf: repeatElement(0, count: NoiseSendingCipher.overheadByteCount))
        var span = message.mutableRaw
        do {
            try channel.sending.seal(inPlace: &span)
        } catch {
            // Only a nonce after 2^64 messages ends here; the direction is dead and nothing goes
            // out, which the keep-alive then notices.
            return
        }
        transport = consume channel
        socket.appendMessage(message.raw, to: &output, random: &random)
    }

    /// Drops bytes of `output` that the network has taken.
    package mutating func sent(_ byteCount: Int) { output.removeFirst(byteCount) }

    /// Says goodbye.
    package mutating func close() {
        flush()
        socket.close(.normal)
        socket.appendControlFrames(to: &output, random: &random)
    }

    // MARK: Steps

    private mutating func finishUpgrade() throws(ClientError) -> Bool {
        guard var upgrade else { return true }
        let accepted: WebSocketClientHandshake.Accepted?
        do {
            accepted = try upgrade.receive(input.raw)
        } catch {
            throw error.asClientError
        }
        self.upgrade = upgrade
        guard let accepted else { return false }
        input.removeFirst(accepted.byteCount)
        self.upgrade = nil
        let versions = ChannelHandshake.Versions(
            offer: upgrade.offeredSubprotocols ?? "", choice: accepted.subprotocol ?? "")
        guard
            let begun = Self.initiator(
                serverKey: serverKey, versions: versions, random: &random)
        else { throw .wrongServerKey }
        let message = begun.message
        initiator = consume begun
        socket.appendMessage(message.raw, to: &output, random: &random)
        return true
    }

    private mutating func readMessages(into events: inout [Event]) throws(ClientError) {
        var position = 0
        while true {
            let event: WebSocketEvent
            do {
                event = try Self.next(in: &input, of: &socket, position: &position)
            } catch {
                socket.appendControlFrames(to: &output, random: &random)
                throw .protocolViolation
            }
            switch event {
            case .incomplete:
                input.removeFirst(position)
                socket.appendControlFrames(to: &output, random: &random)
                return
            case .message(_, let range): try read(Array(input[range]), into: &events)
            case .assembledMessage: try read(socket.takeAssembledMessage(), into: &events)
            case .ping, .pong: break
            case .close(let code, _):
                socket.appendControlFrames(to: &output, random: &random)
                throw closed(code)
            }
        }
    }

    /// A function of its own, because a span of one stored property bars the others.
    private static func next(
        in input: inout [UInt8], of socket: inout WebSocketClient, position: inout Int
    ) throws(WebSocketError) -> WebSocketEvent {
        var span = input.mutableRaw
        return try socket.receive(&span, position: &position)
    }

    /// A Close frame in the middle of the handshake is how a server answers a first message that
    /// was not made for its key, unless it ends for a reason of its own: it shuts down (CH-47), or
    /// its time for this connection was over (CH-44, CH-45).
    private func closed(_ code: WebSocketCloseCode?) -> ClientError {
        if code == .goingAway { return .serverShuttingDown }
        if code == .normal { return .connectionLost }
        return initiator == nil ? .connectionLost : .wrongServerKey
    }

    private mutating func read(_ message: [UInt8], into events: inout [Event]) throws(ClientError) {
        if let initiator = initiator.take() {
            do {
                transport = try initiator.finish(reading: message.raw)
            } catch {
                throw .wrongServerKey
            }
            socket.limits = WebSocketLimits(
                messageByteCountMax: Limits.webSocketMessageByteCountMax)
            return
        }
        guard var channel = transport.take() else { throw .protocolViolation }
        let plaintext: [UInt8]
        do {
            plaintext = try channel.receiving.open(message.raw)
        } catch {
            throw .protocolViolation  // CH-43
        }
        let hash = channel.handshakeHash
        transport = consume channel
        let frames = try PaddedFrames.parse(plaintext)  // CH-40
        if isReady {
            events += frames.map { .frame(type: $0.type, body: $0.body) }
            return
        }
        // CH-41
        guard frames.count == 1, frames[0].type == ServerFrameType.hello.rawValue else {
            throw .protocolViolation
        }
        isReady = true
        events.append(.connected(handshakeHash: hash, hello: frames[0].body))
    }
}

extension WebSocketHandshakeError {
    /// What a failed upgrade means to a person.
    fileprivate var asClientError: ClientError {
        switch self {
        case .badHost, .badPath, .badSubprotocol: .addressInvalid
        case .wrongSubprotocol: .noCommonVersion
        case .badResponse, .refused, .notUpgraded, .badAccept, .unexpectedExtension: .notPostern
        }
    }
}
