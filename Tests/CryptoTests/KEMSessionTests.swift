import Primitives
import Testing

@testable import Crypto

extension Pair {
    /// A message of a side, opened by the other one.
    func say(_ side: Side) throws {
        try open(try seal("m", from: side), at: side == .initiator ? .recipient : .initiator)
    }

    var epochs: [UInt32] { [initiator.kemEpoch, recipient.kemEpoch] }

    /// Bursts of five until an epoch has begun on both sides.
    func bursts(toEpoch epoch: UInt32) throws {
        for turn in 0..<40 where epochs != [epoch, epoch] {
            for _ in 0..<5 where epochs != [epoch, epoch] {
                try say(turn % 2 == 0 ? .initiator : .recipient)
            }
        }
    }
}

@Suite("Sessions over KEM steps (SPEC §6.8)")
struct KEMSessionTests {
    @Test("DR-30 in strict turn an epoch begins with every nineteenth message, on both sides")
    func strictTurn() throws {
        // The first message and the reply have been exchanged.
        let pair = try Pair()
        var begun: [Int] = []
        for count in 3...100 {
            let side: Pair.Side = count % 2 == 1 ? .initiator : .recipient
            let before = pair.epochs
            try pair.say(side)
            if pair.epochs != before { begun.append(count) }
            #expect(pair.epochs[0] == pair.epochs[1])
        }
        #expect(begun == [19, 38, 57, 76, 95])
    }

    @Test("DR-30 private key and secret are gone with the step that mixes the secret in")
    func wiped() throws {
        let pair = try Pair()
        for epoch: UInt32 in 1...3 {
            try pair.bursts(toEpoch: epoch)
            // Nobody has sent a chunk of the next epoch since.
            let left = [
                pair.initiator.kem.seed == nil, pair.recipient.kem.seed == nil,
                pair.initiator.kem.secret == nil, pair.recipient.kem.secret == nil,
            ]
            #expect(left == [true, true, true, true])
            #expect(pair.epochs == [epoch, epoch])
        }
    }

    @Test("DR-26 a header whose epoch is not its chain's is refused and the state stays")
    func wrongEpochs() throws {
        let pair = try Pair()
        try pair.bursts(toEpoch: 1)
        // A current chain, a chain with a skipped key, and a chain that begins.
        let early = try pair.seal("early", from: .recipient)
        try pair.open(try pair.seal("late", from: .recipient), at: .initiator)
        try pair.open(early, at: .initiator)
        for wrong: UInt32 in [0, 2, 3, .max] {
            let stored = pair.stored(.recipient)
            let role = pair.recipient.role
            pair.recipient.kem = KEMStep(epoch: wrong, role: role)
            let inChain = try pair.seal("wrong", from: .recipient)
            let error = pair.refusal(of: inChain, at: .initiator)
            #expect(error == .wrongEpoch(wrong) && error?.breaksSession == true)
            pair.recipient = try Session.restore(stored.raw)
        }
        try pair.say(.initiator)
        for wrong: UInt32 in [0, 2, 3, .max] {
            let stored = pair.stored(.recipient)
            pair.recipient.kem = KEMStep(epoch: wrong, role: .recipient)
            let begins = try pair.seal("wrong", from: .recipient)
            #expect(pair.refusal(of: begins, at: .initiator) == .wrongEpoch(wrong))
            pair.recipient = try Session.restore(stored.raw)
        }
        try pair.say(.recipient)
        #expect(pair.epochs == [1, 1])
    }

    @Test("DR-26 the message of a skipped key says its own chain's epoch")
    func wrongEpochOfSkipped() throws {
        let pair = try Pair()
        try pair.say(.initiator)
        let stored = pair.stored(.initiator)
        // Of one number and one chain: the sender's own message, and one with another epoch.
        let good = try pair.seal("late", from: .initiator)
        var other = try Session.restore(stored.raw)
        other.kem = KEMStep(epoch: 1, role: .initiator)
        let text = pair.alice.text("late")
        let bad = try other.seal(text, random: &pair.alice.random).envelope
        try pair.say(.initiator)
        #expect(pair.refusal(of: bad, at: .recipient) == .wrongEpoch(1))
        // So too when the chain is no more the current one.
        try pair.say(.recipient)
        try pair.say(.initiator)
        #expect(pair.refusal(of: bad, at: .recipient) == .wrongEpoch(1))
        #expect(try pair.open(good, at: .recipient) == "late")
    }

    @Test("DR-26 an epoch ahead is taken from a side that was sent a ciphertext, and only one")
    func aheadOnce() throws {
        let pair = try Pair()
        // Up to where the recipient has encapsulated and sent one chunk.
        for _ in 0..<5 { try pair.say(.initiator) }
        try pair.say(.recipient)
        let awaits = pair.recipient.kem.awaitsNextEpoch
        #expect(awaits && pair.epochs == [0, 0])
        for (epoch, expected): (UInt32, OpenError) in [
            (1, .bodyRefused), (2, .wrongEpoch(2)), (.max, .wrongEpoch(.max)),
        ] {
            let stored = pair.stored(.initiator)
            pair.initiator.kem = KEMStep(epoch: epoch, role: .initiator)
            let forged = try pair.seal("ahead", from: .initiator)
            #expect(pair.refusal(of: forged, at: .recipient) == expected)
            pair.initiator = try Session.restore(stored.raw)
        }
        try pair.bursts(toEpoch: 1)
        #expect(pair.epochs == [1, 1])
    }

