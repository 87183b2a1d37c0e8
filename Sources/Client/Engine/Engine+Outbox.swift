internal import Crypto
internal import Primitives
internal import Wire

/// How far writing into one mailbox of a peer is on the present connection.
struct WriteProgress: Sendable {
    let link: LinkID
    /// Counters without an answer, lowest first.
    var open: [UInt64] = []
    /// Counters that were tried on an earlier connection. CL-9
    var retried: Set<UInt64> = []
    /// A deposit was refused for a time: nothing is sent before then, monotonic ms.
    var pausedUntil: UInt64 = 0
    /// Refused for good on this connection.
    var isHalted = false
    /// Gaps that the server has named since it took a deposit or refused one for a time. CL-45
    var gapCount = 0
}

/// How far a first message is.
struct FirstMessageProgress: Sendable {
    var isRunning = false
    var failureCount = 0
    /// Not tried before then, monotonic ms.
    var pausedUntil: UInt64 = 0
}

extension Engine {
    /// Deposits without an answer in one mailbox: enough to fill a link of long delay.
    static let depositsOpenMax = 32
    /// After a refusal that time can mend, such as a full mailbox.
    static let refusalPauseMilliseconds: UInt64 = 30_000

    // MARK: What there is to send

    /// True while there is something that can be sent now. CL-43
    var isSending: Bool { outbox.contains { isAwaited($0) } || isTellingLive }

    func wantsToWrite(_ mailbox: MailboxID) -> Bool {
        // CL-7
        guard mailboxes[mailbox]?.state != .copied else { return false }
        if wantsFrame(to: mailbox) { return true }
        return outbox.contains { $0.form == .chat && $0.mailbox == mailbox && isSendable($0) }
    }

    /// Reasons that only the user or a later reset ends.
    private func isSendable(_ item: OutboxRecord) -> Bool {
        switch item.reason {
        case .waitingForServer, .mailboxFull, .rateLimited, .serverStorageFull: true
        case .waitingForReply, .mailboxGone, .copiedVault, .refused: false
        }
    }

    func serversToWrite() -> [ServerAddress] {
        var servers: [ServerAddress] = []
        for mailbox in mailboxes.values.sorted(by: { $0.id < $1.id })
        where mailbox.role == .peerChat && wantsToWrite(mailbox.id)
            && !servers.contains(mailbox.server)
        {
            servers.append(mailbox.server)
        }
        return servers
    }

    // MARK: Rows

    mutating func save(_ item: OutboxRecord) {
        if let index = outbox.firstIndex(where: { $0.id == item.id }) {
            outbox[index] = item
        } else {
            outbox.append(item)
        }
        transaction.put(
            .outbox, key: item.id.array, group: OutboxRecord.infoGroup, value: item.encoded)
    }

    mutating func remove(_ item: OutboxRecord) {
        outbox.removeAll { $0.id == item.id }
        firstMessages[item.id] = nil
        transaction.remove(.outbox, key: item.id.array)
        transaction.remove(.outbox, key: item.envelopeKey)
    }

    private func item(_ id: FixedBytes<8>) -> OutboxRecord? { outbox.first { $0.id == id } }

    private func envelope(of item: OutboxRecord) throws(ClientError) -> [UInt8] {
        guard let envelope = try transaction.value(.outbox, key: item.envelopeKey) else {
            throw .vaultCorrupt
        }
        return envelope
    }

    /// Keeps all of a mailbox's items from being sent, and says why.
    mutating func hold(_ mailbox: MailboxID, _ reason: OutboxReason) throws(ClientError) {
        writing[mailbox]?.isHalted = true
        for item in outbox where item.form == .chat && item.mailbox == mailbox {
            try setReason(reason, of: item)
        }
    }

