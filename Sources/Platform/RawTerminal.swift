import Glibc

/// A terminal that hands over each byte as it is typed and echoes nothing, until restored.
///
/// Control-C and the other signal keys keep their meaning.
package struct RawTerminal {
    private let descriptor: Int32
    private let before: termios

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
        before = settings
        settings.c_lflag &= ~tcflag_t(ECHO | ICANON)
        if unsafe tcsetattr(descriptor, TCSADRAIN, &settings) != 0 {
            let code = errno
            throw SystemError(.tcsetattr, code: code)
        }
    }

    /// Puts the terminal back as it was found.
    package func restore() {
        var settings = before
        _ = unsafe tcsetattr(descriptor, TCSADRAIN, &settings)
    }
}
