import Primitives
import Testing
import Wire

@testable import Crypto

@Suite("The KEM in the handshake (SPEC §5.3, HS-6, HS-16)")
struct HandshakeKEMTests {
    private func refusal(_ bob: Person, _ envelope: [UInt8]) -> HandshakeError? {
        do {
            _ = try bob.accept(envelope)
            return nil
        } catch {
            return error as? HandshakeError
        }
    }

    private func first(_ alice: Person, to preKeys: RecipientPreKeys) throws -> [UInt8] {
        var session = try alice.begin(to: preKeys)
        return try session.seal(alice.text("hi"), random: &alice.random).envelope
    }

    @Test("HS-6 a one-time KEM prekey that is gone is named, and the message refused")
    func oneTimeGone() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let preKeys = try bob.published(withOneTime: false, withOneTimeKEM: true)
        let envelope = try first(alice, to: preKeys)
        let id = preKeys.kemPreKey.id
        _ = try bob.take(envelope)
        #expect(bob.kem[id] == nil)
        #expect(refusal(bob, envelope) == .unknownKEMPreKey(id: id))
    }

    @Test("HS-6 the last-resort KEM prekey serves everybody for as long as it is kept")
    func lastResort() throws {
        let bob = try Person("bob", seed: 2)
        let preKeys = try bob.published(withOneTime: false)
        #expect(preKeys.kemPreKey == bob.lastResortKEM)
        var ids: Set<SessionID> = []
        for seed: UInt64 in 11...14 {
            let alice = try Person("alice", seed: seed)
            let accepted = try bob.take(try first(alice, to: preKeys))
            let id = accepted.session.id
            ids.insert(id)
        }
        #expect(ids.count == 4)
        let late = try first(try Person("alice", seed: 15), to: preKeys)
        bob.kem[Person.lastResortKEMID] = nil
        #expect(refusal(bob, late) == .unknownKEMPreKey(id: Person.lastResortKEMID))
    }

    @Test("HS-16 what a first message holds opens with all private keys and with none missing")
    func hybrid() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let other = try Person("other", seed: 3)
        let preKeys = try bob.published()
        let envelope = try first(alice, to: preKeys)
        let message = try FirstMessage(parsing: envelope.raw)
        let id = try #require(preKeys.oneTimePreKey?.id)
        /// Opens with the keys that somebody has got hold of, others in the place of the rest.
        func isOpened(_ stolen: Set<String>) throws -> Bool {
            let isWithSigned = stolen.contains("SPK")
            let outer =
                isWithSigned
                ? try message.openOuter(
                    signedPreKeyID: bob.signedPreKeyID, key: bob.signedPreKey)
                : try message.openOuter(
                    signedPreKeyID: bob.signedPreKeyID, key: other.signedPreKey)
            guard let outer else { return false }
            let keys = stolen.contains("IK") ? bob : other
            let own = RecipientKeys(
                account: keys.account.publicKey, device: keys.certificate.identity,
                identity: keys.identity.duplicate())
            let oneTime =
                stolen.contains("OPK")
                ? bob.oneTime[id]?.pair.duplicate() : other.identity.duplicate()
            let kem =
                stolen.contains("KEM")
                ? bob.kemHalf(outer.kemPreKeyID) : other.kemHalf(Person.lastResortKEMID)
            do {
                _ = try Handshake.accept(
                    message, outer: outer, own: own, signedPreKey: bob.signedPreKey,
                    oneTimePreKey: oneTime, kemPreKey: kem, secondsSince1970: Person.now)
                return true
            } catch {
                #expect(error == .innerRefused)
                return false
            }
        }
        let all: Set<String> = ["SPK", "IK", "OPK", "KEM"]
        #expect(try isOpened(all))
        for key in all { #expect(try !isOpened(all.subtracting([key])), "without \(key)") }
    }

    /// A KEM whose secret can be carried over to another public key, which ML-KEM is not: whoever
    /// has one private key finds the secret and wraps the same one for somebody else.
    private enum Toy {
        static func wrap(_ secret: [UInt8], to key: MLKEM768PublicKey) -> FixedBytes<1_088> {
            let pad = SHA256.hash(key.raw)
            var ciphertext = FixedBytes<1_088>()
            for index in 0..<32 { ciphertext[index] = secret[index] ^ pad[index] }
            return ciphertext
        }

        static func unwrap(_ ciphertext: FixedBytes<1_088>, by key: MLKEM768PublicKey) -> [UInt8] {
            let pad = SHA256.hash(key.raw)
            return (0..<32).map { ciphertext[$0] ^ pad[$0] }
        }
    }

    @Test("HS-16 A5 a KEM that can be re-encapsulated gives other keys to another KEM key")
    func reEncapsulation() throws {
        var random = SeededRandom(7)
        let bob = try Person("bob", seed: 2)
        let mallory = try Person("mallory", seed: 4)
        let secret = random.bytes(count: 32)
        let agreements = (0..<4).map { _ in random.bytes(count: 32) }
        func bytes(_ bytes: [UInt8]) -> SecretBytes { SecretBytes(copying: bytes.raw) }
        /// Inner key, root and header keys with everything equal but the KEM's key and ciphertext.
        func keys(_ kem: KEMPreKey, _ ciphertext: FixedBytes<1_088>, opening: [UInt8]) -> [[UInt8]]
        {
            let preKeys = RecipientPreKeys(
                account: bob.account.publicKey, device: bob.certificate.identity,
                signedPreKeyID: bob.signedPreKeyID, signedPreKey: bob.signedPreKey.publicKey,
                oneTimePreKey: nil, kemPreKey: kem)
            let agreed = HandshakeSchedule.Agreed(
                dh1: bytes(agreements[0]), dh2: bytes(agreements[1]), dh3: bytes(agreements[2]),
                kem: bytes(secret))
            let inner = HandshakeSchedule.innerKey(
                agreed, opening: opening.raw, preKeys: preKeys, kemCiphertext: ciphertext)
            let id = HandshakeSchedule.transcript(
                prefix: opening.raw, innerBlock: opening.raw, preKeys: preKeys,
                kemCiphertext: ciphertext)
            let secrets = HandshakeSchedule.secrets(
                agreed, dh4: bytes(agreements[3]), transcript: id)
            return [
                inner.exposeForStorage(), id.array, secrets.root.secret.exposeForStorage(),
                secrets.initiatorHeaderKey.secret.exposeForStorage(),
                secrets.recipientHeaderKey.secret.exposeForStorage(),
            ]
        }
        // The initiator wraps for Mallory's key, which she passed off as Bob's; she finds the
        // secret, wraps it for Bob, and hands on the rest.
        let toMallory = Toy.wrap(secret, to: mallory.lastResortKEM.key)
        #expect(Toy.unwrap(toMallory, by: mallory.lastResortKEM.key) == secret)
        let toBob = Toy.wrap(secret, to: bob.lastResortKEM.key)
        let opening = random.bytes(count: 1147)
        let good = keys(mallory.lastResortKEM, toMallory, opening: opening)
        #expect(keys(mallory.lastResortKEM, toMallory, opening: opening) == good)
        let otherID = KEMPreKey(id: 9, key: mallory.lastResortKEM.key)
        for other in [
            // Key and ciphertext, the key alone, the ciphertext alone, the id alone.
            keys(bob.lastResortKEM, toBob, opening: opening),
            keys(bob.lastResortKEM, toMallory, opening: opening),
            keys(mallory.lastResortKEM, toBob, opening: opening),
            keys(otherID, toMallory, opening: opening),
        ] {
            for (one, two) in zip(good, other) { #expect(one != two) }
        }
    }

    @Test("HS-16 A5 a right secret under another KEM key or id opens nothing at the recipient")
    func boundEndToEnd() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let mallory = try Person("mallory", seed: 4)
        let good = try bob.published(withOneTime: false)
        // Whatever KEM key the initiator was given, it ends with the secret that Bob finds in the
        // ciphertext, as with a KEM that is open to re-encapsulation.
        func envelope(_ kem: KEMPreKey) throws -> [UInt8] {
            let preKeys = RecipientPreKeys(
                account: good.account, device: good.device, signedPreKeyID: good.signedPreKeyID,
                signedPreKey: good.signedPreKey, oneTimePreKey: nil, kemPreKey: kem)
            var forge = FirstMessageForge(
                introduction: try alice.introduction(), identity: alice.identity.duplicate())
            forge.changeKEM = { _, ciphertext in
                bob.kemHalf(Person.lastResortKEMID)?.decapsulate(ciphertext).exposeForStorage()
                    ?? []
            }
            return try forge.envelope(to: preKeys, text: alice.text("x"), random: &alice.random)
        }
        #expect(refusal(bob, try envelope(good.kemPreKey)) == nil)
        let other = KEMPreKey(id: good.kemPreKey.id, key: mallory.lastResortKEM.key)
        #expect(refusal(bob, try envelope(other)) == .innerRefused)
    }
}
