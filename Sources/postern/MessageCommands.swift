import Client
import Glibc
import Platform

/// `send`, `receive`, `history`, `mark-read`, `typing`, `outbox`: messages.
enum MessageCommands {
    static let all = [send, receive, history, markRead, typing, outbox]

    private static let timeout = Arguments.Option(
        "timeout", value: "S", help: "give up after S seconds")

    private static let send = Command(
        name: "send", synopsis: "NAME[,NAME…] [TEXT|-] [--wait delivered] [--timeout S]",
        summary: "Send a text to one or more contacts (`me` is a note to yourself).",
        details: [
            "Without TEXT, or with `-`, the text is read from standard input.",
            "Ends with 0 when the server holds the message on its disk, with 75 when it stays in the outbox; it is sent by the next command that connects.",
            "While `receive --follow` or `chat` runs, other writing commands of the account are refused: write from `chat`.",
        ],
        options: [
            .init("wait", value: "delivered", help: "wait until the contact's client has it"),
            timeout,
        ],
        examples: [
            ("postern send bob 'hello'", "one text"),
            ("date | postern send alice,bob", "from standard input, to two"),
            ("postern send bob hi --wait delivered --timeout 60", "waits for the receipt"),
        ],
        positional: 1...2
    ) { invocation in
        let names = try names(invocation.arguments.positional[0])
        let typed = invocation.argument(1)
        let wait = invocation.arguments.value("wait")
        guard wait == nil || wait == "delivered" else {
            throw UsageError("--wait takes `delivered`.")
        }
        let seconds = try invocation.number("timeout", in: 1...86_400)
        let text = try typed == nil || typed == "-" ? Input.all() : typed ?? ""
        let client = try Account.open(invocation, for: .write)
        let ids = try client.send(text, to: names)
        return try SendRun(
            invocation: invocation, ids: ids, names: names, waitsForReceipt: wait != nil,
            timeoutMilliseconds: seconds.map { $0 * 1_000 }
        ).run(client)
    }

