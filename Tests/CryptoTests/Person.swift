import Primitives
import Wire

@testable import Crypto

/// A person with one device, and whatever its client would keep in its vault.
final class Person {
    let name: String
    var random: SeededRandom
    let account: Ed25519KeyPair
    let device: Ed25519KeyPair
    let identity: X25519KeyPair
    let certificate: DeviceCertificate
    let signedPreKey: X25519KeyPair
    let signedPreKeyID: UInt32
    /// Private halves of one-time prekeys, erased when used.
    var oneTime: [UInt32: KeyBox] = [:]
    /// Seeds of the private halves of KEM prekeys; one-time ones are erased when used.
    var kem: [UInt32: [UInt8]] = [:]
    let lastResortKEM: KEMPreKey
    static let lastResortKEMID: UInt32 = 0x4b45_4d01
    let server: ServerAddress
    let chatReadKey: Ed25519KeyPair
    let chatWriteKey: Ed25519KeyPair

    /// 2026-11-21, in seconds.
    static let now: Int64 = 1_795_219_200
    static let hours = Hours(secondsSince1970: now).count

    final class KeyBox {
        let pair: X25519KeyPair
        init(_ pair: consuming X25519KeyPair) { self.pair = pair }
    }

    init(_ name: String, seed: UInt64, expiry: Hours? = nil) throws {
        self.name = name
        random = SeededRandom(seed)
        account = Ed25519KeyPair.generate(from: &random)
        device = Ed25519KeyPair.generate(from: &random)
        identity = X25519KeyPair.generate(from: &random)
        signedPreKey = X25519KeyPair.generate(from: &random)
        signedPreKeyID = random.integer(UInt32.self) | 1
        let serverKey = X25519KeyPair.generate(from: &random)
        server = try ServerAddress(key: serverKey.publicKey, hostAndPort: "example.org:4443")
        chatReadKey = Ed25519KeyPair.generate(from: &random)
        chatWriteKey = Ed25519KeyPair.generate(from: &random)
        certificate = DeviceCertificate(
            identity: DeviceIdentity(
                deviceID: 7, identityKey: identity.publicKey, deviceKey: device.publicKey),
            expiry: expiry ?? Hours(secondsSince1970: Self.now).advanced(byHours: 9600),
            signedBy: account)
        let seed = random.bytes(count: MLKEM768KeyPair.seedByteCount)
        lastResortKEM = KEMPreKey(id: Self.lastResortKEMID, key: Self.kemPair(seed).publicKey)
        kem[Self.lastResortKEMID] = seed
    }

    private static func kemPair(_ seed: [UInt8]) -> MLKEM768KeyPair {
        let seed = SecretBytes(copying: seed.raw)
        return MLKEM768KeyPair(seed: seed)
    }

    /// The private half of a KEM prekey that is still held.
    func kemHalf(_ id: UInt32) -> MLKEM768KeyPair? {
        guard let seed = kem[id] else { return nil }
        return Self.kemPair(seed)
    }

    var chatMailbox: ChatMailbox {
        ChatMailbox(
            readKey: chatReadKey.publicKey, writeKey: chatWriteKey.duplicate(), server: server)
    }

    var keys: RecipientKeys {
        RecipientKeys(
            account: account.publicKey, device: certificate.identity,
            identity: identity.duplicate())
    }

    /// Publishes a bundle and fetches it, through everything that Wire checks.
    func published(
        withOneTime: Bool = true, withOneTimeKEM: Bool? = nil
    ) throws -> RecipientPreKeys {
        var issuedKEM: [KEMPreKey] = []
        for _ in 0..<(withOneTimeKEM ?? withOneTime ? 2 : 0) {
            let seed = random.bytes(count: MLKEM768KeyPair.seedByteCount)
            let id = random.integer(UInt32.self) | 1
            issuedKEM.append(KEMPreKey(id: id, key: Self.kemPair(seed).publicKey))
            kem[id] = seed
        }
        var issued: [OneTimePreKey] = []
        for _ in 0..<(withOneTime ? 3 : 0) {
            let pair = X25519KeyPair.generate(from: &random)
            let id = random.integer(UInt32.self) | 1
            issued.append(OneTimePreKey(id: id, key: pair.publicKey))
            oneTime[id] = KeyBox(pair)
        }
        let contents = PreKeyBundle.Contents(
            number: 1,
            window: ValidityWindow(
                from: Hours(secondsSince1970: Self.now),
                expiry: Hours(secondsSince1970: Self.now).advanced(byHours: 168)),
            account: account.publicKey, certificate: certificate, signedPreKeyID: signedPreKeyID,
            signedPreKey: signedPreKey.publicKey, oneTimePreKeys: issued,
            lastResortKEM: lastResortKEM, oneTimeKEMPreKeys: issuedKEM,
            contact: PreKeyBundle.Contact(server: server, mailbox: .zero))
        let record = Record(
            Record.Contents(
                number: 1, handle: try Handle(name), account: account.publicKey,
                recoveryHash: .zero, certificates: [certificate]),
            signedBy: account)
        let fetched = FetchedPreKeys(
            bundle: PreKeyBundle(contents, signedBy: device),
            oneTime: issued.isEmpty ? nil : IssuedPreKey(1, of: issued),
            oneTimeKEM: issuedKEM.isEmpty ? nil : IssuedKEMPreKey(1, of: issuedKEM))
        return RecipientPreKeys(
            try fetched.verify(for: try record.verify(), deviceID: 0, secondsSince1970: Self.now))
    }

