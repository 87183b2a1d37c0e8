import Primitives
import Testing

@testable import Client

extension SimulatedClient {
    /// What was told of missing messages: first and last number, and what became of them.
    fileprivate var gapEvents: [String] {
        events.compactMap {
            switch $0 {
            case .gap(_, let first, let last, let isClosed):
                "\(last - first + 1) \(isClosed ? "lost" : "missing")"
            case .gapFilled(_, let first, let last): "\(last - first + 1) arrived"
            default: nil
            }
        }
    }
}

@Suite("§6.4 missing messages, simulated")
struct GapTests {
    private static let hour: UInt64 = 3_600_000

    /// Alice's program is stopped, and Bob has sent her `count` texts that the server gave to
    /// another copy of her vault, and one more that waits. Gives back what she has missed.
    private func missed(
        _ count: Int, seed: UInt64
    ) throws -> (World, SimulatedClient, SimulatedClient, [IncomingFrame]) {
        let (world, alice, bob) = try metByLink(seed: seed)
        try bob.send("first", to: "alice")
        try world.advance(milliseconds: 120_000)
        try alice.set("receipts", "off")
        let before = try #require(alice.copyOfVault())
        let seen = alice.deliveries.count
        for number in 0..<count { try bob.send("lost \(number)", to: "alice") }
        try world.advance(milliseconds: 5_000)
        let lost = Array(alice.deliveries.dropFirst(seen))
        #expect(lost.count == count)
        alice.replaceVault(with: before)
        try bob.send("last", to: "alice")
        try world.advance(milliseconds: 5_000)
        return (world, alice, bob, lost)
    }

    @Test("DR-25 DR-13 B4 a run of a second tells what is missing, the next ones do not repeat it")
    func shortRuns() throws {
        let (world, alice, bob, lost) = try missed(3, seed: 61)
        try alice.start()
        try world.advance(milliseconds: 1_000)
        // Something may still be on its way while the run goes on.
        #expect(alice.gapEvents == [])
        try alice.prepareToStop()
        try world.advance(milliseconds: 100)
        #expect(alice.gapEvents == ["3 missing"])
        for _ in 0..<2 {
            alice.kill()
            try alice.start()
            try world.advance(milliseconds: 2 * Self.hour)
            try alice.prepareToStop()
        }
        #expect(alice.gapEvents == ["3 missing"])
        // The server gives them after all, in another life of the program.
        alice.kill()
        try alice.start()
        try world.advance(milliseconds: 1_000)
        for frame in lost.dropLast() { try alice.receive(frame, on: .reading) }
        #expect(alice.gapEvents == ["3 missing"])
        try alice.receive(try #require(lost.last), on: .reading)
        #expect(alice.gapEvents == ["3 missing", "3 arrived"])
        try bob.send("on", to: "alice")
        try world.advance(milliseconds: 120_000)
        #expect(alice.gapEvents.count == 2)
    }

    @Test("DR-25 a program that was killed before it could tell does so in its next life")
    func killed() throws {
        let (world, alice, _, _) = try missed(1, seed: 62)
        try alice.start()
        try world.advance(milliseconds: 1_000)
        alice.kill()
        #expect(alice.gapEvents == [])
        world.move(to: world.now.monotonic + 2 * Self.hour)
        try alice.start()
        try world.advance(milliseconds: 1_000)
        #expect(alice.gapEvents == ["1 missing"])
    }

    @Test("DR-25 a run that is broken off tells what it knows")
    func brokenOff() throws {
        let (world, alice, _, _) = try missed(1, seed: 63)
        try alice.start()
        try world.advance(milliseconds: 1_000)
        #expect(alice.gapEvents == [])
        try alice.runAgain()
        #expect(alice.gapEvents == ["1 missing"])
    }

    @Test("DR-13 a gap that is given up is told as lost once, never as arrived")
    func closed() throws {
        let (world, alice, _, _) = try missed(2, seed: 64)
        try alice.start()
        try world.advance(milliseconds: 1_000)
        try alice.prepareToStop()
        alice.kill()
        for days: UInt64 in [29, 2, 1] {
            world.move(to: world.now.monotonic + days * 24 * Self.hour)
            try alice.start()
            try world.advance(milliseconds: 1_000)
            try alice.prepareToStop()
            alice.kill()
        }
        #expect(alice.gapEvents == ["2 missing", "2 lost"])
    }
}
