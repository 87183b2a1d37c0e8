import Client
import Glibc
import Platform

/// `chat`: one contact, one pane, line by line; the same in a terminal, a dumb terminal, under a
/// screen reader and in a pipe.
enum ChatCommand {
    static let command = Command(
        name: "chat", synopsis: "NAME [--plain]",
        summary: "Talk with one contact, line by line.",
        details: [
            "Each line you type is a message. Lines that begin with / are commands: /help lists them; // writes a single one.",
            "In a pipe, a line that cannot be sent is named by its number and left out, the others are sent, and the exit code is 65; for a command that does not exist it is 64.",
            "Shows receipts, typing and presence; your contact sees when you type, if typing is on.",
        ],
        options: [.init("plain", help: "this line mode, also when a richer one exists")],
        examples: [
            ("postern chat bob", "talk; control-D ends"),
            ("printf 'hi\\n' | postern chat bob", "sends, and ends when it is on the server"),
        ],
        positional: 1...1
    ) { invocation in
        if invocation.isJSON {
            throw UsageError("For programs there are `send` and `receive --follow --json`.")
        }
        let name = invocation.arguments.positional[0]
        let client = try Account.open(invocation, for: .write)
        let chat = Chat(name: name)
        return try chat.run(client)
    }
}

/// One running chat.
final class Chat {
    private let name: String
    private var editor = LineEditor { DisplayWidth.of($0) }
    /// Whether a person sits at a terminal that we put into raw mode.
    private let isInteractive = Terminal.isTerminal(STDIN_FILENO)
    private var pipe = PipedLines()
    /// What the first line of a pipe that could not be taken makes of the exit code.
    private var refusal: ExitCode?
    private var hasEnded = false
    /// Whether lines are being taken.
    private var isTalking = true
    private var failure: (any Error)?
    private var sent: [MessageID] = []
    /// How the own messages of this chat begin, for the lines that say how far they have come.
    private var beginnings: [MessageID: SafeText] = [:]
    /// Nobody reads what a chat without a person says; what it was given is sent all the same.
    private var isMute = false
    /// Whether the person was last told of a connection or of none; nil before either.
    private var saysConnected: Bool?

    /// Columns within which a line being typed is taken away to make room for an event. A longer
    /// one may have wrapped, and stays.
    private static let lineColumnCountMax = 72

    init(name: String) {
        self.name = name
    }

    func run(_ client: PosternClient) throws -> ExitCode {
        try begin(client)
        guard isInteractive else { return try talk(client) }
        let raw = try RawTerminal(STDIN_FILENO)
        let outcome = Result { try talk(client) }
        raw.restore()
        return try outcome.get()
    }

    /// Goes on until the input ends or an interrupt comes; then what was written must reach the
    /// server before this ends with 0.
    private func talk(_ client: PosternClient) throws -> ExitCode {
        try prompt()
        let options = RunOptions(sharesPresence: true, inputs: [STDIN_FILENO])
        let talked = try Running.run(client, until: .forever, options: options, handler: step)
        isTalking = false
        // Of a terminal that has gone the signal tells, not that nothing can be written to it.
        if talked == .interrupted {
            if isInteractive { try? say("") }
            return .interrupted
        }
        // Who went away reads no more, but what was written is sent.
        if let failure, failure as? OutputError != .closed { throw failure }
        failure = nil
        if isInteractive { try say("") }
        let patience = RunOptions(
            timeoutMilliseconds: Running.patienceMilliseconds, stopsWhenUnreachable: true)
        hasEnded = false
        let sending = try Running.run(client, until: .sent(sent), options: patience, handler: step)
        if let failure, failure as? OutputError != .closed { throw failure }
        switch sending {
        case .reached: return refusal ?? .ok
        case .interrupted: return .interrupted
        default:
            Output.note("postern: not all was sent; it is kept in the outbox (`postern outbox`).")
            return refusal ?? .queued
        }
    }

    private func step(_ event: ClientEvent, _ client: PosternClient) -> RunControl {
        do {
            try handle(event, client)
        } catch {
            failure = error
            return .stop
        }
        return hasEnded ? .stop : .goOn
    }

    /// The last messages, and the read receipt for them.
    private func begin(_ client: PosternClient) throws {
        for message in try client.history(of: name, limit: 10, before: nil) {
            try say(message.text(time: ClockTime.local(message.timeMilliseconds)))
        }
        _ = try client.markRead(name, upTo: nil)
        Output.note(
            "* chat with \(name): type a line to send it, /help for commands, control-D to leave")
    }

    private func handle(_ event: ClientEvent, _ client: PosternClient) throws {
        switch event {
        case .inputReady: try readInput(client)
        case .message(let message):
            try show(event)
            if message.contact == name, !message.isRequest {
                _ = try client.markRead(name, upTo: nil)
            }
        case .messageState(let id, name, let state) where beginnings[id] != nil:
            guard state >= .delivered, let text = beginnings[id] else { return }
            try show("* \(name) \(state == .read ? "has read" : "has"): \(text)")
        case .typing(_, isTyping: false): break
        case .messageState(_, let contact, _), .typing(let contact, _), .presence(let contact, _),
            .gap(let contact, _, _, _), .gapFilled(let contact, _, _), .missing(let contact, _, _):
            if contact == name { try show(event) }
        case .outbox(let entry): if entry.contact == name { try show(event) }
        case .connection(let state):
            // Of several attempts and links one line says it.
            let isConnected = if case .connected = state { true } else { false }
            if saysConnected != isConnected { try show(event) }
            saysConnected = isConnected
        case .request, .contact, .notice: try show(event)
        case .finished, .drained: break
        }
    }