    /// The names of a list, each once. A gap in it is a name that somebody left out.
    private static func names(_ list: String) throws -> [String] {
        var names: [String] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard !part.isEmpty else {
                throw UsageError("A contact's name is empty; write NAME or NAME,NAME.")
            }
            if !names.contains(String(part)) { names.append(String(part)) }
        }
        return names
    }

    private static let receive = Command(
        name: "receive", synopsis: "[--follow] [--timeout S]",
        summary: "Fetch and print what waits; with --follow go on until interrupted.",
        details: [
            "Prints messages, and with --follow also typing, presence and receipts. Contacts get a delivery receipt, strangers nothing.",
            "--timeout without --follow waits up to S seconds for a first message; nothing by then is exit code 124.",
            "While `receive --follow` or `chat` runs, other writing commands of the account are refused: write from `chat`.",
        ],
        options: [.init("follow", help: "stay and print what comes"), timeout],
        examples: [
            ("postern receive", "what waits now"),
            ("postern receive --follow --json", "a stream for a program"),
            ("postern receive --timeout 10", "wait for one"),
        ],
        positional: 0...0
    ) { invocation in
        let seconds = try invocation.number("timeout", in: 1...31_536_000)
        let client = try Account.open(invocation, for: .write)
        return try ReceiveRun(
            invocation: invocation, follows: invocation.arguments.has("follow"),
            timeoutMilliseconds: seconds.map { $0 * 1_000 }
        ).run(client)
    }

    private static let history = Command(
        name: "history", synopsis: "NAME [--limit N] [--before ID]",
        summary: "Show what was said, oldest first.",
        options: [
            .init("limit", value: "N", help: "at most the newest N (default 50)"),
            .init("before", value: "ID", help: "those before this message"),
        ],
        examples: [
            ("postern history bob", "the newest 50"),
            ("postern history me --json", "notes to yourself"),
        ],
        positional: 1...1
    ) { invocation in
        let limit = try invocation.number("limit", in: 1...1_000_000) ?? 50
        let client = try Account.open(invocation, for: .read)
        let before = try invocation.arguments.value("before").map {
            try client.message(idPrefix: $0).id
        }
        let messages = try client.history(
            of: invocation.arguments.positional[0], limit: Int(limit), before: before)
        for message in messages { try invocation.show(message.historyLine, message.json) }
        return .ok
    }

    private static let markRead = Command(
        name: "mark-read", synopsis: "NAME [ID]",
        summary: "Tell a contact that you have read its messages.",
        details: [
            "With ID, up to that message of the same chat. Ends with 75 when the receipts could not be sent now; the next command that connects sends them."
        ],
        examples: [
            ("postern mark-read bob", "all of them"),
            ("postern mark-read bob 1f9c04", "those up to this one"),
        ],
        positional: 1...2
    ) { invocation in
        let client = try Account.open(invocation, for: .write)
        let name = invocation.arguments.positional[0]
        let last = try invocation.argument(1).map { try client.message(idPrefix: $0).id }
        let count = try client.markRead(name, upTo: last)
        let result = try Running.run(
            client, until: .drained,
            options: .init(
                timeoutMilliseconds: Running.patienceMilliseconds, stopsWhenUnreachable: true)
        ) { _, _ in .goOn }
        let isSent = try result == .reached && !hasReceipts(for: name, in: client.outbox())
        let code: ExitCode = result == .interrupted ? .interrupted : isSent ? .ok : .queued
        if code == .queued {
            Output.note("postern: the receipts could not be sent now; they are sent later.")
        }
        var line = JSONLine(type: "marked-read")
        line.add("contact", name)
        line.add("count", count)
        return try Output.ending(with: code) { () throws(OutputError) in
            let messages: SafeText = count == 1 ? "1 message" : "\(count) messages"
            let verb: SafeText = count == 1 ? "is" : "are"
            try invocation.show("\(messages) of \(name) \(verb) marked as read.", line)
        }
    }

    private static func hasReceipts(for name: String, in outbox: [OutboxSummary]) -> Bool {
        outbox.contains { $0.id == nil && $0.contact == name }
    }

    private static let typing = Command(
        name: "typing", synopsis: "NAME [on|off]",
        summary: "Show a contact that you are typing (ends by itself after 10 s).",
        details: [
            "Seen only by a contact who is connected now; nothing is stored. Ends with 69 when it could not be sent."
        ],
        examples: [("postern typing bob", "for programs that have their own input line")],
        positional: 1...2
    ) { invocation in
        let word = invocation.argument(1) ?? "on"
        guard word == "on" || word == "off" else { throw UsageError("Say `on` or `off`.") }
        let client = try Account.open(invocation, for: .write)
        let name = invocation.arguments.positional[0]
        try client.setTyping(name, word == "on")
        var loss: ClientError?
        var isReached = true
        let result = try Running.run(
            client, until: .drained,
            options: .init(
                timeoutMilliseconds: Running.patienceMilliseconds, stopsWhenUnreachable: true)
        ) { event, client in
            switch event {
            case .connection(.lost(_, let error, _)): loss = error
            case .drained: isReached = client.isReachable(name)
            default: break
            }
            return .goOn
        }
        switch result {
        case .unreachable(let error): throw error
        case .interrupted: return .interrupted
        case .timedOut, .held: throw loss ?? ClientError.timedOut
        case .reached, .finished, .stopped:
            guard isReached else { throw loss ?? ClientError.timedOut }
            return .ok
        }
    }

    private static let outbox = Command(
        name: "outbox", synopsis: "", summary: "List what has not been sent, and why.",
        examples: [("postern outbox", "empty when all is on the server")],
        positional: 0...0
    ) { invocation in
        for entry in try Account.open(invocation, for: .read).outbox() {
            let id: SafeText = entry.id.map { "\(String($0.description.prefix(8)))" } ?? "receipt "
            try invocation.show(
                "\(id)  \(ClockTime.local(entry.timeMilliseconds))  to \(entry.contact): \(entry.reason.clause)",
                entry.json)
        }
        return .ok
    }
}
