@testable import Client
import Foundation
import Testing

@Suite("§10.7 events as lines")
struct EventLineTests {
    static let hostile = "a\u{1B}[2J\n\u{202E}\"\\b"

    static var message: MessageSummary? {
        MessageID([UInt8](repeating: 0xAB, count: 16)).map { id in
            MessageSummary(
                id: id, contact: hostile, author: .peer, timeMilliseconds: 1_795_256_645_123,
                storedMilliseconds: .max, state: .received, isRequest: false,
                body: .text("one\ntwo\u{7}"))
        }
    }

    static var events: [ClientEvent] {
        guard let message else { return [] }
        let entry = OutboxSummary(
            id: message.id, contact: hostile, timeMilliseconds: 0, reason: .mailboxFull)
        let request = RequestSummary(
            name: hostile, account: "x", handle: hostile, isHandleConfirmed: false,
            receivedMilliseconds: 0, messages: [message])
        let contact = ContactSummary(
            name: hostile, account: "x", handle: hostile, isHandleConfirmed: true,
            state: .accepted, isVerified: true, isPresenceShared: false, isOnline: true,
            unreadCount: 2)
        return [
            .message(message), .outbox(entry), .request(request), .contact(contact),
            .messageState(id: message.id, contact: hostile, state: .read),
            .typing(contact: hostile, isTyping: true),
            .presence(contact: hostile, isOnline: false),
            .gap(contact: hostile, first: 3, last: 5, isClosed: false),
            .gapFilled(contact: hostile, first: 3, last: 5),
            .missing(contact: hostile, ids: [message.id], author: .me),
            .missing(contact: hostile, ids: [message.id, message.id], author: .peer),
            .notice(.resetSent(contact: hostile)), .notice(.resetReceived(contact: hostile)),
            .notice(.resetImpossible(contact: hostile)), .notice(.accountChanged(contact: hostile)),
            .notice(.copiedVault(contact: hostile)),
            .notice(.inviteUsedTwice(invite: hostile, name: hostile)),
            .notice(.mailboxReadElsewhere(contact: nil, unexpectedAttachCount: 2)),
            .notice(.unknownContent(contact: hostile, type: 9)), .notice(.newerRequest),
            .connection(.connected(server: hostile)),
            .connection(.lost(server: hostile, error: .timedOut, retryMilliseconds: 1_500)),
        ]
    }

    @Test("CL-1 I2 an event is text without anything a terminal acts on", arguments: events)
    func textIsClean(event: ClientEvent) throws {
        let text = try #require(event.text).description
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
        #expect(!text.unicodeScalars.contains { (0x7F...0x9F).contains($0.value) })
        #expect(!text.contains("\u{202E}"))
        if case .message = event { return }
        #expect(!text.contains("\n"))
    }

    @Test("CL-2 I12 an event is one JSON object that a JSON reader takes", arguments: events)
    func jsonParses(event: ClientEvent) throws {
        let line = try #require(event.json).line.description
        #expect(!line.contains("\n"))
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["v"] as? Int == 1)
        #expect(object["type"] as? String != nil)
        if let contact = object["contact"] as? String { #expect(contact == Self.hostile) }
    }

    @Test("a text of several lines is indented, so that it cannot pass for another message")
    func severalLines() throws {
        let message = try #require(Self.message)
        #expect(message.text(time: "10:04").description == "10:04 a[2J \"\\b: one\n    two")
    }

    @Test("a time is printed in UTC with milliseconds; an absurd one is cut")
    func times() {
        #expect(ClockTime.utc(1_795_256_645_123) == "2026-11-21T10:24:05.123Z")
        #expect(ClockTime.utc(.max).hasPrefix("9999-12-31T23:59:59"))
    }
}
