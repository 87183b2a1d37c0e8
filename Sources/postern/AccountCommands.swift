import Client
import Platform

/// `init`, `id`, `register`, `settings`: the account itself.
enum AccountCommands {
    static let all = [create, identity, register, settings]

    private static let create = Command(
        name: "init", synopsis: "SERVER [--no-passphrase]",
        summary: "Make an account on a server.",
        details: [
            "SERVER is the address that `posternd address` prints: postern://KEY@host:port.",
            "The recovery phrase is shown once. Write it down: with it, and with nothing else, a later version can replace a lost account key. This version makes it and takes it nowhere yet.",
        ],
        options: [
            .init(
                "no-passphrase", help: "keep the account's key in a file beside it, unencrypted")
        ],
        examples: [
            ("postern init postern://KEY@chat.example.org", "asks for a passphrase"),
            ("postern init postern://KEY@127.0.0.1:8437 --no-passphrase", "for bots and tests"),
        ],
        positional: 1...1
    ) { invocation in
        let home = try Account.home(invocation)
        guard try PosternClient.inspect(home: home) == .empty else {
            throw ClientError.vaultExists
        }
        let made = try make(invocation, home: home)
        let identity = try made.client.identity()
        let shown = made.recoveryPhrase.withText { phrase in
            Result { try showNew(identity, phrase: phrase, home: home, invocation) }
        }
        try shown.get()
        return .ok
    }

    private static func make(_ invocation: Invocation, home: ClientHome) throws -> NewClient {
        let server = invocation.arguments.positional[0]
        try PosternClient.check(server: server)
        if invocation.arguments.has("no-passphrase") {
            return try PosternClient.create(home: home, server: server, passphrase: nil)
        }
        return try PosternClient.create(
            home: home, server: server, passphrase: Account.newPassphrase(invocation))
    }

    private static func showNew(
        _ identity: IdentitySummary, phrase: String, home: ClientHome, _ invocation: Invocation
    ) throws {
        if invocation.isJSON {
            var line = identity.json
            line.add("recoveryPhrase", phrase)
            return try Output.line(line.line)
        }
        try Output.line("Your account is ready in \(home.path).")
        try Output.line("")
        try Output.line("Recovery phrase, shown only now. Write it down, away from this machine:")
        try Output.line("")
        try Output.line("    \(phrase)")
        try Output.line("")
        try Output.line("Next: `postern invite` makes a link for a first contact,")
        try Output.line("      `postern accept LINK` takes one.")
    }

    private static let identity = Command(
        name: "id", synopsis: "", summary: "Show who this account is.",
        examples: [
            ("postern id", "account, handle, server"),
            ("postern id --json | jq -r .address", "the address to give to others"),
        ],
        positional: 0...0
    ) { invocation in
        let identity = try Account.open(invocation, for: .read).identity()
        if invocation.isJSON {
            try Output.line(identity.json.line)
            return .ok
        }
        try Output.line("account  \(identity.account)")
        try Output.line("handle   \(identity.handle ?? "none (see `postern register`)")")
        try Output.line("server   \(identity.server)")
        if let address = identity.address { try Output.line("address  \(address)") }
        if identity.isWithoutPassphrase {
            try Output.line("This account opens without a passphrase.")
        }
        return .ok
    }

    private static let register = Command(
        name: "register", synopsis: "HANDLE",
        summary: "Take a handle on the server, so that others can add you by it.",
        details: [
            "A handle has 3 to 32 characters of a-z, 0-9, underscore and dot. Links work without one."
        ],
        examples: [("postern register alice", "others write `postern add alice`")],
        positional: 1...1
    ) { invocation in
        let client = try Account.open(invocation, for: .write)
        let operation = try client.register(handle: invocation.arguments.positional[0])
        guard case .registered(let handle) = try Running.finish(operation, of: client) else {
            throw ClientError.internalFault(line: #line)
        }
        let identity = try client.identity()
        try invocation.show("You are \(handle): \(identity.address ?? "")", identity.json)
        return .ok
    }

    private static let settings = Command(
        name: "settings", synopsis: "[KEY [VALUE]]",
        summary: "Show or change settings: receipts, typing, presence.",
        details: [
            "A contact's own settings are named NAME.KEY.",
            "Two people see each other's presence only when both have switched it on.",
        ],
        examples: [
            ("postern settings", "all of them"),
            ("postern settings receipts off", "send no receipts"),
            ("postern settings bob.presence on", "show bob when you are online"),
        ],
        positional: 0...2
    ) { invocation in
        let key = invocation.argument(0)
        if let key, let value = invocation.argument(1) {
            let client = try Account.open(invocation, for: .write)
            try client.setSetting(key, to: value)
            try show(client.settings().filter { $0.key == key }, invocation)
            if key.hasSuffix(".presence"), value == "on" {
                Output.note("You see each other's presence once both of you have switched it on.")
            }
            return .ok
        }
        let all = try Account.open(invocation, for: .read).settings()
        let chosen = all.filter { key == nil || $0.key == key }
        if chosen.isEmpty { throw ClientError.unknownSetting }
        try show(chosen, invocation)
        return .ok
    }

    private static func show(_ settings: [SettingSummary], _ invocation: Invocation) throws {
        for setting in settings {
            try invocation.show(
                "\(setting.key) = \(setting.value)    (\(setting.allowed))", setting.json)
        }
    }
}
