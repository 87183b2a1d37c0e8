import Database
import Primitives
import Testing
import Wire

@testable import Mailbox

/// Random requests, weighted so that most of them mean something.
struct AskGenerator {
    var random: SeededRandom
    let boxes: [StoreMailboxKeys]
    /// What the generator thinks the next counters and fences are; often wrong on purpose.
    var counters: [UInt64]
    var fences: [UInt32]

    init(seed: UInt64) {
        random = SeededRandom(seed)
        boxes = (0..<20).map { $0 < 14 ? StoreMailboxKeys.chat($0) : StoreMailboxKeys.contact($0) }
        counters = Array(repeating: 1, count: 20)
        fences = Array(repeating: 0, count: 20)
    }

    mutating func below(_ bound: Int) -> Int { Int(random.integer(below: UInt64(bound))) }

    mutating func next(hours: UInt32) -> Ask {
        let index = below(boxes.count)
        let box = boxes[index]
        let fence = below(12) == 0 ? fences[index] &- 1 : fences[index]
        switch below(40) {
        case 0...4: return .create(box)
        case 5, 6:
            return .attachReader(box.id)
        case 7: return .attachWriter(box.id)
        case 8...19:
            if box.kind == .contact { return .depositContact(box.id, letter(below(50), .medium)) }
            let size = EnvelopeSize.allCases[min(2, below(8) / 3)]
            return .deposit(
                box.id, below(15) == 0 ? counters[index] &+ 1 : counters[index],
                letter(below(50), size))
        case 20...25:
            let first = UInt64(below(30))
            return .acknowledge(box.id, fence: fence, first...(first + UInt64(below(12))))
        case 26...28:
            return .read(
                box.id, fence: fence, from: UInt64(below(20)), count: below(9),
                bytes: below(60_000))
        case 29: return .setTimeToLive(box.id, fence: fence, [1, 7, 30][below(3)])
        case 30: return .setClosed(box.id, fence: fence, below(2) == 0)
        case 31: return below(4) == 0 ? .delete(box.id, fence: fence) : .findKey(box.id, .write)
        case 32: return .renewLease(box.id)
        case 33, 34:
            return .putBlob(
                id: UInt8(below(12)), erase: UInt8(below(2)), hours: hours + UInt32(below(100)),
                letter(below(9)))
        case 35, 36: return .getBlob(id: UInt8(below(12)))
        case 37: return .eraseBlob(id: UInt8(below(12)), erase: UInt8(below(2)))
        case 38: return .findKey(box.id, .read)
        default: return .sweep
        }
    }

    /// Learns from an answer what would be right next time.
    mutating func learn(_ ask: Ask, _ outcome: Outcome) {
        func index(_ id: MailboxID) -> Int { boxes.firstIndex { $0.id == id } ?? 0 }
        switch (ask, outcome) {
        case (.deposit(let id, _, _), .deposited(let sequence, _)):
            counters[index(id)] = sequence + 1
        case (.deposit(let id, _, _), .gap(let next)): counters[index(id)] = next
        case (.attachReader(let id), .reader(let fence, let next, _, _)):
            fences[index(id)] = fence
            counters[index(id)] = next
        case (.attachWriter(let id), .writer(let next)): counters[index(id)] = next
        case (.delete(let id, _), .done): fences[index(id)] = 0
        default: break
        }
    }
}

@Suite("The SQLite store against the plain one")
struct StoreModelTests {
    @Test(
        "Both stores answer thousands of random requests alike, over restarts and with a tiny cache",
        arguments: 0..<12)
    func sameAnswers(_ seed: Int) throws {
        var limits = StoreLimits()
        limits.envelopesMax = 12
        limits.byteCountMax = 60_000
        limits.contactEnvelopesMax = 5
        let plain = try StoreWorld(.memory, limits: limits)
        let real = try StoreWorld(.sqlite, limits: limits)
        var generator = AskGenerator(seed: UInt64(seed))
        var kinds: Set<String> = []
        for round in 0..<120 {
            let step = Int64(generator.below(30_000))
            plain.now += step
            real.now = plain.now
            let isFull = generator.below(15) == 0
            plain.store.refusesGrowth = isFull
            real.store.refusesGrowth = isFull
            let asks = (0...generator.below(30)).map { _ in generator.next(hours: plain.hours) }
            let expected = try plain.ask(asks)
            let found = try real.ask(asks)
            #expect(found == expected, "seed \(seed), round \(round)")
            #expect(try real.store.counts() == plain.store.counts())
            if found != expected { return }
            for (ask, outcome) in zip(asks, expected) {
                generator.learn(ask, outcome)
                kinds.insert(String("\(outcome)".prefix(9)))
            }
            if generator.below(10) == 0 { try real.reopen() }
        }
        // The test is worth something only if the requests came to something.
        #expect(kinds.count >= 10)
        let store = try #require(real.store as? StoreSQLite)
        #expect(try store.connection.findProblems(isThorough: true).isEmpty)
    }
}
