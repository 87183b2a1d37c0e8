import Channel
import Platform
import Primitives
import Wire

/// One connection of a load generator to a mailbox server: the real protocol, from outside, with
/// nothing of the server's code.
///
/// Frames that are added in a turn go out as one message; frames that come are handed to `onFrame`
/// where they lie. Made for one thread; `MailboxPool` moves its bytes.
final class MailboxLink {
    enum Phase { case connecting, upgrading, proving, open, closed }

    /// Its place in the pool.
    let index: Int
    private(set) var phase = Phase.closed
    /// What attaches on the channel sign.
    private(set) var handshakeHash = FixedBytes<32>()
    /// Called once the hello has come.
    var onOpen: (MailboxLink) -> Void = { _ in }
    /// Called for each frame but the hello.
    var onFrame: (MailboxLink, ServerFrame, RawSpan) -> Void = { _, _, _ in }
    /// Called when the connection has gone; it may be opened again.
    var onClose: (MailboxLink) -> Void = { _ in }

    private let serverKey: X25519PublicKey
    private(set) var socketBox: SocketBox?
    private var upgrade: WebSocketClientHandshake?
    private var webSocket = WebSocketClient(limits: MailboxLink.limits)
    private var initiator: ChannelHandshake.Initiator?
    private var channel: NoiseTransport?
    private var input = ByteBuffer()
    private var output = ByteBuffer()
    private var frames = Writer()
    private var random = SystemRandom()
    var lastRequest: UInt32 = 0
    var isDirty = false
    var wantsWrite = false

    private static let limits = WebSocketLimits(messageByteCountMax: 65_535)

    /// A socket in a box, since an optional one cannot be borrowed in place.
    final class SocketBox {
        let descriptor: Descriptor
        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    init(index: Int, serverKey: X25519PublicKey) {
        self.index = index
        self.serverKey = serverKey
    }

    var isOpen: Bool { phase == .open }
    var hasOutput: Bool { !output.isEmpty }

    /// Begins to connect.
    func connect(to address: SocketAddress) throws(SystemError) {
        socketBox = SocketBox(try TCP.connect(to: address))
        phase = .connecting
        channel = nil
        initiator = nil
        webSocket = WebSocketClient(limits: Self.limits)
        input = ByteBuffer()
        output = ByteBuffer()
        frames = Writer()
        wantsWrite = true
        let made = try? WebSocketClientHandshake(
            host: "mailbox", subprotocols: ["postern.v0"],
            limits: HTTPLimits(headByteCountMax: 8_192, fieldCountMax: 64), random: &random)
        upgrade = made
        if let made { output.append(made.request.raw) }
    }

    /// Closes the socket at once, as a client that dies does.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        socketBox = nil
        onClose(self)
    }

    func nextRequest() -> UInt32 {
        lastRequest &+= 1
        return lastRequest
    }

    /// Adds a frame that is written from its values.
    @discardableResult
    func add(_ make: (UInt32) -> ClientRequest) -> UInt32 {
        let request = nextRequest()
        room(300)
        make(request).encode(into: &frames)
        return request
    }

    @discardableResult
    func deposit(_ mailbox: MailboxID, _ counter: UInt64, _ envelope: RawSpan) -> UInt32 {
        let request = nextRequest()
        room(DepositFrame.overheadByteCount + envelope.byteCount)
        DepositFrame.encode(
            request: request, mailbox: mailbox, counter: counter, envelope: envelope,
            into: &frames)
        return request
    }

    func ephemeral(_ mailbox: MailboxID, _ frame: RawSpan) {
        room(EphemeralFrame.byteCount)
        EphemeralFrame.encode(mailbox: mailbox, frame: frame, into: &frames)
    }

    /// Adds a ping.
    func ping() {
        var bytes: [UInt8] = []
        webSocket.appendPing([1, 2, 3, 4].raw, to: &bytes, random: &random)
        output.append(bytes.raw)
    }

    /// Seals what was added since the last time into one message.
    func seal() {
        if frames.bytes.isEmpty { return }
        var message = Writer(capacity: frames.bytes.count)
        swap(&message, &frames)
        message.padMessage()
        let plaintext = message.bytes
        seal(plaintext.raw)
    }

    private func room(_ byteCount: Int) {
        if frames.bytes.count + byteCount > Limits.messageByteCountMax { seal() }
    }

