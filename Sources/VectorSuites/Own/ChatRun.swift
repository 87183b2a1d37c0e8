internal import Crypto
internal import Primitives
internal import Wire

/// One recorded chat of two people, step by step: the sessions of the programs beside the second
/// derivation, byte for byte.
///
/// - SPEC: §5, §6, §7
final class ChatRun {
    private enum Side: Int {
        case initiator = 0
        case recipient = 1
        var other: Side { self == .initiator ? .recipient : .initiator }
    }

    private let alice: VectorPerson
    private let bob: VectorPerson
    private let withOneTime: Bool
    private let handshake: HandshakeTrace
    private var trace: RatchetTrace
    private let initiator: Box
    private var recipient: Box?
    private var prefix: KnownPrefix?
    private var lastContent: [UInt8] = []
    private var lastNumber: UInt64 = 0
    /// A forging initiator has read the reply.
    private var hasHeard = false
    private var envelopes: [[UInt8]] = []
    private var frames: [[UInt8]] = []

    /// A session in a place that can be shared.
    private final class Box {
        var session: Session
        init(_ session: consuming Session) { self.session = session }

        var awaitsReply: Bool { session.awaitsReply }

        func seal(
            _ content: Content, _ draws: [[UInt8]]
        ) throws -> (SealedMessage, ScriptedRandom) {
            var random = ScriptedRandom(draws)
            let sealed = try session.seal(content, random: &random)
            return (sealed, random)
        }

        func open(_ frame: [UInt8], writeKey: Ed25519PublicKey) throws -> Frame {
            try session.openFrame(frame.raw, writeKey: writeKey)
        }

        func seal(
            _ frame: Frame, to owner: VectorPerson, _ draws: [[UInt8]]
        ) throws -> ([UInt8], ScriptedRandom) {
            var random = ScriptedRandom(draws)
            let bytes = try session.seal(frame, writeKey: owner.chatWriteKey, random: &random)
            return (bytes, random)
        }
    }

    /// Runs a whole chat.
    @Sendable static func run(_ input: VectorInput) throws -> JSONValue {
        let chat = try make(input)
        var steps: [JSONValue] = []
        for step in try input.objects("steps") {
            do {
                steps.append(try chat.step(step))
            } catch let problem as VectorProblem {
                throw problem
            } catch {
                steps.append(["error": .string(OwnSuite.name(of: error))])
            }
        }
        return chat.handshake.json.with("steps", .array(steps))
    }

    private static func make(_ input: VectorInput) throws -> ChatRun {
        let alice = try VectorPerson(input.object("initiator"))
        let bob = try VectorPerson(input.object("recipient"))
        guard let type = FirstMessageType(rawValue: try input.integer("type")) else {
            throw VectorProblem.member("type")
        }
        let withOneTime = try input.bool("one-time")
        let extensions = try input.bytes("extensions")
        let fields = try TaggedFields(parsing: extensions.raw)
        let preKeys =
            type == .reset
            ? RecipientPreKeys(
                bob.recoveryBundle, account: bob.account.publicKey,
                device: bob.certificate.identity)
            : try bob.published(withOneTime: withOneTime)
        guard let preKeys, type == .hello || !withOneTime,
            fields.byteCount <= Introduction.extensionByteCountMax
        else { throw VectorProblem.member("one-time") }
        let ephemeral: FixedBytes<32> = try input.fixed("ephemeral key")
        let coin: FixedBytes<1> = try input.fixed("coin")
        let kemMessage: FixedBytes<32> = try input.fixed("KEM message")
        let ratchetKey: FixedBytes<32> = try input.fixed("ratchet key")
        var random = ScriptedRandom([
            ephemeral.array, coin.array, kemMessage.array, ratchetKey.array,
        ])
        let introduction = try alice.introduction(type, extensions: fields)
        let session = try Handshake.begin(
            introduction, identity: alice.identity, to: preKeys, random: &random)
        let id = session.id
        let box = Box(session)
        let handshake = try HandshakeTrace(
            from: alice, to: bob, type: type.rawValue, withOneTime: withOneTime,
            extensions: extensions, ephemeral: ephemeral.array, coin: coin[0],
            kemMessage: kemMessage.array)
        let trace = try RatchetTrace(
            handshake, signedPreKey: bob.signedPreKey.publicKey.bytes.array,
            ratchetKey: ratchetKey.array)
        guard id.array == handshake.sessionID, !random.wasShort else {
            throw VectorProblem.disagreement("session id")
        }
        return ChatRun(alice, bob, withOneTime, handshake, trace, box)
    }

