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

    /// Words padded to columns of these widths.
    static func columns(_ words: [(String, Int)]) -> String {
        words.map { word, width in
            word + String(repeating: " ", count: max(1, width - word.utf8.count))
        }.joined()
    }

    /// A name that anybody may have put into a file, in characters that do nothing to a terminal.
    static func clean(_ name: String) -> String {
        String(
            name.unicodeScalars.prefix(200).map {
                ("\u{21}"..."\u{7e}").contains($0) ? Character($0) : "?"
            })
    }
}
