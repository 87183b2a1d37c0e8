import Crypto
import Primitives
import VectorSuites
import Wire

/// The input of one recorded chat: two people, and what they do step by step.
struct ChatScript {
    let alice: VectorPerson
    let bob: VectorPerson
    let type: FirstMessageType
    let withOneTime: Bool
    let extensions: [UInt8]
    let ephemeral: [UInt8]
    let coin: UInt8
    let kemMessage: [UInt8]
    let ratchetKey: [UInt8]
    var random: SeededRandom
    private var steps: [JSONValue] = []
    private(set) var envelopeCount = 0
    private(set) var frameCount = 0

    init(
        seed: UInt64, type: FirstMessageType = .hello, withOneTime: Bool = true,
        extensions: [UInt8] = []
    ) throws {
        random = SeededRandom(seed)
        alice = try VectorPerson("alice", seed: seed &* 3 &+ 1)
        bob = try VectorPerson("bob", seed: seed &* 3 &+ 2)
        self.type = type
        self.withOneTime = withOneTime && type == .hello
        self.extensions = extensions
        ephemeral = random.bytes(count: 32)
        coin = random.bytes(count: 1)[0]
        ratchetKey = random.bytes(count: 32)
        kemMessage = random.bytes(count: 32)
    }

    /// The input of the operation `chat`.
    var input: JSONValue {
        [
            "initiator": alice.json, "recipient": bob.json, "type": .whole(type.rawValue),
            "one-time": .bool(withOneTime), "extensions": .hex(extensions),
            "ephemeral key": .hex(ephemeral), "coin": .hex([coin]),
            "KEM message": .hex(kemMessage), "ratchet key": .hex(ratchetKey),
            "steps": .array(steps),
        ]
    }

    static func name(_ side: Int) -> JSONValue { side == 0 ? "initiator" : "recipient" }

    mutating func id() -> MessageID { random.bytes() }

    mutating func text(_ text: String) -> Content {
        Content.text(
            text, id: id(),
            milliseconds: UInt64(VectorPerson.now) * 1000 + random.integer(below: 100_000))
    }

    /// A message; the ratchet key is drawn by whoever begins a chain with it.
    @discardableResult
    mutating func seal(
        _ side: Int, _ content: Content
    ) -> (key: [UInt8], nonce: [UInt8], kem: [UInt8]) {
        let (key, nonce) = (random.bytes(count: 32), random.bytes(count: 24))
        let kem = random.bytes(count: 64)
        steps.append([
            "op": "seal", "by": Self.name(side), "content": .hex(content.encoded),
            "key": .hex(key), "nonce": .hex(nonce), "kem": .hex(kem),
        ])
        envelopeCount += 1
        return (key, nonce, kem)
    }

    /// A message that a side which breaks the rules seals with its own keys: bytes of the header
    /// are replaced. Its honest session is left behind, so from then on it forges and hears only.
    mutating func forge(_ side: Int, _ content: Content, header: [(offset: Int, bytes: [UInt8])]) {
        let (key, nonce) = (random.bytes(count: 32), random.bytes(count: 24))
        let kem = random.bytes(count: 64)
        steps.append([
            "op": "forge", "by": Self.name(side), "content": .hex(content.encoded),
            "key": .hex(key), "nonce": .hex(nonce), "kem": .hex(kem),
            "header": .array(
                header.map { ["offset": .whole($0.offset), "bytes": .hex($0.bytes)] }),
        ])
        envelopeCount += 1
    }

    /// What a side that forges takes in.
    mutating func hear(_ side: Int, _ index: Int) {
        steps.append(opening("hear", side, "envelope", index, nil))
    }

    mutating func open(_ side: Int, _ index: Int, flip: Int? = nil) {
        steps.append(opening("open", side, "envelope", index, flip))
    }

    mutating func openFrame(_ side: Int, _ index: Int, flip: Int? = nil) {
        steps.append(opening("open frame", side, "frame", index, flip))
    }