    private init(
        _ alice: VectorPerson, _ bob: VectorPerson, _ withOneTime: Bool,
        _ handshake: HandshakeTrace, _ trace: RatchetTrace, _ initiator: Box
    ) {
        self.alice = alice
        self.bob = bob
        self.withOneTime = withOneTime
        self.handshake = handshake
        self.trace = trace
        self.initiator = initiator
    }

    private func box(_ side: Side) throws -> Box {
        guard let box = side == .initiator ? initiator : recipient else {
            throw VectorRefusal("noSession")
        }
        return box
    }

    private func step(_ input: VectorInput) throws -> JSONValue {
        let by = try input.text("by")
        guard by == "initiator" || by == "recipient" else { throw VectorProblem.member("by") }
        let side: Side = by == "initiator" ? .initiator : .recipient
        switch try input.text("op") {
        case "seal": return try seal(input, side)
        case "open": return try open(try chosen(input, envelopes, "envelope"), side)
        case "forge": return try forge(input, side)
        case "hear": return try hear(try chosen(input, envelopes, "envelope"), side)
        case "deliver": return try open(try input.bytes("bytes"), side)
        case "frame": return try sealFrame(input, side)
        case "open frame": return try openFrame(input, try chosen(input, frames, "frame"), side)
        case "deliver frame": return try openFrame(input, try input.bytes("bytes"), side)
        default: throw VectorProblem.member("op")
        }
    }

    /// Something that was made before, one bit of it flipped if the step says so.
    private func chosen(
        _ input: VectorInput, _ made: [[UInt8]], _ name: String
    ) throws -> [UInt8] {
        let index: Int = try input.integer(name)
        let flip: Int? = input.has("flip") ? try input.integer("flip") : nil
        // Its seal step was refused, so there is nothing to open.
        guard made.indices.contains(index) else { throw VectorRefusal("nothing") }
        var bytes = made[index]
        guard let flip else { return bytes }
        guard bytes.indices.contains(flip) else { throw VectorProblem.member("flip") }
        bytes[flip] ^= 1
        return bytes
    }

    // MARK: Messages

    private func seal(_ input: VectorInput, _ side: Side) throws -> JSONValue {
        let key = try input.bytes("key", count: 32)
        let nonce = try input.bytes("nonce", count: 24)
        let kem = try input.bytes("kem", count: 64)
        let encoded = try input.bytes("content")
        let content = try Content(parsing: encoded.raw)
        let session = try box(side)
        let isFirst = session.awaitsReply
        let draws = trace.draws(by: side.rawValue)
        var drawn = draws.key ? [key] : []
        switch draws.kem {
        case .none: break
        case .key: drawn.append(kem)
        case .encapsulation: drawn.append(Array(kem[..<32]))
        }
        let (sealed, random) = try session.seal(content, drawn + [nonce])
        let again = try trace.seal(
            content.encoded, by: side.rawValue, newKey: draws.key ? key : nil, nonce: nonce,
            random: kem, isFirst: isFirst)
        guard sealed.envelope == again.envelope, !random.wasShort, random.isUsedUp else {
            throw VectorProblem.disagreement("envelope")
        }
        envelopes.append(sealed.envelope)
        return again.json.with("number", .whole(sealed.number))
            .with("envelope", .hex(sealed.envelope))
    }

