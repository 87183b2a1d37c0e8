import Crypto
import Mailbox
import Primitives
import Testing
import Wire

@testable import Client

extension SimulatedClient {
    /// What a backup of the vault holds, as it would lie in a file.
    func backup() throws -> [UInt8] {
        let now = world.now
        return try step { engine throws(ClientError) in
            try engine.backupContents(at: now).encoded
        }
    }

    /// Ends the program and puts a vault made from a backup in the place of its own.
    func restore(_ backup: [UInt8]) throws {
        let vault = MemoryVault()
        let contents = try BackupContents(parsing: backup.raw)
        let writes = try Engine.writes(restoring: contents, at: world.now)
        try vault.commit(writes)
        replaceVault(with: vault)
    }

    func missing(of name: String, by author: MessageAuthor) -> [Client.MessageID] {
        events.flatMap { event -> [Client.MessageID] in
            if case .missing(name, let ids, author) = event { ids } else { [] }
        }
    }
}

@Suite("§10.9 backups and restoring, simulated")
struct RestoreTests {
    private func talking(seed: UInt64) throws -> (World, SimulatedClient, SimulatedClient) {
        let (world, alice, bob) = try metByLink(seed: seed)
        for round in 0..<3 {
            try bob.send("\(round) of bob", to: "alice")
            try alice.send("\(round) of alice", to: "bob")
            try world.advance(milliseconds: 40_000)
        }
        return (world, alice, bob)
    }

    @Test(
        "CL-47 CL-48 CL-49 a restored client reads what waits, resets, and both write; the lost are named"
    )
    func restored() throws {
        let (world, alice, bob) = try talking(seed: 81)
        let backup = try alice.backup()
        let lost = try bob.send("read and lost", to: "alice")
        let kept = try alice.send("sent and forgotten", to: "bob")
        try world.advance(milliseconds: 40_000)
        alice.kill()
        let waiting = try bob.send("waits", to: "alice")
        try world.advance(milliseconds: 20_000)
        try alice.restore(backup)
        try alice.start()
        try world.advance(milliseconds: 60_000)
        #expect(alice.notices == [.resetSent(contact: "bob")])
        #expect(bob.notices == [.resetReceived(contact: "alice")])
        #expect(alice.receivedTexts.last == "waits")
        #expect(bob.states(of: waiting).last == .delivered)
        #expect(bob.missing(of: "alice", by: .me) == [lost])
        #expect(alice.missing(of: "bob", by: .peer) == [lost])
        #expect(bob.receivedTexts.last == "sent and forgotten" && alice.states(of: kept).count > 0)
        let history = try alice.texts(of: "bob", by: .peer).map(\.text)
        #expect(history == ["0 of bob", "1 of bob", "2 of bob", "waits"])
        try alice.send("healed of alice", to: "bob")
        try bob.send("healed of bob", to: "alice")
        try world.advance(milliseconds: 60_000)
        #expect(bob.receivedTexts.last == "healed of alice")
        #expect(alice.receivedTexts.last == "healed of bob")
        #expect(try alice.writtenSession(with: "bob") == bob.writtenSession(with: "alice"))
    }

    @Test(
        "CL-47 a backup holds no session, one-time prekey or envelope, and what it holds is read back exactly"
    )
    func contents() throws {
        let (world, alice, _) = try talking(seed: 82)
        alice.kill()
        try alice.start()
        _ = try alice.invite(name: "other")
        let bytes = try alice.backup()
        let contents = try BackupContents(parsing: bytes.raw)
        #expect(contents.encoded == bytes && contents.madeMilliseconds == world.now.wall)
        let tables = Set(contents.rows.map(\.table))
        #expect(tables.isDisjoint(with: [.session, .seen]))
        var held: Set<PreKeyRecord.Kind> = []
        for row in contents.rows where row.table == .prekey {
            let record = try PreKeyRecord.decode(row.value)
            held.insert(record.kind)
        }
        #expect(held == [.signed, .recovery])
        // No ratchet state, one-time key or sealed envelope of the vault stands anywhere in it.
        let secret = try alice.vault.rows(
            .session, group: SessionRecord.stateGroup, page: VaultPage())
        #expect(!secret.isEmpty)
        for row in secret {
            for start in stride(from: 0, to: row.value.count - 32, by: 32) {
                let part = row.value[start..<start + 32]
                // Ids and hashes of public things are no secrets, and zeros are everywhere.
                if Set(part).count < 20 || part.elementsEqual(row.value[2..<34]) { continue }
                #expect(bytes.firstRange(of: part) == nil || start < 64)
            }
        }
        for end in stride(from: 0, to: bytes.count, by: 7) {
            #expect((rowCount(Array(bytes[..<end])) ?? 0) < contents.rows.count)
        }
    }

