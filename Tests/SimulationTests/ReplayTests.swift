import Primitives
import Testing
import Wire

@testable import Client

@Suite("§5.4 first messages that come again, simulated")
struct ReplayTests {
    /// What a vault holds of people and sessions.
    private struct Held: Equatable {
        var contacts = 0
        var sessions = 0
        var messages = 0
        var oneTime = 0
        var oneTimeKEM = 0
    }

    private func held(_ client: SimulatedClient, in mailbox: MailboxID) throws -> Held {
        let vault = client.vault
        let entries = try vault.rows(.prekey, group: nil, page: VaultPage()).map {
            try PreKeyRecord.decode($0.value)
        }
        func count(_ kind: PreKeyRecord.Kind) -> Int {
            entries.filter { $0.kind == kind && $0.mailbox == mailbox }.count
        }
        let contacts = try vault.rows(.contact, group: nil, page: VaultPage()).filter {
            try ContactRecord.decode($0.value).id != Engine.selfID
        }
        return Held(
            contacts: contacts.count,
            sessions: try vault.rows(
                .session, group: SessionRecord.infoGroup, page: VaultPage()
            ).count,
            messages: try vault.rows(.message, group: nil, page: VaultPage()).count,
            oneTime: count(.oneTime), oneTimeKEM: count(.oneTimeKEM))
    }

    /// Bob's first message to Alice's invite as it came, Alice's vault as it was before, and the
    /// mailbox it came in.
    private func captured(
        seed: UInt64
    ) throws -> (World, SimulatedClient, envelope: [UInt8], mailbox: MailboxID) {
        let world = try World(seed: seed)
        let alice = try world.addClient("alice")
        let bob = try world.addClient("bob")
        for client in [alice, bob] { try client.start() }
        let link = try alice.invite(name: "bob")
        let before = try #require(alice.copyOfVault())
        let made = try alice.ask { engine throws(ClientError) in
            engine.mailboxes.values.first { $0.role == .ownInvite }?.id
        }
        let mailbox = try #require(made)
        try bob.accept(link, name: "alice")
        try world.advance(milliseconds: 5_000)
        bob.kill()
        let envelope = alice.deliveries.compactMap { frame -> [UInt8]? in
            guard case .delivery(mailbox, _, let envelope) = frame else { return nil }
            return envelope
        }.first
        alice.replaceVault(with: before)
        return (world, alice, try #require(envelope), mailbox)
    }

    /// The server hands an envelope out once more.
    private func deliver(
        _ envelope: [UInt8], _ sequence: UInt64, in mailbox: MailboxID, to client: SimulatedClient
    ) throws {
        try client.receive(
            .delivery(mailbox: mailbox, sequence: sequence, envelope: envelope), on: .identity)
    }

    @Test("HS-14 A8 one first message again and again, over restarts: one session, one message")
    func restarts() throws {
        let (world, alice, envelope, mailbox) = try captured(seed: 2031)
        try alice.start()
        #expect(try held(alice, in: mailbox) == Held(oneTime: 1, oneTimeKEM: 1))
        try world.advance(milliseconds: 2_000)
        try deliver(envelope, 900, in: mailbox, to: alice)
        let once = try held(alice, in: mailbox)
        #expect(once.contacts == 1 && once.sessions == 1)
        // HS-5, HS-6: both keys have gone with the session that used them.
        #expect(once.oneTime == 0 && once.oneTimeKEM == 0)
        for sequence: UInt64 in 901...903 {
            try deliver(envelope, sequence, in: mailbox, to: alice)
            alice.kill()
            try alice.start()
            try world.advance(milliseconds: 2_000)
            try deliver(envelope, sequence + 100, in: mailbox, to: alice)
            let again = try held(alice, in: mailbox)
            #expect(again.contacts == 1 && again.sessions == 1)
            #expect(again.messages == once.messages)
        }
        // With one bit of the message behind the prefix changed it is another envelope.
        var other = envelope
        other[4_000] ^= 1
        try deliver(other, 990, in: mailbox, to: alice)
        #expect(try held(alice, in: mailbox).sessions == 1)
    }

    @Test(
        "HS-5 HS-6 A8 killed at any step of taking it: one session, one message, keys gone with it")
    func kills() throws {
        var killed = 0
        for seed: UInt64 in 2100..<2130 {
            let (world, alice, envelope, mailbox) = try captured(seed: seed)
            try alice.start()
            try world.advance(milliseconds: 2_000)
            world.crashOneIn = 3
            for sequence: UInt64 in 900..<912 {
                do {
                    try deliver(envelope, sequence, in: mailbox, to: alice)
                } catch WorldError.crashed {
                    killed += 1
                    world.crashOneIn = 0
                    // At every moment the session and its keys are there, or not there, together.
                    let now = try held(alice, in: mailbox)
                    #expect(now.sessions + now.oneTime == 1)
                    #expect(now.oneTime == now.oneTimeKEM && now.contacts == now.sessions)
                    try alice.start()
                    try world.advance(milliseconds: 2_000)
                    world.crashOneIn = 3
                } catch WorldError.noConnection {
                    break
                }
            }
            world.crashOneIn = 0
            try alice.start()
            try world.advance(milliseconds: 2_000)
            try deliver(envelope, 950, in: mailbox, to: alice)
            let end = try held(alice, in: mailbox)
            #expect(end.contacts == 1 && end.sessions == 1)
            #expect(end.oneTime == 0 && end.oneTimeKEM == 0)
        }
        #expect(killed > 20)
    }
}
