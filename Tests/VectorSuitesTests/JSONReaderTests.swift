import Testing
import VectorSuites

@Suite("reading vector files")
struct JSONReaderTests {
    @Test("values of every kind are read")
    func values() throws {
        let text = #" {"a":[1,-2,3.5,true,false,null],"b":"x\n\u00e9\"\\","c":{}} "#
        let json = try JSONReader.parse(Array(text.utf8))
        #expect(
            json["a"]?.elements
                == [.integer(1), .integer(-2), .number("3.5"), .bool(true), .bool(false), .null])
        #expect(json["b"]?.text == "x\né\"\\")
        #expect(json["c"] == .object([]))
        #expect(json["d"] == nil)
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", "{", "[1,]", "{\"a\":1,}", "[1 2]", "nul", "\"\u{1}\"", "\"\\x\"", "\"\\ud800\"",
            "1 2", "{\"a\" 1}", "{a:1}", "--1", "\"open",
        ])
    func refused(text: String) {
        #expect(throws: JSONError.self) { try JSONReader.parse(Array(text.utf8)) }
    }

    @Test("H1 a million opening brackets end at the limit, not on the stack")
    func depth() {
        let bomb = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: JSONError.tooDeep(limit: JSONReader.depthMax)) {
            try JSONReader.parse(bomb)
        }
        let at =
            String(repeating: "[", count: JSONReader.depthMax - 1) + "1"
            + String(repeating: "]", count: JSONReader.depthMax - 1)
        #expect(throws: Never.self) { try JSONReader.parse(Array(at.utf8)) }
    }

    @Test("a name that stands twice is refused")
    func repeated() {
        #expect(throws: JSONError.repeatedName(offset: 7)) {
            try JSONReader.parse(Array(#"{"a":1,"a":2}"#.utf8))
        }
    }
}
