import Primitives
import Testing
import Wire

@testable import Crypto

/// One recorded chat with every secret that either side ever had, and the rules by which they follow
/// from each other.
///
/// The attacker holds the network: all envelopes, whatever is published, and the session's id. The
/// chat alternates, but for two messages of the initiator in one turn of which the first comes late,
/// and ends some turns into the second epoch of the KEM.
final class CompromiseRun {
    /// A moment of the run, and the keys that could be stolen then.
    struct Moment {
        let name: String
        /// Texts written so far, and which of them have not been read.
        let textCount: Int
        let waiting: Set<Int>
        let keys: [Key]
    }

    /// A key, or several that lie together.
    struct Key {
        let kind: String
        let holder: String
        let facts: Set<Fact>
    }

    private(set) var graph = FactGraph()
    private(set) var moments: [Moment] = []
    /// Facts of the texts, in the order they were written in.
    private(set) var texts: [Fact] = []
    /// Who wrote the first message.
    private(set) var initiatorName: Fact = 0
    /// All private keys of one function that either side ever had.
    private(set) var x25519: Set<Fact> = []
    private(set) var mlkem: Set<Fact> = []
    /// The first message of each epoch.
    private(set) var epochs: [Int] = []

    private let alice: Person
    private let bob: Person
    private var initiator: Session
    private var recipient: Session
    private var published: [Key] = []
    private var oneTime: [Key] = []
    private var ephemeral: Key?
    /// Headers that carried a chunk for an epoch.
    private var chunks: [UInt32: Set<Fact>] = [:]

    /// - Parameter withOneTime: whether the server had one-time prekeys left to hand out.
    init(withOneTime: Bool = true) throws {
        alice = try Person("alice", seed: 2)
        bob = try Person("bob", seed: 3)
        let preKeys = try bob.published(withOneTime: withOneTime)
        // Handshake.begin draws it first.
        var random = alice.random
        let ephemeralKey = X25519KeyPair.generate(from: &random)
        initiator = try alice.begin(to: preKeys)
        let begun = SessionSnapshot(initiator)
        let first = try initiator.seal(alice.text("1"), random: &alice.random).envelope
        // Only so that the property has a value; the recipient is made below.
        recipient = try Session.restore(initiator.exposeForStorage().raw)
        try addHandshake(first, preKeys, ephemeralKey)
        addMoment("before 1", published + oneTime + [preKeyHalf(oneTime)], textCount: 0)
        try addFirstStep(begun, preKeys)
        try addMessage(first, from: .initiator)
        let halves = published + oneTime + [preKeyHalf(oneTime)] + [ephemeral].compactMap(\.self)
        addMoment("1 sent", halves + keys(.initiator), textCount: 1, waiting: [1])
        let accepted = try bob.take(first)
        recipient = accepted.takeSession()
        addMoment("1 read", all(), textCount: 1)
        try chat()
    }

    /// Turns of two messages each, from the recipient's first one on.
    private func chat() throws {
        for index in 0..<40 {
            let side: Pair.Side = index.isMultiple(of: 2) ? .recipient : .initiator
            let epoch = SessionSnapshot(initiator).epoch
            let count = texts.count
            let before = all()
            let isLate = index == 5
            let held = isLate ? try seal(side) : nil
            if !isLate { try send(side) }
            if SessionSnapshot(initiator).epoch > epoch {
                epochs.append(count + 1)
                addMoment("\(count) read", before, textCount: count)
                addMoment("\(count + 1) read, epoch \(epoch + 1)", all(), textCount: count + 1)
            } else if index < 2 {
                addMoment("\(count + 1) read", all(), textCount: count + 1)
            }
            try send(side)
            if let held {
                addMoment(
                    "\(count + 2) read, \(count + 1) not yet", all(), textCount: count + 2,
                    waiting: [count + 1])
                try open(held, at: side == .initiator ? .recipient : .initiator)
                addMoment("\(count + 1) read too", all(), textCount: count + 2)
            }
            if epochs.count == 2, texts.count > epochs[1] + 4 { return }
        }
        throw Person.NotForMe()
    }

