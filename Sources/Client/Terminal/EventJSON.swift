/// Events and values as `--json` lines; names and fields are stable from version 1 on.
extension MessageSummary {
    /// `{"v":1,"type":"message",…}`.
    public var json: JSONLine {
        var line = JSONLine(type: "message")
        line.add("id", id.description)
        line.add("contact", contact)
        line.add("author", author == .me ? "me" : "peer")
        line.add("time", ClockTime.utc(timeMilliseconds))
        line.add("stored", ClockTime.utc(storedMilliseconds))
        line.add("state", state.word.description)
        line.add("request", isRequest)
        switch body {
        case .text(let text):
            line.add("content", "text")
            line.add("text", text)
        case .unknown(let type):
            line.add("content", "unknown")
            line.add("contentType", type)
        }
        return line
    }
}

extension ContactSummary {
    /// `{"v":1,"type":"contact",…}`.
    public var json: JSONLine {
        var line = JSONLine(type: "contact")
        line.add("name", name)
        line.add("account", account)
        line.add("handle", handle)
        line.add("handleConfirmed", isHandleConfirmed)
        line.add("state", state.word.description)
        line.add("verified", isVerified)
        line.add("presenceShared", isPresenceShared)
        line.add("online", isOnline)
        line.add("unread", unreadCount)
        return line
    }
}

extension RequestSummary {
    /// `{"v":1,"type":"request",…}`.
    public var json: JSONLine {
        var line = JSONLine(type: "request")
        line.add("name", name)
        line.add("account", account)
        line.add("handle", handle)
        line.add("handleConfirmed", isHandleConfirmed)
        line.add("received", ClockTime.utc(receivedMilliseconds))
        let texts = messages.compactMap { message in
            if case .text(let text) = message.body { JSONLine.Value.string(text) } else { nil }
        }
        line.add("texts", .list(texts))
        return line
    }
}

extension InviteSummary {
    /// `{"v":1,"type":"invite",…}`; the link stands only in the line that makes it.
    ///
    /// - Parameter link: The secret link, when it was just made.
    public func json(link: String?) -> JSONLine {
        var line = JSONLine(type: "invite")
        line.add("id", id)
        line.add("name", name)
        line.add("expires", ClockTime.utc(expirySeconds.multipliedReportingOverflow(by: 1_000).0))
        line.add("state", state.word.description)
        if let link { line.add("link", link) }
        return line
    }
}

extension OutboxSummary {
    /// `{"v":1,"type":"outbox",…}`.
    public var json: JSONLine {
        var line = JSONLine(type: "outbox")
        line.add("id", id?.description)
        line.add("contact", contact)
        line.add("time", ClockTime.utc(timeMilliseconds))
        line.add("reason", reason.word.description)
        return line
    }
}

extension ClientEvent {
    /// The event as a line; nil for what concerns only the program that runs the client.
    public var json: JSONLine? {
        switch self {
        case .message(let message): return message.json
        case .outbox(let entry): return entry.json
        case .request(let request): return request.json
        case .contact(let contact): return contact.json
        case .notice(let notice): return notice.json
        case .missing(let contact, let ids, let author):
            var line = JSONLine(type: "missing")
            line.add("contact", contact)
            line.add("author", author == .me ? "me" : "peer")
            line.add("ids", .list(ids.map { .string($0.description) }))
            return line
        case .connection(let state): return state.json
        case .finished, .drained, .inputReady: return nil
        case .messageState(let id, let contact, let state):
            var line = JSONLine(type: "state")
            line.add("id", id.description)
            line.add("contact", contact)
            line.add("state", state.word.description)
            return line
        case .typing(let contact, let isTyping):
            var line = JSONLine(type: "typing")
            line.add("contact", contact)
            line.add("typing", isTyping)
            return line
        case .presence(let contact, let isOnline):
            var line = JSONLine(type: "presence")
            line.add("contact", contact)
            line.add("online", isOnline)
            return line
        case .gap(let contact, let first, let last, let isClosed):
            return Self.gapLine("gap", contact, first, last, isClosed)
        case .gapFilled(let contact, let first, let last):
            return Self.gapLine("gap-filled", contact, first, last, true)
        }
    }

    private static func gapLine(
        _ type: StaticString, _ contact: String, _ first: UInt64, _ last: UInt64, _ isClosed: Bool
    ) -> JSONLine {
        var line = JSONLine(type: type)
        line.add("contact", contact)
        line.add("first", first)
        line.add("last", last)
        line.add("closed", isClosed)
        return line
    }
}

extension ClientNotice {
    /// `{"v":1,"type":"notice","notice":"copied-vault",…}`.
    public var json: JSONLine {
        var line = JSONLine(type: "notice")
        line.add("notice", word)
        switch self {
        case .copiedVault(let contact), .serverWentBack(let contact), .sessionBroken(let contact),
            .resetSent(let contact), .resetReceived(let contact), .resetImpossible(let contact),
            .accountChanged(let contact),
            .deviceChanged(let contact):
            line.add("contact", contact)
        case .mailboxReadElsewhere(let contact, let count):
            line.add("contact", contact)
            line.add("attaches", count)
        case .inviteUsedTwice(let invite, let name):
            line.add("invite", invite)
            line.add("name", name)
        case .unknownContent(let contact, let type):
            line.add("contact", contact)
            line.add("contentType", type)
        case .clockDiffers(let seconds): line.add("seconds", seconds)
        case .superseded, .unreadableRequest, .newerRequest: break
        }
        line.add("text", sentence.description)
        return line
    }
}

extension ConnectionState {
    /// `{"v":1,"type":"connection",…}`.
    public var json: JSONLine {
        var line = JSONLine(type: "connection")
        switch self {
        case .connected(let server):
            line.add("state", "connected")
            line.add("server", server)
        case .lost(let server, let error, let milliseconds):
            line.add("state", "lost")
            line.add("server", server)
            line.add("reason", error.sentence)
            line.add("retryMilliseconds", milliseconds)
        }
        return line
    }
}

extension ClientError {
    /// `{"v":1,"type":"error",…}`, as every command prints it with `--json`.
    public var json: JSONLine {
        var line = JSONLine(type: "error")
        line.add("exit", exitCode.rawValue)
        line.add("text", sentence)
        line.add("advice", advice)
        return line
    }
}

extension IdentitySummary {
    /// `{"v":1,"type":"identity",…}`.
    public var json: JSONLine {
        var line = JSONLine(type: "identity")
        line.add("account", account)
        line.add("device", device)
        line.add("handle", handle)
        line.add("registered", isRegistered)
        line.add("server", server)
        line.add("address", address)
        line.add("withoutPassphrase", isWithoutPassphrase)
        return line
    }
}

extension SettingSummary {
    /// `{"v":1,"type":"setting",…}`.
    public var json: JSONLine {
        var line = JSONLine(type: "setting")
        line.add("key", key)
        line.add("value", value)
        line.add("allowed", allowed)
        return line
    }
}
