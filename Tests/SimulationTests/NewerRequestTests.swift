import Primitives
import Testing
import Wire

@testable import Client
@testable import Crypto

@Suite("§5.4 first messages of a newer version, simulated")
struct NewerRequestTests {
    /// Alice has met Bob by her invite. Gives back the first message that came, and its mailbox.
    private func firstMessage(
        seed: UInt64
    ) throws -> (World, SimulatedClient, [UInt8], MailboxRecord) {
        let world = try World(seed: seed)
        let alice = try world.addClient("alice")
        let bob = try world.addClient("bob")
        for client in [alice, bob] { try client.start() }
        let link = try alice.invite(name: "bob")
        let before = try #require(alice.copyOfVault())
        let mailbox = try alice.ask { engine throws(ClientError) in
            engine.mailboxes.values.first { $0.role == .ownInvite }
        }
        try bob.accept(link, name: "alice")
        try world.advance(milliseconds: 5_000)
        let envelope = alice.deliveries.compactMap { frame -> [UInt8]? in
            guard case .delivery(let id, _, let envelope) = frame, id == mailbox?.id else {
                return nil
            }
            return envelope
        }.first
        // As if it had come to another version of the program.
        alice.replaceVault(with: before)
        return (world, alice, try #require(envelope), try #require(mailbox))
    }

    private func keptCount(_ client: SimulatedClient) throws -> Int {
        try client.vault.rows(.kept, group: NewerRequestRecord.group, page: VaultPage()).count
    }

    @Test("HS-7 what an older version has kept is a request once a newer one starts")
    func upgrade() throws {
        let (world, alice, envelope, mailbox) = try firstMessage(seed: 81)
        let end = world.now.hours.advanced(byHours: 24)
        let record = NewerRequestRecord(mailbox: mailbox.id, eraseAt: end, envelope: envelope)
        try alice.vault.commit([
            .put(
                .kept, key: record.key, group: NewerRequestRecord.group, value: record.encoded)
        ])
        try alice.start()
        try world.advance(milliseconds: 5_000)
        let contacts = try alice.ask { engine throws(ClientError) in engine.contactSummaries() }
        #expect(contacts.map(\.name) == ["bob"] && contacts.map(\.state) == [.accepted])
        #expect(try keptCount(alice) == 0)
        #expect(!alice.notices.contains(.newerRequest))
        #expect(!alice.notices.contains(.unreadableRequest))
    }

    /// A first message as a newer version may make it: the outer block is as it was, the inner one
    /// of another type, and what follows is anything.
    private func newer(
        to preKeys: RecipientPreKeys, random: inout SeededRandom
    ) throws -> [UInt8] {
        let ephemeral = X25519KeyPair.generate(from: &random)
        let encapsulation = preKeys.kemPreKey.key.encapsulate(from: &random)
        let ciphertext = encapsulation.ciphertext
        let agreed = try Handshake.agree(
            ephemeral, encapsulation.secret.duplicate(), with: preKeys)
        let block: [UInt8] = [2] + random.bytes(count: 499)
        var envelope = [Envelope.version] + ephemeral.publicKey.bytes.array
        let outerKey = HandshakeSchedule.outerKey(
            agreed.dh1, sentKey: ephemeral.publicKey.bytes, signedPreKey: preKeys.signedPreKey)
        let outer = Handshake.outerBlock(
            preKeys, innerByteCount: block.count, kemCiphertext: ciphertext)
        envelope += ChaChaPoly.seal(
            outer.raw, key: outerKey, nonce: .zero, authenticating: envelope.raw)
        let innerKey = HandshakeSchedule.innerKey(
            agreed, opening: envelope.raw, preKeys: preKeys, kemCiphertext: ciphertext)
        envelope += ChaChaPoly.seal(
            block.raw, key: innerKey, nonce: .zero, authenticating: envelope.raw)
        return envelope + random.bytes(count: 4_096 - envelope.count)
    }

    @Test("HS-7 a first message of an unknown type is kept, told once and forgotten with its keys")
    func kept() throws {
        let (world, alice, _, mailbox) = try firstMessage(seed: 82)
        try alice.start()
        try world.advance(milliseconds: 1_000)
        var preKeys: RecipientPreKeys?
        try alice.step { engine throws(ClientError) in
            guard let entry = engine.preKeys.signed(for: mailbox.id).first else { return }
            let offered = try engine.offered(entry)
            preKeys = RecipientPreKeys(
                account: engine.identity.account, device: engine.identity.certificate.identity,
                signedPreKeyID: offered.id, signedPreKey: offered.key, oneTimePreKey: nil,
                kemPreKey: offered.kem)
        }
        let recipient = try #require(preKeys)
        var random = SeededRandom(82)
        func told() -> Int { alice.notices.filter { $0 == .newerRequest }.count }
        for number in 1...NewerRequestRecord.countMax + 1 {
            let envelope = try newer(to: recipient, random: &random)
            for _ in 0..<2 {
                let frame = IncomingFrame.delivery(
                    mailbox: mailbox.id, sequence: UInt64(1_000 + number), envelope: envelope)
                try alice.receive(frame, on: .identity)
            }
            #expect(told() == min(number, NewerRequestRecord.countMax))
            #expect(try keptCount(alice) == told())
        }
        #expect(alice.notices.last == .unreadableRequest)
        #expect(try alice.requestNames.isEmpty)
        // Tried again by the next start, without a word, and still there.
        let count = alice.notices.count
        alice.kill()
        try alice.start()
        try world.advance(milliseconds: 5_000)
        #expect(try keptCount(alice) == NewerRequestRecord.countMax)
        #expect(alice.notices.count == count)
        // The invite lasts for seven days, its keys for 32 more.
        alice.kill()
        world.move(to: world.now.monotonic + 38 * 86_400_000)
        try alice.start()
        #expect(try keptCount(alice) == NewerRequestRecord.countMax)
        alice.kill()
        world.move(to: world.now.monotonic + 2 * 86_400_000)
        try alice.start()
        #expect(try keptCount(alice) == 0)
    }
}
