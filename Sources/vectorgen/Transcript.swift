import Crypto
import Primitives
import Wire

/// One recorded chat of two people: every byte that was drawn, every envelope and frame, every
/// refusal. An independent reader that knows SPEC.md recomputes all of it.
///
/// - SPEC: §5, §6, §7
final class Transcript {
    /// What differs between transcripts.
    struct Kind {
        let name: String
        let type: FirstMessageType
        let withOneTime: Bool
        let extensions: TaggedFields

        static let all = [
            Kind(name: "one-time prekey", type: .hello, withOneTime: true, extensions: .none),
            Kind(name: "no one-time prekey", type: .hello, withOneTime: false, extensions: .none),
            Kind(name: "reset", type: .reset, withOneTime: false, extensions: .none),
            Kind(
                name: "extensions", type: .hello, withOneTime: true,
                extensions: TaggedFields([
                    TaggedFields.Field(tag: 1, value: [1, 2, 3]),
                    TaggedFields.Field(tag: 0x7000, value: []),
                ])),
        ]
    }

    private let kind: Kind
    private var choices: SeededRandom
    private let alice: TranscriptPerson
    private let bob: TranscriptPerson
    private var initiator: Session
    private var recipient: Session?
    private var prefix: KnownPrefix?
    private var steps: [JSONText] = []
    private var envelopes: [(bytes: [UInt8], fromInitiator: Bool)] = []
    private var frames: [(bytes: [UInt8], fromInitiator: Bool)] = []
    private var begun: JSONText

    init(_ kind: Kind, seed: UInt64) throws {
        self.kind = kind
        choices = SeededRandom(seed)
        alice = try TranscriptPerson("alice", seed: seed &* 3 &+ 1)
        bob = try TranscriptPerson("bob", seed: seed &* 3 &+ 2)
        let preKeys =
            kind.type == .reset
            ? RecipientPreKeys(
                bob.recoveryBundle, account: bob.account.publicKey,
                device: bob.certificate.identity)
            : try bob.published(withOneTime: kind.withOneTime)
        guard let preKeys else { throw Failure.impossible }
        initiator = try Handshake.begin(
            try alice.introduction(kind.type, extensions: kind.extensions),
            identity: alice.identity, to: preKeys, random: &alice.random)
        begun = JSONText([
            "type": JSONText(Int(kind.type.rawValue)),
            "with_one_time": JSONText(kind.withOneTime),
            "extensions": JSONText(Self.encoded(kind.extensions)),
            "random": JSONText(alice.random.takeDraws().map { JSONText($0) }),
            "session": JSONText(initiator.id.array),
        ])
    }

    enum Failure: Error { case impossible }

    private static func encoded(_ fields: TaggedFields) -> [UInt8] {
        var writer = Writer()
        fields.encode(into: &writer)
        return writer.bytes
    }

    /// Runs the chat and returns its JSON object.
    func run(stepCount: Int) throws -> JSONText {
        try seal(fromInitiator: true)
        try seal(fromInitiator: true)
        // The second message first, so that the prefix is met again later.
        try open(1)
        try open(0)
        try seal(fromInitiator: false)
        for _ in 0..<stepCount { try step() }
        let number = SafetyNumber(alice.account.publicKey, bob.account.publicKey)
        return JSONText([
            "name": JSONText(kind.name),
            "initiator": alice.json,
            "recipient": bob.json,
            "hours": JSONText(TranscriptPerson.hours),
            "recovery_bundle": JSONText(bob.recoveryBundle.bytes),
            "safety_number": JSONText(number.text),
            "begin": begun,
            "steps": JSONText(steps),
        ])
    }

    private func step() throws {
        switch choices.integer(below: 10) {
        case 0...3:
            let fromInitiator = choices.integer(below: 2) == 0
            if fromInitiator, initiator.unansweredRoom == 0 { return }
            try seal(fromInitiator: fromInitiator)
        case 4...7: try open(Int(choices.integer(below: UInt64(envelopes.count))))
        case 8: try sealFrame(fromInitiator: choices.integer(below: 2) == 0)
        default:
            guard !frames.isEmpty else { return }
            openFrame(Int(choices.integer(below: UInt64(frames.count))))
        }
    }

