import Primitives
import Testing
import Wire

@testable import Client

extension SimulatedClient {
    func set(_ key: String, _ value: String) throws {
        let now = world.now
        try step { engine throws(ClientError) in
            try engine.setSetting(key, to: value, at: now)
        }
    }

    func typing(_ name: String, _ isTyping: Bool) throws {
        let now = world.now
        try step { engine throws(ClientError) in
            try engine.setTyping(name, isTyping, at: now)
        }
    }

    func typingEvents(of name: String) -> [Bool] {
        events.compactMap {
            if case .typing(name, let isTyping) = $0 { isTyping } else { nil }
        }
    }

    func presenceEvents(of name: String) -> [Bool] {
        events.compactMap {
            if case .presence(name, let isOnline) = $0 { isOnline } else { nil }
        }
    }
}

@Suite("§10.7 typing, presence and live receipts, simulated")
struct LiveTests {
    @Test("CL-20 typing is shown, ends by itself after 10 s, and by the message")
    func typing() throws {
        let (world, alice, bob) = try metByLink(seed: 11)
        try alice.send("hi", to: "bob")
        try world.advance(milliseconds: 3_000)
        try bob.typing("alice", true)
        try world.advance(milliseconds: 2_000)
        #expect(alice.typingEvents(of: "bob") == [true])
        try world.advance(milliseconds: 9_000)
        #expect(alice.typingEvents(of: "bob") == [true, false])
        try bob.typing("alice", false)
        try bob.typing("alice", true)
        try world.advance(milliseconds: 1_000)
        try bob.send("there", to: "alice")
        try world.advance(milliseconds: 1_000)
        #expect(alice.typingEvents(of: "bob") == [true, false, true, false])
        // A key press a second tells at most every four seconds.
        let before = alice.typingEvents(of: "bob").count
        for _ in 0..<12 {
            try bob.typing("alice", true)
            try world.advance(milliseconds: 1_000)
        }
        #expect(alice.typingEvents(of: "bob").count == before + 1)
    }

    @Test("CL-19 presence is told again in the next run of the same process")
    func presenceOfRuns() throws {
        let (world, alice, bob) = try metByLink(seed: 19)
        try alice.set("bob.presence", "on")
        try bob.set("alice.presence", "on")
        for client in [alice, bob] { try client.runAgain(sharesPresence: true) }
        try world.advance(milliseconds: 60_000)
        #expect(bob.presenceEvents(of: "alice").last == true)
        try alice.prepareToStop()
        try world.advance(milliseconds: 2_000)
        #expect(bob.presenceEvents(of: "alice").last == false)
        try alice.runAgain(sharesPresence: true)
        try world.advance(milliseconds: 60_000)
        #expect(bob.presenceEvents(of: "alice").last == true)
    }

    @Test("CL-16 typing that is turned off is told to nobody")
    func typingOff() throws {
        let (world, alice, bob) = try metByLink(seed: 12)
        try alice.send("hi", to: "bob")
        try world.advance(milliseconds: 3_000)
        try bob.set("alice.typing", "off")
        try bob.typing("alice", true)
        try world.advance(milliseconds: 5_000)
        #expect(alice.typingEvents(of: "bob").isEmpty)
    }

    @Test(
        "CL-19 EN-16 presence is shown only where both share it, and goes when the other side does")
    func presence() throws {
        let (world, alice, bob) = try metByLink(seed: 13)
        try alice.send("hi", to: "bob")
        try bob.send("ho", to: "alice")
        try world.advance(milliseconds: 5_000)
        for client in [alice, bob] { client.kill() }
        try alice.start(sharesPresence: true)
        try bob.start(sharesPresence: true)
        try alice.set("bob.presence", "on")
        try world.advance(milliseconds: 60_000)
        #expect(alice.presenceEvents(of: "bob").isEmpty)
        #expect(bob.presenceEvents(of: "alice").isEmpty)
        try bob.set("alice.presence", "on")
        try world.advance(milliseconds: 60_000)
        #expect(alice.presenceEvents(of: "bob") == [true])
        #expect(bob.presenceEvents(of: "alice") == [true])
        bob.kill()
        try world.advance(milliseconds: 40_000)
        #expect(alice.presenceEvents(of: "bob") == [true, false])
        try bob.start(sharesPresence: true)
        try world.advance(milliseconds: 40_000)
        #expect(alice.presenceEvents(of: "bob") == [true, false, true])
        try bob.prepareToStop()
        try world.advance(milliseconds: 1_000)
        #expect(alice.presenceEvents(of: "bob") == [true, false, true, false])
    }

    @Test("CL-17 a receipt rides on a frame while both are here, and is stored when nobody answers")
    func receipts() throws {
        let (world, alice, bob) = try metByLink(seed: 14)
        try alice.send("one", to: "bob")
        try bob.send("two", to: "alice")
        try world.advance(milliseconds: 120_000)
        // Both are here: the receipt comes within two seconds, long before the stored one would.
        let live = try alice.send("three", to: "bob")
        try world.advance(milliseconds: 2_000)
        #expect(alice.states(of: live) == [.sent, .delivered])
        // The writer leaves at once: its receipt waits for it in the mailbox.
        try world.advance(milliseconds: 120_000)
        let late = try alice.send("four", to: "bob")
        try world.rest()
        alice.kill()
        try world.advance(milliseconds: 60_000)
        bob.kill()
        try alice.start()
        try world.advance(milliseconds: 5_000)
        #expect(alice.states(of: late).last == .delivered)
    }

    @Test("CL-16 receipts that are turned off are not sent, and come back with the setting")
    func receiptsOff() throws {
        let (world, alice, bob) = try metByLink(seed: 15)
        try bob.set("receipts", "off")
        let first = try alice.send("one", to: "bob")
        try world.advance(milliseconds: 90_000)
        #expect(alice.states(of: first) == [.sent])
        try bob.set("alice.receipts", "on")
        let second = try alice.send("two", to: "bob")
        try world.advance(milliseconds: 90_000)
        #expect(alice.states(of: second) == [.sent, .delivered])
    }

    @Test("EN-9 marking as read tells the writer, once")
    func read() throws {
        let (world, alice, bob) = try metByLink(seed: 16)
        let id = try alice.send("one", to: "bob")
        try world.advance(milliseconds: 5_000)
        let now = world.now
        let count = try bob.step { engine throws(ClientError) in
            try engine.markRead("alice", upTo: nil, at: now)
        }
        #expect(count == 1)
        try world.advance(milliseconds: 60_000)
        #expect(alice.states(of: id) == [.sent, .delivered, .read])
        let again = try bob.step { engine throws(ClientError) in
            try engine.markRead("alice", upTo: nil, at: now)
        }
        #expect(again == 0)
    }
}
