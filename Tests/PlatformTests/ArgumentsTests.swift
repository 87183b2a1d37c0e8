import Platform
import Testing

@Suite("command lines")
struct ArgumentsTests {
    static let options = [
        Arguments.Option("home", value: "DIR", help: "folder"),
        Arguments.Option("json", help: "lines of JSON"),
    ]

    @Test("options stand anywhere, with a space or an equals sign")
    func anywhere() throws {
        let one = try Arguments(["send", "--home", "/x", "bob", "--json"], options: Self.options)
        #expect(one.positional == ["send", "bob"])
        #expect(one.value("home") == "/x")
        #expect(one.has("json"))
        let two = try Arguments(["--home=/a=b", "-"], options: Self.options)
        #expect(two.value("home") == "/a=b")
        #expect(two.positional == ["-"])
        #expect(!two.has("json"))
    }

    @Test("two dashes end the options")
    func end() throws {
        let line = try Arguments(["send", "--", "--json", "-x"], options: Self.options)
        #expect(line.positional == ["send", "--json", "-x"])
        #expect(!line.has("json"))
    }

    @Test(
        "what is not allowed is named",
        arguments: [
            (["--hom", "x"], Arguments.Failure.unknownOption("--hom")),
            (["-x"], .unknownOption("-x")),
            (["--home"], .missingValue("home")),
            (["--json=1"], .unexpectedValue("json")),
            (["--json", "--json"], .repeated("json")),
            (["--home", "a", "--home", "b"], .repeated("home")),
            (["--="], .unknownOption("--=")),
        ])
    func refused(words: [String], failure: Arguments.Failure) {
        #expect(throws: failure) { try Arguments(words, options: Self.options) }
    }
}
