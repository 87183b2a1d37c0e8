import Client
import Testing

@Suite("§10.7 typing in chat")
struct LineEditorTests {
    /// What the terminal shows and what was typed out, for a list of byte strings.
    private func type(_ parts: [[UInt8]]) -> (screen: String, lines: [String], ended: Bool) {
        var editor = LineEditor {
            $0.value > 0x1100 ? 2 : $0.properties.canonicalCombiningClass == .notReordered ? 1 : 0
        }
        var screen = ""
        var lines: [String] = []
        var ended = false
        for action in parts.flatMap({ editor.feed($0) }) {
            switch action {
            case .echo(let text): screen += text.description
            case .line(let line): lines.append(line)
            case .end: ended = true
            case .typed: break
            }
        }
        return (screen, lines, ended)
    }

    @Test("a line is echoed and ends with return or newline")
    func lines() {
        let result = type([Array("hi\rthere\n".utf8)])
        #expect(result.lines == ["hi", "there"])
        #expect(result.screen == "hi\nthere\n")
    }

    @Test("UTF-8 arrives byte by byte; a broken sequence is dropped, not echoed")
    func utf8() {
        let whole = Array("é你😀".utf8).map { [$0] }
        #expect(type(whole + [[0x0A]]).lines == ["é你😀"])
        #expect(type([[0xC3, 0x28, 0xFF, 0x80, 0x61, 0x0A]]).lines == ["(a"])
    }

    @Test("backspace takes a whole character and its columns")
    func backspace() {
        let result = type([Array("a你".utf8), [0x7F], [0x0A]])
        #expect(result.lines == ["a"])
        #expect(result.screen == "a你\u{8} \u{8}\u{8} \u{8}\n")
        #expect(type([[0x7F, 0x7F, 0x0A]]).lines == [""])
        #expect(type([Array("abc".utf8), [0x15], Array("d\n".utf8)]).lines == ["d"])
    }

    @Test("I1 escape sequences and control bytes are swallowed, never echoed")
    func escapes() {
        let keys = Array("\u{1B}[A\u{1B}OP\u{1B}[1;5Cx\u{7}\u{1}y\n".utf8)
        let result = type([keys])
        #expect(result.lines == ["xy"])
        #expect(result.screen == "xy\n")
    }

    @Test("CL-1 joiners and marks of direction are typed out; only the echo is without them")
    func formatCharacters() {
        let text = "mi\u{200C}ravam rtl\u{200F}mark \u{1F3F3}\u{FE0F}\u{200D}\u{1F308}a\u{AD}b"
        let result = type([Array(text.utf8), [0x0A]])
        #expect(result.lines == [text])
        #expect(
            result.screen == "miravam rtlmark \u{1F3F3}\u{FE0F}\u{1F308}ab\n")
        // What was not shown takes no column away when it is erased.
        let erased = type([Array("a\u{AD}".utf8), [0x7F], Array("b\n".utf8)])
        #expect(erased.lines == ["ab"])
        #expect(erased.screen == "ab\n")
        #expect(type([Array("a\u{85}\u{9B}b\n".utf8)]).lines == ["ab"])
    }

    @Test("control-D ends an empty line only")
    func end() {
        #expect(type([[0x04]]).ended)
        #expect(!type([[0x61, 0x04]]).ended)
    }

    @Test("a line stops growing at its maximum")
    func maximum() {
        let count = LineEditor.lineByteCountMax
        let result = type([[UInt8](repeating: 0x61, count: count + 1), [0x0A]])
        #expect(result.lines.first?.utf8.count == count)
    }
}
