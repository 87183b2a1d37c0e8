import Client
import Glibc
import Platform

/// `postern`: end-to-end encrypted messages from a command line. Arguments in, library calls, text
/// out; all that it does is in the target Client.
@main
enum Program {
    static func main() {
        settleStreams()
        guard (try? Interruption.begin()) != nil else {
            Output.note("postern: The system has no thread or descriptor left. Try again later.")
            exit(ExitCode.fault.rawValue)
        }
        // I7. Before anything secret is read.
        guard (try? Privileges.forbidDumps()) != nil else {
            Output.note("postern: Memory dumps cannot be forbidden. Look at what confines it.")
            exit(ExitCode.permission.rawValue)
        }
        exit(run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    private static func run(_ words: [String]) -> ExitCode {
        let asksForJSON = words.prefix { $0 != "--" }.contains("--json")
        do {
            return try dispatch(words)
        } catch let error as UsageError {
            let name: SafeText = find(in: words).map { "\($0.name) " } ?? ""
            report(error.sentence, advice: "See `postern \(name)--help`.", .usage, asksForJSON)
            return .usage
        } catch let error as ClientError {
            if asksForJSON {
                Output.note(error.json.line)
            } else {
                Output.note("postern: \(error.sentence) \(error.advice)")
            }
            return error.exitCode
        } catch let error as InputFileError {
            report(error.sentence, advice: "Check the name.", .noFile, asksForJSON)
            return .noFile
        } catch is Interrupted {
            return .interrupted
        } catch OutputError.closed {
            // The reader of our results went away (`| head`): nobody is left to tell.
            return .ok
        } catch OutputError.failed {
            report(
                "The results could not be written.", advice: "Check the disk.", .disk, asksForJSON)
            return .disk
        } catch {
            report(
                "This is a fault of the program.", advice: "Please report it.", .fault, asksForJSON)
            return .fault
        }
    }

    private static func dispatch(_ words: [String]) throws -> ExitCode {
        if words.isEmpty || words == ["--help"] || words == ["-h"] || words == ["help"] {
            try Help.showOverview()
            return words.isEmpty ? .usage : .ok
        }
        if words == ["--version"] || words == ["version"] {
            try Output.line("postern \(Version.text)")
            return .ok
        }
        var words = words
        var asksForHelp = words.prefix { $0 != "--" }.contains { $0 == "--help" || $0 == "-h" }
        if words[0] == "help" {
            asksForHelp = true
            words.removeFirst()
        }
        guard let command = find(in: words) else {
            let word = words.first { !$0.hasPrefix("-") } ?? words[0]
            if CommandTable.later.contains(word) {
                throw UsageError("`\(word)` does not exist in this version yet.")
            }
            throw UsageError("There is no command `\(word)`.")
        }
        if asksForHelp {
            try Help.show(command)
            return .ok
        }
        return try command.run(parse(words, for: command))
    }

    /// The command is the first word that is neither an option nor an option's value.
    private static func find(in words: [String]) -> Command? {
        var isValue = false
        for word in words {
            if isValue {
                isValue = false
            } else if word.hasPrefix("--") {
                let name = word.dropFirst(2)
                isValue = Command.common.contains { $0.name == name && $0.value != nil }
            } else if word != "-h" {
                return CommandTable.all.first { $0.name == word }
            }
        }
        return nil
    }

    private static func parse(_ words: [String], for command: Command) throws -> Invocation {
        var arguments: Arguments
        do {
            arguments = try Arguments(words, options: Command.common + command.options)
        } catch {
            if case .unknownOption(let word) = error, CommandTable.laterOptions.contains(word) {
                throw UsageError("`\(word)` does not exist in this version yet.")
            }
            throw UsageError(error.sentence)
        }
        arguments.dropFirstPositional()
        guard command.positional.contains(arguments.positional.count) else {
            throw UsageError("The usage is `postern \(command.usage)`.")
        }
        return Invocation(command: command, arguments: arguments)
    }

    private static func report(
        _ sentence: SafeText, advice: SafeText, _ code: ExitCode, _ asksForJSON: Bool
    ) {
        guard asksForJSON else { return Output.note("postern: \(sentence) \(advice)") }
        var line = JSONLine(type: "error")
        line.add("exit", code.rawValue)
        line.add("text", sentence.description)
        line.add("advice", advice.description)
        Output.note(line.line)
    }
}
