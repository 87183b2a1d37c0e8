import Platform

/// A command of posternd: what it takes, what it says about itself, what it does.
struct Command: Sendable {
    let name: String
    /// One line of the overview.
    let summary: String
    /// What it does and when to use it.
    let text: String
    let options: [Arguments.Option]
    /// Whole command lines that work.
    let examples: [String]
    let run: @Sendable (Arguments) throws(CommandFailure) -> Void

    /// Options of every command that works on a folder.
    static let folderOptions = [
        Arguments.Option(
            "data", value: "DIR", help: "the server's folder; else STATE_DIRECTORY is asked"),
        Arguments.Option(
            "user", value: "NAME", help: "become this user first, when started as root"),
        Arguments.Option("allow-root", help: "work as root all the same"),
    ]

    /// The help of the command.
    var help: String {
        var lines = ["usage: posternd \(name) [OPTIONS]", "", text, "", "options:"]
        for option in options { lines.append(Self.line(option)) }
        lines += ["", "examples:"]
        lines += examples.map { "  \($0)" }
        return lines.joined(separator: "\n")
    }

    private static func line(_ option: Arguments.Option) -> String {
        let left = "  --\(option.name)" + (option.value.map { " \($0)" } ?? "")
        let gap = String(repeating: " ", count: max(1, 26 - left.count))
        return left + gap + option.help
    }
}

extension Arguments {
    /// The folder that a command works on.
    var folder: String {
        get throws(CommandFailure) {
            if let path = value("data") {
                if path.isEmpty {
                    throw CommandFailure(.usage, "--data needs the name of a folder")
                }
                return path
            }
            // Given by systemd to a unit with StateDirectory=.
            if let path = Environment.all["STATE_DIRECTORY"], !path.isEmpty { return path }
            throw CommandFailure(.usage, "which folder? Give it with --data DIR")
        }
    }

    /// A whole number in a range.
    func number(_ name: String, in range: ClosedRange<Int>) throws(CommandFailure) -> Int? {
        guard let text = value(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw CommandFailure(
                .usage,
                "--\(name) takes a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
