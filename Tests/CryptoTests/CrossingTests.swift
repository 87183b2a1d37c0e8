import Primitives
import Testing

@testable import Crypto

/// One side of a chat as a client would run it: sessions, the rule of which is written in, an outbox
/// that seals anew, receipts. Real handshakes and ratchets; everything is written at once.
private final class Chatter {
    let person: Person
    var sessions: [SessionID: Box] = [:]
    var set = SessionSet()
    var prefixes: [FixedBytes<32>: (id: SessionID, prefix: KnownPrefix)] = [:]
    var seen: Set<SHA256.Digest> = []
    var outbox: [MessageID: Sent] = [:]
    var waiting: [Content] = []
    var inbox: [String] = []
    var readIDs: Set<MessageID> = []
    var sent: [String] = []
    var preKeysOfPeer: RecipientPreKeys?

    final class Box {
        var session: Session
        init(_ session: consuming Session) { self.session = session }
    }

    struct Sent {
        let content: Content
        var session: SessionID
        var stamp: UInt64
        var isReceipted = false
    }

    /// Envelopes to deposit: into the peer's contact mailbox or its chat mailbox.
    struct Out {
        let envelope: [UInt8]
        let isFirst: Bool
    }

    init(_ name: String, seed: UInt64) throws { person = try Person(name, seed: seed) }

    func say(_ text: String) throws -> [Out] {
        sent.append(text)
        let content = person.text(text)
        waiting.append(content)
        return try flush()
    }

    /// Seals what waits and what has to be sealed anew.
    func flush() throws -> [Out] {
        var out: [Out] = []
        if set.writeSession == nil, !waiting.isEmpty {
            let preKeys = try #require(preKeysOfPeer)
            let session = try person.begin(to: preKeys)
            let id = session.id
            erase(set.begin(id, hours: Person.hours))
            sessions[id] = Box(session)
        }
        for (id, sent) in outbox.sorted(by: { $0.key < $1.key })
        where !sent.isReceipted && set.mustSealAnew(messageIn: sent.session, stamped: sent.stamp) {
            waiting.append(sent.content)
            outbox[id] = nil
        }
        while !waiting.isEmpty {
            guard let made = try seal(waiting[0]) else { break }
            let content = waiting.removeFirst()
            if content.type == .text {
                outbox[content.id] = Sent(
                    content: content, session: made.session, stamp: set.stamp())
            }
            out.append(made.out)
        }
        return out
    }

    private func seal(_ content: Content) throws -> (out: Out, session: SessionID)? {
        guard let id = set.writeSession, let box = sessions[id] else { return nil }
        let isFirst = box.session.awaitsReply
        if isFirst, box.session.unansweredRoom == 0 { return nil }
        let envelope = try box.session.seal(content, random: &person.random).envelope
        return (Out(envelope: envelope, isFirst: isFirst), id)
    }

    private func erase(_ ids: [SessionID]) { for id in ids { sessions[id] = nil } }

    /// Takes an envelope, answers it.
    func receive(_ out: Out) throws -> [Out] {
        let hash = SHA256.hash(out.envelope.raw)
        if seen.contains(hash) { return [] }
        let content = out.isFirst ? try receiveFirst(out.envelope) : try receiveNext(out.envelope)
        guard let content else { return [] }
        seen.insert(hash)
        return try take(content.content, in: content.session)
    }

    private func receiveFirst(
        _ envelope: [UInt8]
    ) throws -> (content: Content, session: SessionID)? {
        let message = try FirstMessage(parsing: envelope.raw)
        if let known = prefixes[message.openingHash] {
            guard let box = sessions[known.id] else { return nil }
            let opened = try box.session.open(
                message, behind: known.prefix, atHours: Person.hours)
            return (try commit(opened, to: box), known.id)
        }
        let accepted = try person.take(envelope)
        let bytes = accepted.content
        let content = try Content(parsing: bytes.raw)
        let prefix = accepted.prefix
        let session = accepted.takeSession()
        let id = session.id
        erase(set.accept(id, hours: Person.hours))
        prefixes[prefix.openingHash] = (id, prefix)
        sessions[id] = Box(session)
        // The reply is due at once.
        waiting.append(
            Content.hello(
                mailbox: person.chatMailbox, recoveryBundle: nil, id: person.random.bytes(),
                milliseconds: 0))
        return (content, id)
    }

    private func receiveNext(
        _ envelope: [UInt8]
    ) throws -> (content: Content, session: SessionID)? {
        for (id, box) in sessions.sorted(by: { $0.key < $1.key }) {
            do {
                let opened = try box.session.open(envelope.raw, atHours: Person.hours)
                return (try commit(opened, to: box), id)
            } catch OpenError.notThisSession {
                continue
            }
        }
        throw OpenError.notThisSession
    }