    private func opening(
        _ operation: String, _ side: Int, _ name: String, _ index: Int, _ flip: Int?
    ) -> JSONValue {
        let step: JSONValue = .object([
            .init(name: "op", value: .string(operation)),
            .init(name: "by", value: Self.name(side)),
            .init(name: name, value: .whole(index)),
        ])
        return flip.map { step.with("flip", .whole($0)) } ?? step
    }

    /// Bytes that nobody of the two has made.
    mutating func deliver(_ side: Int, _ bytes: [UInt8]) {
        steps.append(["op": "deliver", "by": Self.name(side), "bytes": .hex(bytes)])
    }

    mutating func deliverFrame(_ side: Int, _ bytes: [UInt8], writeKey: [UInt8]? = nil) {
        let step: JSONValue = [
            "op": "deliver frame", "by": Self.name(side), "bytes": .hex(bytes),
        ]
        steps.append(writeKey.map { step.with("write key", .hex($0)) } ?? step)
    }

    mutating func frame(
        _ side: Int, counter: UInt64, type: ContentType = .echo, delivered: Int = 0, read: Int = 0,
        fields: ContentFields = .none
    ) {
        var encoded: [UInt8] = []
        fields.encode(into: &encoded)
        let echo = random.integer(below: Frame.counterEnd)
        let newest: UInt64 = random.integer(UInt64.self)
        let deliveredIDs = (0..<delivered).map { _ in JSONValue.hex(id()) }
        let readIDs = (0..<read).map { _ in JSONValue.hex(id()) }
        steps.append([
            "op": "frame", "by": Self.name(side), "counter": .whole(counter),
            "type": .whole(type.rawValue), "echo": .whole(echo), "newest": .whole(newest),
            "delivered": .array(deliveredIDs), "read": .array(readIDs),
            "fields": .hex(encoded), "nonce": .hex(random.bytes(count: 24)),
        ])
        frameCount += 1
    }

    /// The second derivation up to here, for a forge: the initiator's first message is in it.
    func handshake(_ changes: HandshakeTrace.Changes = .init()) throws -> HandshakeTrace {
        try HandshakeTrace(
            from: alice, to: bob, type: type.rawValue, withOneTime: withOneTime,
            extensions: extensions, ephemeral: ephemeral, coin: coin, kemMessage: kemMessage,
            changes: changes)
    }

    func trace(_ changes: HandshakeTrace.Changes = .init()) throws -> RatchetTrace {
        try RatchetTrace(
            try handshake(changes), signedPreKey: bob.signedPreKey.publicKey.bytes.array,
            ratchetKey: ratchetKey)
    }

    /// Steps by chance: late, doubled, damaged and lost messages and frames in both directions.
    mutating func wander(_ count: Int, fieldsMax: UInt64) {
        for _ in 0..<count {
            let side = Int(random.integer(below: 2))
            switch random.integer(below: 10) {
            case 0...3: seal(side, chosenContent(fieldsMax))
            case 4...7 where envelopeCount > 0:
                // A message that its own author is given is refused as well.
                let index = Int(random.integer(below: UInt64(envelopeCount)))
                let flip = random.integer(below: 8) == 0
                open(side, index, flip: flip ? Int(random.integer(below: 1024)) : nil)
            case 8:
                let isTyping = random.integer(below: 3) == 0
                let delivered = Int(random.integer(below: 9))
                let read = Int(random.integer(below: 8))
                let counter = 1 + random.integer(below: Frame.counterEnd - 1)
                frame(
                    side, counter: counter, type: isTyping ? .typing : .echo,
                    delivered: delivered, read: read,
                    fields: isTyping ? Frame.stateField(true) : .none)
            default: break
            }
        }
    }

    private mutating func chosenContent(_ fieldsMax: UInt64) -> Content {
        let time = UInt64(VectorPerson.now) * 1000 + random.integer(below: 100_000)
        switch random.integer(below: 4) {
        case 0:
            return Content.hello(
                mailbox: alice.mailbox, recoveryBundle: nil, id: id(), milliseconds: time)
        case 1: return Content.deliveryReceipt([id()], id: id(), milliseconds: time)
        default:
            let count = 1 + Int(random.integer(below: fieldsMax))
            return text(String(repeating: "é", count: count / 2) + "x")
        }
    }
}