    /// A mailbox that was gone may be there again: its owner makes it anew when the server has lost
    /// it. CL-36
    mutating func retryGone() throws(ClientError) {
        for item in outbox where item.reason == .mailboxGone && item.form == .chat {
            try setReason(.waitingForServer, of: item)
            if let mailbox = item.mailbox {
                writing[mailbox] = nil
                links.allowAttach(of: mailbox)
            }
        }
    }

    private mutating func setReason(
        _ reason: OutboxReason, of item: OutboxRecord
    ) throws(ClientError) {
        guard item.reason != reason else { return }
        var item = item
        item.reason = reason
        save(item)
        if reason != .waitingForServer, let summary = outboxSummary(item) {
            tell(.outbox(summary))
        }
    }

    // MARK: Write attach

    /// Compares the server's next counter with the own one. CL-7, CL-8, CL-9
    mutating func writeAttached(
        _ mailbox: MailboxRecord, nextCounter: UInt64, on id: LinkID
    ) throws(ClientError) {
        // CL-7: whoever has the copy may have moved the counter, so no comparison means anything.
        guard mailbox.state != .copied else { return }
        // Counters begin at 1; a server that names 0 means the same.
        let nextCounter = max(1, nextCounter)
        var mailbox = mailbox
        // CL-7: after a reset, and in a restored vault, the server's word is all there is.
        if mailbox.nextCounter == 0 {
            mailbox.nextCounter = nextCounter
            save(mailbox)
        }
        var progress = WriteProgress(link: id)
        for item in outbox where item.mailbox == mailbox.id && item.counter != 0 {
            progress.retried.insert(item.counter)
        }
        writing[mailbox.id] = progress
        guard nextCounter <= mailbox.nextCounter else {
            return try vaultWasCopied(mailbox)
        }
        // CL-9: below the server's next counter lies what was sent before and accepted.
        for item in outbox
        where item.mailbox == mailbox.id && item.counter != 0 && item.counter < nextCounter {
            try accepted(item)
        }
        let lowestOpen =
            outbox.filter { $0.mailbox == mailbox.id && $0.counter != 0 }
            .map(\.counter).min() ?? mailbox.nextCounter
        guard nextCounter < lowestOpen else { return }
        // CL-8
        mailbox.nextCounter = nextCounter
        save(mailbox)
        writing[mailbox.id]?.retried = []
        for item in outbox where item.mailbox == mailbox.id && item.counter != 0 {
            var again = item
            again.counter = 0
            save(again)
        }
        if let contact = mailbox.contact { try serverWentBack(contact) }
    }

    /// CL-7
    private mutating func vaultWasCopied(_ mailbox: MailboxRecord) throws(ClientError) {
        tell(.notice(.copiedVault(contact: mailbox.contact.flatMap { contacts[$0]?.name } ?? "")))
        if let contact = mailbox.contact.flatMap({ contacts[$0] }), isFreshlyReset(contact.id) {
            return try useAgain(contact)
        }
        var mailbox = mailbox
        mailbox.state = .copied
        save(mailbox)
        try hold(mailbox.id, .copiedVault)
        if let contact = mailbox.contact { wantReset(of: contact, .copied) }
    }

    // MARK: Sending

    mutating func pumpOutbox() throws(ClientError) {
        pumpAcknowledges()
        for id in writing.keys.sorted() { try pumpMailbox(id) }
        try pumpFirstMessages()
    }

    private mutating func pumpMailbox(_ id: MailboxID) throws(ClientError) {
        guard var progress = writing[id], !progress.isHalted, var mailbox = mailboxes[id],
            mailbox.state != .copied, progress.pausedUntil <= now.monotonic
        else { return }
        for item in outbox where item.mailbox == id && item.form == .chat {
            if progress.open.count >= Self.depositsOpenMax { break }
            if progress.open.contains(item.counter) && item.counter != 0 { continue }
            var item = item
            if item.counter == 0 {
                // CL-6: the counter is in this step's commit before the frame is sent.
                item.counter = mailbox.nextCounter
                mailbox.nextCounter += 1
                save(mailbox)
            }
            if item.reason != .waitingForServer { item.reason = .waitingForServer }
            save(item)
            let envelope = try envelope(of: item)
            let counter = item.counter
            progress.open.append(counter)
            ask(.deposit(item.id, id, counter: counter), on: progress.link) {
                .deposit(request: $0, mailbox: id, counter: counter, envelope: envelope)
            }
        }
        progress.open.sort()
        writing[id] = progress
    }