    func introduction(
        type: FirstMessageType = .hello, extensions: TaggedFields = .none
    ) throws -> Introduction {
        Introduction(
            type: type, account: account.publicKey, certificate: certificate,
            handle: try Handle(name), replyMailbox: chatMailbox, extensions: extensions)
    }

    func begin(to preKeys: RecipientPreKeys, type: FirstMessageType = .hello) throws -> Session {
        try Handshake.begin(
            try introduction(type: type), identity: identity, to: preKeys, random: &random)
    }

    /// All that a client does with a first message in its contact mailbox.
    func accept(
        _ envelope: [UInt8], secondsSince1970 now: Int64 = Person.now
    ) throws -> FirstMessageResult {
        let message = try FirstMessage(parsing: envelope.raw)
        guard
            let outer = try message.openOuter(signedPreKeyID: signedPreKeyID, key: signedPreKey)
        else { throw NotForMe() }
        let box = oneTime[outer.oneTimePreKeyID]
        let oneTimeKey = box?.pair.duplicate()
        let result = try Handshake.accept(
            message, outer: outer, own: keys, signedPreKey: signedPreKey,
            oneTimePreKey: oneTimeKey, kemPreKey: kemHalf(outer.kemPreKeyID),
            secondsSince1970: now)
        return result
    }

    struct NotForMe: Error, Equatable {}
    struct NeedsNewerVersion: Error, Equatable { let type: UInt8 }

    /// As ``accept(_:secondsSince1970:)``, with the one-time prekey erased.
    func take(_ envelope: [UInt8]) throws -> AcceptedFirstMessage {
        switch try accept(envelope) {
        case .accepted(let accepted):
            let message = try FirstMessage(parsing: envelope.raw)
            if let outer = try message.openOuter(
                signedPreKeyID: signedPreKeyID, key: signedPreKey)
            {
                oneTime[outer.oneTimePreKeyID] = nil
                if outer.kemPreKeyID != Self.lastResortKEMID { kem[outer.kemPreKeyID] = nil }
            }
            return accepted
        case .needsNewerVersion(let type): throw NeedsNewerVersion(type: type)
        }
    }

    func text(_ text: String) -> Content {
        Content.text(text, id: random.bytes(), milliseconds: UInt64(Self.now) * 1000)
    }
}

/// Two sides of one session, the first message taken.
final class Pair {
    let alice: Person
    let bob: Person
    var initiator: Session
    var recipient: Session
    let prefix: KnownPrefix
    let firstEnvelope: [UInt8]

    /// - Parameter answered: whether the recipient has replied and the initiator has opened it.
    init(seed: UInt64 = 1, answered: Bool = true) throws {
        alice = try Person("alice", seed: seed &* 2)
        bob = try Person("bob", seed: seed &* 2 &+ 1)
        initiator = try alice.begin(to: try bob.published())
        firstEnvelope = try initiator.seal(alice.text("hello"), random: &alice.random).envelope
        let accepted = try bob.take(firstEnvelope)
        prefix = accepted.prefix
        recipient = accepted.takeSession()
        if answered {
            let reply = try recipient.seal(bob.text("yes"), random: &bob.random)
            try open(reply.envelope, at: .initiator)
        }
    }

    enum Side: CaseIterable { case initiator, recipient }

    func seal(_ text: String, from side: Side) throws -> [UInt8] {
        switch side {
        case .initiator:
            try initiator.seal(alice.text(text), random: &alice.random).envelope
        case .recipient: try recipient.seal(bob.text(text), random: &bob.random).envelope
        }
    }

    /// Opens and commits; returns the text.
    @discardableResult
    func open(
        _ envelope: [UInt8], at side: Side, hours: UInt32 = Person.hours
    ) throws(OpenError) -> String? {
        let content = try commit(envelope, at: side, hours: hours)
        return (try? Content(parsing: content.raw))?.text
    }

    private func commit(
        _ envelope: [UInt8], at side: Side, hours: UInt32
    ) throws(OpenError) -> [UInt8] {
        switch side {
        case .initiator:
            let opened = try initiator.open(envelope.raw, atHours: hours)
            let content = opened.content
            initiator.commit(opened)
            return content
        case .recipient:
            let opened = try recipient.open(envelope.raw, atHours: hours)
            let content = opened.content
            recipient.commit(opened)
            return content
        }
    }

    /// What can be copied of a session, for `#expect`.
    struct View {
        let isConfirmed: Bool
        let awaitsReply: Bool
        let keyCount: Int
        let gaps: [ClosedRange<UInt64>]
        let sent: UInt64
        let received: ReceivedNumbers
        let room: Int

        init(_ session: borrowing Session) {
            isConfirmed = session.isConfirmed
            awaitsReply = session.awaitsReply
            keyCount = session.skippedKeyCount
            gaps = session.received.gaps.map(\.numbers)
            sent = session.sentCount
            received = session.received
            room = session.room
        }
    }

    func view(_ side: Side) -> View {
        side == .initiator ? View(initiator) : View(recipient)
    }

    func stored(_ side: Side) -> [UInt8] {
        switch side {
        case .initiator: initiator.exposeForStorage()
        case .recipient: recipient.exposeForStorage()
        }
    }

    /// The error of an envelope that must be refused, with the state compared before and after.
    func refusal(of envelope: [UInt8], at side: Side, hours: UInt32 = Person.hours) -> OpenError? {
        let before = stored(side)
        do throws(OpenError) {
            _ = try open(envelope, at: side, hours: hours)
            return nil
        } catch {
            // DR-6
            return stored(side) == before ? error : nil
        }
    }
}
