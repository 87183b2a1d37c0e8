import Glibc
import Platform

/// Where a program writes: results to standard output, everything else to standard error.
///
/// Takes `SafeText` and nothing else, so no command can print raw text from the network.
///
/// - SPEC: §10.7, CL-1
public enum Output {
    /// Writes one line of results to standard output.
    ///
    /// - Throws: `OutputError.closed` when nobody reads any more, `.failed` on another error (a
    ///   full disk behind a redirection, for example); the caller must not report success.
    public static func line(_ text: SafeText) throws(OutputError) {
        try write(text.description + "\n", to: STDOUT_FILENO)
    }

    /// Writes results without a line break, for example a prompt.
    ///
    /// - Throws: As `line(_:)`.
    public static func part(_ text: SafeText) throws(OutputError) {
        try write(text.description, to: STDOUT_FILENO)
    }

    /// Writes a line for the person to standard error; a failure to do so has no one to tell.
    public static func note(_ text: SafeText) {
        try? write(text.description + "\n", to: STDERR_FILENO)
    }

    /// Writes results of a command whose exit code is known. A reader that went away takes nothing
    /// from what the code says.
    ///
    /// - Throws: `OutputError.failed`.
    public static func ending(
        with code: ExitCode, _ write: () throws(OutputError) -> Void
    ) throws(OutputError) -> ExitCode {
        do throws(OutputError) {
            try write()
        } catch .failed(let number) {
            throw .failed(code: number)
        } catch {
            // Nobody is left to tell, but the one who asked for the exit code. CL-33
        }
        return code
    }

    private static func write(_ text: String, to descriptor: Int32) throws(OutputError) {
        let code = writeAll(Array(text.utf8), to: descriptor)
        if code == EPIPE { throw .closed }
        if code != 0 { throw .failed(code: code) }
    }
}

/// Why results could not be written.
public enum OutputError: Error, Equatable, Sendable {
    /// The reader of a pipe went away.
    case closed
    /// The system refused, with its `errno`.
    case failed(code: Int32)
}
