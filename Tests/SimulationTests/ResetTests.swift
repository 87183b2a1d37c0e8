import Crypto
import Mailbox
import Primitives
import Testing
import Wire

@testable import Client

@Suite("§6.5 resets, simulated")
struct ResetTests {
    private static let hour: UInt64 = 3_600_000

    /// Two who have met, written to each other and are at rest.
    private func talking(seed: UInt64) throws -> (World, SimulatedClient, SimulatedClient) {
        let (world, alice, bob) = try metByLink(seed: seed)
        for round in 0..<3 {
            try bob.send("\(round) of bob", to: "alice")
            try world.advance(milliseconds: 40_000)
            try alice.send("\(round) of alice", to: "bob")
            try world.advance(milliseconds: 40_000)
        }
        return (world, alice, bob)
    }

    private func resets(_ client: SimulatedClient) -> Int {
        client.notices.count { if case .resetSent = $0 { true } else { false } }
    }

    private func expectHealed(
        _ world: World, _ alice: SimulatedClient, _ bob: SimulatedClient
    ) throws {
        try alice.send("healed of alice", to: "bob")
        try bob.send("healed of bob", to: "alice")
        try world.advance(milliseconds: 90_000)
        #expect(bob.receivedTexts.last == "healed of alice")
        #expect(alice.receivedTexts.last == "healed of bob")
        #expect(try alice.writtenSession(with: "bob") == bob.writtenSession(with: "alice"))
        for client in [alice, bob] {
            let outbox = try client.ask { engine throws(ClientError) in engine.outbox.count }
            #expect(outbox == 0)
        }
    }

    @Test(
        "DR-15 DR-36 DR-39 DR-40 DR-41 DR-42 a ratchet that went back is reset, and what was lost is named to both"
    )
    func rolledBack() throws {
        let (world, alice, bob) = try talking(seed: 71)
        let old = try #require(alice.copyOfVault())
        // Two turns later the old state opens nothing any more.
        for round in 3..<6 {
            try bob.send("\(round) of bob", to: "alice")
            try world.advance(milliseconds: 40_000)
            try alice.send("\(round) of alice", to: "bob")
            try world.advance(milliseconds: 40_000)
        }
        alice.replaceVault(with: old.copy())
        try alice.start()
        try bob.send("to the old state", to: "alice")
        try world.advance(milliseconds: 10_000)
        #expect(alice.notices.contains(.sessionBroken(contact: "bob")))
        #expect(alice.notices.contains(.resetSent(contact: "bob")))
        #expect(bob.notices.contains(.resetReceived(contact: "alice")))
        #expect(alice.receivedTexts.contains("to the old state"))
        try expectHealed(world, alice, bob)
        // DR-41, DR-42: what bob knew as delivered and alice has lost is named to both.
        let named = missing(bob, of: "alice", by: .me)
        let told = missing(alice, of: "bob", by: .peer)
        #expect(named.count == 1 && named.first?.count == 3)
        #expect(Set(named.joined()) == Set(told.joined()))
        // Once more from the same state: bob has told his user already, alice has forgotten it.
        world.move(to: world.now.monotonic + Self.hour)
        try world.advance(milliseconds: 10_000)
        alice.replaceVault(with: old)
        try alice.start()
        try alice.send("in a third life", to: "bob")
        try world.advance(milliseconds: 60_000)
        #expect(bob.receivedTexts.last == "in a third life")
        let later = missing(bob, of: "alice", by: .me)
        #expect(later.count == 2 && later[0] == named[0])
        #expect(Set(later[1]).isDisjoint(with: later[0]) && later[1].count == 2)
        let again = missing(alice, of: "bob", by: .peer)
        #expect(again.count == 2 && Set(again[1]).isSuperset(of: told[0]))
        try expectHealed(world, alice, bob)
    }

    private func missing(
        _ client: SimulatedClient, of name: String, by author: MessageAuthor
    ) -> [[Client.MessageID]] {
        client.events.compactMap { event in
            if case .missing(name, let ids, author) = event { ids } else { nil }
        }
    }