    private func seal(_ plaintext: RawSpan) {
        guard var transport = channel.take() else { return }
        if let sealed = try? transport.sending.seal(plaintext) { send(sealed.raw) }
        channel = consume transport
    }

    private func send(_ payload: RawSpan) {
        guard
            let header = webSocket.messageHeader(
                payloadByteCount: payload.byteCount, random: &random)
        else { return }
        // A span of a class's property could outlive it, so the buffer is taken out meanwhile.
        var taken = ByteBuffer()
        swap(&taken, &output)
        taken.append(upTo: WebSocketFrameHeader.byteCountMax) { header.write(to: &$0) }
        let start = taken.count
        taken.append(payload)
        var bytes = taken.writable
        header.mask?.apply(to: &bytes, range: start..<bytes.byteCount)
        swap(&taken, &output)
    }

    // MARK: Bytes

    /// The socket can be read.
    func readable() {
        guard let socketBox else { return }
        if phase == .connecting { connected() }
        guard phase != .closed else { return }
        guard let result = try? socketBox.descriptor.read(into: &input, room: 1 << 17) else {
            return close()
        }
        switch result {
        case .bytes: parse()
        case .wouldBlock: break
        case .closed: close()
        }
    }

    /// The socket can be written.
    func writable() {
        if phase == .connecting { connected() }
        flush()
    }

    private func connected() {
        guard let socketBox else { return }
        guard (try? TCP.connectResult(of: socketBox.descriptor)) != nil else { return close() }
        phase = .upgrading
    }

    /// Writes what it can.
    func flush() {
        guard phase != .closed, phase != .connecting, let socketBox else { return }
        while !output.isEmpty {
            guard let result = try? socketBox.descriptor.send(output.readable) else {
                return close()
            }
            guard case .bytes(let count) = result else {
                if result == .closed { close() }
                return
            }
            output.consume(count)
        }
    }

    private func parse() {
        if phase == .upgrading, !finishUpgrade() { return }
        var bytes = ByteBuffer()
        swap(&bytes, &input)
        var position = 0
        loop: while phase == .proving || phase == .open {
            var span = bytes.writable
            guard let event = try? webSocket.receive(&span, position: &position) else {
                close()
                break
            }
            switch event {
            case .incomplete: break loop
            case .message(_, let range): message(&bytes, range)
            case .close:
                close()
            case .ping, .pong, .assembledMessage: break
            }
        }
        bytes.consume(min(position, bytes.count))
        swap(&bytes, &input)
    }

    private func finishUpgrade() -> Bool {
        do {
            guard let accepted = try upgrade?.receive(input.readable) else { return false }
            input.consume(accepted.byteCount)
            let versions = ChannelHandshake.Versions(
                offer: upgrade?.offeredSubprotocols ?? "", choice: accepted.subprotocol ?? "")
            let made = try ChannelHandshake.Initiator(
                serverKey: serverKey, versions: versions, from: &random)
            phase = .proving
            let message = made.message
            initiator = consume made
            send(message.raw)
            isDirty = true
            return true
        } catch {
            close()
            return false
        }
    }

    private func message(_ bytes: inout ByteBuffer, _ range: Range<Int>) {
        if phase == .proving && channel == nil {
            guard let initiator = initiator.take() else { return close() }
            let answer = [UInt8](copying: bytes.readable.extracting(range))
            channel = try? initiator.finish(reading: answer.raw)
            guard channel != nil else { return close() }
            handshakeHash = channel?.handshakeHash ?? .zero
            return
        }
        guard var transport = channel.take() else { return close() }
        var span = bytes.writable
        var message = span._mutatingExtracting(range)
        guard let count = try? transport.receiving.open(inPlace: &message) else {
            return close()
        }
        channel = consume transport
        frames(bytes.readable.extracting(range.lowerBound..<range.lowerBound + count))
    }

    private func frames(_ plaintext: RawSpan) {
        guard var reader = try? FrameReader(plaintext) else { return close() }
        while true {
            do {
                guard let raw = try reader.next() else { return }
                let frame = try ServerFrame.decode(raw, in: plaintext)
                if case .hello = frame {
                    phase = .open
                    onOpen(self)
                } else {
                    onFrame(self, frame, plaintext)
                }
                if phase == .closed { return }
            } catch {
                return close()
            }
        }
    }
}
