import Foundation
import Testing

@testable import Client

@Suite("§6.5 to §6.7 a model of two clients, simulated")
struct ModelTests {
    private static let isLong = ProcessInfo.processInfo.environment["POSTERN_LONG"] == "1"
    /// One seed alone, with its log: `POSTERN_SEED=17`.
    private static let chosen = ProcessInfo.processInfo.environment["POSTERN_SEED"]
        .flatMap { UInt64($0) }
    private static let messageCount = 250
    /// 10,000 texts and their receipts, 10^7 with `POSTERN_LONG=1`, as many as `POSTERN_SEEDS`
    /// says; an unoptimised build does a part.
    private static var seedCount: UInt64 {
        if let count = ProcessInfo.processInfo.environment["POSTERN_SEEDS"].flatMap({ UInt64($0) })
        {
            return count
        }
        return isLong ? 40_000 : _isDebugAssertConfiguration() ? 8 : 40
    }

    /// Two at a time, since there are two cores where this runs most.
    @Test(
        "R6 B2 B11 DR-36 DR-38 DR-41 CL-49 what was written is read, sent again, or named to both sides",
        arguments: [UInt64(0), 1])
    func model(half: UInt64) throws {
        var total = ModelSchedule.Outcome()
        for seed in 1...Self.seedCount where seed / 4 % 2 == half {
            if let chosen = Self.chosen, chosen != seed { continue }
            let schedule = try ModelSchedule(
                seed: seed, messageCount: Self.messageCount, keepsLog: Self.chosen != nil)
            let outcome = schedule.run()
            outcome.log.forEach { print($0) }
            total.add(outcome)
            #expect(
                outcome.problems.isEmpty,
                """
                seed \(seed), \(schedule.kind); to run it alone: POSTERN_SEED=\(seed) swift test \
                -c release -Xswiftc -enable-testing --filter SimulationTests.ModelTests \
                --disable-xctest
                """)
        }
        print(total.summary)
    }

    @Test("R6 a text more or less than the list has is found")
    func finds() throws {
        // The model itself is looked at: a list that lacks one text is a divergence.
        let schedule = try ModelSchedule(seed: 1, messageCount: 40, kind: .honest)
        schedule.forgetsOne = true
        #expect(!schedule.run().problems.isEmpty)
    }
}

extension ModelSchedule.Outcome {
    fileprivate mutating func add(_ other: Self) {
        sentCount += other.sentCount
        readCount += other.readCount
        namedCount += other.namedCount
        goneCount += other.goneCount
        droppedCount += other.droppedCount
        disturbedCount += other.disturbedCount
        wentBackCount += other.wentBackCount
        resetCount += other.resetCount
        turnsUntilHealing += other.turnsUntilHealing
    }

    fileprivate var summary: String {
        let sorted = turnsUntilHealing.sorted()
        var lines = [
            "model: \(sentCount) texts, \(readCount) read, \(namedCount) named, \(goneCount) forgotten by their author; \(droppedCount) envelopes dropped, \(disturbedCount) otherwise disturbed; \(wentBackCount) times a vault went back, \(resetCount) resets"
        ]
        guard let last = sorted.last else { return lines[0] }
        lines.append(
            "turns until healing after a theft of all keys: median \(sorted[sorted.count / 2]), worst \(last)"
        )
        var counts: [Int: Int] = [:]
        for turns in sorted { counts[turns, default: 0] += 1 }
        for (turns, count) in counts.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(turns): \(count)")
        }
        return lines.joined(separator: "\n")
    }
}
