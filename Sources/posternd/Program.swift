import Glibc
import Mailbox
import Platform

@main
enum Program {
    private static let commands: [Command] = [.initialise, .serve, .address, .check, .stats]

    static func main() {
        // CH-50: a reader of the output that goes away ends nothing but the output.
        settleStreams()
        let words = Array(CommandLine.arguments.dropFirst())
        do throws(CommandFailure) {
            try Privilege.forbidDumps()
            try run(words)
        } catch {
            Console.say(error.sentence)
            exit(error.code.rawValue)
        }
    }

    private static func run(_ words: [String]) throws(CommandFailure) {
        guard let name = words.first else {
            throw CommandFailure(.usage, "what shall I do? `posternd --help` lists the commands")
        }
        if name == "--help" || name == "help" || name == "-h" { return try Console.print(overview) }
        if name == "--version" {
            return try Console.print("posternd \(ServerVersions.program)")
        }
        guard let command = commands.first(where: { $0.name == name }) else {
            throw CommandFailure(
                .usage, "there is no command `\(name)`; `posternd --help` lists them")
        }
        let rest = Array(words.dropFirst())
        if rest.contains("--help") || rest.contains("-h") {
            return try Console.print(command.help)
        }
        let arguments: Arguments
        do throws(Arguments.Failure) {
            arguments = try Arguments(rest, options: command.options)
        } catch {
            throw CommandFailure(.usage, sentence(error, command.name))
        }
        if let word = arguments.positional.first {
            throw CommandFailure(
                .usage, "`\(word)` is one word too many; `posternd \(name) --help` shows what fits")
        }
        // O9, before any key is read. PR-9
        guard ServerVersions.selfTest() else {
            throw CommandFailure(.software, "libsodium gives wrong answers on this machine")
        }
        try command.run(arguments)
    }

    private static func sentence(_ failure: Arguments.Failure, _ command: String) -> String {
        let hint = "`posternd \(command) --help` shows the options"
        return switch failure {
        case .unknownOption(let word): "there is no option `\(word)`; \(hint)"
        case .missingValue(let name): "--\(name) needs a value; \(hint)"
        case .unexpectedValue(let name): "--\(name) takes no value; \(hint)"
        case .repeated(let name): "--\(name) was given twice; \(hint)"
        }
    }

    private static var overview: String {
        var lines = [
            "posternd: a mailbox server that cannot read, link or forge what passes through it",
            "", "usage: posternd COMMAND --data DIR [OPTIONS]", "", "commands:",
        ]
        for command in commands {
            let gap = String(repeating: " ", count: max(1, 10 - command.name.count))
            lines.append("  \(command.name)\(gap)\(command.summary)")
        }
        lines += [
            "", "`posternd COMMAND --help` shows a command's options and examples.", "",
            "example:", "  posternd run --data /srv/postern --listen 127.0.0.1:8437",
        ]
        return lines.joined(separator: "\n")
    }
}