    mutating func deposited(
        _ id: FixedBytes<8>, mailbox: MailboxID, counter: UInt64, _ frame: IncomingFrame,
        on link: LinkID
    ) throws(ClientError) {
        writing[mailbox]?.open.removeAll { $0 == counter }
        // A mailbox change may have given the item the same counter in another mailbox. EN-11
        guard let item = item(id), item.mailbox == mailbox, item.counter == counter else { return }
        switch frame {
        case .done:
            writing[mailbox]?.gapCount = 0
            try accepted(item)
        case .error(let error) where writing[mailbox]?.link == link:
            try depositRefused(item, mailbox, error)
        default: break
        }
    }

    private mutating func depositRefused(
        _ item: OutboxRecord, _ mailbox: MailboxID, _ error: ErrorFrame
    ) throws(ClientError) {
        guard let record = mailboxes[mailbox], let progress = writing[mailbox],
            // CL-9: what is behind a counter that a copy took is refused too, and stays here.
            record.state != .copied
        else { return }
        switch error.code {
        case .counterTaken where progress.retried.contains(item.counter):
            // CL-9: late bytes of an earlier connection have arrived after this one's attach.
            try accepted(item)
        case .counterTaken:
            // CL-7: the attach of this connection had named this counter as free.
            try vaultWasCopied(record)
        case .counterGap:
            let gapCount = progress.gapCount + 1
            writing[mailbox]?.gapCount = gapCount
            // CL-45: what no honest server answers does not go again at once.
            guard let next = error.nextCounter, next > 0, next < item.counter,
                gapCount <= Self.depositsOpenMax
            else { return try pause(mailbox, item, .refused, seconds: nil) }
            // One before it was refused for a time; it goes again from there.
            let lowest =
                outbox.filter { $0.mailbox == mailbox && $0.counter != 0 }
                .map(\.counter).min() ?? item.counter
            if next < lowest {
                try writeAttached(record, nextCounter: next, on: progress.link)
                writing[mailbox]?.gapCount = gapCount
            }
        case .mailboxFull: try pause(mailbox, item, .mailboxFull, seconds: nil)
        case .storageFull: try pause(mailbox, item, .serverStorageFull, seconds: nil)
        case .rateLimited: try pause(mailbox, item, .rateLimited, seconds: error.seconds)
        case .notAttached, .attachRefused, .noSuchMailbox: try hold(mailbox, .mailboxGone)
        case .shuttingDown: try pause(mailbox, item, .waitingForServer, seconds: 1)
        default: try hold(mailbox, .refused)
        }
    }

    private mutating func pause(
        _ mailbox: MailboxID, _ item: OutboxRecord, _ reason: OutboxReason, seconds: UInt32?
    ) throws(ClientError) {
        let pause = seconds.map { UInt64($0) * 1_000 } ?? Self.refusalPauseMilliseconds
        writing[mailbox]?.pausedUntil = now.monotonic + pause
        // Behind one that is refused for a time the others are gaps, each time it is tried. CL-45
        if reason != .refused { writing[mailbox]?.gapCount = 0 }
        try setReason(reason, of: item)
    }

    /// The server holds it on disk.
    private mutating func accepted(_ item: OutboxRecord) throws(ClientError) {
        remove(item)
        try messageAccepted(item)
    }

    // MARK: First messages