    @Test(
        "DR-36 B12 a thousand garbage envelopes make one reset an hour, and what was keeps its keys"
    )
    func garbage() throws {
        let (world, alice, bob) = try talking(seed: 72)
        let mailbox = try #require(try alice.contact().ownMailbox)
        var random = SeededRandom(9)
        let before = try #require(try bob.writtenSession(with: "alice"))
        bob.kill()
        var sequence: UInt64 = 1 << 40
        func disturb(_ count: Int) throws {
            for _ in 0..<count {
                var bytes = [UInt8](repeating: 0, count: 1_024)
                for index in stride(from: 8, to: 1_024, by: 8) {
                    let word: FixedBytes<8> = random.bytes()
                    for offset in 0..<8 { bytes[index + offset] = word[offset] }
                }
                sequence += 1
                try alice.receive(
                    .delivery(mailbox: mailbox, sequence: sequence, envelope: bytes), on: .reading)
            }
        }
        try disturb(1_000)
        #expect(resets(alice) == 1)
        try world.advance(milliseconds: Self.hour - 1_000)
        try disturb(10)
        #expect(resets(alice) == 1)
        // Old state is kept: what was written before the reset is read.
        #expect(
            try alice.read { engine in engine.sessions.records[before] != nil })
        try bob.start()
        try world.advance(milliseconds: 60_000)
        #expect(resets(alice) <= 2)
        #expect(bob.notices.contains(.resetReceived(contact: "alice")))
        try expectHealed(world, alice, bob)
    }

    @Test("DR-36 what broke within the hour and is whole again asks for no other reset")
    func mended() throws {
        let (world, alice, bob) = try talking(seed: 73)
        let mailbox = try #require(try alice.contact().ownMailbox)
        for number in UInt64(0)..<2 {
            try alice.receive(
                .delivery(
                    mailbox: mailbox, sequence: 1 << 40 + number,
                    envelope: [0] + [UInt8](repeating: 7 + UInt8(number), count: 1_023)),
                on: .reading)
        }
        try world.advance(milliseconds: 10_000)
        try bob.send("whole", to: "alice")
        try world.advance(milliseconds: 3 * Self.hour)
        #expect(resets(alice) == 1)
        try expectHealed(world, alice, bob)
    }

    @Test("DR-38 a second reset within the hour waits on the server, unacknowledged, and wins then")
    func secondReset() throws {
        let (world, alice, bob) = try talking(seed: 74)
        let old = try #require(alice.copyOfVault())
        try alice.send("after the copy", to: "bob")
        try world.advance(milliseconds: 40_000)
        for life in 0..<2 {
            alice.replaceVault(with: old.copy())
            try alice.start()
            try alice.send("in life \(life)", to: "bob")
            try world.advance(milliseconds: 60_000)
        }
        #expect(resets(alice) == 2)
        #expect(bob.notices.count { $0 == .resetReceived(contact: "alice") } == 1)
        #expect(bob.receivedTexts.contains("in life 0"))
        #expect(!bob.receivedTexts.contains("in life 1"))
        #expect(try world.counts().envelopes > 0)
        // Also over a restart of the reader, and whatever comes behind it is read meanwhile.
        bob.kill()
        try bob.start()
        try world.advance(milliseconds: 60_000)
        #expect(!bob.receivedTexts.contains("in life 1"))
        #expect(try world.counts().envelopes > 0)
        try world.advance(milliseconds: Self.hour)
        #expect(bob.notices.count { $0 == .resetReceived(contact: "alice") } == 2)
        #expect(bob.receivedTexts.contains("in life 1"))
        #expect(try world.counts().envelopes == 0)
        try expectHealed(world, alice, bob)
    }

    @Test("DR-36 B11 resets of both sides at once converge, and nothing is lost")
    func both() throws {
        let (world, alice, bob) = try talking(seed: 75)
        for (client, name) in [(alice, "bob"), (bob, "alice")] {
            let mailbox = try #require(try client.contact().ownMailbox)
            try client.send("before \(name)", to: name)
            try client.receive(
                .delivery(
                    mailbox: mailbox, sequence: 1 << 40,
                    envelope: [0] + [UInt8](repeating: 9, count: 1_023)),
                on: .reading)
            #expect(resets(client) == 1)
        }
        try world.advance(milliseconds: 60_000)
        #expect(alice.receivedTexts.contains("before alice"))
        #expect(bob.receivedTexts.contains("before bob"))
        try expectHealed(world, alice, bob)
    }

    // MARK: Forged resets

    private enum Forgery: CaseIterable {
        case otherAccount
        case hello
        case sameExpiry
        case laterExpiry
    }

    /// A first message under the recovery prekey that alice has given bob.
    private func forged(
        _ forgery: Forgery, _ alice: SimulatedClient, _ bob: SimulatedClient,
        _ carol: SimulatedClient
    ) throws -> [UInt8] {
        let bundle = try RecoveryBundle(parsing: try bob.contact().peerRecoveryBundle.raw)
        let (account, device) = try alice.read { engine in
            (engine.identity.account, engine.identity.certificate.identity)
        }
        let preKeys = try #require(
            RecipientPreKeys(bundle, account: account, device: device))
        var random = SeededRandom(77)
        let now = bob.world.now.wall
        let writer = forgery == .otherAccount ? carol : bob
        var envelope: [UInt8] = []
        try writer.step { engine throws(ClientError) in
            let own = engine.identity.certificate
            var identity = engine.keys.identity.duplicate()
            var certificate = own
            if forgery == .sameExpiry || forgery == .laterExpiry {
                identity = X25519KeyPair.generate(from: &random)
                let later: UInt32 = forgery == .laterExpiry ? 1 : 0
                let another = DeviceIdentity(
                    deviceID: 9, identityKey: identity.publicKey,
                    deviceKey: Ed25519KeyPair.generate(from: &random).publicKey)
                certificate = DeviceCertificate(
                    identity: another, expiry: own.expiry.advanced(byHours: later),
                    signedBy: engine.keys.account)
            }
            let mailbox = try engine.makeMailbox(.ownChat).id
            let introduction = Introduction(
                type: forgery == .hello ? .hello : .reset, account: engine.identity.account,
                certificate: certificate, handle: nil,
                replyMailbox: try engine.chatMailbox(mailbox))
            guard
                var session = try? Handshake.begin(
                    introduction, identity: identity, to: preKeys, random: &random),
                let sealed = try? session.seal(
                    .text("forged", id: random.bytes(), milliseconds: now), random: &random)
            else { throw .internalFault(line: #line) }
            envelope = sealed.envelope
        }
        return envelope
    }

    @Test(
        "DR-37 a reset of another account, of no later certificate or of type 0 changes nothing; HS-4",
        arguments: Forgery.allCases)
    private func forgery(_ forgery: Forgery) throws {
        let (world, alice, bob) = try talking(seed: 76)
        let carol = try world.addClient("carol")
        try carol.start()
        let envelope = try forged(forgery, alice, bob, carol)
        let mailbox = try #require(try alice.contact().ownMailbox)
        let written = try alice.writtenSession(with: "bob")
        let contact = try alice.contact().encoded
        try alice.receive(
            .delivery(mailbox: mailbox, sequence: 1 << 40, envelope: envelope), on: .reading)
        let isTaken = forgery == .laterExpiry
        #expect(alice.receivedTexts.contains("forged") == isTaken)
        #expect(alice.notices.contains(.resetReceived(contact: "bob")) == isTaken)
        #expect(alice.notices.contains(.deviceChanged(contact: "bob")) == isTaken)
        #expect(try (alice.writtenSession(with: "bob") == written) != isTaken)
        #expect(try (alice.contact().encoded == contact) != isTaken)
        #expect(resets(alice) == 0)
    }
}
