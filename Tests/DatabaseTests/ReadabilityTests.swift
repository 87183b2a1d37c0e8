import Testing

@testable import Database

@Suite("Z4 what looks random and what does not")
struct ReadabilityTests {
    @Test("Z4 random bytes of every size pass", arguments: [32, 33, 64, 198, 1_024, 4_096, 32_768])
    func random(_ count: Int) {
        var generator = Numbers(seed: UInt64(count))
        for _ in 0..<max(20, 200_000 / count) {
            #expect(looksRandom(bytes(count, &generator)))
        }
    }

    @Test(
        "Z4 text in any language and encoding is found",
        arguments: [
            "The server keeps nothing that can be read.", "Сервер не хранит ничего читаемого.",
            "服务器不保存任何可读内容，这是一条测试消息。", "wir treffen uns übermorgen früh um halb neun",
            "VGhlIHNlcnZlciBrZWVwcyBub3RoaW5nIHRoYXQgY2FuIGJlIHJlYWQu",
            "546865207365727665722068617320697420616c6c20696e20646972656374",
        ])
    func text(_ text: String) {
        #expect(!looksRandom(Array(text.utf8)))
        // Padded with zeros, and in sixteen bits a character.
        let padded = Array(text.utf8) + [UInt8](repeating: 0, count: 1_024 - text.utf8.count)
        #expect(!looksRandom(padded))
        let wide = text.utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
        #expect(!looksRandom((wide + wide + wide + wide)))
    }

    @Test("Z4 text is found at the length that is never chance, anywhere in random bytes")
    func run() {
        var generator = Numbers(seed: 4)
        let limit = Readability.textByteCountMax
        for place in [0, 1, 500, 1_024 - limit - 1] {
            // Control bytes around it, so that the run is exactly as long as it says.
            var value = bytes(1_024, &generator)
            for offset in max(0, place - 4)..<min(1_024, place + limit + 5) { value[offset] = 0x01 }
            for offset in place..<place + limit { value[offset] = UInt8(0x30 + offset % 64) }
            #expect(longestText(value) == limit)
            #expect(looksRandom(value))
            value[place + limit] = 0x41
            #expect(!looksRandom(value))
        }
    }

    @Test(
        "Z4 zeros, counters and addresses in a key's place are found, and short values are not judged"
    )
    func patterns() {
        var counter = [UInt8](repeating: 0, count: 32)
        counter[31] = 9
        #expect(!looksRandom(counter))
        #expect(!looksRandom([UInt8](repeating: 0xff, count: 1_024)))
        #expect(looksRandom([UInt8](repeating: 0, count: 31)))
        #expect(!looksRandom([UInt8](repeating: 0, count: 32)))
        #expect(looksRandom([UInt8]()))
    }

    // The macros of the tests cannot carry a span.
    private func looksRandom(_ value: [UInt8]) -> Bool {
        let bytes = unsafe value.span.bytes
        return Readability.looksRandom(bytes)
    }

    private func longestText(_ value: [UInt8]) -> Int {
        let bytes = unsafe value.span.bytes
        return Readability.longestText(in: bytes)
    }

    private func bytes(_ count: Int, _ generator: inout Numbers) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}

/// The same numbers in every run.
private struct Numbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let mixed = (state ^ (state >> 33)) &* 0xff51_afd7_ed55_8ccd
        return mixed ^ (mixed >> 29)
    }
}