    // MARK: Messages

    private func content() -> Content {
        let id: MessageID = choices.bytes()
        let time = UInt64(TranscriptPerson.now) * 1000 + choices.integer(below: 100_000)
        switch choices.integer(below: 4) {
        case 0:
            return Content.hello(
                mailbox: alice.mailbox, recoveryBundle: nil, id: id, milliseconds: time)
        case 1: return Content.deliveryReceipt([choices.bytes()], id: id, milliseconds: time)
        default:
            let room = initiator.awaitsReply ? 2046 : 15_971
            let byteCount = 1 + Int(choices.integer(below: UInt64(room)))
            let text = String(repeating: "é", count: byteCount / 2) + "x"
            return Content.text(text, id: id, milliseconds: time)
        }
    }

    private func seal(fromInitiator: Bool) throws {
        let content = content()
        let sealed: SealedMessage
        let draws: [[UInt8]]
        if fromInitiator {
            sealed = try initiator.seal(content, random: &alice.random)
            draws = alice.random.takeDraws()
        } else {
            guard let made = try recipient?.seal(content, random: &bob.random) else { return }
            sealed = made
            draws = bob.random.takeDraws()
        }
        envelopes.append((sealed.envelope, fromInitiator))
        steps.append(
            JSONText([
                "op": JSONText("seal"), "by": JSONText(fromInitiator ? "initiator" : "recipient"),
                "content": JSONText(content.encoded),
                "random": JSONText(draws.map { JSONText($0) }),
                "number": JSONText(sealed.number), "envelope": JSONText(sealed.envelope),
            ]))
    }

    private func open(_ index: Int) throws {
        var bytes = envelopes[index].bytes
        let byInitiator = !envelopes[index].fromInitiator
        // One in eight is damaged on the way.
        let flip =
            choices.integer(below: 8) == 0
            ? Int(choices.integer(below: UInt64(bytes.count))) : -1
        if flip >= 0 { bytes[flip] ^= 1 }
        let opened = try taken(bytes, byInitiator: byInitiator)
        let view = byInitiator ? initiator.view : recipient?.view
        steps.append(
            JSONText([
                "op": JSONText("open"), "by": JSONText(byInitiator ? "initiator" : "recipient"),
                "envelope": JSONText(index), "flip": JSONText(flip),
                "taken": JSONText(opened != nil), "content": JSONText(opened?.content ?? []),
                "number": JSONText(opened?.number ?? 0),
                "confirmed": JSONText(view?.isConfirmed ?? false),
                "missing": JSONText(
                    (view?.received.gaps ?? []).map {
                        JSONText([JSONText($0.first), JSONText($0.last)])
                    }),
            ]))
    }

    /// What an envelope gives to a side, nil when it is refused.
    private func taken(
        _ bytes: [UInt8], byInitiator: Bool
    ) throws -> (content: [UInt8], number: UInt64)? {
        if byInitiator {
            guard let opened = try? initiator.open(bytes.raw, atHours: TranscriptPerson.hours)
            else { return nil }
            let result = (opened.content, opened.number)
            initiator.commit(opened)
            return result
        }
        if recipient == nil { return takenFirst(bytes) }
        if let message = try? FirstMessage(parsing: bytes.raw), let prefix,
            message.openingHash == prefix.openingHash
        {
            return recipient?.take(message, behind: prefix)
        }
        return recipient?.take(bytes)
    }

    private func takenFirst(_ bytes: [UInt8]) -> (content: [UInt8], number: UInt64)? {
        do throws(HandshakeError) {
            return try accepted(try FirstMessage(parsing: bytes.raw))
        } catch {
            return nil
        }
    }

