import Client
import Testing

@Suite("§10.7 what is printed")
struct SafeTextTests {
    /// A hostile scalar generator that covers every control and format character and mixes in
    /// ordinary text; xorshift, so that the strings are the same in every run.
    static func hostileStrings(_ count: Int) -> [String] {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func next(_ bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % bound
        }
        let ranges: [ClosedRange<UInt64>] = [
            0...0x9F, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFFF0...0xFFFF,
            0xE0000...0xE007F, 0x300...0x36F, 0x1F300...0x1F6FF, 0x61...0x7A, 0x61C...0x61C,
        ]
        return (0..<count).map { _ in
            var text = String.UnicodeScalarView()
            for _ in 0..<next(24) {
                let range = ranges[Int(next(UInt64(ranges.count)))]
                let value = range.lowerBound + next(range.upperBound - range.lowerBound + 1)
                if let scalar = Unicode.Scalar(UInt32(value)) { text.append(scalar) }
            }
            return String(text)
        }
    }

    private func isClean(_ text: String, newlines: Bool) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            if scalar == "\n" { return newlines }
            if scalar == "\u{200D}" { return true }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: return false
            default: return !scalar.properties.isNoncharacterCodePoint
            }
        }
    }

    @Test("CL-1 I1 I2 no hostile string leaves a control or invisible character")
    func hostileStringsAreCleaned() {
        for text in Self.hostileStrings(100_000) {
            #expect(isClean(SafeText(untrusted: text).description, newlines: false))
            #expect(isClean(SafeText(untrusted: text, shape: .block).description, newlines: true))
        }
    }

    @Test(
        "CL-1 known attacks are disarmed and ordinary text is untouched",
        arguments: [
            ("\u{1B}]52;c;aGk=\u{07}hi", "]52;c;aGk=hi"),
            ("\u{1B}[2Jgone", "[2Jgone"), ("\u{9B}31mred", "31mred"),
            ("abc\u{202E}txt.exe", "abctxt.exe"), ("a\r\nb\nc", "a b c"),
            ("a\u{2028}b", "a b"), ("z\u{200B}w", "zw"), ("tab\there", "tab here"),
            ("Grüße 你好 😀", "Grüße 你好 😀"), ("👩\u{200D}👧", "👩\u{200D}👧"),
            ("a\u{200D}b", "ab"), ("e\u{301}", "e\u{301}"),
        ])
    func knownAttacks(untrusted: String, clean: String) {
        #expect(Array(SafeText(untrusted: untrusted).description.utf8) == Array(clean.utf8))
    }

    @Test("CL-1 a pile of combining marks is cut at six")
    func marksAreCut() {
        let six = "a" + String(repeating: "\u{301}", count: 6)
        #expect(SafeText(untrusted: six).description.unicodeScalars.count == 7)
        #expect(SafeText(untrusted: six + "\u{301}b").description.unicodeScalars.count == 8)
    }

    @Test("CL-1 an interpolated string is cleaned, a literal is not touched")
    func interpolation() {
        let name = "eve\u{1B}[1A\nbob: hi"
        #expect(SafeText("\(name): \(3)\n").description == "eve[1A bob: hi: 3\n")
    }

    @Test("CL-2 I12 a JSON line is one clean line whatever it carries")
    func jsonIsOneLine() {
        for text in Self.hostileStrings(20_000) {
            var line = JSONLine(type: "message")
            line.add("text", text)
            #expect(isClean(line.line.description, newlines: false))
        }
        var line = JSONLine(type: "message")
        line.add("text", "a\"b\\c\n\u{1B}\u{E0041}\u{202E}é")
        line.add("count", 7)
        line.add("none", nil as String?)
        line.add("flags", .list([.bool(true), .object([("k", .integer(-1))])]))
        #expect(
            line.line.description
                == #"{"v":1,"type":"message","text":"a\"b\\c\n\u001b\udb40\udc41\u202eé","count":7,"#
                + #""none":null,"flags":[true,{"k":-1}]}"#)
    }
}