    // MARK: Steps of the chat

    private func send(_ side: Pair.Side) throws {
        try open(try seal(side), at: side == .initiator ? .recipient : .initiator)
    }

    private func snapshot(_ side: Pair.Side) -> SessionSnapshot {
        side == .initiator ? SessionSnapshot(initiator) : SessionSnapshot(recipient)
    }

    private func seal(_ side: Pair.Side) throws -> [UInt8] {
        let before = snapshot(side)
        let text = "\(texts.count + 1)"
        let envelope =
            switch side {
            case .initiator: try initiator.seal(alice.text(text), random: &alice.random).envelope
            case .recipient: try recipient.seal(bob.text(text), random: &bob.random).envelope
            }
        if before.sending == nil { try addStep(before, snapshot(side), side) }
        try addMessage(envelope, from: side)
        addKeys(snapshot(side))
        return envelope
    }

    private func open(_ envelope: [UInt8], at side: Pair.Side) throws {
        switch side {
        case .initiator:
            let opened = try initiator.open(envelope.raw, atHours: Person.hours)
            initiator.commit(opened)
        case .recipient:
            let opened = try recipient.open(envelope.raw, atHours: Person.hours)
            recipient.commit(opened)
        }
        addKeys(snapshot(side))
    }

    // MARK: Rules

    private func fact(_ secret: borrowing SecretBytes, _ name: String) -> Fact {
        graph.secret(SessionSnapshot.bytes(secret), name)
    }

    private func fact(of pair: borrowing X25519KeyPair, _ name: String) -> Fact {
        let fact = graph.secret(pair.withSecretBytes { [UInt8](copying: $0) }, name)
        x25519.insert(fact)
        return fact
    }

