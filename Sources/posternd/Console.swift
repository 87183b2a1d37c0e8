import Platform

/// What the operator reads: results on standard output, sentences on standard error.
enum Console {
    /// Prints lines; nothing is held back, so that a script that waits for a line gets it.
    static func print(_ text: String) throws(CommandFailure) {
        let code = writeAll(Array((text + "\n").utf8), to: 1)
        // A reader that has gone has got what it wanted.
        if code != 0 && code != 32 {
            throw CommandFailure(.disk, "standard output cannot be written")
        }
    }

    /// Says a sentence about what goes on or went wrong.
    static func say(_ sentence: String) {
        _ = writeAll(Array("posternd: \(sentence)\n".utf8), to: 2)
    }
}
