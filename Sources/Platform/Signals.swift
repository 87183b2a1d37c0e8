import CLinux
import Glibc

/// The signals a program of ours waits for instead of being interrupted by.
package enum Signal: Int32, Sendable, CaseIterable {
    /// The service manager or a person ends the program.
    case terminate = 15
    /// Ctrl-C.
    case interrupt = 2
    /// The terminal has gone.
    case hangUp = 1
    /// The terminal's size has changed.
    case windowChange = 28
    /// Ctrl-Z.
    case stop = 20
    /// The process goes on after it was stopped.
    case resume = 18
    /// The process would be stopped because it changes a terminal that another job uses.
    case background = 22
}

extension Signal {
    /// Lets the system stop the process, as it would have done had `stop` not been blocked: not if
    /// nobody is there to let it go on again. Returns when it goes on.
    ///
    /// The signal must be blocked in every thread.
    package static func stopProcess() {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTSTP)
        kill(getpid(), SIGTSTP)
        // Here it comes, before the call returns.
        _ = unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }
}

/// A descriptor that becomes readable when one of the chosen signals came.
///
/// Make it in `main` before any thread starts: it blocks the signals in the calling thread, and
/// threads inherit that. One that has not blocked them would be killed by them.
package struct SignalDescriptor: ~Copyable, Sendable {
    private let descriptor: Descriptor

    /// Blocks `signals` in this thread and all it will start, and opens a descriptor for them.
    ///
    /// - Throws: `SystemError` when the process has no descriptor left.
    package init(_ signals: [Signal]) throws(SystemError) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal.rawValue) }
        let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        if code != 0 { throw SystemError(.sigmask, code: code) }
        descriptor = Descriptor(
            owning: try uninterrupted(.signalfd) {
                unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
            })
    }

    /// The number to hand to `Epoll` or `Poller`.
    package var raw: Int32 { descriptor.raw }

    /// Takes one signal that came; nil when none waits.
    package borrowing func next() -> Signal? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard unsafe Glibc.read(descriptor.raw, &info, size) == size else { return nil }
        return Signal(rawValue: Int32(bitPattern: info.ssi_signo))
    }

    /// Waits until one of the signals comes and returns it.
    package borrowing func wait() throws(SystemError) -> Signal {
        while true {
            if let signal = next() { return signal }
            var poller = Poller()
            poller.watch(raw, [.read])
            _ = try poller.wait(timeoutMilliseconds: -1)
        }
    }
}
