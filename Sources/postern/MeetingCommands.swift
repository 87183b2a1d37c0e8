import Client
import Platform

/// `invite`, `accept`, `add`, `contacts`, `requests`, `verify`: how people meet.
enum MeetingCommands {
    static let all = [invite, accept, add, contacts, requests, verify]

    private static let invite = Command(
        name: "invite", synopsis: "[--name NAME] [--days N] | --list | --withdraw ID",
        summary: "Make a link that one person can accept.",
        details: [
            "Whoever has the link can become your contact, once. Hand it over on a way you trust: it is the strongest start, because the server cannot change what it says."
        ],
        options: [
            .init("name", value: "NAME", help: "what the contact will be called here"),
            .init("days", value: "N", help: "how long the link is good, 1 to 30 (default 7)"),
            .init("list", help: "show the links made so far"),
            .init("withdraw", value: "ID", help: "make a link worthless"),
        ],
        examples: [
            ("postern invite --name bob", "prints a link for bob"),
            ("postern invite --list", "which links are open"),
        ],
        positional: 0...0
    ) { invocation in
        if invocation.arguments.has("list") {
            for invite in try Account.open(invocation, for: .read).invites() {
                let expiry = ClockTime.local(
                    invite.expirySeconds.multipliedReportingOverflow(by: 1_000).0)
                try invocation.show(
                    "\(invite.id)  \(invite.state.word)  until \(expiry)  \(invite.name ?? "")",
                    invite.json(link: nil))
            }
            return .ok
        }
        let client = try Account.open(invocation, for: .write)
        if let id = invocation.arguments.value("withdraw") {
            let operation = try client.withdrawInvite(id: id)
            _ = try Running.finish(operation, of: client)
            var line = JSONLine(type: "invite-withdrawn")
            line.add("id", id)
            try invocation.show("The link \(id) is worth nothing any more.", line)
            return .ok
        }
        let days = try invocation.number("days", in: 1...30) ?? 7
        let operation = try client.createInvite(
            name: invocation.arguments.value("name"), days: Int(days))
        guard case .invite(let made, let link) = try Running.finish(operation, of: client) else {
            throw ClientError.internalFault(line: #line)
        }
        try invocation.show("\(link)", made.json(link: link))
        return .ok
    }

    private static let accept = Command(
        name: "accept", synopsis: "LINK|-|NAME [--name NAME]",
        summary: "Accept an invite link, or a request by its name.",
        details: [
            "`-` reads the link from standard input, so that it stands in no history of commands."
        ],
        options: [.init("name", value: "NAME", help: "what the contact will be called here")],
        examples: [
            ("postern accept 'postern://…/i#…' --name alice", "takes a link"),
            ("postern accept - < link.txt", "takes a link from a file"),
            ("postern accept carol", "takes the request of carol"),
        ],
        positional: 1...1
    ) { invocation in
        let what = invocation.arguments.positional[0]
        let name = invocation.arguments.value("name")
        let client = try Account.open(invocation, for: .write)
        let operation: OperationID
        if what == "-" {
            operation = try client.accept(link: Input.firstLine(), name: name)
        } else if isLink(what) {
            operation = try client.accept(link: what, name: name)
        } else {
            operation = try client.acceptRequest(what, newName: name)
        }
        return try showContact(
            Running.finish(operation, of: client), isLink: what == "-" || isLink(what), invocation)
    }

    private static func isLink(_ word: String) -> Bool { word.hasPrefix("postern://") }

    private static let add = Command(
        name: "add", synopsis: "WHO [--name NAME]",
        summary: "Add somebody by handle or address and say hello.",
        details: [
            "WHO is a handle of your own server, a person's address (postern://KEY@host/u/HANDLE), or HANDLE@SERVER of a server known here. Compare safety numbers with `postern verify`: a handle is only as certain as the server."
        ],
        options: [.init("name", value: "NAME", help: "what the contact will be called here")],
        examples: [
            ("postern add bob", "bob of your own server"),
            ("postern add postern://KEY@host/u/bob --name bobby", "bob of another one"),
        ],
        positional: 1...1
    ) { invocation in
        let client = try Account.open(invocation, for: .write)
        let operation = try client.add(
            invocation.arguments.positional[0], name: invocation.arguments.value("name"))
        return try showContact(
            Running.finish(operation, of: client), isLink: false, invocation)
    }

    private static func showContact(
        _ outcome: OperationOutcome, isLink: Bool, _ invocation: Invocation
    ) throws -> ExitCode {
        let shown: ContactSummary
        switch outcome {
        case .added(let contact):
            shown = contact
            try invocation.show("Added \(contact.name): a hello is on its way.", contact.json)
        case .accepted(let contact):
            shown = contact
            try invocation.show("\(contact.name) is accepted.", contact.json)
        case .alreadyContact(let contact):
            shown = contact
            let rest: SafeText =
                isLink ? "the link was not used and stays open." : "nothing was sent."
            try invocation.show("\(contact.name) is a contact already; \(rest)", contact.json)
        case .registered, .invite, .inviteWithdrawn, .failed:
            throw ClientError.internalFault(line: #line)
        }
        if let wish = invocation.arguments.value("name"), wish != shown.name {
            Output.note("postern: --name was not used; the contact is called \(shown.name).")
        }
        return .ok
    }

    private static let contacts = Command(
        name: "contacts", synopsis: "", summary: "List contacts.",
        examples: [("postern contacts", "names, state, unread messages")],
        positional: 0...0
    ) { invocation in
        for contact in try Account.open(invocation, for: .read).contacts() {
            let handle = contact.handle.map {
                contact.isHandleConfirmed ? "\($0)" as SafeText : "\($0) (claimed)"
            }
            let parts: [SafeText?] = [
                "\(contact.name)", handle, contact.state == .accepted ? nil : contact.state.word,
                contact.isVerified ? "verified" : nil, contact.isOnline ? "online" : nil,
                contact.unreadCount > 0 ? "\(contact.unreadCount) unread" : nil,
            ]
            try invocation.show(
                SafeText.joined(parts.compactMap { $0 }, separator: "  "), contact.json)
        }
        return .ok
    }

    private static let requests = Command(
        name: "requests", synopsis: "", summary: "List people who wrote without being contacts.",
        details: ["They learn nothing until you accept: no receipt, no typing, no presence."],
        examples: [
            ("postern requests", "who, and what they wrote"),
            ("postern accept carol", "take one"),
        ],
        positional: 0...0
    ) { invocation in
        for request in try Account.open(invocation, for: .read).requests() {
            if invocation.isJSON {
                try Output.line(request.json.line)
                continue
            }
            let handle: SafeText = request.handle.map { "  claims to be \($0)" } ?? ""
            try Output.line(
                "\(request.name)  \(ClockTime.local(request.receivedMilliseconds))\(handle)"
            )
            for message in request.messages { try Output.line("    \(message.body.text)") }
        }
        return .ok
    }

    private static let verify = Command(
        name: "verify", synopsis: "NAME [NUMBER…|-]",
        summary: "Show the safety number, or check the one your contact reads to you.",
        details: [
            "Both sides see the same number if nobody stands between. Compare it over another way: in person, by telephone.",
            "NUMBER may be typed as it is shown, in groups. One that differs changes nothing: a contact stays verified, or not, as it was.",
        ],
        examples: [
            ("postern verify bob", "shows the number to compare"),
            ("postern verify bob 1234 5678 9012 3456 …", "checks it and marks bob as verified"),
        ],
        positional: 1...64
    ) { invocation in
        let name = invocation.arguments.positional[0]
        let words = invocation.arguments.positional.dropFirst()
        let isPiped = words == ["-"]
        let typed =
            words.isEmpty ? nil : isPiped ? try Input.all() : words.joined(separator: " ")
        let client = try Account.open(invocation, for: typed == nil ? .read : .write)
        if let typed { try check(typed, with: name, client, invocation) }
        let number = try client.safetyNumber(of: name)
        var line = JSONLine(type: "safety-number")
        line.add("contact", name)
        line.add("number", number.text)
        line.add("verified", number.isVerified)
        if invocation.isJSON {
            try Output.line(line.line)
        } else if typed != nil {
            try Output.line("The number is right: \(name) is verified.")
        } else {
            try Output.line("Safety number with \(name)\(number.isVerified ? " (verified)" : ""):")
            try Output.line("    \(number.text)")
        }
        return .ok
    }

    /// Takes the right number; of another one says what it does to the contact.
    private static func check(
        _ number: String, with name: String, _ client: PosternClient, _ invocation: Invocation
    ) throws {
        do {
            try client.verify(name, number: number)
        } catch .safetyNumberDiffers {
            let isVerified = try client.safetyNumber(of: name).isVerified
            if !invocation.isJSON {
                Output.note(
                    isVerified
                        ? "postern: \(name) stays verified: an earlier number was right."
                        : "postern: \(name) is not verified.")
            }
            throw ClientError.safetyNumberDiffers
        }
    }
}
