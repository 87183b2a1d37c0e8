import Primitives
import Testing
import Wire

@testable import Crypto

@Suite("Recovery bundles, claims and announcements (SPEC §6.7, §5.4, §7.4)")
struct RecoveryBundleTests {
    private func bundle(_ person: Person) -> RecoveryBundle {
        RecoveryBundle(
            signedPreKeyID: 77, signedPreKey: person.signedPreKey.publicKey,
            kemPreKey: person.lastResortKEM, madeHours: Person.hours, signedBy: person.device)
    }

    @Test("DR-22 a bundle has 1,292 bytes and verifies under the device key that signed it only")
    func roundTrip() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let bundle = bundle(alice)
        #expect(bundle.bytes.count == 1292)
        #expect(try RecoveryBundle(parsing: bundle.bytes.raw) == bundle)
        #expect(bundle.isValid(by: alice.device.publicKey))
        #expect(!bundle.isValid(by: bob.device.publicKey))
        #expect(!bundle.isValid(by: alice.account.publicKey))
    }

    @Test("DR-22 every byte flipped and every prefix cut is refused")
    func flips() throws {
        let alice = try Person("alice", seed: 1)
        let good = bundle(alice).bytes
        func isTaken(_ bytes: [UInt8]) -> Bool {
            (try? RecoveryBundle(parsing: bytes.raw))?.isValid(by: alice.device.publicKey) ?? false
        }
        #expect(isTaken(good) && !isTaken(good + [0]))
        for index in good.indices {
            var bad = good
            bad[index] ^= 1 << UInt8(index % 8)
            #expect(!isTaken(bad), "byte \(index)")
            #expect(!isTaken(Array(good[..<index])))
        }
    }

    @Test("DR-22 id 0, a bad key and KEM fields are refused by name")
    func fields() throws {
        let good = bundle(try Person("alice", seed: 1)).bytes
        func refusal(_ change: (inout [UInt8]) -> Void) -> RecoveryBundle.Refusal? {
            var bytes = good
            change(&bytes)
            do throws(RecoveryBundle.Refusal) {
                _ = try RecoveryBundle(parsing: bytes.raw)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal { _ in } == nil)
        #expect(refusal { $0.replaceSubrange(0..<4, with: [0, 0, 0, 0]) } == .malformed)
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(refusal { $0.replaceSubrange(4..<36, with: zeros) } == .malformed)
        #expect(refusal { $0[35] |= 0x80 } == .malformed)
        // A11: without a KEM prekey there is no recovery bundle.
        #expect(refusal { for index in 36..<40 { $0[index] = 0 } } == .badKEM)
        #expect(refusal { for index in 40..<1224 { $0[index] = 0 } } == .badKEM)
        #expect(refusal { for index in 36..<1224 { $0[index] = 0 } } == .badKEM)
        // PR-11
        #expect(
            refusal {
                $0[40] = 0x01
                $0[41] = $0[41] & 0xf0 | 0x0d
            } == .badKEM)
    }

    @Test("DR-22 a session is begun from a recovery bundle of the peer's device, type reset")
    func reset() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let mallory = try Person("mallory", seed: 3)
        let device = bob.certificate.identity
        let forged = RecoveryBundle(
            signedPreKeyID: 1, signedPreKey: mallory.signedPreKey.publicKey,
            kemPreKey: mallory.lastResortKEM, madeHours: Person.hours, signedBy: mallory.device)
        let refused = RecipientPreKeys(forged, account: bob.account.publicKey, device: device)
        #expect(refused == nil)
        let preKeys = try #require(
            RecipientPreKeys(bundle(bob), account: bob.account.publicKey, device: device))
        var session = try alice.begin(to: preKeys, type: .reset)
        let envelope = try session.seal(alice.text("again"), random: &alice.random).envelope
        let message = try FirstMessage(parsing: envelope.raw)
        let outer = try message.openOuter(signedPreKeyID: 77, key: bob.signedPreKey)
        guard let outer else {
            Issue.record("the outer block does not open")
            return
        }
        #expect(outer.oneTimePreKeyID == 0)
        #expect(outer.kemPreKeyID == Person.lastResortKEMID)
        let result = try Handshake.accept(
            message, outer: outer, own: bob.keys, signedPreKey: bob.signedPreKey,
            oneTimePreKey: nil, kemPreKey: bob.kemHalf(outer.kemPreKeyID),
            secondsSince1970: Person.now)
        switch consume result {
        case .accepted(let accepted):
            let type = accepted.introduction.type
            #expect(type == .reset)
        case .needsNewerVersion: Issue.record("a known type")
        }
    }

    @Test("DR-23 a bundle is renewed after 30 days, once the last one is confirmed")
    func renewal() {
        let made: UInt32 = 1000
        let due = made + RecoveryBundle.renewalHours
        #expect(!RecoveryBundle.isDue(madeHours: made, isConfirmed: true, atHours: due - 1))
        #expect(RecoveryBundle.isDue(madeHours: made, isConfirmed: true, atHours: due))
        #expect(!RecoveryBundle.isDue(madeHours: made, isConfirmed: false, atHours: .max))
        #expect(!RecoveryBundle.isDue(madeHours: made, isConfirmed: true, atHours: 0))
    }

    @Test("HS-15 a claimed handle is confirmed by the claimant's own record under that handle only")
    func claims() throws {
        let alice = try Person("alice", seed: 1)
        let mallory = try Person("mallory", seed: 3)
        func record(_ person: Person, _ handle: String) throws -> Verified<Record> {
            try Record(
                Record.Contents(
                    number: 1, handle: try Handle(handle), account: person.account.publicKey,
                    recoveryHash: .zero, certificates: [person.certificate]),
                signedBy: person.account
            ).verify()
        }
        let claim = try alice.introduction().claimedHandle
        let claimed = try #require(claim)
        #expect(claimed.confirmed(by: try record(alice, "alice"))?.text == "alice")
        #expect(claimed.confirmed(by: try record(mallory, "alice")) == nil)
        #expect(claimed.confirmed(by: try record(alice, "other")) == nil)
    }

    @Test("EN-11 the later naming of mailboxes holds, whatever the order they come in")
    func announcements() {
        var other = SessionID()
        other[0] = 1
        func named(_ session: SessionID, _ number: UInt64, _ time: UInt64) -> MailboxAnnouncement {
            MailboxAnnouncement(session: session, number: number, milliseconds: time)
        }
        let current = named(.zero, 5, 1000)
        #expect(current.replaces(nil))
        // In one session the number decides, even when the writer's clock was set back.
        #expect(named(.zero, 6, 10).replaces(current))
        #expect(!named(.zero, 4, 2000).replaces(current))
        #expect(current.replaces(current))
        // In another one the time.
        #expect(named(other, 1, 1000).replaces(current))
        #expect(!named(other, 9, 999).replaces(current))
    }

    @Test("EN-9 a receipt changes only messages its reader wrote to its writer")
    func receipts() {
        var random = SeededRandom(2)
        let own = (0..<3).map { _ in random.bytes(MessageID.self) }
        let foreign = (0..<3).map { _ in random.bytes(MessageID.self) }
        for content in [
            Content.deliveryReceipt(own + foreign, id: .zero, milliseconds: 0),
            Content.readReceipt(foreign + own, id: .zero, milliseconds: 0),
        ] {
            #expect(content.receiptIDs { own.contains($0) } == own)
            #expect(content.receiptIDs { _ in false } == [])
        }
        let text = Content.text("x", id: .zero, milliseconds: 0)
        #expect(text.receiptIDs { _ in true } == [])
    }
}
