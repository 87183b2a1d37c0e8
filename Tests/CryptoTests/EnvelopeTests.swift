import Primitives
import Testing
import Wire

@testable import Crypto

@Suite("Envelopes (SPEC §7.1)")
struct EnvelopeTests {
    /// Control content with one field, so that the fields have exactly `byteCount` bytes.
    private func content(_ byteCount: Int, fill: UInt8 = 0) -> Content {
        let value = [UInt8](repeating: fill, count: byteCount - ContentFields.headByteCount)
        return Content(
            type: .pin, id: .zero, milliseconds: 0,
            fields: ContentFields([ContentFields.Field(tag: 1, value: value)]))
    }

    @Test("EN-2 the byte budget: 410 bytes of overhead, rooms of 614, 3,686 and 15,974")
    func budget() throws {
        #expect(Envelope.overheadByteCount == 1 + 24 + 302 + 16 + 8 + 32 + 26 + 1)
        #expect(Envelope.byteCounts.map { Envelope.room(inEnvelopeOf: $0) } == [614, 3686, 15974])
        let pair = try Pair()
        for (byteCount, size) in [
            (3, 1024), (614, 1024), (615, 4096), (3686, 4096), (3687, 16384), (15974, 16384),
        ] {
            let sealed = try pair.initiator.seal(content(byteCount), random: &pair.alice.random)
            #expect(sealed.envelope.count == size, "\(byteCount) bytes")
            try pair.open(sealed.envelope, at: .recipient)
        }
        let before = pair.stored(.initiator)
        #expect(throws: SealError.tooLong(fieldsByteCount: 15975, room: 15974)) {
            try pair.initiator.seal(content(15975), random: &pair.alice.random)
        }
        #expect(pair.stored(.initiator) == before)
    }

    @Test("HS-12 the room of a first message: a text of 2,046, of 751 beside a recovery bundle")
    func firstMessageRoom() throws {
        let pair = try Pair(answered: false)
        #expect(pair.view(.initiator).room == 2049)
        let bundle = RecoveryBundle(
            signedPreKeyID: 1, signedPreKey: pair.alice.signedPreKey.publicKey,
            kemPreKey: pair.alice.lastResortKEM, madeHours: 1, signedBy: pair.alice.device)
        for (count, isWithBundle) in [(2046, false), (751, true)] {
            for extra in 0...1 {
                let text = pair.alice.text(String(repeating: "x", count: count + extra))
                let content = isWithBundle ? text.adding(bundle) : text
                if extra == 0 {
                    let sealed = try pair.initiator.seal(content, random: &pair.alice.random)
                    #expect(sealed.envelope.count == 4096)
                } else {
                    #expect(throws: SealError.tooLong(fieldsByteCount: 2050, room: 2049)) {
                        try pair.initiator.seal(content, random: &pair.alice.random)
                    }
                }
            }
        }
    }

    @Test("HS-12 extensions take their bytes from the first message's room")
    func extensionsRoom() throws {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let fields = TaggedFields([
            TaggedFields.Field(tag: 1, value: [UInt8](repeating: 7, count: 508))
        ])
        let session = try Handshake.begin(
            try alice.introduction(extensions: fields), identity: alice.identity,
            to: try bob.published(), random: &alice.random)
        let room = session.room
        #expect(room == 2049 - 512)
    }

    @Test("EN-3 padding is one 0x80 and zeros, for every length of content (B9)")
    func padding() {
        for contentByteCount in 0..<1200 {
            var block = [UInt8](repeating: 0x55, count: contentByteCount) + [0x80]
            let padded = block + [UInt8](repeating: 0, count: 1200 - contentByteCount)
            #expect(Envelope.unpaddedByteCount(block.raw) == contentByteCount)
            #expect(Envelope.unpaddedByteCount(padded.raw) == contentByteCount)
            block[contentByteCount] = 0x81
            #expect(Envelope.unpaddedByteCount(block.raw) == nil)
            var bad = padded
            bad[1200] = 1
            #expect(Envelope.unpaddedByteCount(bad.raw) == nil)
        }
        let zeros = [UInt8](repeating: 0, count: 100)
        #expect(Envelope.unpaddedByteCount(zeros.raw) == nil)
        let empty: [UInt8] = []
        #expect(Envelope.unpaddedByteCount(empty.raw) == nil)
    }

    @Test("EN-3 content that ends like padding keeps its end (B9)")
    func contentLikePadding() throws {
        let pair = try Pair()
        for fill: UInt8 in [0, 0x80] {
            for byteCount in [3, 4, 100, 613, 614] {
                let content = content(byteCount, fill: fill)
                let sealed = try pair.initiator.seal(content, random: &pair.alice.random)
                let opened = try pair.recipient.open(sealed.envelope.raw, atHours: Person.hours)
                #expect(opened.content == content.encoded)
                pair.recipient.commit(opened)
            }
        }
    }

    @Test("EN-3 a bad padding is refused as a body that does not open is (B9)")
    func paddingError() throws {
        let pair = try Pair()
        let changes: [(inout [UInt8]) -> Void] = [
            // Another byte than 0x80 behind the content, or none.
            { block in block = block.map { $0 == 0x80 ? 0x81 : $0 } },
            { block in block = block.map { $0 == 0x80 ? 0x00 : $0 } },
            // Something other than zeros behind it.
            { $0[$0.count - 1] = 1 },
            { $0[$0.count - 1] = 0x7f },
            { block in block = block.map { _ in 0 } },
        ]
        for change in changes {
            let envelope = try BodyForge(pair).envelope { block in
                // Number and link may hold any byte; the content of the forge has no 0x80.
                var content = Array(block[40...])
                change(&content)
                block = block[..<40] + content
            }
            #expect(pair.refusal(of: envelope, at: .recipient) == .bodyRefused)
        }
        let control = try BodyForge(pair).envelope()
        #expect(pair.refusal(of: control, at: .recipient) == nil)
    }

    @Test("EN-2 the envelope's size follows from the content's size only (B10)")
    func noCompression() throws {
        let pair = try Pair()
        var random = SeededRandom(77)
        for _ in 0..<200 {
            let byteCount = 4 + Int(random.integer(below: 4000))
            let repetitive = content(byteCount, fill: 0x20)
            let value = random.bytes(count: byteCount - 3)
            let mixed = Content(
                type: .pin, id: .zero, milliseconds: 0,
                fields: ContentFields([ContentFields.Field(tag: 1, value: value)]))
            let one = try pair.initiator.seal(repetitive, random: &random).envelope.count
            let other = try pair.initiator.seal(mixed, random: &random).envelope.count
            #expect(one == other)
        }
    }

    @Test("EN-1 another version or size is refused and the state stays")
    func versionAndSize() throws {
        #expect(UInt16(Envelope.version) == protocolVersion)
        let pair = try Pair()
        let envelope = try pair.seal("x", from: .initiator)
        for version: UInt8 in 1...255 {
            let other = [version] + envelope.dropFirst()
            #expect(pair.refusal(of: other, at: .recipient) == .notAnEnvelope)
        }
        for count in [0, 1, 343, 1023, 1025, 2048, 4095, 16383, 16385] {
            let other = [UInt8](repeating: 0, count: count)
            #expect(pair.refusal(of: other, at: .recipient) == .notAnEnvelope)
        }
        for count in Envelope.byteCounts {
            let other = [UInt8](repeating: 0, count: count)
            #expect(pair.refusal(of: other, at: .recipient) == .notThisSession)
        }
    }
}
