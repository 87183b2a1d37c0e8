import Mailbox
import Primitives
import Testing
import Wire

@testable import Client

@Suite("§10.7 delivery and connections, simulated")
struct RuleTests {
    /// Two who have met and are at rest.
    private func met(seed: UInt64) throws -> (World, SimulatedClient, SimulatedClient) {
        let (world, alice, bob) = try metByLink(seed: seed)
        try bob.send("hello", to: "alice")
        try world.advance(milliseconds: 120_000)
        return (world, alice, bob)
    }

    @Test("CL-5 an envelope that comes twice, or first in a wrong mailbox, is read once")
    func doubles() throws {
        let (world, alice, bob) = try met(seed: 21)
        alice.kill()
        try bob.send("again", to: "alice")
        try world.advance(milliseconds: 5_000)
        try alice.start()
        try world.advance(milliseconds: 5_000)
        guard case .delivery(let mailbox, let sequence, let envelope)? = alice.deliveries.last
        else { throw WorldError.noConnection }
        let repeated = IncomingFrame.delivery(
            mailbox: mailbox, sequence: sequence + 1, envelope: envelope)
        try alice.receive(repeated, on: .reading)
        #expect(alice.receivedTexts == ["hello", "again"])
        #expect(alice.notices.isEmpty)
        // A server that shows an envelope under another mailbox first does not erase it.
        let carol = try world.addClient("carol")
        try carol.start()
        try carol.accept(try alice.invite(name: "carol"), name: "alice")
        try world.advance(milliseconds: 60_000)
        let others = try alice.ask { engine throws(ClientError) in
            engine.mailboxes.values.filter { $0.role == .ownChat && $0.id != mailbox }.map(\.id)
        }
        let other = try #require(others.first)
        let before = try #require(alice.copyOfVault())
        try bob.send("third", to: "alice")
        try world.advance(milliseconds: 2_000)
        guard case .delivery(_, let number, let third)? = alice.deliveries.last else {
            throw WorldError.noConnection
        }
        alice.replaceVault(with: before)
        try alice.start()
        try world.advance(milliseconds: 1_000)
        try alice.receive(.delivery(mailbox: other, sequence: 9, envelope: third), on: .reading)
        #expect(alice.receivedTexts.filter { $0 == "third" }.count == 1)
        try alice.receive(
            .delivery(mailbox: mailbox, sequence: number, envelope: third), on: .reading)
        #expect(alice.receivedTexts.filter { $0 == "third" }.count == 2)
    }

    @Test("CL-5 the hash of an envelope is kept for 32 days and no longer")
    func seenDays() throws {
        let (world, alice, bob) = try met(seed: 31)
        try bob.send("kept", to: "alice")
        try world.advance(milliseconds: 5_000)
        guard case .delivery(let mailbox, let sequence, let envelope)? = alice.deliveries.last
        else { throw WorldError.noConnection }
        let hash = SHA256.hash(envelope.raw).array
        let day: UInt64 = 86_400_000
        let start = world.now.monotonic
        // Day by day, as a client that runs does.
        for days: UInt64 in 1...34 {
            alice.kill()
            world.move(to: start + days * day)
            try alice.start()
            try world.advance(milliseconds: 2_000)
            guard days == 31 || days == 34 else { continue }
            let isKept = try alice.vault.value(.seen, key: hash) != nil
            #expect(isKept == (days == 31), "after \(days) days")
            // A known one is acknowledged without being opened; another one leaves its own trace.
            let again = IncomingFrame.delivery(
                mailbox: mailbox, sequence: sequence + days, envelope: envelope)
            try alice.receive(again, on: .reading)
            let isTried = try alice.vault.value(.seen, key: hash + mailbox.array) != nil
            #expect(isTried == (days == 34), "after \(days) days")
            #expect(alice.receivedTexts == ["hello", "kept"])
        }
    }

