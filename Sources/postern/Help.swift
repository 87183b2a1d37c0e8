import Client
import Platform

/// What `--help` prints, made from the table of commands so that it cannot fall behind.
enum Help {
    /// The overview: what there is, how to begin.
    static func showOverview() throws {
        try Output.line("postern \(Version.text): end-to-end encrypted messages")
        try Output.line("")
        try Output.line("Usage: postern COMMAND [ARGUMENTS] [OPTIONS]")
        try Output.line("")
        for command in CommandTable.all {
            try Output.line("  \(padded(command.name, to: 10)) \(command.summary)")
        }
        try Output.line("")
        try Output.line("Options of every command:")
        try showOptions(Command.common)
        try Output.line("")
        try Output.line("To begin:")
        try Output.line("  postern init postern://KEY@host:port   make an account on a server")
        try Output.line("  postern invite                         a link for the first contact")
        try Output.line("  postern chat NAME                      talk")
        try Output.line("")
        try Output.line(
            "`postern help COMMAND` or `postern COMMAND --help` shows a command with examples.")
    }

    /// One command with its options and examples.
    static func show(_ command: Command) throws {
        try Output.line("Usage: postern \(command.usage)")
        try Output.line("")
        try Output.line("\(command.summary)")
        for paragraph in command.details {
            try Output.line("")
            try Output.line("\(paragraph)")
        }
        try Output.line("")
        try Output.line("Options:")
        try showOptions(command.options + Command.common)
        try Output.line("")
        try Output.line("Examples:")
        for example in command.examples {
            if example.line.count <= 46 {
                try Output.line("  \(padded(example.line, to: 46)) \(example.what)")
            } else {
                try Output.line("  \(example.line)")
                try Output.line("  \(padded("", to: 46)) \(example.what)")
            }
        }
    }

    private static func showOptions(_ options: [Arguments.Option]) throws {
        for option in options {
            let left = option.value.map { "--\(option.name) \($0)" } ?? "--\(option.name)"
            try Output.line("  \(padded(left, to: 24)) \(option.help)")
        }
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
