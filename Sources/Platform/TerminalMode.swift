import Glibc

/// The mode that this process has put its terminal into, kept where whoever ends or stops the
/// process can put the terminal back.
///
/// There is at most one at a time. No call in here waits for the terminal to take its output.
package enum TerminalMode {
    /// A mode and what was there before.
    private struct Held: Sendable {
        let descriptor: Int32
        let before: termios
        let during: termios
    }

    private struct State: Sendable {
        var held: Held?
        /// The process ends: no mode is set any more.
        var isOver = false
    }

    private static let state = Lock(State())

    /// Puts the terminal into `during` until `restore`.
    ///
    /// - Throws: `SystemError` with the call `.tcsetattr`.
    static func hold(
        _ descriptor: Int32, _ during: termios, before: termios
    ) throws(SystemError) {
        try state.withLock { state throws(SystemError) in
            if state.isOver { return }
            // Noted first, so that there is no moment in which the mode is set and not known.
            state.held = Held(descriptor: descriptor, before: before, during: during)
            if set(during, on: descriptor) != 0 {
                let code = errno
                state.held = nil
                throw SystemError(.tcsetattr, code: code)
            }
        }
    }

    /// Puts the terminal back as it was found.
    static func restore(_ descriptor: Int32) {
        state.withLock { state in
            guard let held = state.held, held.descriptor == descriptor else { return }
            _ = set(held.before, on: descriptor)
            state.held = nil
        }
    }

    /// Puts the terminal back while the process is stopped, or, with `forGood`, before it ends.
    ///
    /// The calling thread must have blocked SIGTTOU, as `SignalDescriptor` does for `.background`.
    package static func suspend(forGood: Bool = false) {
        state.withLock { state in
            if forGood { state.isOver = true }
            guard let held = state.held, isInForeground(held.descriptor) else { return }
            _ = set(held.before, on: held.descriptor)
        }
    }

    /// Sets the mode again once the process goes on.
    package static func resume() {
        state.withLock { state in
            guard !state.isOver, let held = state.held, isInForeground(held.descriptor) else {
                return
            }
            _ = set(held.during, on: held.descriptor)
        }
    }

    private static func set(_ settings: termios, on descriptor: Int32) -> Int32 {
        var settings = settings
        return unsafe tcsetattr(descriptor, TCSANOW, &settings)
    }

    /// A terminal that another job uses now is not ours to change. One that controls no session of
    /// ours has no jobs.
    private static func isInForeground(_ descriptor: Int32) -> Bool {
        let group = tcgetpgrp(descriptor)
        return group < 0 || group == getpgrp()
    }
}
