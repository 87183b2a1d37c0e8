import Glibc

/// Measures, and runs the endpoints that outside test suites talk to.
@main
enum Program {
    /// A subcommand: its name, its arguments for the usage text, and what it does with them.
    struct Subcommand: Sendable {
        let name: String
        let arguments: String
        /// - Returns: the exit code; nil if the arguments are wrong.
        let run: @Sendable ([String]) -> Int32?
    }

    static let subcommands: [Subcommand] = [
        Subcommand(name: "ws-framing", arguments: "", run: WebSocketFramingBench.run),
        Subcommand(name: "ws-echo-server", arguments: "PORT", run: WebSocketEchoServer.run),
        Subcommand(
            name: "ws-echo-client", arguments: "ws://HOST:PORT", run: WebSocketEchoClient.run),
        Subcommand(
            name: "mailbox-bench",
            arguments: "ADDRESS PID store|live|relay [CONNECTIONS] [WINDOW] [SECONDS]",
            run: MailboxBench.run),
        Subcommand(
            name: "peer-bench",
            arguments: "redis|mqtt HOST:PORT PID store|live [CONNECTIONS] [WINDOW] [SECONDS]",
            run: PeerBench.run),
        Subcommand(
            name: "mailbox-history", arguments: "ADDRESS FILE SEED PAIRS SECONDS",
            run: MailboxHistory.run),
        Subcommand(name: "channel-bench", arguments: "[ROUNDS]", run: ChannelBench.run),
        Subcommand(name: "timing", arguments: "[SAMPLES] [LIMIT]", run: TimingBench.run),
        Subcommand(
            name: "planted-server", arguments: "BUG DIR ADDRESS:PORT", run: PlantedServer.run),
    ]

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        let chosen = subcommands.first { $0.name == arguments.first }
        if let code = chosen?.run(Array(arguments.dropFirst())) { exit(code) }
        print("usage: Bench SUBCOMMAND")
        for subcommand in subcommands { print("  \(subcommand.name) \(subcommand.arguments)") }
        exit(64)
    }
}
