import Primitives
import Testing

@Suite("SPEC §4.7: streams")
struct SecretStreamTests {
    private static let header = FixedBytes<24>(repeating: 7)

    private static func key(_ byte: UInt8 = 1) -> SecretBytes {
        SecretBytes(copying: [UInt8](repeating: byte, count: 32).raw)
    }

    private static let messages: [[UInt8]] = [
        [], [1], utf8("a message"), [UInt8](repeating: 3, count: 63), (0..<255).map { UInt8($0) },
        [UInt8](repeating: 9, count: 32_751),
    ]

    private static func sealed(_ associatedData: [UInt8] = []) -> [[UInt8]] {
        var pusher = SecretStreamPusher(key: key(), header: header)
        return messages.enumerated().map { index, message in
            pusher.push(
                message.raw, tag: index + 1 < messages.count ? .message : .final,
                authenticating: associatedData.raw)
        }
    }

    /// Made with an independent implementation from the formulas of SPEC.md.
    @Test("a stream gives what another implementation gives")
    func knownAnswer() {
        let key = SecretBytes(copying: [UInt8](0..<32).raw)
        let header = FixedBytes<24>(copying: [UInt8](32..<56).raw) ?? .zero
        var pusher = SecretStreamPusher(key: key, header: header)
        #expect(
            Hex.encode(pusher.push([UInt8]().raw, tag: .message).raw)
                == "cae5b5da9007af12825d3705d02083a2c7")
        #expect(
            Hex.encode(pusher.push(utf8("abc").raw, tag: .message).raw)
                == "8d422fb0c6530b9bdb52fde2ecdde71b3c305040")
        let last = utf8("the last one, of 32 bytes in all")
        #expect(
            Hex.encode(pusher.push(last.raw, tag: .final).raw)
                == "955e62a376f807a605d673b3dc69a3e330267dd5b68eda0980f9f8b14d8078d228b9d3"
                + "250f96470a6a6148efea64364f9e")
    }

    @Test("what is sealed opens in its order, with its marks")
    func roundTrip() throws {
        for data in [[], [UInt8](repeating: 4, count: 33)] {
            let sealed = Self.sealed(data)
            var puller = SecretStreamPuller(key: Self.key(), header: Self.header)
            for (index, message) in sealed.enumerated() {
                #expect(message.count == Self.messages[index].count + 17)
                let opened = try puller.pull(message.raw, authenticating: data.raw)
                #expect(opened.bytes == Self.messages[index])
                #expect(opened.tag == (index + 1 < sealed.count ? .message : .final))
            }
            let isEnded = puller.isEnded
            #expect(isEnded)
            let first = sealed[0]
            #expect(throws: SecretStreamError.ended) { try puller.pull(first.raw) }
        }
    }

    @Test("PR-6 a message with a changed, missing or added byte does not open and moves nothing")
    func changed() throws {
        let sealed = Self.sealed()
        var puller = SecretStreamPuller(key: Self.key(), header: Self.header)
        for (index, message) in sealed.enumerated() {
            let step = max(1, message.count / 40)
            for place in stride(from: 0, to: message.count, by: step) {
                var other = message
                other[place] ^= 0x10
                #expect(throws: SecretStreamError.authentication) { try puller.pull(other.raw) }
            }
            var longer = message
            longer.append(0)
            #expect(throws: SecretStreamError.authentication) { try puller.pull(longer.raw) }
            #expect(throws: (any Error).self) { try puller.pull(Array(message.dropLast()).raw) }
            #expect(throws: SecretStreamError.authentication) {
                try puller.pull(message.raw, authenticating: [1].raw)
            }
            // In the place of another one.
            let wrong = sealed[(index + 1) % sealed.count]
            #expect(throws: SecretStreamError.authentication) { try puller.pull(wrong.raw) }
            #expect(try puller.pull(message.raw).bytes == Self.messages[index])
        }
        #expect(throws: SecretStreamError.tooShort(byteCount: 16)) {
            var fresh = SecretStreamPuller(key: Self.key(), header: Self.header)
            _ = try fresh.pull([UInt8](repeating: 0, count: 16).raw)
        }
    }

    @Test("another key or header opens nothing")
    func otherKey() {
        let first = Self.sealed()[0]
        #expect(throws: SecretStreamError.authentication) {
            var puller = SecretStreamPuller(key: Self.key(2), header: Self.header)
            _ = try puller.pull(first.raw)
        }
        for place in [0, 15, 16, 23] {
            var header = Self.header
            header[place] ^= 1
            #expect(throws: SecretStreamError.authentication) {
                var puller = SecretStreamPuller(key: Self.key(), header: header)
                _ = try puller.pull(first.raw)
            }
        }
    }

    @Test("a reader that skips what it knows reads on behind it, and only then")
    func skip() throws {
        let sealed = Self.sealed()
        let messages = Self.messages
        let none = messages[0]
        let second = sealed[1]
        var scratch = [UInt8](repeating: 0, count: 17)
        var puller = SecretStreamPuller(key: Self.key(), header: Self.header)
        try puller.skip(none.raw, using: &scratch)
        #expect(try puller.pull(second.raw).bytes == messages[1])

        let one: [UInt8] = [0]
        var other = SecretStreamPuller(key: Self.key(), header: Self.header)
        var more = [UInt8](repeating: 0, count: 18)
        try other.skip(one.raw, using: &more)
        #expect(throws: SecretStreamError.authentication) { try other.pull(second.raw) }
    }

    /// Marks 1 and 2 are libsodium's; the bytes come from an independent implementation.
    @Test("a genuine message with a mark that is not used here ends the stream")
    func otherMark() {
        let key = SecretBytes(copying: [UInt8](0..<32).raw)
        let header = FixedBytes<24>(copying: [UInt8](32..<56).raw) ?? .zero
        for (mark, text) in [
            (UInt8(1), "cb9293973a1cfa15ed3cdec65467bf8750db"),
            (2, "c892acee1ea44d7e55c4d464eafde85d9d8d"),
        ] {
            var puller = SecretStreamPuller(key: key, header: header)
            #expect(throws: SecretStreamError.otherTag(mark)) { try puller.pull(bytes(text).raw) }
            #expect(throws: SecretStreamError.ended) { try puller.pull(bytes(text).raw) }
        }
    }
}
