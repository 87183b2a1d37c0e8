/// All commands, in the order of the help, and the words that are kept for later versions.
enum CommandTable {
    static let all: [Command] =
        AccountCommands.all + MeetingCommands.all + MessageCommands.all + [ChatCommand.command]
        + CareCommands.all + [VectorsCommand.command]

    /// Commands that a later version has: named here so that the answer is honest.
    static let later: Set<String> = [
        "block", "unblock", "mute", "unmute", "search", "react", "edit", "delete", "forward", "pin",
        "unpin", "export", "backup", "restore", "passphrase", "rotate", "move", "account", "group",
        "devices", "daemon", "rpc", "audit", "completions", "man", "reject", "rename", "attach",
    ]

    /// Options that a later version has.
    static let laterOptions: Set<String> = ["--file", "--reply", "--at", "--expire", "--both"]
}