    @Test(
        "CL-48 what makes no vault is refused: no identity, sessions, one-time prekeys, other tables"
    )
    func refused() throws {
        let (world, alice, _) = try talking(seed: 83)
        let backup = try alice.backup()
        let contents = try BackupContents(parsing: backup.raw)
        let now = world.now
        #expect(!isRefused(contents, at: now))
        #expect(isRefused(BackupContents(madeMilliseconds: 1), at: now))
        for table in [VaultTable.session, .seen] {
            var changed = contents
            changed.add(table, key: [1], value: [1])
            #expect(isRefused(changed, at: now))
        }
        let mailbox = try #require(try alice.contact().ownMailbox)
        for kind in [PreKeyRecord.Kind.oneTime, .oneTimeKEM] {
            let oneTime = PreKeyRecord(
                kind: kind, id: 5, kemID: 0, mailbox: mailbox, eraseAt: Hours(9),
                secret: [UInt8](repeating: 1, count: kind.secretByteCount))
            var changed = contents
            changed.add(.prekey, key: [1], value: oneTime.encoded)
            #expect(isRefused(changed, at: now))
        }
        var bytes = backup
        bytes[9] = 77
        #expect(rowCount(bytes) == nil)
        #expect(rowCount([2]) == nil)
    }

    private func rowCount(_ bytes: [UInt8]) -> Int? {
        do throws(WireError) {
            let contents = try BackupContents(parsing: bytes.raw)
            return contents.rows.count
        } catch {
            return nil
        }
    }

    private func isRefused(_ contents: BackupContents, at now: Client.Moment) -> Bool {
        do throws(ClientError) {
            _ = try Engine.writes(restoring: contents, at: now)
            return false
        } catch {
            return error == .vaultCorrupt
        }
    }

    @Test("CL-49 a restored client answers no reset of the other side before its own is sent")
    func silent() throws {
        let (world, alice, bob) = try talking(seed: 84)
        let backup = try alice.backup()
        let old = try #require(bob.copyOfVault())
        try bob.send("lost by bob", to: "alice")
        try world.advance(milliseconds: 20_000)
        alice.kill()
        // Bob goes back too, and his reset waits for alice.
        bob.replaceVault(with: old)
        try bob.start()
        try bob.send("after bob's reset", to: "alice")
        try world.advance(milliseconds: 20_000)
        #expect(bob.notices.contains(.resetSent(contact: "alice")))
        try alice.restore(backup)
        try alice.start()
        try world.advance(milliseconds: 60_000)
        #expect(alice.receivedTexts.last == "after bob's reset")
        let told = alice.notices.filter { $0 != .deviceChanged(contact: "bob") }
        #expect(told == [.resetReceived(contact: "bob"), .resetSent(contact: "bob")])
        try bob.send("healed of bob", to: "alice")
        try alice.send("healed of alice", to: "bob")
        try world.advance(milliseconds: 60_000)
        #expect(alice.receivedTexts.last == "healed of bob")
        #expect(bob.receivedTexts.last == "healed of alice")
        #expect(try alice.writtenSession(with: "bob") == bob.writtenSession(with: "alice"))
    }

    // MARK: First messages made anew

    @Test(
        "CL-46 A12 a first message to prekeys that were lost is made anew from those of the restored device"
    )
    func anew() throws {
        let (filed, alice, bob) = try registered(seed: 85)
        let backup = try bob.backup()
        bob.kill()
        try alice.add("bob", name: "bob")
        try filed.advance(milliseconds: 5_000)
        try alice.send("to the old keys", to: "bob")
        try filed.advance(milliseconds: 5_000)
        try bob.restore(backup)
        try bob.start()
        try filed.advance(milliseconds: 20_000)
        // The one-time prekey is in no backup.
        #expect(bob.notices.contains(.unreadableRequest))
        #expect(try bob.requestNames.isEmpty)
        let day: UInt64 = 86_400_000
        try filed.advance(milliseconds: day + 3_700_000)
        #expect(try bob.requestNames == ["contact-1"])
        try bob.acceptRequest("contact-1", name: "alice")
        try filed.advance(milliseconds: 60_000)
        #expect(try bob.texts(of: "alice", by: .peer).map(\.text) == ["to the old keys"])
        try bob.send("answer", to: "alice")
        try filed.advance(milliseconds: 60_000)
        #expect(alice.receivedTexts == ["answer"])
    }

