import Primitives
import Testing
import Wire

@testable import Client

extension SimulatedClient {
    /// Makes an invite and returns its link.
    func invite(name: String? = nil) throws -> String {
        let now = world.now
        let operation = try step { engine throws(ClientError) in
            try engine.createInvite(name: name, days: 7, at: now)
        }
        try world.advance(milliseconds: 5_000)
        // Operations are numbered anew in each life of the program.
        for case .finished(operation, .invite(_, let link)) in events.reversed() { return link }
        Issue.record("no invite")
        return ""
    }

    func accept(_ link: String, name: String? = nil) throws {
        let now = world.now
        try step { engine throws(ClientError) in
            try engine.accept(link: link, name: name, at: now)
        }
    }

    @discardableResult
    func send(_ text: String, to name: String) throws -> MessageID {
        let now = world.now
        let ids = try step { engine throws(ClientError) in
            try engine.send(text, to: [name], at: now)
        }
        return ids[0]
    }

    /// Texts of the other side, in the order in which they were shown.
    var receivedTexts: [String] {
        events.compactMap {
            if case .message(let message) = $0, case .text(let text) = message.body {
                text
            } else {
                nil
            }
        }
    }

    func states(of id: MessageID) -> [MessageState] {
        events.compactMap {
            if case .messageState(id, _, let state) = $0 { state } else { nil }
        }
    }

    var notices: [ClientNotice] {
        events.compactMap { if case .notice(let notice) = $0 { notice } else { nil } }
    }
}

/// Two clients that have met by a link.
func metByLink(seed: UInt64) throws -> (World, SimulatedClient, SimulatedClient) {
    let world = try World(seed: seed)
    let alice = try world.addClient("alice")
    let bob = try world.addClient("bob")
    try alice.start()
    try bob.start()
    let link = try alice.invite(name: "bob")
    try bob.accept(link, name: "alice")
    try world.advance(milliseconds: 10_000)
    return (world, alice, bob)
}

@Suite("§10.7 meeting and talking, simulated")
struct MeetingTests {
    @Test("CL-21 an invite link leads to an accepted contact on both sides without a word typed")
    func byLink() throws {
        let (_, alice, bob) = try metByLink(seed: 1)
        let ofAlice = try alice.ask { engine throws(ClientError) in engine.contactSummaries() }
        let ofBob = try bob.ask { engine throws(ClientError) in engine.contactSummaries() }
        #expect(ofAlice.map(\.name) == ["bob"] && ofAlice.map(\.state) == [.accepted])
        #expect(ofBob.map(\.name) == ["alice"] && ofBob.map(\.state) == [.accepted])
        #expect(alice.notices.isEmpty && bob.notices.isEmpty)
    }

    @Test("a text for a name that is not there changes nothing, whoever is named before it")
    func unknownName() throws {
        let (world, alice, bob) = try metByLink(seed: 3)
        let now = world.now
        for names in [["me", "nobody"], ["alice", "nobody"], []] {
            #expect(throws: ClientError.unknownContact) {
                try bob.step { engine throws(ClientError) in
                    _ = try engine.send("half", to: names, at: now)
                }
            }
        }
        // Whatever the refused steps had written would be committed by this one.
        try bob.send("whole", to: "alice")
        try world.advance(milliseconds: 5_000)
        #expect(alice.receivedTexts == ["whole"])
        #expect(try bob.vault.rows(.contact).count == 1)
    }

    @Test("CL-21 who comes second to an invite is refused, and its maker is told")
    func secondComer() throws {
        let world = try World(seed: 4)
        let alice = try world.addClient("alice")
        let others = try ["bob", "carol"].map { try world.addClient($0) }
        for client in [alice] + others { try client.start() }
        let link = try alice.invite(name: "guest")
        // Both have opened the link before its maker hears of either.
        alice.kill()
        for client in others {
            try client.accept(link, name: "alice")
            try world.advance(milliseconds: 5_000)
        }
        try alice.start()
        try world.advance(milliseconds: 10_000)
        let invites = try alice.ask { engine throws(ClientError) in engine.inviteSummaries() }
        let id = try #require(invites.first?.id)
        #expect(alice.notices == [.inviteUsedTwice(invite: id, name: "guest")])
        let contacts = try alice.ask { engine throws(ClientError) in engine.contactSummaries() }
        #expect(contacts.map(\.name) == ["guest"] && contacts.map(\.state) == [.accepted])
        #expect(try alice.requestNames.isEmpty)
        let states = try others.map { other in
            try other.ask { engine throws(ClientError) in
                engine.contactSummaries().map(\.state)
            }
        }
        #expect(states == [[.accepted], [.invited]])
    }

    @Test("texts go both ways, once, in order, and delivery receipts come back")
    func texts() throws {
        let (world, alice, bob) = try metByLink(seed: 2)
        let first = try bob.send("hello alice", to: "alice")
        let second = try bob.send("are you there?", to: "alice")
        try world.advance(milliseconds: 5_000)
        let answer = try alice.send("yes", to: "bob")
        try world.advance(milliseconds: 60_000)
        #expect(alice.receivedTexts == ["hello alice", "are you there?"])
        #expect(bob.receivedTexts == ["yes"])
        for id in [first, second] { #expect(bob.states(of: id) == [.sent, .delivered]) }
        #expect(alice.states(of: answer) == [.sent, .delivered])
    }
}
