import Primitives
import Testing
import Wire

@testable import Client

@Suite("§10.7 a server that goes away, simulated")
struct GoingAwayTests {
    /// Milliseconds from the end of the reading connection to the next one, and to the last answer.
    private func pause(told seconds: UInt16, seed: UInt64) throws -> UInt64 {
        let (world, _, bob) = try metByLink(seed: seed)
        let link = try #require(try bob.link(.reading))
        let count = bob.opened.count
        try bob.receive(.goingAway(seconds: seconds), on: .reading)
        try world.advance(milliseconds: 5_000)
        // Kept as long as the server keeps it.
        #expect(try bob.link(.reading) == link)
        try bob.drop(link)
        let closed = world.now.monotonic
        try world.advance(milliseconds: 120_000)
        let next = bob.opened.dropFirst(count).first { $0.purpose == .reading }
        return try #require(next).at - closed
    }

    @Test("CL-42 the connection is kept until it is closed, and the next comes after the time told")
    func away() throws {
        #expect(try pause(told: 20, seed: 61) >= 20_000)
        #expect(try pause(told: 20, seed: 62) < 21_000)
    }

    @Test("CL-42 a time below a second counts as one, above a minute as a minute")
    func bounds() throws {
        #expect(try 1_000..<2_000 ~= pause(told: 0, seed: 63))
        #expect(try 60_000..<61_000 ~= pause(told: 60, seed: 64))
        #expect(try 60_000..<61_000 ~= pause(told: 61, seed: 65))
        #expect(try 60_000..<61_000 ~= pause(told: .max, seed: 66))
    }

    @Test("CL-42 what was asked before a server went away is answered on the same connection")
    func answers() throws {
        let (world, alice, bob) = try metByLink(seed: 67)
        try bob.send("first", to: "alice")
        try world.advance(milliseconds: 2_000)
        let count = bob.opened.count
        try bob.send("last", to: "alice")
        try bob.receive(.goingAway(seconds: 30), on: .writing)
        try world.advance(milliseconds: 2_000)
        #expect(try alice.texts(of: "bob", by: .peer).map(\.text).contains("last"))
        #expect(bob.opened.count == count)
    }
}