    private mutating func pumpFirstMessages() throws(ClientError) {
        var busy: Set<ContactID> = []
        for item in outbox where item.form == .first {
            if firstMessages[item.id]?.isRunning == true { busy.insert(item.contact) }
        }
        for item in outbox where item.form == .first && !busy.contains(item.contact) {
            guard isSendable(item), let server = item.server else { continue }
            // CL-37: one that overtook those before it would leave their numbers missing for ever
            // if the mailbox went in between.
            busy.insert(item.contact)
            guard firstMessages[item.id]?.pausedUntil ?? 0 <= now.monotonic,
                let contact = contacts[item.contact], let reply = contact.ownMailbox,
                mailboxes[reply]?.state == .inUse
            else { continue }
            firstMessages[item.id, default: FirstMessageProgress()].isRunning = true
            begin(.firstMessage(item.id), at: server)
        }
    }

    func firstMessageDeadline() -> UInt64? {
        let first = firstMessages.values.filter { !$0.isRunning }.map(\.pausedUntil)
            .filter { $0 > now.monotonic }.min()
        let chat = writing.values.map(\.pausedUntil).filter { $0 > now.monotonic }.min()
        return [first, chat].compactMap { $0 }.min()
    }

    mutating func sendFirstMessage(_ id: FixedBytes<8>, on link: LinkID) throws(ClientError) {
        // It may have been taken by another way, or go into the chat mailbox by now. CL-37
        guard let item = item(id), item.form == .first, let mailbox = item.mailbox else {
            return abandon(link)
        }
        let envelope = try envelope(of: item)
        ask(.task, on: link) {
            .contactDeposit(request: $0, mailbox: mailbox, envelope: envelope)
        }
    }

    mutating func firstMessageAnswered(
        _ id: FixedBytes<8>, _ frame: IncomingFrame
    ) throws(ClientError) {
        firstMessages[id]?.isRunning = false
        // One that goes into the chat mailbox by now is answered there.
        guard let item = item(id), item.form == .first else { return }
        guard case .error(let error) = frame else { return try accepted(item) }
        switch error.code {
        case .mailboxFull: try pauseFirst(item, .mailboxFull, nil)
        case .storageFull: try pauseFirst(item, .serverStorageFull, nil)
        case .rateLimited: try pauseFirst(item, .rateLimited, error.seconds)
        case .noSuchMailbox:
            // All of them, so that none goes by another way without the ones before it.
            for other in outbox where other.form == .first && other.mailbox == item.mailbox {
                try setReason(.mailboxGone, of: other)
            }
            // The contact has come by another way meanwhile: what it lacks goes there.
            try sealAnew(of: item.contact)
            operations.fail(waitingFor: id, .contactMailboxUnavailable, &actions)
        case .shuttingDown: try pauseFirst(item, .waitingForServer, 1)
        default:
            try setReason(.refused, of: item)
            operations.fail(waitingFor: id, .serverRefused(code: error.rawCode), &actions)
        }
    }

    mutating func firstMessageFailed(
        _ id: FixedBytes<8>, _ error: ClientError
    ) throws(ClientError) {
        guard var progress = firstMessages[id] else { return }
        progress.isRunning = false
        progress.failureCount += 1
        // CL-14
        progress.pausedUntil =
            now.monotonic + LinkTable.pause(after: progress.failureCount, random: &random)
        firstMessages[id] = progress
        guard let server = item(id)?.server else { return }
        tell(
            .connection(
                .lost(
                    server: server.text, error: error,
                    retryMilliseconds: progress.pausedUntil - now.monotonic)))
    }

    private mutating func pauseFirst(
        _ item: OutboxRecord, _ reason: OutboxReason, _ seconds: UInt32?
    ) throws(ClientError) {
        let pause = seconds.map { UInt64($0) * 1_000 } ?? Self.refusalPauseMilliseconds
        firstMessages[item.id, default: FirstMessageProgress()].pausedUntil = now.monotonic + pause
        try setReason(reason, of: item)
    }
}