    /// H1 to H5 with the run's keys, from both sides.
    private func addHandshake(
        _ envelope: [UInt8], _ preKeys: RecipientPreKeys, _ ephemeralKey: borrowing X25519KeyPair
    ) throws {
        let kemSeed = try #require(bob.kem[preKeys.kemPreKey.id])
        let oneTimeKey = bob.oneTime[preKeys.oneTimePreKey?.id ?? 0]
        let ek = fact(of: ephemeralKey, "EK")
        let own = fact(of: alice.identity, "IK Alice")
        let ik = fact(of: bob.identity, "IK Bob")
        let spk = fact(of: bob.signedPreKey, "SPK")
        let opk = oneTimeKey.map { fact(of: $0.pair, "OPK") }
        let kemPreKey = graph.secret(kemSeed, "KEMPK")
        mlkem.insert(kemPreKey)
        ephemeral = Key(kind: "ephemeral key", holder: "Alice", facts: [ek])
        published = [
            Key(kind: "identity key", holder: "Alice", facts: [own]),
            Key(kind: "identity key", holder: "Bob", facts: [ik]),
            Key(kind: "signed prekey", holder: "Bob", facts: [spk]),
        ]
        for person in [alice, bob] {
            let facts = [
                fact(person.account.seed(), "account key"),
                fact(person.device.seed(), "device key"),
                fact(person.chatReadKey.seed(), "read key"),
                fact(person.chatWriteKey.seed(), "write key"),
            ]
            published.append(
                Key(
                    kind: "account, device, read and write key",
                    holder: person.name == "alice" ? "Alice" : "Bob", facts: Set(facts)))
        }
        if let opk {
            oneTime = [
                Key(kind: "one-time prekey", holder: "Bob", facts: [opk]),
                Key(kind: "one-time KEM prekey", holder: "Bob", facts: [kemPreKey]),
            ]
        } else {
            published.append(
                Key(kind: "last-resort KEM prekey", holder: "Bob", facts: [kemPreKey]))
        }

        let message = try FirstMessage(parsing: envelope.raw)
        let dh1 = try ephemeralKey.agree(with: preKeys.signedPreKey)
        guard
            let outer = try message.openOuter(
                signedPreKeyID: bob.signedPreKeyID, key: bob.signedPreKey)
        else { throw Person.NotForMe() }
        let outerFact = graph.named("outer block")
        let dh1Fact = fact(dh1, "dh1")
        graph.rule([ek], gives: [dh1Fact])
        graph.rule([spk], gives: [dh1Fact])
        graph.rule([dh1Fact], gives: [outerFact])

        let dh2 = try ephemeralKey.agree(with: bob.identity.publicKey)
        let dh3 = try oneTimeKey.map { key in
            let product = try ephemeralKey.agree(with: key.pair.publicKey)
            return SessionSnapshot.bytes(product)
        }
        let dh4 = try bob.signedPreKey.agree(with: alice.identity.publicKey)
        let kem = MLKEM768KeyPair(seed: kemSeed.secret).decapsulate(outer.kemCiphertext)
        let kemFact = fact(kem, "kem")
        let dh4Fact = fact(dh4, "dh4")
        var secrets = [dh1Fact, fact(dh2, "dh2"), kemFact]
        graph.rule([ek], gives: [secrets[1]])
        graph.rule([ik], gives: [secrets[1]])
        if let dh3, let opk {
            let dh3Fact = graph.secret(dh3, "dh3")
            graph.rule([ek], gives: [dh3Fact])
            graph.rule([opk], gives: [dh3Fact])
            secrets.append(dh3Fact)
        }
        graph.rule([kemPreKey, outerFact], gives: [kemFact])
        mlkem.insert(kemFact)
        graph.rule([own], gives: [dh4Fact])
        graph.rule([spk], gives: [dh4Fact])

        let agreed = HandshakeSchedule.Agreed(dh1: dh1, dh2: dh2, dh3: dh3?.secret, kem: kem)
        let opening = envelope[..<1147]
        let inner = envelope[1147..<outer.prefixByteCount]
        let innerKey = HandshakeSchedule.innerKey(
            agreed, opening: Array(opening).raw, preKeys: preKeys,
            kemCiphertext: outer.kemCiphertext)
        let block = try ChaChaPoly.open(
            Array(inner).raw, key: innerKey, nonce: .zero, authenticating: Array(opening).raw)
        try #require(Array(block[1..<33]) == alice.account.publicKey.bytes.array)
        initiatorName = graph.named("who wrote")
        graph.rule(secrets, gives: [initiatorName])

        let transcript = HandshakeSchedule.transcript(
            prefix: Array(envelope[..<outer.prefixByteCount]).raw, innerBlock: block.raw,
            preKeys: preKeys, kemCiphertext: outer.kemCiphertext)
        try #require(transcript == initiator.id)
        let session = HandshakeSchedule.secrets(agreed, dh4: dh4, transcript: transcript)
        let results = [
            fact(session.root.secret, "root 0"),
            fact(session.initiatorHeaderKey.secret, "header key of Alice"),
            fact(session.recipientHeaderKey.secret, "header key of Bob"),
        ]
        graph.rule(secrets + [dh4Fact, initiatorName], gives: results)
        firstRoot = SessionSnapshot.bytes(session.root.secret)
    }

    private var firstRoot: [UInt8] = []

