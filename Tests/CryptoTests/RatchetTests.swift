import Primitives
import Testing

@testable import Crypto

@Suite("Ratchet (SPEC §6)")
struct RatchetTests {
    @Test("DR-7 messages of both sides open in turn, each once")
    func pingPong() throws {
        let pair = try Pair()
        for round in 0..<20 {
            let one = try pair.seal("from alice \(round)", from: .initiator)
            #expect(try pair.open(one, at: .recipient) == "from alice \(round)")
            #expect(pair.refusal(of: one, at: .recipient) == .double)
            let two = try pair.seal("from bob \(round)", from: .recipient)
            #expect(try pair.open(two, at: .initiator) == "from bob \(round)")
        }
        let counts = [pair.view(.initiator).sent, pair.view(.recipient).received.highest]
        #expect(counts == [21, 21])
    }

    @Test("DR-6 every byte flipped and every prefix cut is refused and the state stays (B1, B5)")
    func flips() throws {
        let pair = try Pair()
        let envelope = try pair.seal("whatever", from: .initiator)
        for index in envelope.indices {
            var bad = envelope
            bad[index] ^= 1 << UInt8(index % 8)
            let error = pair.refusal(of: bad, at: .recipient)
            if index == 0 {
                #expect(error == .notAnEnvelope)
            } else if index < 1 + 24 + 302 {
                #expect(error == .notThisSession, "byte \(index)")
            } else {
                #expect(error == .bodyRefused, "byte \(index)")
            }
        }
        for count in envelope.indices {
            #expect(pair.refusal(of: Array(envelope[..<count]), at: .recipient) == .notAnEnvelope)
        }
        #expect(pair.refusal(of: envelope + [0], at: .recipient) == .notAnEnvelope)
        #expect(try pair.open(envelope, at: .recipient) == "whatever")
    }

    @Test("B5 no header opens a body that it was not sealed with")
    func swaps() throws {
        let pair = try Pair()
        let envelopes = try (0..<20).map { try pair.seal("text \($0)", from: .initiator) }
        for one in envelopes.indices {
            for other in envelopes.indices where one != other {
                let mixed = Array(envelopes[one][..<327]) + Array(envelopes[other][327...])
                #expect(pair.refusal(of: mixed, at: .recipient) == .bodyRefused)
            }
        }
    }

    @Test("B6 an envelope opens in its own session and direction only")
    func otherSession() throws {
        let pairs = try (1...4).map { try Pair(seed: $0) }
        for one in pairs {
            for other in pairs {
                for side in [Pair.Side.initiator, .recipient] {
                    let envelope = try one.seal("text", from: .initiator)
                    let error = other.refusal(of: envelope, at: side)
                    if one === other && side == .recipient {
                        #expect(error == nil)
                    } else {
                        #expect(error == .notThisSession)
                    }
                }
            }
        }
    }

