import Crypto
import Primitives
import Testing
import Wire

@testable import Client

extension Engine {
    fileprivate func onlyContact() throws -> ContactRecord {
        try #require(contacts.values.first)
    }

    /// A record of this account with another number, as a newer or older one would be.
    fileprivate func record(
        number: UInt64, recoveryHash: FixedBytes<32>? = nil, handle: String? = nil
    ) throws -> Record {
        Record(
            Record.Contents(
                number: number, handle: try handle.map { try Handle($0) },
                account: identity.account, recoveryHash: recoveryHash ?? identity.recoveryHash,
                certificates: [identity.certificate]),
            signedBy: keys.account)
    }
}

extension SimulatedClient {
    func contact() throws -> ContactRecord {
        let rows = try vault.rows(.contact)
        return try ContactRecord.decode(try #require(rows.first).value)
    }

    /// Takes content as if a message of the only contact had carried it.
    func process(_ content: Content, number: UInt64) throws {
        try step { engine throws(ClientError) in
            guard let contact = engine.contacts.values.first,
                let session = engine.sessions.toRead(of: contact.id).first
            else { throw .internalFault(line: #line) }
            try engine.process(content.encoded, number: number, in: session.id, of: contact.id)
        }
    }

    /// What the engine says that is not in its interface.
    func read<Result>(_ body: (borrowing Engine) throws -> Result) throws -> Result {
        var result: Swift.Result<Result, any Error>?
        try step { engine throws(ClientError) in
            result = Swift.Result { try body(engine) }
        }
        return try #require(result).get()
    }
}

@Suite("§10.7 what a contact may not change, simulated")
struct RefusalTests {
    private func content(_ record: Record, _ byte: UInt8) -> Content {
        .record(record.bytes, id: FixedBytes(repeating: byte), milliseconds: 1_800_000_000_000)
    }

    @Test("KD-24 KD-4 KD-5 a record of a contact that does not follow the one kept is refused")
    func records() throws {
        let (_, alice, bob) = try metByLink(seed: 41)
        // Bob has Alice's from her invite, number 1 and without a handle.
        let first = try bob.contact().record
        #expect(try Record(parsing: first.raw).number == 1)
        let third = try alice.read { try $0.record(number: 3, handle: "alice") }
        try bob.process(content(third, 1), number: 50)
        #expect(try bob.contact().record == third.bytes)
        #expect(try bob.contact().handle?.text == "alice")
        // KD-4: an older one, and another one of the same number.
        for (number, hash) in [(2, nil), (3, FixedBytes<32>(repeating: 1))]
            as [(UInt64, FixedBytes<32>?)]
        {
            let old = try alice.read {
                try $0.record(number: number, recoveryHash: hash, handle: "alice")
            }
            try bob.process(content(old, 2), number: 51)
            #expect(try bob.contact().record == third.bytes)
        }
        // KD-5: another recovery key without the consent of the one before; the same under another
        // handle, and there an older one.
        for (number, hash, handle) in [
            (4, FixedBytes<32>(repeating: 1), "alice"), (4, FixedBytes<32>(repeating: 1), "other"),
            (2, nil, "other"),
        ] as [(UInt64, FixedBytes<32>?, String)] {
            let forged = try alice.read {
                try $0.record(number: number, recoveryHash: hash, handle: handle)
            }
            try bob.process(content(forged, 3), number: 52)
            #expect(try bob.contact().record == third.bytes)
            #expect(try bob.contact().handle?.text == "alice")
        }
        let fourth = try alice.read { try $0.record(number: 4, handle: "other") }
        try bob.process(content(fourth, 4), number: 53)
        #expect(try bob.contact().record == fourth.bytes)
        #expect(try bob.contact().handle?.text == "other")
    }

    @Test("EN-21 what is no whole safety number is told apart from another one")
    func safetyNumbers() throws {
        let (world, _, bob) = try metByLink(seed: 46)
        let now = world.now
        let right = try bob.ask { engine throws(ClientError) in
            try engine.safetyNumber(of: "alice").text
        }
        func verify(_ text: String) throws {
            try bob.step { engine throws(ClientError) in
                try engine.verify("alice", number: text, at: now)
            }
        }
        let digits = right.filter(\.isNumber)
        for text in ["", "12", String(digits.dropLast()), digits + "0", right + "x"] {
            #expect(throws: ClientError.safetyNumberInvalid) { try verify(text) }
        }
        let last = digits.last == "0" ? "1" : "0"
        #expect(throws: ClientError.safetyNumberDiffers) { try verify(digits.dropLast() + last) }
        #expect(try !bob.contact().isVerified)
        try verify(right)
        #expect(try bob.contact().isVerified)
    }

    @Test("EN-23 a mailbox of the reader's own is not taken for the other side's")
    func ownMailbox() throws {
        let (world, alice, bob) = try metByLink(seed: 42)
        let before = try #require(try bob.contact().peerMailbox)
        let own = try #require(try bob.contact().ownMailbox)
        let now = world.now.wall
        var change: Content?
        try bob.step { engine throws(ClientError) in
            change = Content.mailboxChange(
                first: try engine.chatMailbox(own), second: nil, id: FixedBytes(repeating: 7),
                milliseconds: now)
        }
        try bob.process(try #require(change), number: 60)
        #expect(try bob.contact().peerMailbox == before)
        try bob.send("still here", to: "alice")
        try world.advance(milliseconds: 5_000)
        #expect(alice.receivedTexts == ["still here"])
    }

    @Test("DR-22 a recovery bundle made earlier than the one held does not take its place")
    func recoveryBundles() throws {
        let (_, alice, bob) = try metByLink(seed: 43)
        let heldBytes = try bob.contact().peerRecoveryBundle
        let held = try RecoveryBundle(parsing: heldBytes.raw)
        for (hours, isTaken) in [(held.madeHours - 1, false), (held.madeHours + 1, true)] {
            let bundle = try alice.read { engine in
                RecoveryBundle(
                    signedPreKeyID: 77, signedPreKey: held.signedPreKey,
                    kemPreKey: held.kemPreKey, madeHours: hours,
                    signedBy: engine.keys.device)
            }
            let content = Content.recoveryBundle(
                bundle, id: FixedBytes(repeating: UInt8(truncatingIfNeeded: hours)),
                milliseconds: 1_800_000_000_000)
            try bob.process(content, number: UInt64(hours))
            #expect(try bob.contact().peerRecoveryBundle == (isTaken ? bundle : held).bytes)
        }
    }

    @Test("DR-23 the private half of a recovery bundle goes 180 days after the next is confirmed")
    func recoveryRetention() throws {
        let (world, alice, bob) = try metByLink(seed: 45)
        func ends() throws -> [Hours] {
            try alice.read { engine in
                engine.preKeys.entries.values.filter { $0.kind == .recovery }.map(\.eraseAt)
                    .sorted { $0.count < $1.count }
            }
        }
        #expect(try ends() == [Hours(.max)])
        for client in [alice, bob] { client.kill() }
        world.move(to: world.now.monotonic + 31 * 86_400_000)
        for client in [alice, bob] { try client.start() }
        try world.advance(milliseconds: 120_000)
        #expect(
            try ends() == [world.now.hours.advanced(byHours: 180 * 24), Hours(.max)])
    }

    @Test("HS-14 the opening of a first message is remembered until its prekey is erased")
    func openings() throws {
        let (world, alice, _) = try metByLink(seed: 44)
        let (hash, end) = try alice.read { engine in
            let contact = try engine.onlyContact()
            let session = try #require(engine.sessions.toRead(of: contact.id).first)
            return (
                try #require(session.prefix).openingHash,
                try #require(
                    engine.preKeys.entries.values.filter { $0.kind == .signed }
                        .map(\.eraseAt).max())
            )
        }
        // Day by day, as a client that runs does.
        for _ in 0..<90 {
            world.move(to: world.now.monotonic + 86_400_000)
            let now = world.now
            try alice.step { engine throws(ClientError) in try engine.handle(.tick, at: now) }
            let isKept = try alice.vault.value(.seen, key: hash.array) != nil
            if now.hours < end { #expect(isKept) }
            if now.hours > end.advanced(byHours: 72) { #expect(!isKept) }
        }
    }
}
