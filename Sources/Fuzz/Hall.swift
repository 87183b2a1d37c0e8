import Channel
import Mailbox
import Primitives
import Wire

/// A server core with callers, moved by hand: no socket, no thread, no clock but the one it is told.
final class Hall<S: Store> {
    private(set) var core: ServerCore<S>
    private let serverKey: X25519PublicKey
    private var seconds = Cast.now
    private var monotonic: Int64 = 1_000

    init(_ store: S) {
        var random = SeededRandom(41)
        let keys = ServerKeys.generate(from: &random)
        serverKey = keys.channel.publicKey
        core = ServerCore(
            store: store, keys: keys, random: SeededRandom(42),
            time: Mailbox.Moment(wallSeconds: Cast.now, monotonicMilliseconds: 1_000))
    }

    private var time: Mailbox.Moment {
        Mailbox.Moment(wallSeconds: seconds, monotonicMilliseconds: monotonic)
    }

    func connect() -> ConnectionID {
        guard let id = core.connect(from: ClientAddress(simulated: 7)) else {
            preconditionFailure("a server that is not draining takes everybody")
        }
        return id
    }

    func turn() { core.turn(time) }

    func wait(seconds: Int64) {
        self.seconds += seconds
        monotonic += seconds * 1_000
        core.tick(time)
    }

    /// Hands bytes to a connection if it reads.
    func hand(_ bytes: [UInt8], to id: ConnectionID) {
        if core.wantsInput(id) { core.receive(id, bytes.raw) }
    }

    func take(_ id: ConnectionID) -> [UInt8] { core.takeOutput(id) }

    /// A connection whose channel is open; the server's hello is taken.
    func caller(seed: UInt64) -> Caller {
        let caller = Caller(connect(), serverKey: serverKey, seed: seed)
        for _ in 0..<3 {
            hand(caller.takeOutput(), to: caller.id)
            turn()
            caller.receive(take(caller.id))
        }
        precondition(caller.isOpen, "a handshake by the rules fails")
        caller.frames = []
        return caller
    }

    /// What holds whatever a connection has done.
    func check(_ id: ConnectionID) {
        precondition(core.failure == nil, "a store in memory fails")
        let most = Limits.outputByteCountMax + 2 * Limits.messageByteCountMax
        precondition(core.outputByteCount(id) <= most, "more waits for a client than may")
        precondition(core.bufferByteCount(id) <= 4 * most, "a connection holds too much memory")
    }
}

/// A client of the channel that says whatever it is told to.
final class Caller {
    let id: ConnectionID
    private(set) var isOpen = false
    private(set) var handshakeHash = FixedBytes<32>()
    /// Frames that came and nobody has taken, parsed.
    var frames: [ServerFrame] = []

    private var random: SeededRandom
    private let serverKey: X25519PublicKey
    private var upgrade: WebSocketClientHandshake?
    private var socket = WebSocketClient(
        limits: WebSocketLimits(messageByteCountMax: Limits.webSocketMessageByteCountMax))
    private var initiator: ChannelHandshake.Initiator?
    private var channel: NoiseTransport?
    private var input: [UInt8] = []
    private var output: [UInt8] = []

    init(_ id: ConnectionID, serverKey: X25519PublicKey, seed: UInt64) {
        self.id = id
        self.serverKey = serverKey
        var random = SeededRandom(seed)
        let request = made("a request") {
            try WebSocketClientHandshake(
                host: "a:1", subprotocols: [versionSubprotocol],
                limits: HTTPLimits(headByteCountMax: 8_192, fieldCountMax: 64), random: &random)
        }
        self.random = random
        upgrade = request
        output = request.request
    }

    func takeOutput() -> [UInt8] {
        defer { output = [] }
        return output
    }

    /// Seals a plaintext as it stands.
    func send(_ plaintext: [UInt8]) {
        guard let sealed = try? channel?.sending.seal(plaintext.raw) else { return }
        sendBinary(sealed)
    }

    /// A WebSocket message as it stands.
    func sendBinary(_ payload: [UInt8]) {
        socket.appendMessage(payload.raw, to: &output, random: &random)
    }

    func ping(_ payload: [UInt8]) {
        socket.appendPing(payload.sized(min(payload.count, 125)).raw, to: &output, random: &random)
    }

    func receive(_ bytes: [UInt8]) {
        input += bytes
        if upgrade != nil, !finishUpgrade() { return }
        var position = 0
        while let event = next(&position), event != .incomplete {
            if case .message(_, let range) = event { read(Array(input[range])) }
        }
        input.removeFirst(min(position, input.count))
    }

    private func next(_ position: inout Int) -> WebSocketEvent? {
        var span = input.mutableRaw
        return try? socket.receive(&span, position: &position)
    }

    private func finishUpgrade() -> Bool {
        guard let accepted = try? upgrade?.receive(input.raw) else { return false }
        let versions = ChannelHandshake.Versions(
            offer: upgrade?.offeredSubprotocols ?? "", choice: accepted.subprotocol ?? "")
        upgrade = nil
        input.removeFirst(accepted.byteCount)
        guard
            let begun = try? ChannelHandshake.Initiator(
                serverKey: serverKey, versions: versions, from: &random)
        else { return false }
        let message = begun.message
        initiator = consume begun
        sendBinary(message)
        return true
    }

    private func read(_ message: [UInt8]) {
        if let initiator = initiator.take() {
            channel = try? initiator.finish(reading: message.raw)
            return
        }
        guard var channel = channel.take() else { return }
        handshakeHash = channel.handshakeHash
        let plaintext = try? channel.receiving.open(message.raw)
        self.channel = consume channel
        guard let plaintext else { preconditionFailure("the server's seal does not open") }
        guard var reader = try? FrameReader(plaintext.raw) else {
            preconditionFailure("the server's message is no row of frames")
        }
        while let raw = made("a frame", { try reader.next() }) {
            frames.append(
                made("a server's frame") { try ServerFrame.decode(raw, in: plaintext.raw) })
        }
        isOpen = true
    }
}