    private func show(_ event: ClientEvent) throws {
        if let text = event.text { try show(text) }
    }

    /// Shows a line in the place of the one that is being typed, and that one below it.
    private func show(_ text: SafeText) throws {
        if isInteractive && isTalking { try hidePrompt() }
        try say(text)
        try prompt()
    }

    private func prompt() throws {
        guard isInteractive && isTalking else { return }
        try part("> ")
        try part(editor.pending)
    }

    /// Takes prompt and typed text away with no more than backspaces and spaces, which any terminal
    /// knows.
    private func hidePrompt() throws {
        let typed = editor.pending.description.unicodeScalars
        let columns = 2 + typed.reduce(0) { $0 + max(0, DisplayWidth.of($1)) }
        guard columns <= Self.lineColumnCountMax else { return try say("") }
        for _ in 0..<columns { try part("\u{8} \u{8}") }
    }

    private func say(_ text: SafeText) throws(OutputError) { try part("\(text)\n") }

    private func part(_ text: SafeText) throws(OutputError) {
        if isMute { return }
        do throws(OutputError) {
            try Output.part(text)
        } catch {
            guard error == .closed, !isInteractive else { throw error }
            isMute = true
        }
    }

    private func readInput(_ client: PosternClient) throws {
        let bytes = try readSome(from: STDIN_FILENO, byteCountMax: 4_096)
        guard isInteractive else { return try readPiped(bytes, client) }
        if bytes.isEmpty { hasEnded = true }
        for action in editor.feed(bytes) {
            switch action {
            case .echo(let text): try part(text)
            case .typed: try client.setTyping(name, !editor.isEmpty)
            case .end: hasEnded = true
            case .line(let line):
                try take(line, client)
                if hasEnded { return }
                try prompt()
            }
        }
    }

    /// Lines from a pipe or file; its end is the end of the chat, and so is /quit.
    private func readPiped(_ bytes: [UInt8], _ client: PosternClient) throws {
        for line in pipe.feed(bytes) {
            try takePiped(line, client)
            if hasEnded { return }
        }
        if bytes.isEmpty { hasEnded = true }
    }

    /// One line of a pipe. One that is refused is no reason to lose those after it.
    private func takePiped(_ line: PipedLines.Line, _ client: PosternClient) throws {
        do {
            try take(line.text(), client)
        } catch let error as UsageError {
            refuse(line, error.sentence, .usage)
        } catch let error as ClientError where error.exitCode == .badInput {
            refuse(line, "\(error.sentence)", .badInput)
        }
    }

    private func refuse(_ line: PipedLines.Line, _ sentence: SafeText, _ code: ExitCode) {
        Output.note("postern: line \(line.number): \(sentence) It was left out.")
        refusal = refusal ?? code
    }

    private func take(_ line: String, _ client: PosternClient) throws {
        if line.hasPrefix("/"), !line.hasPrefix("//") { return try command(line, client) }
        let text = line.hasPrefix("//") ? String(line.dropFirst()) : line
        if text.allSatisfy(\.isWhitespace) { return }
        do {
            for id in try client.send(text, to: [name]) {
                sent.append(id)
                if isInteractive { beginnings[id] = Self.beginning(of: text) }
            }
        } catch {
            // A line that cannot be sent is no reason to leave the chat.
            guard isInteractive, error.exitCode == .badInput else { throw error }
            try say("! \(error.sentence)")
        }
    }

    private static func beginning(of text: String) -> SafeText {
        let limit = 32
        let safe = SafeText(untrusted: String(text.prefix(limit)))
        return text.count > limit ? "\(safe)…" : safe
    }

    private func command(_ line: String, _ client: PosternClient) throws {
        let words = line.split(separator: " ").map(String.init)
        switch words.first {
        case "/quit", "/exit": hasEnded = true
        case "/history":
            let limit = words.count > 1 ? Int(words[1]) ?? 20 : 20
            let messages = try client.history(
                of: name, limit: min(max(limit, 1), 1_000), before: nil)
            for message in messages { try say(message.historyLine) }
        case "/safety":
            let number = try client.safetyNumber(of: name)
            try say("\(number.text)\(number.isVerified ? " (verified)" : "")")
        case "/who":
            let contact = try client.contacts().first { $0.name == name }
            let presence: SafeText = contact?.isOnline == true ? "online" : "not known to be online"
            try say("* \(name) is \(presence)")
        case "/help":
            try say("/history [N]  the last messages")
            try say("/safety       the safety number")
            try say("/who          whether \(name) is online")
            try say("/quit         leave (or control-D)")
            try say("//text        a message that begins with a slash")
        default:
            let sentence: SafeText = "There is no command \(words.first ?? "/"); /help lists them."
            guard isInteractive else { throw UsageError(sentence) }
            try say("! \(sentence)")
        }
    }
}
