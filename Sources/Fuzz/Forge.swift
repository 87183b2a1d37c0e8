import Crypto
import Primitives
import Wire

/// What a peer that breaks the rules can make with keys it rightly holds: messages sealed by hand,
/// step by step as SPEC.md sections 5 and 6 say, without the code that seals honest ones.
struct Forge: ~Copyable {
    /// From the stored form of the sender's session, which has a sending chain.
    let id: SessionID
    let direction: UInt8
    let chainKey: SecretBytes
    let headerKey: SecretBytes
    let ratchetKey: X25519PublicKey
    let previousChainLength: UInt32
    let count: UInt32
    let number: UInt64
    let link: [UInt8]
    let tag: [UInt8]

    /// The chain of a stored session; section of the file that writes it: sending, first.
    init(sender stored: [UInt8]) {
        var reader = Reader(stored.raw)
        func read<Value: ~Copyable>(_ body: () throws -> Value) -> Value {
            made("a stored session", body)
        }
        let head = read { try reader.array(2) }
        direction = head[1]
        id = read { try reader.fixed() }
        let flag = read { try reader.array(33) }
        precondition(flag[32] == 1, "a session with a sending chain")
        let secrets = read { try reader.array(96) }
        chainKey = SecretBytes(copying: secrets.raw.extracting(0..<32))
        headerKey = SecretBytes(copying: secrets.raw.extracting(32..<64))
        let secret = SecretBytes(copying: secrets.raw.extracting(64..<96))
        ratchetKey = X25519KeyPair(secret: secret).publicKey
        previousChainLength = read { try reader.u32() }
        count = read { try reader.u32() }
        _ = read { try reader.array(36) }
        number = read { try reader.u64() }
        link = read { try reader.array(32) }
        tag = read { try reader.array(16) }
    }

    /// What a forged message says.
    struct Message {
        var messageNumber: UInt32
        var previousChainLength: UInt32
        var ratchetKey: [UInt8]
        /// Epoch and KEM field, 246 bytes.
        var kem: [UInt8]
        var number: UInt64
        var link: [UInt8]
        var content: [UInt8]
        var paddingMark: UInt8 = 0x80
    }

    /// The message that an honest sender would send next, with other content.
    func next(_ content: [UInt8]) -> Message {
        Message(
            messageNumber: count, previousChainLength: previousChainLength,
            ratchetKey: ratchetKey.bytes.array, kem: [UInt8](repeating: 0, count: 246),
            number: number + 1, link: nextLink, content: content)
    }

    private var nextLink: [UInt8] {
        var bytes = link
        bytes.append(bigEndian: number + 1)
        return SHA256.hash((bytes + tag).raw).array
    }

    /// An envelope of a size. The message key is that of the message's own number, at most a
    /// little more than what a receiver skips away from the sender's.
    func envelope(_ message: Message, byteCount: Int, nonceByte: UInt8) -> [UInt8] {
        let key = Self.messageKey(chainKey, steps: Int(message.messageNumber &- count) & 0x7ff)
        return Self.envelope(
            message, prefix: [0], key: key, headerKey: headerKey, id: id, direction: direction,
            byteCount: byteCount, nonceByte: nonceByte)
    }

    static func messageKey(_ chainKey: borrowing SecretBytes, steps: Int) -> SecretBytes {
        var chain = chainKey.duplicate()
        for _ in 0..<steps { chain = HMACSHA256.derive(from: chain, message: [2].raw) }
        return HMACSHA256.derive(from: chain, message: [1].raw)
    }