    /// The initiator's first root step.
    private func addFirstStep(_ after: SessionSnapshot, _ preKeys: RecipientPreKeys) throws {
        let chain = try #require(after.sending)
        addKeys(after)
        let privateBytes = try #require(chain.privateKey)
        let privateKey = X25519KeyPair(secret: privateBytes.secret)
        let dh = try privateKey.agree(with: preKeys.signedPreKey)
        let dhFact = fact(dh, "dh of A0")
        graph.rule([fact(of: privateKey, "A0")], gives: [dhFact])
        graph.rule(
            [fact(of: bob.signedPreKey, "SPK"), ratchetKeyFact(chain.ratchetKey)], gives: [dhFact])
        let step = RootKey(firstRoot.secret).step(dh, epoch: 0)
        try addStep([try #require(graph.known(firstRoot)), dhFact], step, after)
    }

    /// A root step with which a chain was begun.
    private func addStep(
        _ before: SessionSnapshot, _ after: SessionSnapshot, _ side: Pair.Side
    ) throws {
        let chain = try #require(after.sending)
        let peer = try #require(before.receiving)
        addKeys(after)
        let privateBytes = try #require(chain.privateKey)
        let privateKey = X25519KeyPair(secret: privateBytes.secret)
        let dh = try privateKey.agree(with: peer.ratchetKey)
        let dhFact = fact(dh, "dh at \(texts.count + 1)")
        graph.rule(
            [fact(of: privateKey, "ratchet key"), ratchetKeyFact(peer.ratchetKey)], gives: [dhFact])
        let other = try #require(snapshot(side == .initiator ? .recipient : .initiator).sending)
        let otherBytes = try #require(other.privateKey)
        let otherKey = X25519KeyPair(secret: otherBytes.secret)
        try #require(otherKey.publicKey == peer.ratchetKey)
        graph.rule(
            [fact(of: otherKey, "ratchet key"), ratchetKeyFact(chain.ratchetKey)], gives: [dhFact])
        var needs = [try #require(graph.known(before.root)), dhFact]
        var input = SessionSnapshot.bytes(dh)
        if let kem = before.kemInput {
            let secret = graph.secret(kem.secret, "KEM secret")
            mlkem.insert(secret)
            // The private key gives the secret to who has read the ciphertext, the binding takes
            // key and ciphertext.
            let read = graph.named("KEM key and ciphertext of epoch \(after.epoch)")
            graph.rule(Array(chunks[after.epoch] ?? []), gives: [read])
            let seed = try #require(before.kemSeed.flatMap { graph.known($0) })
            graph.rule([seed, read], gives: [secret])
            needs += [secret, read]
            input += kem.secret + kem.binding
        }
        let step = RootKey(before.root.secret).step(input.secret, epoch: after.epoch)
        try addStep(needs, step, after)
    }

    private func addStep(
        _ needs: [Fact], _ step: borrowing RootStep, _ after: SessionSnapshot
    ) throws {
        // What the step gives is what the session has.
        try #require(SessionSnapshot.bytes(step.root.secret) == after.root)
        try #require(after.nextHeaderKeys.contains(SessionSnapshot.bytes(step.nextHeader.secret)))
        try #require(after.frameKeys.contains(SessionSnapshot.bytes(step.frame.secret)))
        graph.rule(
            needs,
            gives: [
                fact(step.root.secret, "root key"), fact(step.chain.secret, "chain key"),
                fact(step.nextHeader.secret, "header key"), fact(step.frame.secret, "frame key"),
            ])
        chainKey = SessionSnapshot.bytes(step.chain.secret)
    }

    /// The sending chain key in front of the next message.
    private var chainKey: [UInt8] = []

    private func ratchetKeyFact(_ key: X25519PublicKey) -> Fact {
        graph.named("ratchet key \(key.bytes.hex)")
    }

    /// What header key and chain key say of a message that was just sealed.
    private func addMessage(_ envelope: [UInt8], from side: Pair.Side) throws {
        let after = snapshot(side)
        let chain = try #require(after.sending)
        let number = texts.count + 1
        let start = number == 1 ? envelope.count - Self.firstMessageByteCount(envelope, alice) : 1
        let message = Array(envelope[start...])
        let role: SessionRole = side == .initiator ? .initiator : .recipient
        let parts = MessageParts(
            message.raw, of: initiator.id, from: role, hours: Person.hours)
        let headerKey = try #require(graph.known(chain.headerKey))
        guard let block = parts.openHeader(HeaderKey(chain.headerKey.secret)) else {
            throw Person.NotForMe()
        }
        let header = try RatchetHeader(parsing: block.raw, from: role)
        let headerFact = graph.named("header \(number)")
        graph.rule([headerKey], gives: [headerFact])
        graph.rule([headerFact], gives: [ratchetKeyFact(header.ratchetKey)])
        if header.kem.kind != .idle {
            chunks[header.epoch + 1, default: []].insert(headerFact)
        }

        let key = ChainKey(chainKey.secret)
        let messageKey = fact(key.messageKey().secret, "message key \(number)")
        let next = fact(key.next().secret, "chain key behind \(number)")
        graph.rule([try #require(graph.known(chainKey))], gives: [messageKey, next])
        guard let body = parts.openBody(key.messageKey()),
            let content = Envelope.unpaddedByteCount(body.raw)
        else { throw Person.NotForMe() }
        let text = try Content(parsing: Array(body[40..<content]).raw).text
        try #require(text == "\(number)")
        texts.append(graph.named("text \(number)"))
        graph.rule([messageKey], gives: [texts[number - 1]])
        chainKey = SessionSnapshot.bytes(key.next().secret)
        try #require(chainKey == chain.key)
    }

    /// Bytes of a first message behind its prefix.
    private static func firstMessageByteCount(_ envelope: [UInt8], _ alice: Person) -> Int {
        // The inner block has no extensions here.
        envelope.count - (1147 + Introduction.byteCountMin + 16)
    }

    // MARK: Keys

    /// Makes facts of all secrets in a state.
    private func addKeys(_ state: SessionSnapshot) {
        _ = keys(state, "")
    }

    private func keys(_ side: Pair.Side) -> [Key] {
        keys(snapshot(side), side == .initiator ? "Alice" : "Bob")
    }

    private func keys(_ state: SessionSnapshot, _ holder: String) -> [Key] {
        var keys: [Key] = []
        func add(_ kind: String, _ secrets: [[UInt8]?]) {
            let facts = secrets.compactMap(\.self).map { graph.secret($0, kind) }
            if !facts.isEmpty { keys.append(Key(kind: kind, holder: holder, facts: Set(facts))) }
        }
        add("root key", [state.root])
        add("sending chain key", [state.sending?.key])
        add("receiving chain key", [state.receiving?.key])
        add("ratchet private key", [state.sending?.privateKey])
        add(
            "header keys, current and next",
            [state.sending?.headerKey, state.receiving?.headerKey] + state.nextHeaderKeys
                + state.skippedHeaderKeys)
        add("skipped message keys", state.skippedKeys)
        add("frame keys", state.frameKeys)
        add("ratchet KEM private key", [state.kemSeed])
        add("ratchet KEM secret", [state.kemSecret])
        if let privateKey = state.sending?.privateKey {
            x25519.insert(graph.secret(privateKey, "ratchet key"))
        }
        for secret in [state.kemSeed, state.kemSecret].compactMap(\.self) {
            mlkem.insert(graph.secret(secret, "ratchet KEM"))
        }
        let whole = keys.reduce(into: Set<Fact>()) { $0.formUnion($1.facts) }
        keys.append(Key(kind: "whole session state", holder: holder, facts: whole))
        return keys
    }

    private func all() -> [Key] {
        published + [preKeyHalf([])] + keys(.initiator) + keys(.recipient)
    }

    /// What the recipient's device holds outside of sessions.
    private func preKeyHalf(_ oneTime: [Key]) -> Key {
        let facts = (published + oneTime).filter { $0.holder == "Bob" }.map(\.facts)
        return Key(
            kind: "identity key and all prekeys", holder: "Bob",
            facts: facts.reduce(into: []) { $0.formUnion($1) })
    }

    private func addMoment(
        _ name: String, _ keys: [Key], textCount: Int, waiting: Set<Int> = []
    ) {
        moments.append(
            Moment(name: name, textCount: textCount, waiting: waiting, keys: keys))
    }
}
