import Primitives
import Testing

@testable import Crypto

/// A chat over a link that drops, doubles, delays and reorders by a seed, and whose sides are
/// restored from their stored forms now and then.
private struct LossyChat {
    let pair: Pair
    var random: SeededRandom
    private var waiting: [Pair.Side: [(text: String, envelope: [UInt8])]] = [:]
    private var opened: Set<[UInt8]> = []
    private var sent = 0
    private(set) var openedCount = 0

    init(seed: UInt64) throws {
        pair = try Pair(seed: seed)
        random = SeededRandom(seed)
    }

    mutating func step() throws {
        switch random.integer(below: 10) {
        case 0...4:
            let side: Pair.Side = random.integer(below: 2) == 0 ? .initiator : .recipient
            sent += 1
            let text = "message \(sent)"
            let envelope = try pair.seal(text, from: side)
            if random.integer(below: 8) == 0 { return }
            waiting[side == .initiator ? .recipient : .initiator, default: []]
                .append((text, envelope))
        case 5...8:
            for side in Pair.Side.allCases { try deliver(to: side) }
        default: try restart()
        }
    }

    private mutating func deliver(to side: Pair.Side) throws {
        guard let count = waiting[side]?.count, count > 0 else { return }
        // Mostly the oldest, at times any.
        let isInTurn = random.integer(below: 3) > 0
        let index = isInTurn ? 0 : Int(random.integer(below: UInt64(count)))
        guard let (text, envelope) = waiting[side]?[index] else { return }
        if random.integer(below: 6) > 0 { waiting[side]?.remove(at: index) }
        guard opened.insert(envelope).inserted else {
            let error = pair.refusal(of: envelope, at: side)
            // A chain without skipped keys is forgotten, so a double may belong to none.
            #expect(error == .double || error == .notThisSession)
            return
        }
        #expect(try pair.open(envelope, at: side) == text)
        openedCount += 1
    }

    private func restart() throws {
        for side in Pair.Side.allCases {
            let stored = pair.stored(side)
            switch side {
            case .initiator: pair.initiator = try Session.restore(stored.raw)
            case .recipient: pair.recipient = try Session.restore(stored.raw)
            }
        }
    }

    /// Everything that still waits, then a word of each side.
    mutating func settle() throws {
        while waiting.values.contains(where: { !$0.isEmpty }) {
            for side in Pair.Side.allCases { try deliver(to: side) }
        }
        for _ in 0..<2 {
            for side in Pair.Side.allCases { try pair.say(side) }
        }
    }
}

@Suite("KEM steps over a bad link (SPEC §6.8, B4)")
struct KEMLinkTests {
    @Test("B4 chunks dropped, doubled, late and reordered: no side diverges, the steps go on")
    func lossy() throws {
        let (seeds, steps): (UInt64, Int) = Long.isSet ? (300, 2_000) : (6, 220)
        var messages = 0
        var epochs: [UInt32] = []
        for seed in 1...seeds {
            var chat = try LossyChat(seed: seed)
            for _ in 0..<steps { try chat.step() }
            try chat.settle()
            let found = chat.pair.epochs
            // Who begins an epoch is ahead until its message has come; here it has.
            #expect(found[0] == found[1], "seed \(seed)")
            #expect(found[0] >= 1, "seed \(seed)")
            epochs.append(found[0])
            messages += chat.openedCount
        }
        #expect(messages > 40 * Int(seeds))
        print(
            "lossy link: \(messages) messages, epochs \(epochs.min() ?? 0) to \(epochs.max() ?? 0)")
    }
}