    /// Header and body sealed behind a prefix, which is the version or a first message's opening.
    static func envelope(
        _ message: Message, prefix: [UInt8], key: borrowing SecretBytes,
        headerKey: borrowing SecretBytes, id: SessionID, direction: UInt8, byteCount: Int,
        nonceByte: UInt8
    ) -> [UInt8] {
        let nonce = FixedBytes<24>(repeating: nonceByte)
        var header = message.ratchetKey.sized(32)
        header.append(bigEndian: message.previousChainLength)
        header.append(bigEndian: message.messageNumber)
        header += message.kem.sized(246)
        let data = id.array + [direction]
        let head =
            nonce.array
            + XChaChaPoly.seal(header.raw, key: headerKey, nonce: nonce, authenticating: data.raw)
        var block: [UInt8] = []
        block.append(bigEndian: message.number)
        block += message.link.sized(32)
        let room = byteCount - prefix.count - head.count - 16
        block = (block + message.content + [message.paddingMark]).sized(max(0, room))
        let body = ChaChaPoly.seal(
            block.raw, key: key, nonce: FixedBytes<12>(repeating: nonceByte),
            authenticating: (data + head).raw)
        return prefix + head + body
    }
}

/// A session of two members of the cast, at rest, as both would have stored it.
struct StoredPair: Sendable {
    /// The initiator, with a chain that the recipient knows.
    let sender: [UInt8]
    /// The initiator, with a chain that the recipient has not seen.
    let turned: [UInt8]
    /// The recipient, with keys of skipped messages of two chains.
    let receiver: [UInt8]
    /// Good envelopes for the receiver: of skipped messages, of the chain and of the new one.
    let envelopes: [[UInt8]]
    /// A first message for the recipient.
    let first: [UInt8]
    /// Both sides at each stage of a KEM step: half a key, a whole one, half a ciphertext, a
    /// whole one, the next epoch.
    let steps: [[UInt8]]

    static let standard = made("a session") { try StoredPair() }

    private init() throws {
        let alice = Cast.alice
        let bob = Cast.bob
        var random = SeededRandom(21)
        var one = try Handshake.begin(
            alice.introduction, identity: alice.identity, to: bob.preKeys, random: &random)
        let first = try one.seal(alice.text("hello"), random: &random).envelope
        self.first = first
        var two = try FirstMessageTargets.accepted(first)
        var late: [[UInt8]] = []
        try Self.open(try two.seal(bob.text("yes"), random: &random).envelope, in: &one)
        for index in 0..<4 {
            let sealed = try one.seal(alice.text("a\(index)"), random: &random).envelope
            if index == 2 { try Self.open(sealed, in: &two) } else { late.append(sealed) }
        }
        try Self.open(try two.seal(bob.text("more"), random: &random).envelope, in: &one)
        for index in 0..<6 {
            let sealed = try one.seal(alice.text("b\(index)"), random: &random).envelope
            if index == 3 { try Self.open(sealed, in: &two) } else { late.append(sealed) }
        }
        sender = one.exposeForStorage()
        let answer = try two.seal(bob.text("last"), random: &random).envelope
        receiver = two.exposeForStorage()
        try Self.open(answer, in: &one)
        late.append(try one.seal(alice.text("c"), random: &random).envelope)
        turned = one.exposeForStorage()
        envelopes = late
        steps = try Self.steps(random: &random)
    }

    private static func steps(random: inout SeededRandom) throws -> [[UInt8]] {
        let (alice, bob) = (Cast.alice, Cast.bob)
        var one = try Handshake.begin(
            alice.introduction, identity: alice.identity, to: bob.preKeys, random: &random)
        let first = try one.seal(alice.text("hello"), random: &random).envelope
        var two = try FirstMessageTargets.accepted(first)
        var stored: [[UInt8]] = []
        for turn in 1..<22 {
            if turn.isMultiple(of: 2) {
                try open(try one.seal(alice.text("x"), random: &random).envelope, in: &two)
            } else {
                try open(try two.seal(bob.text("x"), random: &random).envelope, in: &one)
            }
            // Once in a while, in the middle of everything.
            if turn % 4 == 1 { stored += [one.exposeForStorage(), two.exposeForStorage()] }
        }
        precondition(one.kemEpoch == 1 && two.kemEpoch == 1, "an epoch has begun")
        return stored
    }

    private static func open(_ envelope: [UInt8], in session: inout Session) throws {
        let opened = try session.open(envelope.raw, atHours: Cast.hours.count)
        session.commit(opened)
    }
}