    private func commit(_ opened: consuming OpenedMessage, to box: Box) throws -> Content {
        let bytes = opened.content
        box.session.commit(opened)
        let confirmed = box.session.isConfirmed
        set.opened(box.session.id, isConfirmed: confirmed, hours: Person.hours)
        return try Content(parsing: bytes.raw)
    }

    private func take(_ content: Content, in session: SessionID) throws -> [Out] {
        if let text = content.text {
            if readIDs.insert(content.id).inserted { inbox.append(text) }
            waiting.append(
                Content.deliveryReceipt(
                    [content.id], id: person.random.bytes(), milliseconds: 0))
        }
        for id in content.receiptIDs ?? [] {
            guard let message = outbox[id],
                set.countsReceipt(in: session, forMessageStamped: message.stamp)
            else { continue }
            outbox[id]?.isReceipted = true
        }
        return try flush()
    }
}

@Suite("Crossing first messages (SPEC §6.6, B11)")
struct CrossingTests {
    /// A server that keeps each mailbox's envelopes and may double and reorder them.
    private struct Mail {
        var toAlice: [Chatter.Out] = []
        var toBob: [Chatter.Out] = []
    }

    private func run(seed: UInt64, losesFirstOf: Int?, isHostile: Bool) throws {
        var random = SeededRandom(seed)
        let alice = try Chatter("alice", seed: seed &* 31 &+ 1)
        let bob = try Chatter("bob", seed: seed &* 31 &+ 2)
        alice.preKeysOfPeer = try bob.person.published()
        bob.preKeysOfPeer = try alice.person.published()
        var mail = Mail()

        func post(_ out: [Chatter.Out], from sender: Chatter) {
            for envelope in out {
                let copies = isHostile && random.integer(below: 3) == 0 ? 2 : 1
                for _ in 0..<copies {
                    if sender === alice {
                        if envelope.isFirst, losesFirstOf == 0 { continue }
                        mail.toBob.append(envelope)
                    } else {
                        if envelope.isFirst, losesFirstOf == 1 { continue }
                        mail.toAlice.append(envelope)
                    }
                }
            }
        }
        func deliver(to receiver: Chatter) throws {
            let isAlice = receiver === alice
            let count = isAlice ? mail.toAlice.count : mail.toBob.count
            guard count > 0 else { return }
            let index = isHostile ? Int(random.integer(below: UInt64(count))) : 0
            let envelope = isAlice ? mail.toAlice.remove(at: index) : mail.toBob.remove(at: index)
            post(try receiver.receive(envelope), from: receiver)
        }

        // Both begin before either has read.
        post(try alice.say("a0"), from: alice)
        post(try bob.say("b0"), from: bob)
        for step in 1...40 {
            switch random.integer(below: 4) {
            case 0: post(try alice.say("a\(step)"), from: alice)
            case 1: post(try bob.say("b\(step)"), from: bob)
            case 2: try deliver(to: alice)
            default: try deliver(to: bob)
            }
        }
        // Everybody says one more word, then everything is delivered.
        for round in 0..<3 {
            post(try alice.say("end a\(round)"), from: alice)
            post(try bob.say("end b\(round)"), from: bob)
            while !mail.toAlice.isEmpty || !mail.toBob.isEmpty {
                try deliver(to: alice)
                try deliver(to: bob)
            }
        }
        #expect(bob.inbox.sorted() == alice.sent.sorted(), "seed \(seed)")
        #expect(alice.inbox.sorted() == bob.sent.sorted(), "seed \(seed)")
        #expect(alice.waiting.isEmpty && bob.waiting.isEmpty, "seed \(seed)")
        let unreceipted =
            alice.outbox.values.filter { !$0.isReceipted }.count
            + bob.outbox.values.filter { !$0.isReceipted }.count
        #expect(unreceipted == 0, "seed \(seed)")
        #expect(alice.set.writeSession == bob.set.writeSession, "seed \(seed)")
    }

    /// Each runs some 50 messages of both sides through real sessions.
    private static let seeds: ClosedRange<UInt64> = 1...40

    @Test("DR-18 first messages that cross lose nothing and both sides end in one session")
    func honest() throws {
        for seed in Self.seeds { try run(seed: seed, losesFirstOf: nil, isHostile: false) }
    }

    @Test("DR-18 so too when the server doubles and reorders everything (B11)")
    func hostile() throws {
        for seed in Self.seeds { try run(seed: seed, losesFirstOf: nil, isHostile: true) }
    }

    @Test("DR-20 what lay in a session whose first message never came is sealed anew and read")
    func unreadable() throws {
        for seed in Self.seeds {
            try run(seed: seed, losesFirstOf: Int(seed % 2), isHostile: seed % 3 == 0)
        }
    }
}