    private func accepted(
        _ message: FirstMessage
    ) throws(HandshakeError) -> (content: [UInt8], number: UInt64)? {
        guard
            let outer = try message.openOuter(
                signedPreKeyID: bob.signedPreKeyID, key: bob.signedPreKey)
        else { return nil }
        let oneTime = kind.withOneTime ? bob.oneTimePreKey.duplicate() : nil
        let result = try Handshake.accept(
            message, outer: outer, own: bob.keys, signedPreKey: bob.signedPreKey,
            oneTimePreKey: oneTime, secondsSince1970: TranscriptPerson.now)
        switch consume result {
        case .accepted(let accepted):
            let content = accepted.content
            let number = accepted.number
            prefix = accepted.prefix
            recipient = accepted.takeSession()
            return (content, number)
        case .needsNewerVersion: return nil
        }
    }

    // MARK: Frames

    private func sealFrame(fromInitiator: Bool) throws {
        let delivered = (0..<choices.integer(below: 5)).map { _ in choices.bytes(MessageID.self) }
        let read = (0..<choices.integer(below: 12)).map { _ in choices.bytes(MessageID.self) }
        let isTyping = choices.integer(below: 2) == 0
        let frame = Frame(
            counter: 1 + choices.integer(below: Frame.counterEnd - 1),
            type: isTyping ? .typing : .echo, echo: choices.integer(below: Frame.counterEnd),
            newest: choices.integer(), delivered: delivered, read: read,
            fields: isTyping ? Frame.stateField(choices.integer(below: 2) == 0) : .none)
        var bytes: [UInt8]?
        let draws: [[UInt8]]
        if fromInitiator {
            bytes = try? initiator.seal(
                frame, writeKey: bob.chatWriteKey, random: &alice.random)
            draws = alice.random.takeDraws()
        } else {
            bytes = try recipient?.seal(frame, writeKey: alice.chatWriteKey, random: &bob.random)
            draws = bob.random.takeDraws()
        }
        guard let bytes else { return }
        frames.append((bytes, fromInitiator))
        var fields: [UInt8] = []
        frame.fields.encode(into: &fields)
        steps.append(
            JSONText([
                "op": JSONText("frame"), "by": JSONText(fromInitiator ? "initiator" : "recipient"),
                "counter": JSONText(frame.counter), "type": JSONText(Int(frame.type.rawValue)),
                "echo": JSONText(frame.echo), "newest": JSONText(frame.newest),
                "delivered": JSONText(delivered.map { JSONText($0.array) }),
                "read": JSONText(read.map { JSONText($0.array) }),
                "fields": JSONText(fields), "random": JSONText(draws.map { JSONText($0) }),
                "frame": JSONText(bytes),
            ]))
    }

    private func openFrame(_ index: Int) {
        let byInitiator = !frames[index].fromInitiator
        let bytes = frames[index].bytes
        let opened =
            byInitiator
            ? try? initiator.openFrame(bytes.raw, writeKey: alice.chatWriteKey.publicKey)
            : recipient?.frame(bytes, writeKey: bob.chatWriteKey.publicKey)
        steps.append(
            JSONText([
                "op": JSONText("open_frame"),
                "by": JSONText(byInitiator ? "initiator" : "recipient"),
                "frame": JSONText(index), "taken": JSONText(opened != nil),
            ]))
    }
}

extension Session {
    /// What a transcript says about a session behind an optional.
    fileprivate var view: (received: ReceivedNumbers, isConfirmed: Bool) {
        (received, isConfirmed)
    }

    fileprivate mutating func take(_ bytes: [UInt8]) -> (content: [UInt8], number: UInt64)? {
        guard let opened = try? open(bytes.raw, atHours: TranscriptPerson.hours) else {
            return nil
        }
        let result = (opened.content, opened.number)
        commit(opened)
        return result
    }

    fileprivate mutating func take(
        _ message: FirstMessage, behind prefix: KnownPrefix
    ) -> (content: [UInt8], number: UInt64)? {
        guard
            let opened = try? open(message, behind: prefix, atHours: TranscriptPerson.hours)
        else { return nil }
        let result = (opened.content, opened.number)
        commit(opened)
        return result
    }

    fileprivate borrowing func frame(_ bytes: [UInt8], writeKey: Ed25519PublicKey) -> Frame? {
        try? openFrame(bytes.raw, writeKey: writeKey)
    }
}
