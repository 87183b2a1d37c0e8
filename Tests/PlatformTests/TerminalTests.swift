import Glibc
import Testing

@testable import Platform

// The mode of the terminal is one for the process.
@Suite("Terminal", .serialized)
struct TerminalTests {
    /// A pseudo terminal: what is written to `master` is what a person types.
    struct Pair: ~Copyable {
        let master: Descriptor
        let terminal: Descriptor

        init() throws {
            let fd = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
            guard fd >= 0 else { throw SystemError(.open, code: errno) }
            master = Descriptor(owning: fd)
            // TIOCSPTLCK and TIOCGPTN, whose macros Swift cannot import.
            var unlocked: Int32 = 0
            var number: Int32 = 0
            _ = unsafe ioctl(fd, 0x4004_5431, &unlocked)
            _ = unsafe ioctl(fd, 0x8004_5430, &number)
            let name = "/dev/pts/\(number)"
            terminal = Descriptor(owning: unsafe open(name, O_RDWR | O_NOCTTY | O_CLOEXEC))
        }

        func echoes() -> Bool {
            var settings = termios()
            _ = unsafe tcgetattr(terminal.raw, &settings)
            return settings.c_lflag & tcflag_t(ECHO) != 0
        }
    }

    /// Types `line` as soon as the prompt is there, so that nothing is flushed away.
    private static func ask(
        _ pair: borrowing Pair, typing line: String, limit: Int
    ) throws -> (result: Result<Int, Terminal.PromptError>, bytes: [UInt8], shown: String) {
        let master = pair.master.raw
        let shown = Lock<[UInt8]>([])
        let typist = try spawnThread(named: "typist") {
            var byte: UInt8 = 0
            while shown.withLock({ $0.last }) != UInt8(ascii: ":") {
                guard unsafe read(master, &byte, 1) == 1 else { return }
                shown.withLock { $0.append(byte) }
            }
            let bytes = Array(line.utf8)
            _ = unsafe write(master, bytes, bytes.count)
        }
        var target = [UInt8](repeating: 0, count: limit)
        var span = target.mutableSpan
        var raw = unsafe span.mutableBytes
        var result: Result<Int, Terminal.PromptError>
        do throws(Terminal.PromptError) {
            result = .success(try Terminal.readHidden(on: pair.terminal, "Passphrase:", into: &raw))
        } catch {
            result = .failure(error)
        }
        typist.join()
        // What the terminal would show from now on.
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
        var byte: UInt8 = 0
        while unsafe read(master, &byte, 1) == 1 { shown.withLock { $0.append(byte) } }
        return (result, target, String(decoding: shown.withLock { $0 }, as: UTF8.self))
    }

    @Test("I7 a passphrase is read, not shown, and the terminal echoes again")
    func hiddenPrompt() throws {
        let pair = try Pair()
        let echoesBefore = pair.echoes()
        #expect(echoesBefore)
        let answer = try Self.ask(pair, typing: "söcret\n", limit: 16)
        let expected = Array("söcret".utf8)
        #expect(try answer.result.get() == expected.count)
        #expect(Array(answer.bytes.prefix(expected.count)) == expected)
        #expect(answer.bytes.dropFirst(expected.count).allSatisfy { $0 == 0 })
        #expect(answer.shown == "Passphrase:\r\n")
        let pairEchoes = pair.echoes()
        #expect(pairEchoes)
    }

    @Test("A passphrase of exactly the limit is taken; one byte more is refused")
    func limit() throws {
        let pair = try Pair()
        #expect(try Self.ask(pair, typing: "12345678\n", limit: 8).result.get() == 8)
        let second = try Pair()
        let answer = try Self.ask(second, typing: "123456789\n", limit: 8)
        #expect(throws: Terminal.PromptError.tooLong(limit: 8)) { try answer.result.get() }
        let secondEchoes = second.echoes()
        #expect(secondEchoes)
    }

    @Test("A line that ends before it was typed is an error")
    func endedLine() throws {
        let pair = try Pair()
        let answer = try Self.ask(pair, typing: "\u{4}", limit: 8)
        #expect(throws: Terminal.PromptError.ended) { try answer.result.get() }
        let pairEchoes = pair.echoes()
        #expect(pairEchoes)
    }

    @Test("A mode is put back for the time of a stop and set again after it")
    func suspended() throws {
        let pair = try Pair()
        let raw = try RawTerminal(pair.terminal.raw)
        var echoes = [pair.echoes()]
        TerminalMode.suspend()
        echoes.append(pair.echoes())
        TerminalMode.resume()
        echoes.append(pair.echoes())
        raw.restore()
        echoes.append(pair.echoes())
        // Nothing is held any more.
        TerminalMode.resume()
        echoes.append(pair.echoes())
        #expect(echoes == [false, true, false, true, true])
    }

    @Test("I7 a process that ends puts the terminal back and sets no mode any more")
    func ended() async {
        await #expect(processExitsWith: .success) {
            let pair = try Pair()
            let raw = try RawTerminal(pair.terminal.raw)
            TerminalMode.suspend(forGood: true)
            precondition(pair.echoes())
            TerminalMode.resume()
            precondition(pair.echoes())
            raw.restore()
            _ = try RawTerminal(pair.terminal.raw)
            precondition(pair.echoes())
        }
    }

    @Test("A pipe is no terminal and has no size")
    func notATerminal() throws {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        #expect(!Terminal.isTerminal(ends[0]))
        #expect(Terminal.size(of: ends[0]) == nil)
        close(ends[0])
        close(ends[1])
        let pair = try Pair()
        #expect(Terminal.isTerminal(pair.terminal.raw))
        var size = winsize(ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0)
        _ = unsafe ioctl(pair.terminal.raw, UInt(TIOCSWINSZ), &size)
        let found = try #require(Terminal.size(of: pair.terminal.raw))
        #expect(found.columns == 80 && found.rows == 24)
    }

    @Test("Display width follows the terminal's columns, not bytes")
    func width() {
        #expect(DisplayWidth.of("hello") == 5)
        #expect(DisplayWidth.of("") == 0)
        #expect(DisplayWidth.of("你好") == 4)
        #expect(DisplayWidth.of("é") == 1)
        #expect(DisplayWidth.of("e\u{301}") == 1)
        #expect(DisplayWidth.of("😀") == 2)
        #expect(DisplayWidth.of("👨\u{200D}👩\u{200D}👧") == 2)
        #expect(DisplayWidth.of(Unicode.Scalar(0x07)) == 0)
        #expect(DisplayWidth.of(Unicode.Scalar(0x9B)) == 0)
    }
}

@Suite("Standard streams")
struct StandardStreamsTests {
    @Test(
        "CH-50 writing at once gives up on a full pipe, one without reader and a closed descriptor")
    func writeAtOnce() async {
        await #expect(processExitsWith: .success) {
            var ends: [Int32] = [0, 0]
            precondition(unsafe pipe(&ends) == 0)
            let line = [UInt8](repeating: 10, count: 4_096)
            var count = 0
            // The descriptor waits by itself; an alarm ends the test if something does wait.
            alarm(20)
            while count < 1_000, writeNow(line, to: ends[1]) { count += 1 }
            precondition(count > 0 && count < 1_000)
            precondition(!writeNow([10], to: ends[1]))
            _ = close(ends[0])
            signal(SIGPIPE, SIG_IGN)
            precondition(!writeNow([10], to: ends[1]))
            _ = close(ends[1])
            precondition(!writeNow([10], to: ends[1]))
            precondition(!writeNow([UInt8](repeating: 10, count: 4_097), to: 1))
        }
    }
}