    /// Seals with the keys that a side rightly holds, and a changed header: this side's session
    /// takes no part in the chat any more.
    private func forge(_ input: VectorInput, _ side: Side) throws -> JSONValue {
        var changes = RatchetTrace.Changes()
        for change in try input.objects("header") {
            let offset: Int = try change.integer("offset")
            let bytes = try change.bytes("bytes")
            guard (0...286).contains(offset), offset + bytes.count <= 286 else {
                throw VectorProblem.member("offset")
            }
            let before = changes.header
            changes.header = {
                var block = before($0)
                block.replaceSubrange(offset..<offset + bytes.count, with: bytes)
                return block
            }
        }
        let key = try input.bytes("key", count: 32)
        let nonce = try input.bytes("nonce", count: 24)
        let kem = try input.bytes("kem", count: 64)
        let content = try input.bytes("content")
        let isFirst = side == .initiator && initiator.awaitsReply && !hasHeard
        let made = try trace.seal(
            content, by: side.rawValue,
            newKey: trace.draws(by: side.rawValue).key ? key : nil, nonce: nonce, random: kem,
            isFirst: isFirst, changes: changes)
        envelopes.append(made.envelope)
        return made.json.with("envelope", .hex(made.envelope))
    }

    /// What the second derivation learns for a side that forges.
    private func hear(_ bytes: [UInt8], _ side: Side) throws -> JSONValue {
        try trace.opened(bytes, by: side.rawValue)
        if side == .initiator { hasHeard = true }
        return ["epoch": .whole(trace.epoch(of: side.rawValue))]
    }

    private func open(_ bytes: [UInt8], _ side: Side) throws -> JSONValue {
        if side == .recipient, recipient == nil { try accept(bytes) } else { try take(bytes, side) }
        try trace.opened(bytes, by: side.rawValue)
        let box = try box(side)
        let gaps = box.session.received.gaps.map { gap -> JSONValue in
            [.whole(gap.first), .whole(gap.last)]
        }
        let isConfirmed = box.session.isConfirmed
        let epoch = box.session.kemEpoch
        return [
            "number": .whole(lastNumber), "content": .hex(lastContent), "missing": .array(gaps),
            "confirmed": .bool(isConfirmed), "epoch": .whole(epoch),
        ]
    }

    private func accept(_ bytes: [UInt8]) throws {
        let accepted = try FirstMessageReader.accept(
            bytes, as: bob, withOneTime: withOneTime, secondsSince1970: VectorPerson.now)
        lastContent = accepted.content
        lastNumber = accepted.number
        prefix = accepted.prefix
        recipient = Box(accepted.takeSession())
    }

    /// Opens and keeps; a refusal must leave the state byte for byte as it was (DR-6).
    private func take(_ bytes: [UInt8], _ side: Side) throws {
        let box = try box(side)
        let before = box.session.exposeForStorage()
        guard let refusal = refusal(bytes, side, box) else { return }
        guard box.session.exposeForStorage() == before else {
            throw VectorProblem.disagreement("state")
        }
        throw refusal
    }

    private func refusal(_ bytes: [UInt8], _ side: Side, _ box: Box) -> (any Error)? {
        do {
            try keep(bytes, side, box)
            return nil
        } catch {
            return error
        }
    }

    private func keep(_ bytes: [UInt8], _ side: Side, _ box: Box) throws {
        let opened = try opened(bytes, side, box)
        lastContent = opened.content
        lastNumber = opened.number
        box.session.commit(opened)
    }

    private func opened(_ bytes: [UInt8], _ side: Side, _ box: Box) throws -> OpenedMessage {
        if side == .recipient, let prefix, let message = try? FirstMessage(parsing: bytes.raw),
            message.openingHash == prefix.openingHash
        {
            return try box.session.open(message, behind: prefix, atHours: VectorPerson.hours)
        }
        return try box.session.open(bytes.raw, atHours: VectorPerson.hours)
    }

    // MARK: Frames

