import Testing

@Suite("The scanner that the checks of the code rest on")
struct SwiftTextTests {
    @Test("comments and texts are no code")
    func separates() {
        let text = SwiftText(
            """
            let a = 1 // try! one
            /* try! /* nested */ still */ let b = 2
            let c = "try! \\"three\\" // no comment"
            let d = 4
            """)
        #expect(!text.lines.joined().contains("try"))
        #expect(text.lines.count == 4)
        #expect(text.lines[1].hasSuffix(" let b = 2"))
        #expect(text.comments.map(\.line) == [1, 2])
        #expect(text.comments.first?.text == "// try! one")
        #expect(text.literals.map(\.text) == [#"try! \"three\" // no comment"#])
        #expect(text.lines[3] == "let d = 4")
    }

    @Test("code inside an interpolation is code")
    func interpolates() {
        let text = SwiftText(
            #"""
            let a = "x \(name(")", "y")) z" + b
            """#)
        #expect(text.lines[0].contains("name("))
        #expect(text.lines[0].hasSuffix(#" z"#) == false)
        #expect(text.lines[0].hasSuffix("+ b"))
        #expect(text.literals.contains { $0.text == "x \u{FFFC} z" && $0.isInterpolated })
    }

    @Test("long and raw literals end where they end")
    func endsLiterals() {
        let text = SwiftText(
            "let a = \"\"\"\n  one \"two\" \\(three)\n  \"\"\"\nlet b = #\"four \\(no) \"five\" \"#\nlet c = \"\"\nlet d = 6"
        )
        #expect(text.literals.map(\.line) == [1, 4, 5])
        #expect(text.literals.map(\.isInterpolated) == [true, false, false])
        #expect(text.literals.map(\.text).last == "")
        #expect(text.lines.last == "let d = 6")
        #expect(text.lines[1].contains("three"))
        #expect(!text.lines[3].contains("no"))
    }
}
