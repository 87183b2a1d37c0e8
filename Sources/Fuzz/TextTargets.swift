import Client
import Crypto
import Platform
import Primitives
import VectorSuites

/// Texts: what a person types, what a peer sends to be shown, arguments, and JSON.
enum TextTargets {
    static let all: [Target] = [
        Target(
            "terminal", byteCountMax: 1_024, seeds: { terminalSeeds() + argumentSeeds() },
            run: { input in
                terminal(input)
                arguments(input)
            }),
        Target("json", byteCountMax: 8_192, seeds: jsonSeeds, run: json),
    ]

    // MARK: Terminal

    private static func terminalSeeds() -> [[UInt8]] {
        let texts = [
            "hello\r", "\u{1b}[A\u{1b}Ox\u{7f}\u{15}",
            "👩‍👩‍👧 e\u{301}\u{302}\u{303}\u{202e}abc\u{200b}",
            "1234 5678-90\n", "\u{9b}31m\u{2028}\u{85}\r\n", "abcd efgh ijkl mnop qrst uvwx yz23",
        ]
        return texts.map { [3] + Array($0.utf8) } + [[2, 0xf0, 0x9f, 0x91, 0xff, 0xc3]]
    }

    private static let safetyNumber = SafetyNumber(
        Cast.alice.account.publicKey, Cast.bob.account.publicKey)

    private static func terminal(_ input: RawSpan) {
        var choices = Choices(input)
        let cut = Int(choices.byte())
        let bytes = choices.rest()
        let text = String(decoding: bytes, as: UTF8.self)
        for shape in [SafeText.Shape.line, .block] {
            let safe = SafeText(untrusted: text, shape: shape)
            let clean = safe.description
            precondition(
                SafeText(untrusted: clean, shape: shape) == safe, "clean text is cleaned again")
            for scalar in clean.unicodeScalars {
                let isBreak = scalar == "\n" && shape == .block
                precondition(
                    isBreak || scalar.properties.generalCategory != .control,
                    "a control character gets through")
            }
            _ = DisplayWidth.of(clean)
            line(clean)
        }
        line(text)
        edit(bytes, cut: min(cut, bytes.count))
        if (try? RecoveryPhrase(typed: text)) != nil { precondition(bytes.count >= 56) }
        precondition(!safetyNumber.matches(text) || bytes.count >= 64)
        var secret = bytes
        _ = try? Passphrase(&secret)
        precondition(secret.allSatisfy { $0 == 0 }, "a passphrase is left in its buffer")
    }

    /// A line of JSON holds the text and stays one line.
    private static func line(_ text: String) {
        var line = JSONLine(type: "fuzz")
        line.add("text", text)
        let written = Array(line.line.description.utf8)
        precondition(!written.contains(0x0a), "a line of JSON has a second line")
        let isPlain = text.unicodeScalars.allSatisfy { $0.value < 0xd800 }
        guard let value = try? JSONReader.parse(written) else {
            precondition(!isPlain, "a line that is no JSON")
            return
        }
        precondition(value["text"]?.text == text, "a text does not survive JSON")
    }

    /// What is typed is the same in one piece and in two.
    private static func edit(_ bytes: [UInt8], cut: Int) {
        var whole = LineEditor { DisplayWidth.of($0) }
        var parted = whole
        let all = whole.feed(bytes)
        let parts = parted.feed(bytes[..<cut]) + parted.feed(bytes[cut...])
        precondition(all == parts && whole.pending == parted.pending)
        for case .line(let line) in all {
            precondition(line.utf8.count <= LineEditor.lineByteCountMax)
        }
    }

    // MARK: JSON

    @Sendable private static func jsonSeeds() -> [[UInt8]] {
        let texts = [
            #"{"algorithm":"XDH","testGroups":[{"curve":"curve25519","tests":[{"tcId":1,"flags":[],"#
                + #""public":"504a","private":"c8a9","shared":"436a","result":"valid"}]}]}"#,
            #"{"algorithm":"CHACHA20-POLY1305","testGroups":[{"ivSize":96,"keySize":256,"tagSize":128,"#
                + #""tests":[{"tcId":1,"key":"80","iv":"07","aad":"50","msg":"4c","ct":"d3","tag":"1a","#
                + #""result":"acceptable"}]}]}"#,
            #"{"algorithm":"EDDSA","testGroups":[{"publicKey":{"pk":"00"},"tests":[]}]}"#,
            #"{"algorithm":"HKDF-SHA-256","testGroups":[{"tests":[{"ikm":"0b","salt":"","info":"","#
                + #""size":42,"okm":"","tcId":1,"result":"valid"}]}]}"#,
            #"{"algorithm":"HMACSHA256","testGroups":[{"tagSize":256,"tests":[{"key":"","msg":""}]}]}"#,
            #"{"vectors":[{"protocol_name":"Noise_NK_25519_ChaChaPoly_SHA256","init_prologue":"00","#
                + #""init_ephemeral":"01","init_remote_static":"02","messages":[{"payload":"","#
                + #""ciphertext":"00"}]}]}"#,
            #"[{"memcost":8,"lanes":1,"timecost":1,"password":"70","salt":"00","hash":"00"}]"#,
            #"[1,-2.5e3,true,false,null,"a\u00e9\n",{"b":[]}]"#,
        ]
        return texts.map { Array($0.utf8) } + [[UInt8](repeating: UInt8(ascii: "["), count: 4_000)]
    }

    @Sendable private static func json(_ input: RawSpan) {
        let bytes = [UInt8](copying: input)
        _ = try? JSONReader.parse(bytes)
        // An Argon2id case may ask for as much work as it likes within the reader's bounds, which
        // is no business of a parser's test.
        if bytes.contains(subsequence: Array("memcost".utf8)) { return }
        _ = PublicVectors.run(bytes, name: "fuzz")
    }

    // MARK: Arguments

    private static func argumentSeeds() -> [[UInt8]] {
        [
            "send\0--home\0/a\0bob\0hi", "--json\0--home=/b", "--\0--json", "-1\0-x", "--home",
            "--json=1", "--\u{301}=",
        ].map { Array($0.utf8) }
    }

    private static func arguments(_ input: RawSpan) {
        let text = String(decoding: [UInt8](copying: input), as: UTF8.self)
        let words = text.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        let options = [
            Arguments.Option("home", value: "FOLDER", help: ""), Arguments.Option("json", help: ""),
        ]
        guard var arguments = try? Arguments(words, options: options) else { return }
        precondition(arguments.positional.count <= words.count)
        arguments.dropFirstPositional()
        _ = (arguments.value("home"), arguments.has("json"))
    }
}

extension Array where Element == UInt8 {
    func contains(subsequence other: [UInt8]) -> Bool {
        guard other.count <= count else { return false }
        return (0...count - other.count).contains { self[$0..<$0 + other.count] == other[...] }
    }
}