    @Test(
        "B7 D7 CL-46 a server that shows another account under the handle gets nothing encrypted to it"
    )
    func fakedReinstall() throws {
        let (world, alice, bob) = try registered(seed: 86)
        let mallory = try world.addClient("mallory")
        try mallory.start()
        bob.kill()
        try alice.add("bob", name: "bob")
        try world.advance(milliseconds: 5_000)
        try alice.send("for bob alone", to: "bob")
        try world.advance(milliseconds: 5_000)
        let handle = try Handle("bob")
        let record = try mallory.read { engine in engine.signedRecord(handle: handle) }
        let before = try world.counts().envelopes
        let count = try alice.sealedCount()
        let address = world.address
        let now = world.now
        try alice.step { engine throws(ClientError) in
            let contact = try engine.contact(named: "bob")
            let task = AddTask(
                operation: engine.operations.begin(), server: address, name: nil,
                renews: contact.id)
            engine.now = now
            try engine.taskAnswered(
                .lookUp(task, handle),
                .record(RecordFrame(request: 1, record: record)))
            try engine.settle()
        }
        try world.advance(milliseconds: 60_000)
        #expect(alice.notices == [.accountChanged(contact: "bob")])
        #expect(try alice.sealedCount() == count)
        #expect(try world.counts().envelopes == before)
        let outbox = try alice.ask { engine throws(ClientError) in engine.contactSummaries() }
        #expect(outbox.map(\.name) == ["bob"])
    }

    @Test(
        "DR-43 without keys for a reset the user is told, and adding the contact again heals the chat"
    )
    func addedAgain() throws {
        let (world, alice, bob) = try registered(seed: 87)
        try alice.add("bob", name: "bob")
        try world.advance(milliseconds: 5_000)
        try bob.acceptRequest("contact-1", name: "alice")
        try world.advance(milliseconds: 60_000)
        try alice.send("before", to: "bob")
        try world.advance(milliseconds: 60_000)
        // Adding a contact with whom all is well begins nothing.
        let written = try alice.writtenSession(with: "bob")
        try alice.add("bob", name: nil)
        try world.advance(milliseconds: 10_000)
        #expect(try alice.writtenSession(with: "bob") == written)
        let mailbox = try #require(try alice.contact().ownMailbox)
        try alice.step { engine throws(ClientError) in
            var contact = try engine.contact(named: "bob")
            contact.peerRecoveryBundle = []
            engine.save(contact)
        }
        try alice.receive(
            .delivery(
                mailbox: mailbox, sequence: 1 << 40,
                envelope: [0] + [UInt8](repeating: 9, count: 1_023)),
            on: .reading)
        #expect(alice.notices.contains(.resetImpossible(contact: "bob")))
        try world.advance(milliseconds: 60_000)
        #expect(try alice.writtenSession(with: "bob") == written)
        try alice.add("bob", name: nil)
        try world.advance(milliseconds: 60_000)
        #expect(try alice.writtenSession(with: "bob") != written)
        #expect(try alice.writtenSession(with: "bob") == bob.writtenSession(with: "alice"))
        try alice.send("after", to: "bob")
        try bob.send("answer", to: "alice")
        try world.advance(milliseconds: 60_000)
        #expect(bob.receivedTexts.last == "after" && alice.receivedTexts.last == "answer")
        #expect(try bob.contactNames == ["alice"])
    }

    private func registered(seed: UInt64) throws -> (World, SimulatedClient, SimulatedClient) {
        let world = try World(seed: seed, isInFiles: true)
        let alice = try world.addClient("alice")
        let bob = try world.addClient("bob")
        for client in [alice, bob] { try client.start() }
        try bob.register("bob")
        try world.advance(milliseconds: 5_000)
        return (world, alice, bob)
    }
}

extension SimulatedClient {
    /// Moments of sealing, over all contacts: grows with each envelope that is made.
    fileprivate func sealedCount() throws -> UInt64 {
        try ask { engine throws(ClientError) in
            var count: UInt64 = 0
            for id in engine.contacts.keys {
                var set = engine.sessions.set(of: id)
                count += set.stamp()
            }
            return count
        }
    }
}