    private func sealFrame(_ input: VectorInput, _ side: Side) throws -> JSONValue {
        let nonce = try input.bytes("nonce", count: 24)
        let encoded = try input.bytes("fields")
        let fields = try ContentFields(parsing: encoded.raw)
        let frame = Frame(
            counter: try input.integer("counter"),
            type: ContentType(rawValue: try input.integer("type")),
            echo: try input.integer("echo"), newest: try input.integer("newest"),
            delivered: try ids(input, "delivered"), read: try ids(input, "read"),
            fields: fields)
        let owner = side == .initiator ? bob : alice
        let session = try box(side)
        let (bytes, random) = try session.seal(frame, to: owner, [nonce])
        let data = trace.sessionID + [UInt8(side.rawValue)]
        let block = FrameBlock.encode(frame)
        let signed = Derive.ascii("postern/1 ephemeral frame") + data + block
        let signature = Derive.sign(owner.chatWriteSeed, signed)
        // Which of the other side's keys it is depends on what has arrived.
        let key = trace.frameKeys(forSealingBy: side.rawValue).first { key in
            [0] + nonce + Derive.xaead(key, nonce, [0] + data, block + signature)
                == bytes
        }
        guard let key, !random.wasShort else { throw VectorProblem.disagreement("frame") }
        frames.append(bytes)
        return [
            "frame key": .hex(key), "block": .hex(block), "signature": .hex(signature),
            "frame": .hex(bytes),
        ]
    }

    private func ids(_ input: VectorInput, _ name: String) throws -> [MessageID] {
        try input.byteLists(name).map { bytes in
            guard let id = MessageID(copying: bytes.raw) else { throw VectorProblem.member(name) }
            return id
        }
    }

    private func openFrame(
        _ input: VectorInput, _ bytes: [UInt8], _ side: Side
    ) throws -> JSONValue {
        let writeKey =
            input.has("write key")
            ? try input.ed25519("write key")
            : (side == .initiator ? alice : bob).chatWritePublicKey
        let box = try box(side)
        let frame = try box.open(bytes, writeKey: writeKey)
        return ["block": .hex(FrameBlock.encode(frame))]
    }
}

/// The block of an ephemeral frame once more from its table.
enum FrameBlock {
    static func encode(_ frame: Frame) -> [UInt8] {
        var block = Derive.big(frame.counter) + Derive.big(frame.type.rawValue)
        block += Derive.big(frame.echo) + Derive.big(frame.newest)
        block += [
            UInt8(truncatingIfNeeded: frame.delivered.count),
            UInt8(truncatingIfNeeded: frame.read.count),
        ]
        for id in frame.delivered + frame.read { block += id.array }
        frame.fields.encode(into: &block)
        return block + Derive.zeros(max(0, 919 - block.count))
    }
}

/// A recipient that is given a first message.
enum FirstMessageReader {
    static func accept(
        _ bytes: [UInt8], as person: VectorPerson, withOneTime: Bool, secondsSince1970 now: Int64
    ) throws -> AcceptedFirstMessage {
        let message = try FirstMessage(parsing: bytes.raw)
        guard
            let outer = try message.openOuter(
                signedPreKeyID: person.signedPreKeyID, key: person.signedPreKey)
        else { throw VectorRefusal("notForThisPrekey") }
        let id = outer.oneTimePreKeyID
        let holds = withOneTime && id == person.oneTimePreKeyID
        let oneTime = holds ? person.oneTimePreKey.duplicate() : nil
        let result = try Handshake.accept(
            message, outer: outer, own: person.keys, signedPreKey: person.signedPreKey,
            oneTimePreKey: oneTime,
            kemPreKey: person.kemHalf(outer.kemPreKeyID, withOneTime: withOneTime),
            secondsSince1970: now)
        switch consume result {
        case .accepted(let accepted): return accepted
        case .needsNewerVersion(let type): throw VectorRefusal("needsNewerVersion(type: \(type))")
        }
    }
}
