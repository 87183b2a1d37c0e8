import Primitives
import Testing

@testable import Crypto

/// Headers that only a peer with the session's keys can make, and that no honest one makes.
@Suite("Headers that contradict the session (SPEC §6.2, §6.3)")
struct HeaderTests {
    /// A message with this header, sealed under `key`; the header is judged before the body.
    private func envelope(
        _ header: RatchetHeader, under key: borrowing HeaderKey, from sender: SessionRole,
        in id: SessionID
    ) -> [UInt8] {
        var envelope = [Envelope.version] + [UInt8](repeating: 7, count: 24)
        var block: [UInt8] = []
        header.encode(into: &block)
        let data = Session.associatedData(id: id, from: sender)
        envelope += XChaChaPoly.seal(
            block.raw, key: key.secret, nonce: FixedBytes(repeating: 7), authenticating: data.raw)
        return envelope + [UInt8](repeating: 0, count: 1024 - envelope.count)
    }

    /// What the recipient of a pair says to a header under its next header key.
    private func refusal(
        _ pair: Pair, ratchetKey: X25519PublicKey, previous: UInt32, number: UInt32 = 0
    ) -> OpenError? {
        let header = RatchetHeader(
            ratchetKey: ratchetKey, previousChainLength: previous, messageNumber: number)
        let key = pair.recipient.receiving.nextHeaderKey.duplicate()
        let forged = envelope(header, under: key, from: .initiator, in: pair.recipient.id)
        return pair.refusal(of: forged, at: .recipient)
    }

    @Test("DR-3 a new chain must have another ratchet key than the chain before")
    func sameRatchetKey() throws {
        let pair = try Pair()
        let place = pair.recipient.receiving.chainPlace
        let current = try #require(place)
        let error = refusal(pair, ratchetKey: current.ratchetKey, previous: current.count)
        #expect(error == .ratchetKeyMismatch && error?.breaksSession == true)
        // With another key the header is taken, and the body is what does not open.
        let other = X25519KeyPair.generate(from: &pair.alice.random).publicKey
        #expect(refusal(pair, ratchetKey: other, previous: current.count) == .bodyRefused)
    }

    @Test("DR-3 a header of a chain with skipped keys carries that chain's ratchet key")
    func skippedRatchetKey() throws {
        let pair = try Pair()
        _ = try pair.seal("late", from: .initiator)
        try pair.open(try pair.seal("on", from: .initiator), at: .recipient)
        try pair.open(try pair.seal("turn", from: .recipient), at: .initiator)
        try pair.open(try pair.seal("new chain", from: .initiator), at: .recipient)
        let oldest = pair.recipient.receiving.skipped.first
        let chain = try #require(oldest)
        func refusal(_ ratchetKey: X25519PublicKey) -> OpenError? {
            let header = RatchetHeader(
                ratchetKey: ratchetKey, previousChainLength: 1,
                messageNumber: chain.keys[0].messageNumber)
            let forged = envelope(
                header, under: chain.headerKey.key, from: .initiator, in: pair.recipient.id)
            return pair.refusal(of: forged, at: .recipient)
        }
        let other = X25519KeyPair.generate(from: &pair.alice.random).publicKey
        #expect(refusal(other) == .ratchetKeyMismatch)
        #expect(refusal(chain.ratchetKey) == .bodyRefused)
    }

    @Test("DR-24 a new chain cannot come before this side has drawn a key for it")
    func turnWithoutOurs() throws {
        let pair = try Pair()
        try pair.open(try pair.seal("on", from: .initiator), at: .recipient)
        let place = pair.recipient.receiving.chainPlace
        let count = try #require(place).count
        let fresh = X25519KeyPair.generate(from: &pair.alice.random).publicKey
        let error = refusal(pair, ratchetKey: fresh, previous: count)
        #expect(error == .malformedHeader && error?.breaksSession == true)
        _ = try pair.seal("drawn now", from: .recipient)
        #expect(refusal(pair, ratchetKey: fresh, previous: count) == .bodyRefused)
    }

    @Test("DR-24 a chain ends at no less than what was received of it")
    func shorterThanReceived() throws {
        let pair = try Pair()
        for _ in 0..<3 { try pair.open(try pair.seal("x", from: .initiator), at: .recipient) }
        _ = try pair.seal("turn", from: .recipient)
        let place = pair.recipient.receiving.chainPlace
        let count = try #require(place).count
        #expect(count == 3)
        let fresh = X25519KeyPair.generate(from: &pair.alice.random).publicKey
        for previous in 0..<count {
            let error = refusal(pair, ratchetKey: fresh, previous: previous)
            #expect(error == .malformedHeader && error?.breaksSession == true)
        }
        #expect(refusal(pair, ratchetKey: fresh, previous: count) == .bodyRefused)
    }

    @Test("DR-24 there is no chain before the first")
    func beforeTheFirst() throws {
        var random = SeededRandom(3)
        func key() -> SecretBytes { SecretBytes(byteCount: 32, from: &random) }
        let headerKey = HeaderKey(key())
        let session = Session(
            recipientWith: SessionSecrets(
                id: .zero, root: RootKey(key()), initiatorHeaderKey: headerKey.duplicate(),
                recipientHeaderKey: HeaderKey(key())),
            signedPreKey: X25519KeyPair.generate(from: &random))
        let fresh = X25519KeyPair.generate(from: &random).publicKey
        for (previous, expected): (UInt32, OpenError) in [
            (0, .bodyRefused), (1, .malformedHeader), (.max, .malformedHeader),
        ] {
            let header = RatchetHeader(
                ratchetKey: fresh, previousChainLength: previous, messageNumber: 0)
            let forged = envelope(header, under: headerKey, from: .initiator, in: .zero)
            #expect(throws: expected) { _ = try session.open(forged.raw, atHours: Person.hours) }
        }
    }

    @Test("DR-2 the largest number has no successor and is refused")
    func largestNumber() throws {
        var random = SeededRandom(4)
        let key = X25519KeyPair.generate(from: &random).publicKey
        for (number, isRefused): (UInt32, Bool) in [(.max - 1, false), (.max, true)] {
            var block: [UInt8] = []
            RatchetHeader(ratchetKey: key, previousChainLength: .max, messageNumber: number)
                .encode(into: &block)
            let header = try? RatchetHeader(parsing: block.raw, from: .initiator)
            #expect((header == nil) == isRefused)
        }
    }
}
