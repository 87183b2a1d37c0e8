/// Events and values as a person reads them: one line each, texts of several lines indented.
extension MessageSummary {
    /// `10:04 alice: hello`, own messages as `10:04 me to alice: hello`.
    ///
    /// - Parameter time: The text that stands first, for example the local hour.
    public func text(time: SafeText) -> SafeText {
        let who: SafeText
        switch author {
        case .peer: who = isRequest ? "\(contact) (request)" : "\(contact)"
        case .me: who = contact == "me" ? "me" : "me to \(contact)"
        }
        return "\(time) \(who): \(body.text)"
    }

    /// `0a1b2c3d 2026-11-21 10:04 alice: hello (read)`, as history lists it.
    public var historyLine: SafeText {
        let line = text(
            time: "\(String(id.description.prefix(8))) \(ClockTime.local(timeMilliseconds))")
        guard author == .me, contact != "me" else { return line }
        return "\(line) (\(state.word))"
    }
}

extension MessageBody {
    /// The text, its further lines indented by four spaces.
    public var text: SafeText {
        switch self {
        case .text(let text):
            let lines = SafeText(untrusted: text, shape: .block).description
                .split(separator: "\n", omittingEmptySubsequences: false)
            return SafeText.joined(
                lines.map { SafeText(untrusted: String($0)) }, separator: "\n    ")
        case .unknown(let type):
            return "[content of type \(type), which this version does not know]"
        }
    }
}

extension MessageState {
    /// One word for a person and for `--json`.
    public var word: SafeText {
        switch self {
        case .received: "received"
        case .queued: "queued"
        case .sent: "sent"
        case .delivered: "delivered"
        case .read: "read"
        case .failed: "failed"
        }
    }
}

extension ContactState {
    /// One word for a person and for `--json`.
    public var word: SafeText {
        switch self {
        case .invited: "invited"
        case .request: "request"
        case .accepted: "accepted"
        }
    }
}

extension InviteState {
    /// One word for a person and for `--json`.
    public var word: SafeText {
        switch self {
        case .making: "making"
        case .open: "open"
        case .used: "used"
        case .withdrawn: "withdrawn"
        }
    }
}

extension OutboxReason {
    /// The name in `--json`.
    public var word: SafeText {
        switch self {
        case .waitingForServer: "waiting-for-server"
        case .waitingForReply: "waiting-for-reply"
        case .mailboxFull: "mailbox-full"
        case .rateLimited: "rate-limited"
        case .serverStorageFull: "server-storage-full"
        case .mailboxGone: "mailbox-gone"
        case .copiedVault: "copied-vault"
        case .refused: "refused"
        }
    }

    /// A clause for a person: why it has not been sent.
    public var clause: SafeText {
        switch self {
        case .waitingForServer: "the server could not be reached yet"
        case .waitingForReply: "the contact has not replied to the first messages yet"
        case .mailboxFull: "the contact's mailbox is full; it is tried again"
        case .rateLimited: "the server takes no more for now; it is tried again"
        case .serverStorageFull: "the server's disk is full; it is tried again"
        case .mailboxGone:
            "the contact's mailbox is gone; ask for a new link, or `postern add` the handle"
        case .copiedVault:
            "another copy of this account has sent; it goes when the encryption has begun anew"
        case .refused: "the server refused it"
        }
    }
}

extension ClientEvent {
    /// What `receive` and `chat` show; nil for what concerns no person.
    public var text: SafeText? {
        switch self {
        case .message(let message):
            message.text(time: ClockTime.localHour(message.timeMilliseconds))
        case .messageState(let id, let contact, let state):
            state >= .delivered
                ? "* \(contact): \(String(id.description.prefix(8))) \(state.word)" : nil
        case .outbox(let entry): "* to \(entry.contact): kept in the outbox, \(entry.reason.clause)"
        case .request(let request):
            "* \(request.name) wants to talk: `postern accept \(request.name)`"
        case .contact(let contact): "* \(contact.name) is now \(contact.state.word)"
        case .typing(let contact, let isTyping):
            isTyping ? "* \(contact) is typing" : "* \(contact) stopped typing"
        case .presence(let contact, let isOnline):
            isOnline ? "* \(contact) is online" : "* \(contact) is offline"
        case .gap(let contact, let first, let last, let isClosed):
            isClosed
                ? "! \(contact): messages \(first) to \(last) never arrived"
                : "! \(contact): messages \(first) to \(last) are missing"
        case .gapFilled(let contact, let first, let last):
            "* \(contact): messages \(first) to \(last) have arrived after all"
        case .notice(let notice): "! \(notice.sentence)"
        case .missing(let contact, let ids, let author): Self.missing(contact, ids, author)
        case .connection(.connected): "* connected"
        case .connection(.lost(let server, let error, let milliseconds)):
            "* not connected to \(Self.hostAndPort(server)) (\(error.sentence)) next try in \(milliseconds / 1_000 + 1) s"
        case .finished, .drained, .inputReady: nil
        }
    }

