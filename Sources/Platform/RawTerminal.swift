import Glibc

/// A terminal that hands over each byte as it is typed and echoes nothing, until restored.
///
/// Control-C and the other signal keys keep their meaning; whoever heeds them finds the mode in
/// `TerminalMode`.
package struct RawTerminal {
    private let descriptor: Int32

    /// Puts the terminal into that mode.
    ///
    /// - Throws: `SystemError` when the descriptor is no terminal.
    package init(_ descriptor: Int32) throws(SystemError) {
        var settings = termios()
        if unsafe tcgetattr(descriptor, &settings) != 0 {
            let code = errno
            throw SystemError(.tcgetattr, code: code)
        }
        self.descriptor = descriptor
        let before = settings
        settings.c_lflag &= ~tcflag_t(ECHO | ICANON)
        try TerminalMode.hold(descriptor, settings, before: before)
    }

    /// Puts the terminal back as it was found.
    package func restore() { TerminalMode.restore(descriptor) }
}
