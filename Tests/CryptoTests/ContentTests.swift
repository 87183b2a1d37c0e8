import Primitives
import Testing
import Wire

@testable import Crypto

@Suite("Content (SPEC §7.2, §7.3)")
struct ContentTests {
    private var random = SeededRandom(3)

    private mutating func id() -> MessageID { random.bytes() }

    private func failure(_ bytes: [UInt8]) -> ContentError? {
        do throws(ContentError) {
            _ = try Content(parsing: bytes.raw)
            return nil
        } catch {
            return error
        }
    }

    /// Fixed part of a type, then raw fields.
    private func raw(_ type: ContentType, _ fields: [UInt8]) -> [UInt8] {
        [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xff)]
            + [UInt8](repeating: 9, count: 16) + [0, 0, 1, 2, 3, 4, 5, 6] + fields
    }

    @Test("EN-4 what is encoded is parsed again byte for byte, for each type that is built")
    mutating func roundTrips() throws {
        let person = try Person("alice", seed: 8)
        let bundle = RecoveryBundle(
            signedPreKeyID: 5, signedPreKey: person.signedPreKey.publicKey,
            kemPreKey: person.lastResortKEM, madeHours: Person.hours, signedBy: person.device)
        let record = Record(
            Record.Contents(
                number: 1, handle: try Handle("alice"), account: person.account.publicKey,
                recoveryHash: .zero, certificates: [person.certificate]),
            signedBy: person.account)
        let time: UInt64 = 1_795_219_200_123
        let contents = [
            Content.text("grüß dich 👋", id: id(), milliseconds: time),
            Content.deliveryReceipt([id(), id()], id: id(), milliseconds: time),
            Content.readReceipt([id()], id: id(), milliseconds: time),
            Content.hello(
                mailbox: person.chatMailbox, recoveryBundle: bundle, id: id(), milliseconds: time),
            Content.mailboxChange(
                first: person.chatMailbox, second: person.chatMailbox, id: id(),
                milliseconds: time),
            Content.mailboxChange(
                first: person.chatMailbox, second: nil, id: id(), milliseconds: time),
            Content.record(record.bytes, id: id(), milliseconds: time),
            Content.recoveryBundle(bundle, id: id(), milliseconds: time),
            Content.text("x", id: id(), milliseconds: 0).adding(bundle).adding([
                SessionReport(id: .zero, completeThrough: .max)
            ]),
        ]
        for content in contents {
            let bytes = content.encoded
            #expect(bytes.count == content.byteCount)
            let parsed = try Content(parsing: bytes.raw)
            #expect(parsed == content && parsed.encoded == bytes)
            #expect(parsed.type.handling == .act)
            for count in bytes.indices {
                // A cut between two fields is content too, of fewer fields.
                let cut = Array(bytes[..<count])
                let shorter = try? Content(parsing: cut.raw)
                let count = shorter?.fields.fields.count ?? 0
                #expect(count < content.fields.fields.count)
            }
        }
        #expect(contents[0].text == "grüß dich 👋")
        #expect(contents[1].receiptIDs?.count == 2)
        #expect(contents[2].receiptIDs?.count == 1)
        #expect(contents[3].mailboxCount == 1)
        let isSame = contents[3].mailbox(0)?.id == person.chatMailbox.id
        #expect(isSame)
        #expect(contents[3].verifiedRecoveryBundle(by: person.device.publicKey) == bundle)
        #expect(contents[4].mailboxCount == 2)
        #expect(contents[5].mailboxCount == 1)
        let third = contents[4].mailbox(2) == nil
        #expect(third)
        #expect(contents[6].verifiedRecord(of: person.account.publicKey)?.value == record)
        #expect(contents[8].sessionReports == [SessionReport(id: .zero, completeThrough: .max)])
    }

    @Test("EN-4 tags are ascending from 1, and fields end where the content does")
    func structure() throws {
        #expect(failure([]) == .truncated(byteCount: 0))
        #expect(failure(Array(raw(.pin, [])[..<25])) == .truncated(byteCount: 25))
        #expect(failure(raw(.pin, [])) == nil)
        #expect(failure(raw(.pin, [0, 0, 0])) == .tagOrder(tag: 0))
        #expect(failure(raw(.pin, [2, 0, 0, 2, 0, 0])) == .tagOrder(tag: 2))
        #expect(failure(raw(.pin, [2, 0, 0, 1, 0, 0])) == .tagOrder(tag: 1))
        #expect(failure(raw(.pin, [1, 0, 0, 2, 0, 0])) == nil)
        #expect(failure(raw(.pin, [1, 0, 2, 7])) == .truncated(byteCount: 4))
        #expect(failure(raw(.pin, [1, 0])) == .truncated(byteCount: 2))
        #expect(failure(raw(.pin, [1, 0xff, 0xff, 7])) == .truncated(byteCount: 4))
    }

    @Test("EN-5 unknown fields are kept in their place")
    func unknownFields() throws {
        let bytes = raw(.text, [1, 0, 1, 0x61, 0x7e, 0, 2, 5, 6, 0xfe, 0, 0])
        let content = try Content(parsing: bytes.raw)
        #expect(content.text == "a")
        #expect(content.fields[0x7e] == [5, 6] && content.fields[0xfe] == [])
        #expect(content.encoded == bytes)
    }

    @Test("EN-6 unknown types are kept, shown below 0x8000 and silent from there on")
    func unknownTypes() throws {
        for (value, handling) in [
            (UInt16(0), ContentType.Handling.showAsUnknown), (2, .showAsUnknown),
            (0x7fff, .showAsUnknown), (0x8009, .keepSilently), (0xffff, .keepSilently),
        ] {
            let type = ContentType(rawValue: value)
            let bytes = raw(type, [1, 0, 1, 0xff])
            let content = try Content(parsing: bytes.raw)
            #expect(content.type.handling == handling && content.encoded == bytes)
        }
    }

    @Test("EN-7 a known field without its form makes the content unreadable")
    func forms() throws {
        let bad: [(ContentType, [UInt8], ContentError)] = [
            (.text, [], .missingField(tag: 1)),
            (.text, [2, 0, 0], .missingField(tag: 1)),
            (.text, [1, 0, 0], .badField(tag: 1)),
            (.text, [1, 0, 1, 0xff], .badField(tag: 1)),
            (.text, [1, 0, 3, 0xed, 0xa0, 0x80], .badField(tag: 1)),
            (.deliveryReceipt, [1, 0, 0], .badField(tag: 1)),
            (.readReceipt, [1, 0, 15] + [UInt8](repeating: 1, count: 15), .badField(tag: 1)),
            (.typing, [1, 0, 1, 2], .badField(tag: 1)),
            (.presence, [1, 0, 2, 1, 1], .badField(tag: 1)),
            (.hello, [1, 0, 161] + [UInt8](repeating: 0, count: 161), .badField(tag: 1)),
            (.record, [1, 0, 1, 1], .badField(tag: 1)),
            (.recoveryBundle, [], .missingField(tag: 0xc1)),
            (.pin, [0xc1, 0, 1, 1], .badField(tag: 0xc1)),
            (.pin, [0xc0, 0, 0], .badField(tag: 0xc0)),
            (.pin, [0xc0, 0, 39] + [UInt8](repeating: 1, count: 39), .badField(tag: 0xc0)),
        ]
        for (type, fields, error) in bad {
            #expect(failure(raw(type, fields)) == error)
        }
        // At the limit of 18 reports, and one above.
        for (count, error) in [(18, nil), (19, ContentError.badField(tag: 0xc0))] {
            let value = [UInt8](repeating: 1, count: 40 * count)
            let fields = [0xc0, UInt8(value.count >> 8), UInt8(value.count & 0xff)] + value
            #expect(failure(raw(.pin, fields)) == error)
        }
    }

    @Test("EN-7 a hello names one mailbox, a mailbox change one or two")
    func mailboxCounts() throws {
        let person = try Person("alice", seed: 8)
        let mailbox = person.chatMailbox.exposeForStorage()
        for count in 0...3 {
            let value = (0..<count).flatMap { _ in mailbox }
            let fields = [1, UInt8(value.count >> 8), UInt8(value.count & 0xff)] + value
            #expect((failure(raw(.hello, fields)) == nil) == (count == 1))
            #expect((failure(raw(.mailboxChange, fields)) == nil) == (1...2).contains(count))
        }
    }

    @Test("EN-8 a text of one byte and of the longest room are texts")
    mutating func texts() throws {
        for count in [1, 15_971] {
            let text = String(repeating: "a", count: count)
            let content = Content.text(text, id: id(), milliseconds: 1)
            #expect(try Content(parsing: content.encoded.raw).text == text)
        }
    }

    @Test("EN-10 a record of another account, or a changed one, is not kept")
    mutating func records() throws {
        let alice = try Person("alice", seed: 8)
        let mallory = try Person("mallory", seed: 9)
        let record = Record(
            Record.Contents(
                number: 1, handle: try Handle("mallory"), account: mallory.account.publicKey,
                recoveryHash: .zero, certificates: [mallory.certificate]),
            signedBy: mallory.account)
        let content = Content.record(record.bytes, id: id(), milliseconds: 1)
        #expect(content.verifiedRecord(of: mallory.account.publicKey) != nil)
        #expect(content.verifiedRecord(of: alice.account.publicKey) == nil)
        for index in stride(from: 0, to: record.bytes.count, by: 31) {
            var bytes = record.bytes
            bytes[index] ^= 1
            let changed = Content.record(bytes, id: id(), milliseconds: 1)
            #expect(changed.verifiedRecord(of: mallory.account.publicKey) == nil, "byte \(index)")
        }
    }

    @Test("EN-10 KD-6 a record that needs a newer version is not kept")
    mutating func newerRecord() throws {
        let alice = try Person("alice", seed: 8)
        for (tag, isKept): (UInt16, Bool) in [(0x7fff, true), (0x8000, false)] {
            var contents = Record.Contents(
                number: 1, handle: try Handle("alice"), account: alice.account.publicKey,
                recoveryHash: .zero, certificates: [alice.certificate])
            contents.extensions = TaggedFields([TaggedFields.Field(tag: tag, value: [1])])
            let record = Record(contents, signedBy: alice.account)
            let content = Content.record(record.bytes, id: id(), milliseconds: 1)
            let kept = content.verifiedRecord(of: alice.account.publicKey)
            #expect((kept != nil) == isKept)
        }
    }

    @Test("EN-7 references have 17 bytes, or 21 for a group member")
    mutating func references() {
        let id = id()
        for author in [MessageReference.Author.writer, .reader, .member(0xdead_beef)] {
            let reference = MessageReference(author: author, id: id)
            let bytes = reference.encoded
            #expect(MessageReference(parsing: bytes.raw) == reference)
            #expect(MessageReference(parsing: (bytes + [0]).raw) == nil)
            for count in bytes.indices {
                let cut = Array(bytes[..<count])
                #expect(MessageReference(parsing: cut.raw) == nil)
            }
        }
        let unknown = [3] + [UInt8](repeating: 0, count: 16)
        #expect(MessageReference(parsing: unknown.raw) == nil)
    }
}