    /// As many ids as a line can hold.
    private static let missingShownMax = 5

    private static func missing(
        _ contact: String, _ ids: [MessageID], _ author: MessageAuthor
    ) -> SafeText {
        let count: SafeText = ids.count == 1 ? "1 message" : "\(ids.count) messages"
        guard author == .me else {
            return
                "! \(contact): \(count) that you had read went with the older state of this account; ask \(contact) to send \(ids.count == 1 ? "it" : "them") again"
        }
        let shown = ids.prefix(missingShownMax).map {
            SafeText(untrusted: String($0.description.prefix(8)))
        }
        let more: SafeText = ids.count > missingShownMax ? ", …" : ""
        return
            "! \(contact) has gone back to an older state and may have lost \(count) of yours (\(SafeText.joined(shown, separator: ", "))\(more)): send again what matters"
    }

    /// An address without its key, which says nothing to a person.
    private static func hostAndPort(_ server: String) -> String {
        server.lastIndex(of: "@").map { String(server[server.index(after: $0)...]) } ?? server
    }
}

extension ClientNotice {
    /// What happened and what to do, for a person.
    public var sentence: SafeText {
        switch self {
        case .copiedVault(let contact):
            "Another copy of this account has written to \(contact): stop using one of the two. This one begins its sessions with \(contact) anew."
        case .serverWentBack(let contact):
            "The server lost messages to \(contact) that it had accepted; they are sent again."
        case .mailboxReadElsewhere(let contact, let count):
            "The server says that somebody else has opened the mailbox \(contact.map { "of \($0)" } ?? "for first messages") \(count == 1 ? "once" : "\(count) times"): if that is true, your read key may be stolen."
        case .superseded: "Another client of this account has taken over reading."
        case .sessionBroken(let contact):
            "A message from \(contact) could not be opened."
        case .resetSent(let contact):
            "The encryption with \(contact) begins anew; what has no receipt is sent again by both sides."
        case .resetReceived(let contact):
            "\(contact) has begun the encryption anew, as after the loss of a device's state or the restoring of an older one; the account is the same."
        case .resetImpossible(let contact):
            "The encryption with \(contact) cannot begin anew by itself: there are no keys of \(contact) for that. Add \(contact) again (`postern add`), or ask for a link."
        case .accountChanged(let contact):
            "The server names another account under the handle of \(contact) now: nothing is sent to it. If \(contact) has begun anew, add the handle again and compare safety numbers."
        case .inviteUsedTwice(let invite, let name):
            "Somebody tried your invite\(name.map { " for \($0)" } ?? "") (\(invite)) after it had been taken, and was refused. The link is known to more than one: compare safety numbers with who took it."
        case .deviceChanged(let contact): "\(contact) writes from a new device certificate."
        case .unreadableRequest:
            "A first message could not be read: the keys it was made for are gone."
        case .newerRequest:
            "Somebody has written for the first time with a newer version: it is kept until this program is updated."
        case .unknownContent(let contact, let type):
            "\(contact) sent content of type \(type), which needs a newer version."
        case .clockDiffers(let seconds):
            "The server's clock and this machine's differ by \(seconds) seconds."
        }
    }

    /// The name in `--json`.
    var word: String {
        switch self {
        case .copiedVault: "copied-vault"
        case .serverWentBack: "server-went-back"
        case .mailboxReadElsewhere: "mailbox-read-elsewhere"
        case .superseded: "superseded"
        case .sessionBroken: "session-broken"
        case .resetSent: "reset-sent"
        case .resetReceived: "reset-received"
        case .resetImpossible: "reset-impossible"
        case .accountChanged: "account-changed"
        case .inviteUsedTwice: "invite-used-twice"
        case .deviceChanged: "device-changed"
        case .unreadableRequest: "unreadable-request"
        case .newerRequest: "newer-request"
        case .unknownContent: "unknown-content"
        case .clockDiffers: "clock-differs"
        }
    }
}
