/// A command's arguments, parsed against what that command takes.
///
/// Grammar: options may stand anywhere, as `--name VALUE`, `--name=VALUE` or `--flag`; `--` ends
/// them; everything else is positional. A lone `-` is positional (it stands for standard input).
/// No abbreviations: a name that grows a sibling must not change its meaning.
package struct Arguments: Sendable {
    /// An option that a command takes.
    package struct Option: Sendable {
        /// Name without the dashes, for example `home`.
        public let name: String
        /// What its value is called in the help; nil for a flag.
        public let value: String?
        /// What it does, one line.
        public let help: String

        /// Makes an option.
        public init(_ name: String, value: String? = nil, help: String) {
            self.name = name
            self.value = value
            self.help = help
        }
    }

    /// What is wrong with a command line; each case names what the person typed.
    package enum Failure: Error, Equatable, Sendable {
        /// The option is not one of this command's.
        case unknownOption(String)
        /// The option needs a value.
        case missingValue(String)
        /// The option is a flag.
        case unexpectedValue(String)
        /// The option was given twice.
        case repeated(String)
    }

    /// What stood on the line besides options, in order.
    package private(set) var positional: [String] = []
    private var values: [String: String] = [:]
    private var flags: Set<String> = []

    /// Parses a command line.
    ///
    /// - Parameters:
    ///   - words: The words after the program's name.
    ///   - options: What may appear.
    /// - Throws: `Failure` for anything that is not allowed.
    package init(_ words: [String], options: [Option]) throws(Failure) {
        var words = words[...]
        while let word = words.popFirst() {
            if word == "--" {
                positional += words
                return
            }
            guard word.hasPrefix("--") else {
                if word.hasPrefix("-"), word != "-", Int64(word) == nil {
                    throw .unknownOption(word)
                }
                positional.append(word)
                continue
            }
            let parts = word.dropFirst(2).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let option = options.first(where: { $0.name == name }) else {
                throw .unknownOption(word)
            }
            if values[name] != nil || flags.contains(name) { throw .repeated(name) }
            guard option.value != nil else {
                if parts.count > 1 { throw .unexpectedValue(name) }
                flags.insert(name)
                continue
            }
            if parts.count > 1 {
                values[name] = String(parts[1])
            } else if let value = words.popFirst() {
                values[name] = value
            } else {
                throw .missingValue(name)
            }
        }
    }

    /// Takes away the first positional word: the name of the command.
    package mutating func dropFirstPositional() {
        if !positional.isEmpty { positional.removeFirst() }
    }

    /// The value of an option, nil when it was not given.
    package func value(_ name: String) -> String? { values[name] }

    /// Whether a flag was given.
    package func has(_ name: String) -> Bool { flags.contains(name) }
}
