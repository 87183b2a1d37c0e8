import Crypto
import Primitives
import Testing
import Wire

@testable import Client

/// Somebody of a newer version, on the other side of a chat or as the server: what this version
/// does not know is skipped or refused as its rule says, and everything goes on.
@Suite("§13 a peer of the future")
struct FuturePeerTests {
    /// Lets a client send content of a newer version, through its own ratchet.
    private func send(_ content: Content, from client: SimulatedClient, to name: String) throws {
        let now = client.world.now
        try client.step { engine throws(ClientError) in
            // No row for the own history, which could not read it either.
            try engine.enqueueSealing(content, to: try engine.contact(named: name).id)
            try engine.handle(.tick, at: now)
        }
    }

    private func content(
        _ type: UInt16, _ number: UInt8, _ fields: [ContentFields.Field], _ world: World
    ) -> Content {
        Content(
            type: ContentType(rawValue: type), id: FixedBytes(repeating: number),
            milliseconds: world.now.wall, fields: ContentFields(fields))
    }

    @Test("EN-5 EN-6 new types are shown as such or kept, new fields are kept, all are receipted")
    func content() throws {
        let (world, alice, bob) = try metByLink(seed: 41)
        try bob.send("before", to: "alice")
        let new = ContentFields.Field(tag: 0x7a, value: [1, 2, 3])
        try send(content(0x0123, 1, [new], world), from: bob, to: "alice")
        try send(content(0x8123, 2, [new], world), from: bob, to: "alice")
        let text = ContentFields.Field(tag: 1, value: Array("with more".utf8))
        try send(content(1, 3, [text, new], world), from: bob, to: "alice")
        try bob.send("after", to: "alice")
        try world.advance(milliseconds: 120_000)
        #expect(alice.receivedTexts == ["before", "with more", "after"])
        let unknown = alice.events.compactMap { event in
            if case .message(let message) = event, case .unknown(let type) = message.body {
                type
            } else {
                nil
            }
        }
        #expect(unknown == [0x0123])
        #expect(alice.notices.isEmpty)
        let kept = try alice.ask { engine throws(ClientError) in
            let contact = try engine.contact(named: "bob").id
            let number = FixedBytes<16>(repeating: 2)
            let silent = try engine.transaction.value(.kept, key: contact.array + number.array)
            let row = try engine.transaction.value(
                .message, key: MessageRecord.key(contact, .peer, FixedBytes(repeating: 3)))
            return (
                silent.flatMap { try? Content(parsing: $0.raw).fields.encodedForTest },
                try row.map { bytes throws(ClientError) in
                    try MessageRecord.decode(bytes).parsedContent().fields.encodedForTest
                }
            )
        }
        #expect(kept.0 == [0x7a, 0, 3, 1, 2, 3])
        #expect(kept.1?.suffix(6) == [0x7a, 0, 3, 1, 2, 3])
        // Every one of them has its receipt.
        let open = try bob.ask { engine throws(ClientError) in
            try engine.transaction.committedRows(.unconfirmed).count
        }
        #expect(open == 0)
    }

    @Test("EN-4 content that does not parse is kept, told, and the chat goes on")
    func unreadable() throws {
        let (world, alice, bob) = try metByLink(seed: 42)
        // A text without a body: its form may be another one some day.
        try send(content(1, 1, [], world), from: bob, to: "alice")
        try bob.send("after", to: "alice")
        try world.advance(milliseconds: 60_000)
        #expect(alice.receivedTexts == ["after"])
        #expect(alice.notices == [.unknownContent(contact: "bob", type: 0)])
    }

    @Test("MB-25 ER-1 ER-2 frames, codes and fields of a newer server are skipped or refusals")
    func server() throws {
        let (world, alice, bob) = try metByLink(seed: 43)
        try bob.send("before", to: "alice")
        try world.advance(milliseconds: 5_000)
        for type: UInt8 in [0x84, 0x93, 0x9f, 0xaf, 0xc1, 0xff] {
            try alice.receive(try IncomingFrame(type: type, body: [1, 2, 3, 4, 5]), on: .reading)
        }
        // An error that answers nothing, of an unknown code, with an unknown field.
        let error: [UInt8] = [0, 0, 0, 0, 0x7f, 0xff, 0x70, 0, 0, 2, 9, 9]
        try alice.receive(try IncomingFrame(type: 0x81, body: error), on: .reading)
        try bob.send("after", to: "alice")
        try world.advance(milliseconds: 5_000)
        #expect(alice.receivedTexts == ["before", "after"])
        #expect(try alice.link(.reading) != nil)
    }

    @Test("ER-1 an unknown code is a refusal of that one request")
    func unknownCode() throws {
        let (world, alice, bob) = try metByLink(seed: 44)
        try bob.typing("alice", true)
        try world.advance(milliseconds: 1_000)
        try bob.send("refused", to: "alice")
        let server = world.address
        let request = try bob.ask { engine throws(ClientError) -> UInt32? in
            let link = engine.links.ready(.writing, server)
            return link.flatMap { engine.links.links[$0]?.requests.keys.max() }
        }
        var error: [UInt8] = []
        error.append(bigEndian: try #require(request))
        error += [0x7f, 0xff]
        try bob.receive(try IncomingFrame(type: 0x81, body: error), on: .writing)
        let held = try bob.ask { engine throws(ClientError) in engine.outboxSummaries() }
        #expect(held.map(\.reason) == [.refused])
        #expect(try bob.link(.writing) != nil)
        try alice.send("the other way", to: "bob")
        try world.advance(milliseconds: 5_000)
        #expect(bob.receivedTexts == ["the other way"])
    }
}

extension ContentFields {
    /// The fields as bytes.
    fileprivate var encodedForTest: [UInt8] {
        var bytes: [UInt8] = []
        encode(into: &bytes)
        return bytes
    }
}
