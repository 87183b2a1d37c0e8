import Mailbox
import Primitives
import Wire

/// The server from the bytes of its sockets down to its store, with somebody beside who must not
/// notice.
enum ServerTargets {
    static let all: [Target] = [
        Target("server-socket", byteCountMax: 4_096, seeds: socketSeeds, run: socket),
        Target("server-channel", byteCountMax: 8_192, seeds: channelSeeds, run: channel),
    ]

    // MARK: Before the channel

    @Sendable private static func socketSeeds() -> [[UInt8]] {
        let hall = Hall(StoreMemory())
        let caller = Caller(hall.connect(), serverKey: Cast.alice.identity.publicKey, seed: 5)
        let head = caller.takeOutput()
        hall.hand(head, to: caller.id)
        hall.turn()
        caller.receive(hall.take(caller.id))
        let handshake = caller.takeOutput()
        caller.ping([1, 2, 3])
        caller.sendBinary([UInt8](repeating: 7, count: 48))
        let more = caller.takeOutput()
        func step(_ kind: UInt8, _ bytes: [UInt8]) -> [UInt8] { [kind] + bytes.asPart }
        return [
            step(0, head) + step(0, handshake), step(0, head + handshake + more),
            step(0, head) + step(2, [9]) + step(0, more),
            step(0, Array("GET /".utf8)) + step(2, []),
        ]
    }

    /// Bytes from sockets that speak for themselves.
    @Sendable private static func socket(_ input: RawSpan) {
        var choices = Choices(input)
        let hall = Hall(StoreMemory())
        let ids = [hall.connect(), hall.connect()]
        for _ in 0..<24 where !choices.isEmpty {
            let kind = choices.byte()
            let id = ids[Int(kind & 1)]
            let bytes = choices.part()
            switch kind >> 1 & 3 {
            case 0: hall.hand(bytes, to: id)
            case 1: hall.wait(seconds: Int64(bytes.first ?? 0))
            case 2: _ = hall.take(id)
            default: for byte in bytes { hall.hand([byte], to: id) }
            }
            if kind & 8 == 0 { hall.turn() }
        }
        hall.turn()
        for id in ids { hall.check(id) }
        witness(hall)
    }

    // MARK: In the channel

    private static let readKey = Cast.alice.read.publicKey
    private static let writeKey = Cast.alice.write.publicKey
    private static let mailbox = MailboxKind.chat.mailboxID(keys: [readKey, writeKey]) ?? .zero

    @Sendable private static func channelSeeds() -> [[UInt8]] {
        let hall = Hall(StoreMemory())
        let hashes = (0..<2).map { hall.caller(seed: UInt64(50 + $0)).handshakeHash }
        func attach(_ role: AttachRole, _ caller: Int) -> [UInt8] {
            let message = role.signedBytes(id: mailbox, handshakeHash: hashes[caller])
            let key = role == .read ? Cast.alice.read.duplicate() : Cast.alice.write.duplicate()
            return WireSeeds.written {
                ClientRequest.attach(
                    AttachFrame(
                        request: 1, role: role, id: mailbox, signature: key.sign(message.raw))
                ).encode(into: &$0)
            }
        }
        func step(_ kind: UInt8, _ bytes: [UInt8]) -> [UInt8] { [kind] + bytes.asPart }
        let create = WireSeeds.written {
            ClientRequest.create(CreateFrame(request: 1, kind: .chat, keys: [readKey, writeKey]))
                .encode(into: &$0)
        }
        let deposit = WireSeeds.written {
            DepositFrame.encode(
                request: 2, mailbox: mailbox, counter: 1,
                envelope: [UInt8](repeating: 3, count: 1_024).raw, into: &$0)
        }
        let more = WireSeeds.written { writer in
            EphemeralFrame.encode(
                mailbox: mailbox, frame: [UInt8](repeating: 4, count: 1_024).raw, into: &writer)
        }
        func request(_ request: ClientRequest) -> [UInt8] {
            WireSeeds.written { request.encode(into: &$0) }
        }
        let acknowledge = request(
            .acknowledge(AcknowledgeFrame(request: 3, mailbox: mailbox, sequences: 1...1)))
        let close = request(.close(MailboxFrame(request: 4, mailbox: mailbox)))
        let delete = request(.delete(MailboxFrame(request: 5, mailbox: mailbox)))
        let begin = step(0, create) + step(0, attach(.read, 0)) + step(1, attach(.write, 1))
        return WireSeeds.clientFrames().filter { $0.count < 5_000 }.map { step(0, $0) } + [
            begin + step(1, deposit) + step(0, acknowledge) + step(1, more) + step(0, close),
            begin + step(1, deposit) + step(1, attach(.read, 1)) + step(0, acknowledge),
            begin + step(0x11, deposit) + step(0x13, [1, 2]) + step(0, delete) + step(1, deposit),
            begin + step(0x10, deposit) + step(0x02, deposit), begin + step(6, [200]),
        ]
    }

    /// Two clients with open channels; what they say is sealed here as it stands.
    @Sendable private static func channel(_ input: RawSpan) {
        var choices = Choices(input)
        let hall = Hall(StoreMemory())
        let callers = (0..<2).map { hall.caller(seed: UInt64(50 + $0)) }
        for _ in 0..<32 where !choices.isEmpty {
            let kind = choices.byte()
            let caller = callers[Int(kind & 1)]
            let bytes = choices.part()
            switch kind >> 1 & 7 {
            case 0, 4: caller.send(bytes.sized(Framing.paddedByteCount(bytes.count)))
            case 1: caller.sendBinary(bytes)
            case 2: caller.ping(bytes)
            case 3: hall.wait(seconds: Int64(bytes.first ?? 0))
            case 5: caller.receive(hall.take(caller.id))
            case 6: caller.send(bytes)
            default: hall.hand(bytes, to: caller.id)
            }
            hall.hand(caller.takeOutput(), to: caller.id)
            // Without a turn several messages come in one read.
            if kind & 0x10 == 0 { hall.turn() }
        }
        hall.turn()
        for caller in callers {
            hall.check(caller.id)
            caller.receive(hall.take(caller.id))
        }
        witness(hall)
    }

    /// Somebody who comes afterwards and finds everything as it should be.
    private static func witness<S: Store>(_ hall: Hall<S>) {
        let caller = hall.caller(seed: 99)
        let keys = [Cast.bob.read.publicKey, Cast.bob.write.publicKey]
        caller.send(
            WireSeeds.written {
                ClientRequest.create(CreateFrame(request: 7, kind: .chat, keys: keys))
                    .encode(into: &$0)
                $0.padMessage()
            })
        hall.hand(caller.takeOutput(), to: caller.id)
        hall.turn()
        caller.receive(hall.take(caller.id))
        precondition(
            caller.frames == [.done(request: 7)], "a client notices what another one did")
    }
}
