import Primitives
import Testing
import Wire

@testable import Crypto

@Suite("Handshake (SPEC §5)")
struct HandshakeTests {
    private func first(_ alice: Person, _ bob: Person) throws -> [UInt8] {
        try first(alice, to: try bob.published())
    }

    private func first(_ alice: Person, to preKeys: RecipientPreKeys) throws -> [UInt8] {
        var session = try alice.begin(to: preKeys)
        return try session.seal(alice.text("hi"), random: &alice.random).envelope
    }

    private func refusal(_ bob: Person, _ envelope: [UInt8]) -> HandshakeError? {
        do {
            _ = try bob.accept(envelope)
            return nil
        } catch {
            return error as? HandshakeError
        }
    }

    @Test("HS-11 a first message gives both sides one session and tells who writes")
    func accepted() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        for (oneTime, oneTimeKEM) in [(true, true), (true, false), (false, true), (false, false)] {
            let preKeys = try bob.published(withOneTime: oneTime, withOneTimeKEM: oneTimeKEM)
            #expect((preKeys.oneTimePreKey != nil) == oneTime)
            #expect((preKeys.kemPreKey.id != Person.lastResortKEMID) == oneTimeKEM)
            var session = try alice.begin(to: preKeys)
            let sealed = try session.seal(alice.text("hi"), random: &alice.random)
            #expect(sealed.envelope.count == 4096)
            let accepted = try bob.take(sealed.envelope)
            let content = try Content(parsing: accepted.content.raw)
            #expect(content.text == "hi")
            #expect(accepted.number == 1)
            let handle = accepted.introduction.handle
            let isAlice =
                accepted.introduction.account == alice.account.publicKey
                && accepted.introduction.certificate == alice.certificate
                && accepted.introduction.type == .hello
                && accepted.introduction.replyMailbox.id == alice.chatMailbox.id
            #expect(isAlice)
            #expect(handle?.text == "alice")
            let ids = [accepted.session.id, session.id]
            #expect(ids[0] == ids[1])
        }
    }

    @Test("HS-1 another size or version is refused before any key is used")
    func sizeAndVersion() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let envelope = try first(alice, bob)
        #expect(refusal(bob, Array(envelope.dropLast())) == .size(byteCount: 4095))
        #expect(refusal(bob, envelope + [0]) == .size(byteCount: 4097))
        #expect(refusal(bob, []) == .size(byteCount: 0))
        var other = envelope
        other[0] = 1
        #expect(refusal(bob, other) == .version(1))
    }

    @Test("HS-8 every byte flipped is refused and the message opens afterwards (A11)")
    func flips() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let envelope = try first(alice, bob)
        // Each of the prefix; of the message behind it, which RatchetTests goes through, every fifth.
        for index in envelope.indices where index < 1638 || index % 5 == 0 {
            var bad = envelope
            bad[index] ^= 1 << UInt8(index % 8)
            #expect(throws: (any Error).self, "byte \(index)") { _ = try bob.accept(bad) }
        }
        for count in stride(from: 0, to: 4096, by: 97) {
            #expect(refusal(bob, Array(envelope[..<count])) == .size(byteCount: count))
        }
        let number = try bob.take(envelope).number
        #expect(number == 1)
    }

    @Test("HS-2 an ephemeral key of low order or not canonical is refused (A2, A14)")
    func badEphemeralKeys() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let envelope = try first(alice, bob)
        // The low-order points, and p + k for k = 0 … 18, each with both top bits.
        var bad = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ].compactMap { FixedBytes<32>(hex: $0) }
        for k: UInt8 in 0...18 {
            var key = FixedBytes<32>()
            for index in 0..<32 { key[index] = 0xff }
            key[0] = 0xed + k
            key[31] = 0x7f
            bad.append(key)
        }
        #expect(bad.count == 24)
        for key in bad {
            for top: UInt8 in [0, 0x80] {
                var message = envelope
                message.replaceSubrange(1..<33, with: key.array)
                message[32] |= top
                #expect(refusal(bob, message) == .badKey)
            }
        }
    }

    @Test("HS-3 ephemeral key and its top bit are drawn anew for each prefix")
    func ephemeralKeys() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let preKeys = try bob.published()
        var keys: Set<[UInt8]> = []
        var topBits: Set<UInt8> = []
        for _ in 0..<40 {
            var session = try alice.begin(to: preKeys)
            let envelope = try session.seal(alice.text("x"), random: &alice.random).envelope
            keys.insert(Array(envelope[1..<33]))
            topBits.insert(envelope[32] & 0x80)
        }
        #expect(keys.count == 40 && topBits == [0, 0x80])
    }

    @Test("HS-3 a bundle that takes no version of ours is refused (A11)")
    func versionFloor() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let good = try bob.published()
        for floor: UInt16 in [1, 0xffff] {
            let preKeys = RecipientPreKeys(
                account: good.account, device: good.device, signedPreKeyID: good.signedPreKeyID,
                signedPreKey: good.signedPreKey, oneTimePreKey: good.oneTimePreKey,
                kemPreKey: good.kemPreKey, versionFloor: floor)
            #expect(throws: HandshakeError.versionFloor(floor)) {
                _ = try alice.begin(to: preKeys)
            }
        }
    }

    @Test("HS-4 a first message opens under no other signed prekey")
    func otherSignedPreKey() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let carol = try Person("carol", seed: 3)
        let envelope = try first(alice, bob)
        #expect(throws: Person.NotForMe.self) { _ = try carol.accept(envelope) }
    }

    @Test("HS-5 a one-time prekey that is gone is named, and the message refused")
    func oneTimePreKeyGone() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let preKeys = try bob.published()
        var session = try alice.begin(to: preKeys)
        let envelope = try session.seal(alice.text("x"), random: &alice.random).envelope
        let id = try #require(preKeys.oneTimePreKey?.id)
        _ = try bob.take(envelope)
        #expect(bob.oneTime[id] == nil)
        #expect(refusal(bob, envelope) == .unknownOneTimePreKey(id: id))
    }

    @Test("HS-10 what somebody sent cannot be turned back to them")
    func ownIdentity() throws {
        let alice = try Person("alice", seed: 1)
        let preKeys = try alice.published()
        #expect(throws: HandshakeError.ownIdentity) { _ = try alice.begin(to: preKeys) }
    }

    @Test("A3 a first message to who shows another's identity key opens at neither's expense")
    func unknownKeyShare() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let mallory = try Person("mallory", seed: 4)
        // Mallory certifies Bob's identity key and signs Bob's signed prekey as her own.
        let stolen = DeviceIdentity(
            deviceID: 7, identityKey: bob.identity.publicKey, deviceKey: mallory.device.publicKey)
        // Forwarded to Bob, whose keys all fit: the outer block opens and the inner one does not,
        // whichever of the names around his keys is Mallory's.
        let own = try bob.published()
        let otherDevice = DeviceIdentity(
            deviceID: 8, identityKey: bob.identity.publicKey,
            deviceKey: bob.certificate.identity.deviceKey)
        for (account, device, id, kemID) in [
            (mallory.account.publicKey, stolen, own.signedPreKeyID, own.kemPreKey.id),
            (mallory.account.publicKey, own.device, own.signedPreKeyID, own.kemPreKey.id),
            (own.account, stolen, own.signedPreKeyID, own.kemPreKey.id),
            (own.account, otherDevice, own.signedPreKeyID, own.kemPreKey.id),
            (own.account, own.device, own.signedPreKeyID ^ 2, own.kemPreKey.id),
        ] {
            let preKeys = RecipientPreKeys(
                account: account, device: device, signedPreKeyID: id,
                signedPreKey: own.signedPreKey, oneTimePreKey: own.oneTimePreKey,
                kemPreKey: KEMPreKey(id: kemID, key: own.kemPreKey.key))
            #expect(refusal(bob, try first(alice, to: preKeys)) == .innerRefused)
        }
        #expect(refusal(bob, try first(alice, to: own)) == nil)
    }

    @Test("A4 the session's secret depends on every agreement and equals none of them")
    func everyAgreementCounts() {
        var random = SeededRandom(9)
        let values = (0..<5).map { _ in random.bytes(count: 32) }
        func secret(_ bytes: [UInt8]) -> SecretBytes { SecretBytes(copying: bytes.raw) }
        func root(_ values: [[UInt8]], withThird: Bool = true) -> [UInt8] {
            let third = withThird ? secret(values[2]) : nil
            let agreed = HandshakeSchedule.Agreed(
                dh1: secret(values[0]), dh2: secret(values[1]), dh3: third,
                kem: secret(values[4]))
            let secrets = HandshakeSchedule.secrets(
                agreed, dh4: secret(values[3]), transcript: .zero)
            return secrets.root.secret.exposeForStorage()
        }
        let good = root(values)
        #expect(!values.contains(good))
        #expect(root(values, withThird: false) != good)
        for index in values.indices {
            for bit in 0..<256 {
                var other = values
                other[index][bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(root(other) != good)
            }
        }
    }

    @Test("HS-9 both sides speak the highest version they share, and no other (A11)")
    func versions() {
        let own = VersionRange(lowest: 1, highest: 3)
        for lowest: UInt8 in 0...5 {
            for highest: UInt8 in lowest...5 {
                let peer = VersionRange(lowest: lowest, highest: highest)
                for version: UInt8 in 0...5 {
                    let shared = min(highest, 3)
                    let expected = version == shared && shared >= max(lowest, 1)
                    #expect(peer.agrees(on: version, with: own) == expected)
                }
            }
        }
    }

    @Test("HS-12 until the reply every message repeats the prefix byte for byte")
    func repeatedPrefix() throws {
        let pair = try Pair(answered: false)
        var envelopes = [pair.firstEnvelope]
        for index in 2...5 { envelopes.append(try pair.seal("no \(index)", from: .initiator)) }
        let prefixByteCount = Int(pair.prefix.byteCount)
        #expect(prefixByteCount == 1638)
        for envelope in envelopes {
            #expect(envelope.count == 4096)
            #expect(envelope[..<prefixByteCount] == envelopes[0][..<prefixByteCount])
        }
        for (index, envelope) in envelopes.enumerated().dropFirst().reversed() {
            let message = try FirstMessage(parsing: envelope.raw)
            let opened = try pair.recipient.open(
                message, behind: pair.prefix, atHours: Person.hours)
            let number = opened.number
            #expect(number == UInt64(index + 1))
            pair.recipient.commit(opened)
        }
        try pair.open(try pair.seal("reply", from: .recipient), at: .initiator)
        #expect(try pair.seal("short", from: .initiator).count == 1024)
    }

    @Test("HS-13 the sixth message before the reply is refused and the state stays")
    func unansweredLimit() throws {
        let pair = try Pair(answered: false)
        for _ in 2...5 { _ = try pair.seal("x", from: .initiator) }
        let before = pair.stored(.initiator)
        #expect(throws: SealError.awaitingReply(limit: 5)) {
            try pair.seal("x", from: .initiator)
        }
        #expect(pair.stored(.initiator) == before)
        let room = pair.initiator.unansweredRoom
        #expect(room == 0)
    }

    @Test("HS-14 a prefix is known again, and refused when it differs behind the opening (A8)")
    func replays() throws {
        let pair = try Pair(answered: false)
        let second = try pair.seal("second", from: .initiator)
        let firstEnvelope = pair.firstEnvelope
        let again = try FirstMessage(parsing: firstEnvelope.raw)
        #expect(pair.prefix.matches(again))
        let open = { (message: FirstMessage) throws(OpenError) -> UInt64 in
            try pair.recipient.open(message, behind: pair.prefix, atHours: Person.hours).number
        }
        // The first message itself, again: a double, and no second session.
        #expect(throws: OpenError.double) { try open(again) }
        for index in stride(from: FirstMessage.openingByteCount, to: 1638, by: 13) {
            var bad = second
            bad[index] ^= 1
            let message = try FirstMessage(parsing: bad.raw)
            #expect(message.openingHash == pair.prefix.openingHash)
            #expect(!pair.prefix.matches(message))
            #expect(throws: OpenError.prefixMismatch) { try open(message) }
        }
        #expect(try open(try FirstMessage(parsing: second.raw)) == 2)
        // A flipped top bit of the ephemeral key is another opening, and opens under no key.
        var other = pair.firstEnvelope
        other[32] ^= 0x80
        #expect(try FirstMessage(parsing: other.raw).openingHash != pair.prefix.openingHash)
        #expect(throws: Person.NotForMe.self) { _ = try pair.bob.accept(other) }
    }

    @Test("HS-11 a first message whose ratchet message does not open gives nothing")
    func onlyThePrefix() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        var bad = try first(alice, bob)
        bad[4095] ^= 1
        #expect(refusal(bob, bad) == .message(.bodyRefused))
    }

    @Test("HS-11 who does not hold the identity key of the certificate is refused")
    func impersonation() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let mallory = try Person("mallory", seed: 3)
        let preKeys = try bob.published()
        // Mallory shows Alice's certificate and account, and agrees with her own key.
        let envelope = try FirstMessageForge(
            introduction: try alice.introduction(), identity: mallory.identity.duplicate()
        ).envelope(to: preKeys, text: mallory.text("I am alice"), random: &mallory.random)
        #expect(refusal(bob, envelope) == .message(.notThisSession))
    }
}
