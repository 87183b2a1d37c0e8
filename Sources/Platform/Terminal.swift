import Glibc

/// The terminal a person sits at, if there is one.
package enum Terminal {
    /// Why a passphrase could not be read.
    package enum PromptError: Error, Equatable, Sendable {
        /// No terminal belongs to this process.
        case noTerminal
        /// What was typed is longer than the buffer.
        case tooLong(limit: Int)
        /// Input ended before the line did.
        case ended
        /// The system refused.
        case system(SystemError)
    }

    /// Whether the descriptor is a terminal.
    package static func isTerminal(_ fd: Int32) -> Bool { isatty(fd) == 1 }

    /// The size of the terminal behind `fd`; nil when it is none or does not know.
    package static func size(of fd: Int32) -> (columns: Int, rows: Int)? {
        var size = winsize()
        guard unsafe ioctl(fd, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
        else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Asks on the controlling terminal for a line that is not shown while it is typed.
    ///
    /// Reads into the caller's memory, which can be locked and wiped; this function keeps no copy.
    /// The terminal is set back when this ends; `TerminalMode` does it for a signal that ends the
    /// process meanwhile.
    ///
    /// - Parameter target: where the line goes, without its newline.
    /// - Returns: the line's length in bytes.
    package static func promptHidden(
        _ prompt: String, into target: inout MutableRawSpan
    ) throws(PromptError) -> Int {
        let fd = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        if fd < 0 { throw .noTerminal }
        let terminal = Descriptor(owning: fd)
        return try readHidden(on: terminal, prompt, into: &target)
    }

    /// The same on a given terminal.
    static func readHidden(
        on terminal: borrowing Descriptor, _ prompt: String, into target: inout MutableRawSpan
    ) throws(PromptError) -> Int {
        let quiet = try QuietTerminal(terminal.raw)
        defer { quiet.restore() }
        let bytes = Array(prompt.utf8)
        do {
            try terminal.writeAll(bytes.span.rawBytes)
        } catch {
            throw .system(error)
        }
        var count = 0
        var isTooLong = false
        while true {
            var byte: UInt8 = 0
            let result = unsafe Glibc.read(terminal.raw, &byte, 1)
            let code = errno
            if result < 0 && code == EINTR { continue }
            if result < 0 { throw .system(SystemError(.read, code: code)) }
            if result == 0 { throw .ended }
            if byte == 0x0A || byte == 0x0D { break }
            // A line that is too long is read to its end, so that its rest is not taken for the
            // answer to the next question.
            if count == target.byteCount {
                isTooLong = true
            } else {
                target.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
                count += 1
            }
        }
        let newline: [UInt8] = [0x0A]
        try? terminal.writeAll(newline.span.rawBytes)
        if isTooLong { throw .tooLong(limit: target.byteCount) }
        return count
    }
}

extension Span where Element == UInt8 {
    /// The same bytes as a raw span. `Span.bytes` is marked unsafe in this toolchain for element
    /// types with padding; bytes have none.
    @safe var rawBytes: RawSpan {
        @_lifetime(copy self)
        get { unsafe bytes }
    }
}

/// A terminal whose echo is off until it is restored.
private struct QuietTerminal {
    private let fd: Int32

    init(_ fd: Int32) throws(Terminal.PromptError) {
        var settings = termios()
        if unsafe tcgetattr(fd, &settings) != 0 { throw .noTerminal }
        self.fd = fd
        let before = settings
        settings.c_lflag &= ~tcflag_t(ECHO)
        settings.c_lflag |= tcflag_t(ICANON | ISIG)
        do throws(SystemError) {
            try TerminalMode.hold(fd, settings, before: before)
        } catch {
            throw .system(error)
        }
        // What was typed before the question was seen is no answer to it.
        tcflush(fd, TCIFLUSH)
    }

    func restore() {
        tcflush(fd, TCIFLUSH)
        TerminalMode.restore(fd)
    }
}
