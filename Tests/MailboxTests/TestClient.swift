import Channel
import Primitives
import Wire

/// A client of the protocol for tests: speaks it with the code of `Channel` and `Wire` and none of
/// the server's. Bytes go in and out; whoever holds it moves them.
final class TestClient {
    /// What the server said.
    enum Event: Equatable {
        case hello(HelloFrame)
        case done(UInt32)
        case error(ErrorFrame)
        case attached(AttachedFrame)
        case delivery(MailboxID, UInt64, [UInt8])
        case ephemeral(MailboxID, [UInt8])
        case superseded(MailboxID)
        case goingAway
        case blob(UInt32, [UInt8])
        case directory(ServerFrame)
        case unknown(UInt8)
        case closed(UInt16?)
        /// The HTTP answer was no upgrade: its status.
        case refused(UInt16)
    }

    private enum Phase { case upgrading, handshaking, open, over }

    /// Bytes for the server.
    var output: [UInt8] = []
    /// What the server said and nobody has taken.
    var events: [Event] = []
    /// Sizes of the channel messages that came, without tag.
    private(set) var messageSizes: [Int] = []
    private(set) var handshakeHash = FixedBytes<32>()
    private var phase = Phase.upgrading
    private var random: SeededRandom
    private let serverKey: X25519PublicKey
    private var upgrade: WebSocketClientHandshake
    private var socket = WebSocketClient(limits: WebSocketLimits(messageByteCountMax: 65_535))
    private var initiator: ChannelHandshake.Initiator?
    private var channel: NoiseTransport?
    private var input: [UInt8] = []
    private var position = 0
    private var frames = Writer()
    private var lastRequest: UInt32 = 0

    init(serverKey: X25519PublicKey, seed: UInt64, subprotocols: [String] = ["postern.v0"]) {
        self.serverKey = serverKey
        random = SeededRandom(seed)
        guard
            let made = try? WebSocketClientHandshake(
                host: "127.0.0.1:8437", subprotocols: subprotocols,
                limits: HTTPLimits(headByteCountMax: 8_192, fieldCountMax: 64), random: &random)
        else { preconditionFailure("the request of a test is not one") }
        upgrade = made
        output = made.request
    }

    /// Whether the channel is open.
    var isOpen: Bool { phase == .open }

    /// The next request id.
    func nextRequest() -> UInt32 {
        lastRequest += 1
        return lastRequest
    }

    /// Adds a request to the message that `send` will seal, and gives its id.
    @discardableResult
    func add(_ make: (UInt32) -> ClientRequest) -> UInt32 {
        let request = nextRequest()
        room(200)
        make(request).encode(into: &frames)
        return request
    }

    @discardableResult
    func create(_ box: TestMailbox) -> UInt32 {
        add { .create(CreateFrame(request: $0, kind: box.kind, keys: box.keys)) }
    }

    @discardableResult
    func attach(_ box: TestMailbox, _ role: AttachRole) -> UInt32 {
        let signature = box.sign(role, handshakeHash)
        return add {
            .attach(AttachFrame(request: $0, role: role, id: box.id, signature: signature))
        }
    }

    @discardableResult
    func deposit(_ box: MailboxID, _ counter: UInt64, _ envelope: [UInt8]) -> UInt32 {
        let request = nextRequest()
        room(DepositFrame.overheadByteCount + envelope.count)
        DepositFrame.encode(
            request: request, mailbox: box, counter: counter, envelope: envelope.raw,
            into: &frames)
        return request
    }

    @discardableResult
    func depositContact(_ box: MailboxID, _ envelope: [UInt8]) -> UInt32 {
        let request = nextRequest()
        room(60 + envelope.count)
        ContactDepositFrame.encode(
            request: request, mailbox: box, envelope: envelope.raw, into: &frames)
        return request
    }

    @discardableResult
    func acknowledge(_ box: MailboxID, _ sequences: ClosedRange<UInt64>) -> UInt32 {
        add {
            .acknowledge(AcknowledgeFrame(request: $0, mailbox: box, sequences: sequences))
        }
    }

    func ephemeral(_ box: MailboxID, _ frame: [UInt8]) {
        room(EphemeralFrame.byteCount)
        EphemeralFrame.encode(mailbox: box, frame: frame.raw, into: &frames)
    }

    @discardableResult
    func putBlob(
        id: FixedBytes<32>, eraseKey: FixedBytes<32>, expiry: Hours, _ bytes: [UInt8]
    ) -> UInt32 {
        let request = nextRequest()
        room(120 + bytes.count)
        PutBlobFrame.encode(
            request: request, idHash: SHA256.hash(id.raw), eraseHash: SHA256.hash(eraseKey.raw),
            expiry: expiry, blob: bytes.raw, into: &frames)
        return request
    }

    /// Adds a frame as it stands, for frames no client would send.
    func addRaw(_ type: UInt8, _ body: [UInt8]) {
        room(3 + body.count)
        frames.u8(type)
        frames.u16(UInt16(body.count))
        frames.array(body)
    }

    /// Seals what was added into a message.
    func send() {
        if frames.bytes.isEmpty { return }
        frames.padMessage()
        sendPlaintext(frames.bytes)
        frames = Writer()
    }

