import Client
import Glibc
import Platform

/// What ends this program from outside: control-C, a service manager, a terminal that goes.
///
/// A thread of its own waits for the signals, so that they are heeded whatever the program is busy
/// with: writing to a reader that has stopped reading, asking for a passphrase, deriving a key. A
/// run of the client is told and ends by itself; if it does not, or nothing runs, the thread ends
/// the program. That is safe at any moment: what counts is in the vault before it is sent (CL-3).
enum Interruption {
    /// How long a run that was told has to end, in milliseconds.
    private static let patienceMilliseconds: Int64 = 3_000

    private struct State: Sendable {
        var told: Inbox<Signal>?
        var isRunning = false
    }

    private static let state = Lock(State())

    /// Readable once the program is to end; nil before `begin`.
    static var descriptor: Int32? { state.withLock { $0.told?.descriptor } }

    /// Begins to watch. To be called first of all in `main`: threads that were started before it
    /// would be ended by the signals.
    ///
    /// - Throws: `SystemError` when the process has no descriptor or thread left.
    static func begin() throws(SystemError) {
        let told = try Inbox<Signal>()
        let signals = try SignalDescriptor([
            .terminate, .interrupt, .hangUp, .stop, .resume, .background,
        ])
        state.withLock { $0.told = told }
        _ = try spawnThread(named: "signals") { watch(signals, told) }
    }

    /// Runs `body`, which watches `descriptor` and returns when it is readable.
    static func during<Result>(_ body: () throws -> Result) rethrows -> Result {
        state.withLock { $0.isRunning = true }
        defer { state.withLock { $0.isRunning = false } }
        return try body()
    }

    private static func watch(_ signals: borrowing SignalDescriptor, _ told: Inbox<Signal>) {
        let clock = SystemClock()
        var deadline: Int64?
        var poller = Poller()
        while true {
            let wait = deadline.map { max(0, $0 - clock.monotonicMilliseconds) }
            poller.removeAll()
            poller.watch(signals.raw, [.read])
            let count = try? poller.wait(
                timeoutMilliseconds: wait.map { Int32(clamping: $0) } ?? -1)
            if count == nil || wait == 0 { end() }
            while let signal = signals.next() {
                switch signal {
                case .stop:
                    TerminalMode.suspend()
                    Signal.stopProcess()
                    TerminalMode.resume()
                case .resume: TerminalMode.resume()
                case .background, .windowChange: break
                case .terminate, .interrupt, .hangUp:
                    // Nothing runs that could end by itself, or somebody is out of patience.
                    guard state.withLock({ $0.isRunning }), deadline == nil else { end() }
                    deadline = clock.monotonicMilliseconds + patienceMilliseconds
                    told.post(signal)
                }
            }
        }
    }

    private static func end() -> Never {
        TerminalMode.suspend(forGood: true)
        // Nothing is flushed or closed, which could block: all that is kept is on the disk.
        _exit(ExitCode.interrupted.rawValue)
    }
}