    @Test("CL-7 B2 B11 an old vault put back is noticed at once, told, and healed by a reset")
    func copiedVault() throws {
        let (world, alice, bob) = try met(seed: 22)
        let copy = try #require(bob.copyOfVault())
        try bob.send("of the original", to: "alice")
        try world.advance(milliseconds: 120_000)
        bob.replaceVault(with: copy)
        try bob.start()
        try bob.send("of the copy", to: "alice")
        try world.advance(milliseconds: 120_000)
        #expect(bob.notices.contains(.copiedVault(contact: "alice")))
        #expect(bob.notices.contains(.resetSent(contact: "alice")))
        #expect(alice.notices.contains(.resetReceived(contact: "bob")))
        #expect(alice.receivedTexts == ["hello", "of the original", "of the copy"])
        try alice.send("answer", to: "bob")
        try world.advance(milliseconds: 5_000)
        #expect(bob.receivedTexts.last == "answer")
        let outbox = try bob.ask { engine throws(ClientError) in engine.outboxSummaries() }
        #expect(outbox.isEmpty)
        #expect(try alice.writtenSession(with: "bob") == bob.writtenSession(with: "alice"))
    }

    @Test("CL-7 CL-9 a text whose counter a copy took is sent in a new session, and not before")
    func copiedVaultWhileOpen() throws {
        let (world, alice, bob) = try met(seed: 30)
        let copy = try world.addClient("copy")
        copy.replaceVault(with: try #require(bob.copyOfVault()))
        try copy.start()
        // Both are attached as writers, and both have heard the same next counter.
        for client in [bob, copy] {
            try client.typing("alice", true)
            try world.advance(milliseconds: 1_000)
            #expect(try client.link(.writing) != nil)
        }
        try copy.send("of the copy", to: "alice")
        try world.advance(milliseconds: 1_000)
        let refused = try bob.send("of the original", to: "alice")
        try world.advance(milliseconds: 1_000)
        #expect(bob.notices.filter { $0 == .copiedVault(contact: "alice") }.count == 1)
        copy.kill()
        try world.advance(milliseconds: 5_000)
        #expect(alice.receivedTexts == ["hello", "of the copy", "of the original"])
        #expect(alice.notices.contains(.resetReceived(contact: "bob")))
        #expect(bob.states(of: refused).contains(.sent))
    }

    @Test("CL-7 DR-36 what a second copy holds within the hour of a reset goes when it is over")
    func copiedTwice() throws {
        let (world, alice, bob) = try met(seed: 34)
        let first = try #require(bob.copyOfVault())
        try bob.send("lost", to: "alice")
        try world.advance(milliseconds: 60_000)
        bob.replaceVault(with: first)
        try bob.start()
        try bob.send("by reset", to: "alice")
        try world.advance(milliseconds: 60_000)
        #expect(alice.receivedTexts == ["hello", "lost", "by reset"])
        // Within the hour the vault goes back once more, to behind its reset.
        let second = try #require(bob.copyOfVault())
        try bob.send("lost too", to: "alice")
        try world.advance(milliseconds: 60_000)
        bob.replaceVault(with: second)
        try bob.start()
        let typing = alice.typingEvents(of: "bob").count
        let envelopes = try world.counts().envelopes
        var held: [MessageID] = []
        // On the connection there is, on a new one, and in another life of the program nothing
        // goes, no frame either.
        for _ in 0..<2 {
            held.append(try bob.send("held \(held.count)", to: "alice"))
            try world.advance(milliseconds: 130_000)
            try bob.typing("alice", false)
            try bob.typing("alice", true)
            try world.advance(milliseconds: 5_000)
            bob.kill()
            try bob.start()
        }
        #expect(bob.notices.count { $0 == .copiedVault(contact: "alice") } == 2)
        #expect(held.allSatisfy { bob.states(of: $0).isEmpty })
        #expect(alice.typingEvents(of: "bob").count == typing)
        #expect(try world.counts().envelopes == envelopes)
        let outbox = try bob.ask { engine throws(ClientError) in engine.outboxSummaries() }
        #expect(outbox.filter { $0.id != nil }.map(\.id) == held)
        #expect(outbox.allSatisfy { $0.reason == .copiedVault })
        try world.advance(milliseconds: 7_300_000)
        #expect(held.allSatisfy { bob.states(of: $0).last == .delivered })
        #expect(alice.receivedTexts.suffix(2) == ["held 0", "held 1"])
        #expect(try alice.writtenSession(with: "bob") == bob.writtenSession(with: "alice"))
    }

    @Test("CL-8 CL-36 a server that lost everything is told, and all without a receipt comes")
    func serverWentBack() throws {
        let (world, alice, bob) = try met(seed: 23)
        alice.kill()
        try bob.send("lost", to: "alice")
        try world.advance(milliseconds: 5_000)
        try world.loseEverything()
        // Nobody has made the mailbox anew yet: it is gone.
        let late = try bob.send("late", to: "alice")
        try world.advance(milliseconds: 60_000)
        let held = try bob.ask { engine throws(ClientError) in engine.outboxSummaries() }
        #expect(held.map(\.reason) == [.mailboxGone])
        try alice.start()
        try world.advance(milliseconds: 3_700_000)
        #expect(bob.notices.contains(.serverWentBack(contact: "alice")))
        #expect(alice.receivedTexts.sorted() == ["hello", "late", "lost"])
        #expect(bob.states(of: late).last == .delivered)
    }

    @Test("CL-9 a deposit whose answer was lost counts as accepted, and is not sent again")
    func lostAnswer() throws {
        let (world, alice, bob) = try met(seed: 24)
        alice.kill()
        // The writing connection stands before the text is written.
        try bob.typing("alice", true)
        try world.advance(milliseconds: 2_000)
        world.failAfterNextCommit()
        let id = try bob.send("once", to: "alice")
        try world.rest()
        #expect(!world.isServerUp && bob.states(of: id).isEmpty)
        try world.startServer()
        try world.advance(milliseconds: 120_000)
        #expect(bob.states(of: id) == [.sent])
        #expect(try world.counts().envelopes == 1)
        try alice.start()
        try world.advance(milliseconds: 5_000)
        #expect(alice.receivedTexts == ["hello", "once"])
    }

    @Test("CL-12 each look-up, fetch, blob and first message has a connection of its own")
    func connections() throws {
        let world = try World(seed: 25, isInFiles: true)
        let alice = try world.addClient("alice")
        let bob = try world.addClient("bob")
        for client in [alice, bob] { try client.start() }
        try bob.register("bob")
        try world.advance(milliseconds: 5_000)
        try alice.add("bob", name: nil)
        try world.advance(milliseconds: 5_000)
        // Look-up, prekeys, first message.
        #expect(Set(alice.opened.filter { $0.purpose.isOnce }.map(\.id)).count == 3)
        try bob.acceptRequest("contact-1", name: "alice")
        try world.advance(milliseconds: 5_000)
        try alice.send("hello", to: "bob")
        try world.advance(milliseconds: 2_000)
        let standing = [LinkPurpose.reading, .writing]
        let links = try standing.map { try #require(try alice.link($0)) }
        #expect(Set(links).count == 2)
        #expect(try bob.link(.identity) != bob.link(.reading))
    }

    @Test("CL-12 blobs and first messages of an invite stand on no connection with anything else")
    func connectionsOfInvites() throws {
        let world = try World(seed: 32)
        let alice = try world.addClient("alice")
        let bob = try world.addClient("bob")
        for client in [alice, bob] { try client.start() }
        try bob.accept(try alice.invite(name: "bob"), name: "alice")
        try world.advance(milliseconds: 10_000)
        try bob.send("hello", to: "alice")
        try world.advance(milliseconds: 5_000)
        let alone: [ClientFrameType] = [.putBlob, .eraseBlob, .getBlob, .contactDeposit]
        var found: Set<UInt8> = []
        for client in [alice, bob] {
            let once = Set(client.opened.filter { $0.purpose.isOnce }.map(\.id))
            for (link, types) in client.sentTypes {
                if once.contains(link) {
                    #expect(types.count == 1)
                    found.formUnion(types)
                } else {
                    #expect(types.isDisjoint(with: alone.map(\.rawValue)))
                }
            }
        }
        #expect(found == Set(alone.map(\.rawValue)))
        // What each of the standing connections has attached, of another invite as well.
        _ = try alice.invite(name: "carol")
        let server = world.address
        let roles = try alice.ask { engine throws(ClientError) in
            [LinkPurpose.identity, .reading, .writing].map { purpose in
                let link = engine.links.link(purpose, server)
                return Set((link?.attaches ?? [:]).keys.compactMap { engine.mailboxes[$0]?.role })
            }
        }
        #expect(roles[0] == [.ownInvite] && roles[1] == [.ownChat])
        #expect(roles[2].isSubset(of: [.peerChat]))
    }

    @Test("CL-13 the writing connection stands for a minute after its last use, no longer")
    func writing() throws {
        let (world, _, bob) = try met(seed: 26)
        try world.advance(milliseconds: 120_000)
        #expect(try bob.link(.writing) == nil)
        try bob.set("receipts", "off")
        try bob.send("more", to: "alice")
        try world.advance(milliseconds: 59_000)
        #expect(try bob.link(.writing) != nil)
        try world.advance(milliseconds: 60_000)
        #expect(try bob.link(.writing) == nil)
    }

    @Test("CL-14 new attempts are half a second to a minute apart, twice as far each time")
    func attempts() throws {
        let (world, _, bob) = try met(seed: 27)
        world.killServer()
        let count = bob.opened.count
        try world.advance(milliseconds: 600_000)
        let times = bob.opened.dropFirst(count).filter { $0.purpose == .reading }.map(\.at)
        let pauses = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(pauses.count >= 10)
        for (index, pause) in pauses.enumerated() {
            // The first pause lies before the first attempt.
            let full = min(UInt64(500) << UInt64(index + 1), 60_000)
            #expect(full / 2...full ~= pause, "pause \(index + 1)")
        }
    }

    @Test("CL-14 a server that greets and ends every connection is not visited faster for it")
    func greetings() throws {
        let (world, _, bob) = try met(seed: 71)
        let count = bob.opened.count
        bob.greetedOnly = { $0 == .reading }
        try bob.drop(try #require(try bob.link(.reading)))
        try world.advance(milliseconds: 600_000)
        bob.greetedOnly = nil
        let times = bob.opened.dropFirst(count).filter { $0.purpose == .reading }.map(\.at)
        #expect((12...30).contains(times.count), "\(times.count) connections in ten minutes")
        // One that is well for a minute begins anew.
        try world.advance(milliseconds: 120_000)
        try bob.drop(try #require(try bob.link(.reading)))
        let before = world.now.monotonic
        try world.advance(milliseconds: 1_000)
        let first = try #require(bob.opened.last { $0.purpose == .reading }?.at)
        #expect(first > before && first <= before + 500)
    }

    @Test("CL-14 a first message is tried again after half a second at first, then later")
    func firstMessages() throws {
        let world = try World(seed: 72)
        let alice = try world.addClient("alice")
        let bob = try world.addClient("bob")
        for client in [alice, bob] { try client.start() }
        let link = try alice.invite(name: "bob")
        try bob.accept(link, name: "alice")
        // After the first one, which opens the link's blob.
        bob.greetedOnly = { $0.isOnce && bob.opened.filter { $0.purpose.isOnce }.count > 1 }
        try world.advance(milliseconds: 30_000)
        let times = bob.opened.filter { $0.purpose.isOnce }.map(\.at)
        let pauses = zip(times.dropFirst(2), times.dropFirst()).map { $0 - $1 }
        #expect(pauses.count >= 4)
        for (index, pause) in pauses.enumerated() {
            let full = UInt64(500) << UInt64(index)
            #expect(full / 2...full ~= pause, "pause \(index + 1)")
        }
    }

    @Test("CL-41 an own mailbox that a full server refused is made when there is room again")
    func refusedMailbox() throws {
        let world = try World(seed: 73)
        let alice = try world.addClient("alice")
        let bob = try world.addClient("bob")
        for client in [alice, bob] { try client.start() }
        let link = try alice.invite(name: "bob")
        world.hasFullDisk = true
        try bob.accept(link, name: "alice")
        try world.advance(milliseconds: 10_000)
        let creations = bob.sentCounts[ClientFrameType.create.rawValue]
        #expect(creations == 1)
        try world.advance(milliseconds: 15_000)
        #expect(bob.sentCounts[ClientFrameType.create.rawValue] == 1)
        let connections = bob.opened.count
        world.hasFullDisk = false
        try world.advance(milliseconds: 10_000)
        #expect(bob.sentCounts[ClientFrameType.create.rawValue] == 2)
        // On the connection that stood, and everything that waited for it has gone on.
        #expect(bob.opened.dropFirst(connections).allSatisfy { $0.purpose != .reading })
        try world.advance(milliseconds: 10_000)
        let contacts = try bob.ask { engine throws(ClientError) in engine.contactSummaries() }
        #expect(contacts.map(\.state) == [.accepted])
    }

    @Test("CL-9 EN-11 an answer for another mailbox accepts nothing")
    func lateAnswer() throws {
        let (world, _, bob) = try met(seed: 74)
        try bob.typing("alice", true)
        try world.advance(milliseconds: 1_000)
        let link = try #require(try bob.link(.writing))
        bob.stall(link, milliseconds: 60_000)
        let id = try bob.send("moved", to: "alice")
        let request = try bob.ask { engine throws(ClientError) -> UInt32? in
            // As after a change to a mailbox that happens to be at the same counter.
            guard var item = engine.outbox.last else { return nil }
            item.mailbox = .zero
            engine.save(item)
            return engine.links.links[link]?.requests.keys.max()
        }
        try bob.receive(.done(request: try #require(request)), on: .writing)
        #expect(bob.states(of: id).isEmpty)
        let outbox = try bob.ask { engine throws(ClientError) in engine.outboxSummaries() }
        #expect(outbox.map(\.id) == [id])
    }

    @Test("CL-45 a server that names gaps for ever is not answered for ever")
    func endlessGaps() throws {
        // The next counter it names: none, none possible, the refused one itself, the largest.
        for next: UInt64? in [nil, 0, 1, 2, .max] {
            let (world, _, bob) = try met(seed: 76)
            try bob.typing("alice", true)
            try world.advance(milliseconds: 1_000)
            let link = try #require(try bob.link(.writing))
            bob.stall(link, milliseconds: 60_000)
            let id = try bob.send("waits", to: "alice")
            let before = bob.sentCounts[ClientFrameType.deposit.rawValue] ?? 0
            for _ in 0..<200 {
                let request = try bob.ask { engine throws(ClientError) -> UInt32? in
                    engine.links.links[link]?.requests.keys.max()
                }
                guard let request else { break }
                try bob.receive(
                    .error(ErrorFrame(request: request, code: .counterGap, nextCounter: next)),
                    on: .writing)
            }
            let sent = (bob.sentCounts[ClientFrameType.deposit.rawValue] ?? 0) - before
            #expect(sent <= Engine.depositsOpenMax + 1, "\(String(describing: next))")
            #expect(bob.states(of: id).isEmpty)
        }
    }

    @Test("CL-45 the gaps behind a deposit that a full server refuses are no refusals")
    func gapsBehindFullDisk() throws {
        let (world, alice, bob) = try met(seed: 77)
        try bob.typing("alice", true)
        try world.advance(milliseconds: 1_000)
        world.hasFullDisk = true
        let texts = (0..<40).map { "text \($0)" }
        for text in texts { try bob.send(text, to: "alice") }
        // Several rounds of a refusal and the gaps behind it.
        for _ in 0..<5 {
            try world.advance(milliseconds: 31_000)
            let outbox = try bob.ask { engine throws(ClientError) in engine.outboxSummaries() }
            #expect(outbox.contains { $0.reason == .serverStorageFull })
            #expect(!outbox.contains { $0.reason == .refused })
        }
        world.hasFullDisk = false
        try world.advance(milliseconds: 60_000)
        #expect(alice.receivedTexts.suffix(40) == texts)
    }

    @Test("CL-37 CL-12 a connection whose first message goes another way by now is closed unused")
    func abandoned() throws {
        let (world, alice, bob) = try met(seed: 75)
        alice.kill()
        try bob.typing("alice", true)
        try world.advance(milliseconds: 1_000)
        bob.stall(try #require(try bob.link(.writing)), milliseconds: 20_000)
        try bob.send("by the chat mailbox", to: "alice")
        let server = world.address
        let deposits = bob.sentCounts[ClientFrameType.contactDeposit.rawValue]
        try bob.step { engine throws(ClientError) in
            guard let item = engine.outbox.last else { throw .internalFault(line: #line) }
            engine.begin(.firstMessage(item.id), at: server)
            engine.begin(.eraseBlob(invite: .zero), at: server)
            engine.begin(.putBlob(invite: .zero, blob: []), at: server)
        }
        try world.advance(milliseconds: 5_000)
        #expect(bob.sentCounts[ClientFrameType.contactDeposit.rawValue] == deposits)
        let open = try bob.ask { engine throws(ClientError) in
            engine.links.links.values.filter { $0.purpose.isOnce }.count
        }
        #expect(open == 0)
    }

    @Test("CL-28 a signed prekey is replaced within 7 days, its private half kept for 39")
    func preKeys() throws {
        let world = try World(seed: 28, isInFiles: true)
        let alice = try world.addClient("alice")
        try alice.start()
        try alice.register("alice")
        try world.advance(milliseconds: 5_000)
        let day: UInt64 = 86_400_000
        func start(after days: UInt64) throws -> [UInt32] {
            alice.kill()
            world.move(to: world.now.monotonic + days * day)
            try alice.start()
            try world.advance(milliseconds: 10_000)
            return try alice.ask { engine throws(ClientError) in
                engine.preKeys.entries.values.filter { $0.kind == .signed }.map(\.id)
            }
        }
        let first = try #require(try start(after: 0).first)
        let after7 = try start(after: 7)
        #expect(after7.count == 2 && after7.contains(first))
        #expect(
            try alice.ask { engine throws(ClientError) in engine.identity.signedPreKeyID } != first)
        #expect(try start(after: 31).contains(first))
        #expect(try !start(after: 2).contains(first))
    }

    @Test("CL-31 CH-42 the first hello of a server is pinned, another signing key refused")
    func pins() throws {
        let (world, alice, _) = try met(seed: 29)
        var random = SeededRandom(5)
        let other = try ServerAddress(
            key: X25519KeyPair.generate(from: &random).publicKey, host: Host("other"))
        let keys = (0..<2).map { _ in Ed25519KeyPair.generate(from: &random).publicKey }
        func visit(_ key: Ed25519PublicKey) throws -> FixedBytes<32>? {
            let now = world.now
            let who = Address.person(other, try Handle("dora")).text
            let hello = HelloFrame(
                signingKey: key, minutes: UInt32(now.wall / 60_000), admissionMethods: 1)
            return try alice.ask { engine throws(ClientError) in
                _ = try engine.add(who, name: nil, at: now)
                guard let link = engine.links.links.values.first(where: { $0.server == other })
                else { throw .internalFault(line: #line) }
                try engine.handle(
                    .connected(link.id, handshakeHash: .zero, hello: hello), at: now)
                // The look-up has been asked, unless the server was refused.
                let isAsked = engine.links.links[link.id]?.requests.isEmpty == false
                try engine.handle(.disconnected(link.id, .connectionLost), at: now)
                return isAsked ? engine.pins[other] : nil
            }
        }
        #expect(try visit(keys[0]) == keys[0].bytes)
        #expect(try visit(keys[1]) == nil)
        #expect(try visit(keys[0]) == keys[0].bytes)
    }
}