    /// Seals a plaintext as it stands, for messages no client would send.
    func sendPlaintext(_ plaintext: [UInt8]) {
        guard let sealed = try? channel?.sending.seal(plaintext.raw) else { return }
        sendBinary(sealed)
    }

    /// Sends a binary message as it stands.
    func sendBinary(_ payload: [UInt8]) {
        socket.appendMessage(payload.raw, to: &output, random: &random)
    }

    func ping(_ payload: [UInt8]) {
        socket.appendPing(payload.raw, to: &output, random: &random)
    }

    func close(_ code: WebSocketCloseCode) {
        socket.close(code)
        socket.appendControlFrames(to: &output, random: &random)
    }

    /// Takes what the server has sent.
    func receive(_ bytes: [UInt8]) {
        input += bytes
        while step() {}
        input.removeFirst(position)
        position = 0
    }

    /// Takes the events that came and leaves none.
    func take() -> [Event] {
        defer { events = [] }
        return events
    }

    private func step() -> Bool {
        switch phase {
        case .upgrading: finishUpgrade()
        case .handshaking, .open: nextMessage()
        case .over: false
        }
    }

    private func finishUpgrade() -> Bool {
        do {
            guard let accepted = try upgrade.receive(input.raw) else { return false }
            position = accepted.byteCount
            phase = .handshaking
            let versions = ChannelHandshake.Versions(
                offer: upgrade.offeredSubprotocols ?? "", choice: accepted.subprotocol ?? "")
            let made = try ChannelHandshake.Initiator(
                serverKey: serverKey, versions: versions, from: &random)
            sendBinary(made.message)
            initiator = consume made
            return true
        } catch WebSocketHandshakeError.refused(let status) {
            events.append(.refused(status))
        } catch {
            events.append(.closed(nil))
        }
        phase = .over
        return false
    }

    private func nextMessage() -> Bool {
        var bytes = input.mutableRaw
        let event: WebSocketEvent
        do {
            event = try socket.receive(&bytes, position: &position)
        } catch {
            phase = .over
            events.append(.closed(nil))
            return false
        }
        switch event {
        case .incomplete: return false
        case .message(_, let range): take(Array(input[range]))
        case .close(let code, _):
            phase = .over
            events.append(.closed(code?.rawValue))
            return false
        case .ping, .pong, .assembledMessage: break
        }
        return true
    }

    private func take(_ message: [UInt8]) {
        if phase == .handshaking {
            guard let initiator = initiator.take(),
                let channel = try? initiator.finish(reading: message.raw)
            else {
                phase = .over
                events.append(.closed(nil))
                return
            }
            handshakeHash = channel.handshakeHash
            self.channel = consume channel
            phase = .open
            return
        }
        guard let plaintext = try? channel?.receiving.open(message.raw) else {
            phase = .over
            events.append(.closed(nil))
            return
        }
        messageSizes.append(plaintext.count)
        do {
            var reader = try FrameReader(plaintext.raw)
            while let raw = try reader.next() {
                events.append(Self.event(try ServerFrame.decode(raw, in: plaintext.raw), plaintext))
            }
        } catch {
            phase = .over
            events.append(.closed(nil))
        }
    }

    private static func event(_ frame: ServerFrame, _ message: [UInt8]) -> Event {
        switch frame {
        case .done(let request): .done(request)
        case .error(let frame): .error(frame)
        case .attached(let frame): .attached(frame)
        case .delivery(let frame):
            .delivery(frame.mailbox, frame.sequence, Array(message[frame.envelope]))
        case .ephemeralDelivery(let frame): .ephemeral(frame.mailbox, Array(message[frame.frame]))
        case .superseded(let mailbox): .superseded(mailbox)
        case .goingAway: .goingAway
        case .blob(let frame): .blob(frame.request, Array(message[frame.blob]))
        case .hello(let frame): .hello(frame)
        case .unknown(let type): .unknown(type)
        case .record, .preKeys, .preKeyStatus: .directory(frame)
        }
    }

    private func room(_ byteCount: Int) {
        if frames.bytes.count + byteCount > Limits.messageByteCountMax { send() }
    }
}

/// A mailbox with the keys of both its sides.
final class TestMailbox {
    let kind: MailboxKind
    let id: MailboxID
    let keys: [Ed25519PublicKey]
    private let read: Ed25519KeyPair
    private let write: Ed25519KeyPair

    init(_ kind: MailboxKind = .chat, seed: UInt64) {
        var random = SeededRandom(seed &* 7_919 &+ 13)
        read = .generate(from: &random)
        write = .generate(from: &random)
        self.kind = kind
        keys = kind == .chat ? [read.publicKey, write.publicKey] : [read.publicKey]
        id = kind.mailboxID(keys: keys) ?? .zero
    }

    func sign(_ role: AttachRole, _ handshakeHash: FixedBytes<32>) -> Ed25519Signature {
        let message = role.signedBytes(id: id, handshakeHash: handshakeHash)
        return role == .read ? read.sign(message.raw) : write.sign(message.raw)
    }
}

/// An envelope of a size, told from others by its number.
func envelope(_ number: Int, size: EnvelopeSize = .small) -> [UInt8] {
    (0..<size.rawValue).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number &* 7 &+ $0 >> 8) }
}