    @Test("DR-4 a message that skips 1,000 opens, one that skips 1,001 is refused (B3)")
    func skipLimit() throws {
        let pair = try Pair()
        for _ in 0..<RatchetLimits.skipMax { _ = try pair.seal("lost", from: .initiator) }
        let atLimit = try pair.seal("at the limit", from: .initiator)
        let above = try Pair(seed: 2)
        for _ in 0...RatchetLimits.skipMax { _ = try above.seal("lost", from: .initiator) }
        let tooFar = try above.seal("above", from: .initiator)
        #expect(
            above.refusal(of: tooFar, at: .recipient)
                == .tooManySkipped(requested: 1001, limit: 1000))
        #expect(try pair.open(atLimit, at: .recipient) == "at the limit")
        let keyCount = pair.view(.recipient).keyCount
        #expect(keyCount == 1000)
        let gaps = pair.view(.recipient).gaps
        #expect(gaps == [2...1001])
    }

    @Test("DR-4 the rest of an ended chain counts on its own")
    func skipLimitOfEndedChain() throws {
        for (count, expected) in [
            (1000, nil), (1001, OpenError.tooManySkipped(requested: 1001, limit: 1000)),
        ] {
            let pair = try Pair()
            for _ in 0..<count { _ = try pair.seal("lost", from: .initiator) }
            try pair.open(try pair.seal("turn", from: .recipient), at: .initiator)
            let next = try pair.seal("new chain", from: .initiator)
            #expect(pair.refusal(of: next, at: .recipient) == expected)
        }
    }

    @Test("DR-5 a chain keeps 1,000 skipped keys and a session 2,000: the oldest go")
    func keyLimits() throws {
        let pair = try Pair()
        var early: [[UInt8]] = []
        for _ in 0..<600 { early.append(try pair.seal("early", from: .initiator)) }
        try pair.open(try pair.seal("a", from: .initiator), at: .recipient)
        for _ in 0..<600 { early.append(try pair.seal("early", from: .initiator)) }
        try pair.open(try pair.seal("b", from: .initiator), at: .recipient)
        #expect(pair.view(.recipient).keyCount == 1000)
        // 200 of 1,200 have gone: the first opens no more, and that is no broken session.
        let lost = pair.refusal(of: early[199], at: .recipient)
        #expect(lost == .lost(number: 201))
        #expect(lost?.breaksSession == false)
        #expect(try pair.open(early[200], at: .recipient) == "early")

        for _ in 0..<3 {
            try pair.open(try pair.seal("turn", from: .recipient), at: .initiator)
            for _ in 0..<700 { _ = try pair.seal("lost", from: .initiator) }
            try pair.open(try pair.seal("c", from: .initiator), at: .recipient)
        }
        #expect(pair.view(.recipient).keyCount == RatchetLimits.skippedKeysMax)
        #expect(pair.view(.recipient).received.gaps.count == 6)
    }

    @Test("DR-5 a skipped key expires after 30 days, one hour before it still opens (B13)")
    func keyExpiry() throws {
        let pair = try Pair()
        let first = try pair.seal("first", from: .initiator)
        let second = try pair.seal("second", from: .initiator)
        try pair.open(try pair.seal("third", from: .initiator), at: .recipient)
        let expiry = Person.hours + RatchetLimits.skippedKeyHours
        #expect(try pair.open(first, at: .recipient, hours: expiry - 1) == "first")
        #expect(pair.refusal(of: second, at: .recipient, hours: expiry) == .lost(number: 3))
        #expect(pair.view(.recipient).keyCount == 1)
        // Any message that opens takes what has expired with it.
        let fourth = try pair.seal("fourth", from: .initiator)
        try pair.open(fourth, at: .recipient, hours: expiry)
        #expect(pair.view(.recipient).keyCount == 0)
        let closed = pair.recipient.expire(atHours: expiry)
        #expect(closed == [3...3])
        #expect(pair.view(.recipient).keyCount == 0)
    }

    @Test("DR-3 a header under a known header key with another ratchet key is refused")
    func ratchetKeyMismatch() throws {
        let pair = try Pair()
        let copy = try Session.restore(pair.stored(.initiator).raw)
        try pair.open(try pair.seal("one", from: .initiator), at: .recipient)
        // The copy went another way: same header key, another ratchet key of its own.
        var other = copy
        let forked = try other.seal(pair.alice.text("fork"), random: &pair.alice.random)
        let error = pair.refusal(of: forked.envelope, at: .recipient)
        #expect(error == .ratchetKeyMismatch)
        #expect(error?.breaksSession == true)
    }

    @Test("DR-9 confirmed by the first message on a ratchet key that this side drew")
    func confirmation() throws {
        let pair = try Pair(answered: false)
        #expect(!pair.view(.initiator).isConfirmed && !pair.view(.recipient).isConfirmed)
        try pair.open(try pair.seal("reply", from: .recipient), at: .initiator)
        #expect(pair.view(.initiator).isConfirmed)
        let confirmedEarly = pair.view(.recipient).isConfirmed
        #expect(!confirmedEarly)
        try pair.open(try pair.seal("on it", from: .initiator), at: .recipient)
        #expect(pair.view(.recipient).isConfirmed)
    }

    @Test("DR-1 two copies of one state never seal under one key and nonce (B2)")
    func copiedState() throws {
        let pair = try Pair()
        var nonces: Set<[UInt8]> = []
        for _ in 0..<50 {
            var copy = try Session.restore(pair.stored(.initiator).raw)
            let sealed = try copy.seal(pair.alice.text("x"), random: &pair.alice.random)
            #expect(nonces.insert(Array(sealed.envelope[1..<25])).inserted)
        }
    }

    @Test("HS-2 a ratchet key of low order or not canonical is refused (A2)")
    func badRatchetKeys() {
        let bad =
            [
                "0000000000000000000000000000000000000000000000000000000000000000",
                "0100000000000000000000000000000000000000000000000000000000000000",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            ].compactMap { FixedBytes<32>(hex: $0) }
        #expect(bad.count == 7)
        for key in bad {
            for top: UInt8 in [0, 0x80] {
                var bytes = key
                bytes[31] |= top
                let block = bytes.array + [UInt8](repeating: 0, count: 254)
                #expect(throws: OpenError.malformedHeader) {
                    try RatchetHeader(parsing: block.raw, from: .initiator)
                }
            }
        }
    }

    @Test("DR-10 the frame key of the peer's last ratchet key is among the peer's last three")
    func frameKeys() throws {
        let pair = try Pair()
        for _ in 0..<6 {
            try pair.open(try pair.seal("a", from: .initiator), at: .recipient)
            try pair.open(try pair.seal("b", from: .recipient), at: .initiator)
            let count = pair.initiator.sending.frameKeys.count
            #expect(count <= RatchetLimits.frameKeysMax)
            let newest = pair.initiator.sending.frameKeys.last
            let isSame =
                switch pair.recipient.receiving.frameKey {
                case .some(let key): newest?.key.secret.isEqual(to: key.secret)
                case .none: nil as Bool?
                }
            #expect(isSame == true)
        }
    }
}