    @Test("DR-2 a chunk of the other side's kind is refused, and the state stays")
    func wrongKind() throws {
        let pair = try Pair()
        // A recipient that makes a key of epoch 1, and an initiator that answers it.
        pair.recipient.kem = KEMStep(epoch: 0, role: .initiator)
        let key = try pair.seal("key", from: .recipient)
        #expect(pair.refusal(of: key, at: .initiator) == .malformedHeader)
    }

    @Test("DR-28 skipped messages open over KEM steps, and their chunks count for nothing then")
    func skippedOverSteps() throws {
        let pair = try Pair()
        var late: [[UInt8]] = []
        for epoch: UInt32 in 1...3 {
            for _ in 0..<3 { late.append(try pair.seal("late \(epoch)", from: .initiator)) }
            try pair.bursts(toEpoch: epoch)
        }
        #expect(pair.epochs == [3, 3])
        for envelope in late.reversed() {
            let collected = pair.recipient.kem.key
            #expect(try pair.open(envelope, at: .recipient)?.hasPrefix("late") == true)
            let now = pair.recipient.kem.key
            #expect(now == collected && pair.epochs == [3, 3])
        }
        #expect(pair.view(.recipient).gaps.isEmpty && pair.view(.recipient).keyCount == 0)
        try pair.bursts(toEpoch: 4)
        #expect(pair.epochs == [4, 4])
    }

    @Test("DR-27 with a peer that never answers nothing is mixed in, and everything opens")
    func neverAnswers() throws {
        let pair = try Pair()
        for _ in 0..<100 { try pair.say(.initiator) }
        #expect(pair.epochs == [0, 0])
        try pair.say(.recipient)
        for _ in 0..<100 { try pair.say(.recipient) }
        // The ciphertext has come, but the maker has not begun a chain.
        #expect(pair.epochs == [0, 0])
        try pair.say(.initiator)
        #expect(pair.epochs == [1, 1])
    }

    @Test("DR-29 a peer that sends no chunks, or none that fit, keeps the chat in its epoch")
    func neverSends() throws {
        for quiet in Pair.Side.allCases {
            let pair = try Pair()
            for turn in 0..<60 {
                // A side that takes part in nothing: it forgets what it has collected or made.
                switch quiet {
                case .initiator: pair.initiator.kem = KEMStep(epoch: 0, role: .recipient)
                case .recipient: pair.recipient.kem = KEMStep(epoch: 0, role: .recipient)
                }
                try pair.say(turn % 2 == 0 ? .initiator : .recipient)
            }
            #expect(pair.epochs == [0, 0])
            // When it takes part at last, the step is made.
            if quiet == .initiator { pair.initiator.kem = KEMStep(epoch: 0, role: .initiator) }
            try pair.bursts(toEpoch: 1)
            #expect(pair.epochs == [1, 1])
        }
    }

    @Test("DR-28 a side whose step went back, at any moment of it, keeps the chat and the step")
    func wentBack() throws {
        for side in Pair.Side.allCases {
            for moment in [1, 4, 8, 9, 10, 11, 14, 15, 16] {
                let pair = try Pair()
                for turn in 0..<moment { try pair.say(turn % 2 == 0 ? .initiator : .recipient) }
                switch side {
                case .initiator: pair.initiator.kem = KEMStep(epoch: 0, role: .initiator)
                case .recipient: pair.recipient.kem = KEMStep(epoch: 0, role: .recipient)
                }
                // Whose ciphertext has come whole is taken at its word: nothing mends that.
                if side == .recipient, moment == 16 {
                    #expect(throws: OpenError.wrongEpoch(1)) { try pair.say(.initiator) }
                    continue
                }
                for turn in moment..<44 {
                    try pair.say(turn % 2 == 0 ? .initiator : .recipient)
                }
                #expect(pair.epochs[0] == pair.epochs[1])
                #expect(pair.epochs[0] >= 1, "\(side) \(moment)")
            }
        }
    }

    @Test("DR-27 at the last epoch the chat goes on with idle fields")
    func lastEpoch() throws {
        let pair = try Pair()
        // Both sides as they would be after as many steps; the chain that the initiator reads has
        // to be of that epoch, so it begins one.
        for role in [SessionRole.initiator, .recipient] {
            let step = KEMStep(epoch: .max, role: role)
            if role == .initiator { pair.initiator.kem = step } else { pair.recipient.kem = step }
        }
        for turn in 0..<20 { try pair.say(turn % 2 == 0 ? .initiator : .recipient) }
        #expect(pair.epochs == [.max, .max])
    }
}
