import Client
import Platform

/// One command of `postern`: what it takes, what it says of itself, what it does.
struct Command: Sendable {
    /// The word that names it.
    let name: String
    /// What follows the name in the usage line.
    let synopsis: String
    /// One line for the list of commands.
    let summary: String
    /// Further sentences for its own help; each is a paragraph.
    var details: [String] = []
    /// Options beside the common ones.
    var options: [Arguments.Option] = []
    /// How it is used, each with a word on what happens.
    let examples: [(line: String, what: String)]
    /// The least and most positional arguments.
    let positional: ClosedRange<Int>
    /// Does the work; returns the exit code.
    let run: @Sendable (Invocation) throws -> ExitCode

    /// The name and what follows it.
    var usage: String { synopsis.isEmpty ? name : "\(name) \(synopsis)" }

    /// Options of every command.
    static let common: [Arguments.Option] = [
        .init("home", value: "DIR", help: "folder of the account (else POSTERN_HOME)"),
        .init("passphrase-file", value: "FILE", help: "read the passphrase from a file of yours"),
        .init("passphrase-fd", value: "N", help: "read the passphrase from an open descriptor"),
        .init("json", help: "print one JSON object a line"),
        .init("help", help: "show the help of the command (also -h)"),
    ]
}

/// A command line that has been understood, and the means to answer it.
struct Invocation: Sendable {
    let command: Command
    let arguments: Arguments

    /// Whether results are JSON lines.
    var isJSON: Bool { arguments.has("json") }

    /// The positional argument at `index`, nil when it was not given.
    func argument(_ index: Int) -> String? {
        index < arguments.positional.count ? arguments.positional[index] : nil
    }

    /// Prints one result in the form that was asked for.
    func show(_ text: @autoclosure () -> SafeText, _ json: @autoclosure () -> JSONLine)
        throws(OutputError)
    {
        try Output.line(isJSON ? json().line : text())
    }

    /// The value of an option that is a whole number.
    ///
    /// - Throws: `UsageError` when it is none or lies outside `range`.
    func number(_ option: String, in range: ClosedRange<UInt64>) throws -> UInt64? {
        guard let text = arguments.value(option) else { return nil }
        guard let number = UInt64(text), range.contains(number) else {
            throw UsageError(
                "--\(option) takes a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }
}

/// A command line that cannot be understood; told with exit code 64.
struct UsageError: Error {
    let sentence: SafeText

    init(_ sentence: SafeText) {
        self.sentence = sentence
    }
}

extension Arguments.Failure {
    /// What is wrong, for a person.
    var sentence: SafeText {
        switch self {
        case .unknownOption(let word): "\(word) is not an option of this command."
        case .missingValue(let name): "--\(name) needs a value."
        case .unexpectedValue(let name): "--\(name) takes no value."
        case .repeated(let name): "--\(name) was given twice."
        }
    }
}
