internal import Crypto
internal import Primitives
internal import Wire

// What a client does about a session that is broken, copied or lost: resets. What a reset says of
// lost messages is in Engine+Missing.swift.

extension Engine {
    /// One own reset, and one of the other side, in such a time. DR-36, DR-38
    static let resetMilliseconds: UInt64 = 3_600_000
    /// A reset that nobody answers is made anew after so long. DR-36
    static let unansweredMilliseconds: UInt64 = 86_400_000
    /// A reset made because of a copied vault draws a new recovery bundle so often at most.
    private static let freshBundleHours: UInt32 = 24

    // MARK: Rows

    func recovery(of id: ContactID) -> RecoveryRecord {
        recoveries[id] ?? RecoveryRecord(contact: id)
    }

    mutating func changeRecovery(of id: ContactID, _ body: (inout RecoveryRecord) -> Void) {
        var record = recovery(of: id)
        body(&record)
        recoveries[id] = record
        transaction.put(
            .state, key: record.key, group: RecoveryRecord.group, value: record.encoded)
    }

    /// A restored vault writes nothing to a contact before its own reset. CL-49
    func isSilent(to id: ContactID) -> Bool { recoveries[id]?.cause == .restored }

    /// True for a session that an own reset began: its messages go into the chat mailbox.
    func isOwnReset(_ session: SessionID, of id: ContactID) -> Bool {
        recoveries[id]?.resets.contains(session) == true
    }

    // MARK: Wanting a reset

    /// A session of the contact is broken, or this vault is a copy or was restored.
    mutating func wantReset(of id: ContactID, _ cause: ResetCause) {
        guard contacts[id]?.state == .accepted else { return }
        if let wanted = recoveries[id]?.cause, wanted >= cause { return }
        changeRecovery(of: id) { $0.cause = cause }
    }

    /// A message has opened in a session that is not ended: what did not open before is mended.
    mutating func noteWhole(_ session: SessionID, of id: ContactID) {
        guard recoveries[id]?.cause == .broken,
            let entry = sessions.set(of: id)[session], !entry.isEnded
        else { return }
        changeRecovery(of: id) { $0.cause = nil }
    }

    func isOver(_ milliseconds: UInt64, since: UInt64) -> Bool {
        // A clock that was set back must not put recovery off for years.
        now.wall < since || now.wall - since >= milliseconds
    }

    /// Makes the resets that are wanted and allowed by now.
    mutating func pumpResets() throws(ClientError) {
        for id in recoveries.keys.sorted() {
            guard let record = recoveries[id], let cause = record.cause,
                let contact = contacts[id], contact.state == .accepted,
                // DR-36
                isOver(Self.resetMilliseconds, since: record.madeMilliseconds),
                // CL-35
                let own = contact.ownMailbox, mailboxes[own]?.state == .inUse
            else { continue }
            //
            if cause == .restored, !isRead(own) { continue }
            if let preKeys = recoveryPreKeys(of: contact), contact.peerMailbox != nil {
                try makeReset(of: contact, to: preKeys, cause)
            } else {
                noteMade(of: id)
                tell(.notice(.resetImpossible(contact: contact.name)))
            }
        }
    }

    /// When the next reset may be made, or a held one taken, monotonic ms.
    func resetDeadline() -> UInt64? {
        let own = recoveries.values.filter { $0.cause != nil }.map(\.madeMilliseconds)
        let others = held.keys.compactMap { mailboxes[$0]?.contact }
            .map { recovery(of: $0).takenMilliseconds }
        return (own + others).filter { !isOver(Self.resetMilliseconds, since: $0) }
            .map { now.monotonic + $0 + Self.resetMilliseconds - now.wall }.min()
    }

    /// True when all that waited in a mailbox has come, or nothing can come from it.
    private func isRead(_ id: MailboxID) -> Bool {
        guard let mailbox = mailboxes[id] else { return false }
        guard let progress = reading[id] else {
            let link = links.link(mailbox.purpose, mailbox.server)
            return link?.attaches[id]?.isRefused == true
        }
        return progress.isDrained && progress.toAcknowledge.isEmpty
            && progress.acknowledgesOpen == 0
    }

    /// Wants a reset anew where the last one was not answered in a day. DR-36
    mutating func remakeUnansweredResets() {
        for contact in contacts.values.sorted(by: { $0.id < $1.id })
        where contact.state == .accepted {
            guard let written = sessions.written(of: contact.id),
                isOwnReset(written.id, of: contact.id), !sessions.hasReceived(in: written.id),
                isOver(
                    Self.unansweredMilliseconds,
                    since: recovery(of: contact.id).madeMilliseconds)
            else { continue }
            wantReset(of: contact.id, .broken)
        }
    }

    // MARK: Making one

    private func recoveryPreKeys(of contact: ContactRecord) -> RecipientPreKeys? {
        guard let bundle = try? RecoveryBundle(parsing: contact.peerRecoveryBundle.raw) else {
            return nil
        }
        return RecipientPreKeys(
            bundle, account: contact.account, device: contact.certificate.identity)
    }

    /// DR-36: tried or made, the next one is an hour away.
    private mutating func noteMade(of id: ContactID) {
        let wall = now.wall
        changeRecovery(of: id) { $0.madeMilliseconds = wall }
    }

    /// Begins a session of type reset and sends its first message into the chat mailbox. DR-36
    private mutating func makeReset(
        of contact: ContactRecord, to preKeys: RecipientPreKeys, _ cause: ResetCause
    ) throws(ClientError) {
        let id = contact.id
        guard try beginSession(with: contact, preKeys, .reset) else {
            noteMade(of: id)
            return tell(.notice(.resetImpossible(contact: contact.name)))
        }
        noteMade(of: id)
        if let session = sessions.written(of: id)?.id {
            changeRecovery(of: id) { record in
                record.cause = nil
                record.resets.append(session)
            }
        }
        if cause != .broken { try useAgain(contact) }
        try forgetHellos(to: id)
        let age = now.hours.count &- contact.ownRecoveryHours.count
        // A bundle that was given out after the copy was made is not in this vault.
        let isFresh = cause == .restored || cause == .copied && age >= Self.freshBundleHours
        let bundle = try makeRecoveryBundle(for: id, isFresh: isFresh)
        let content = try adding(reportsOf: id, to: hello(for: contact, recoveryBundle: bundle))
        try noteRecoveryBundle(bundle, in: content, for: id)
        // Before what waits: nothing else can begin the session.
        try enqueueFirst(content, to: id)
        tell(.notice(.resetSent(contact: contact.name)))
        try sealWaiting(of: id)
    }

    /// True when a reset of this process is under way: no copy can have written in its session.
    func isFreshlyReset(_ id: ContactID) -> Bool {
        sessions.written(of: id).map { freshResets.contains($0.id) } ?? false
    }

    /// A mailbox in which another copy has written is written in again: from the counter that the
    /// server names, and without anything that was sealed before. CL-7
    mutating func useAgain(_ contact: ContactRecord) throws(ClientError) {
        guard let mailbox = contact.peerMailbox, var record = mailboxes[mailbox] else { return }
        for item in outbox where item.contact == contact.id && item.form == .chat {
            if freshResets.contains(item.session) {
                var item = item
                item.counter = 0
                item.reason = .waitingForServer
                save(item)
                continue
            }
            try unseal(item)
        }
        record.state = .inUse
        record.nextCounter = 0
        save(record)
        writing[mailbox] = nil
        links.attachAnew(mailbox)
    }

    /// True when only its user can mend a chat: there is no mailbox to write in, or there are no
    /// keys for a reset. DR-43
    func needsAdding(_ contact: ContactRecord) -> Bool {
        if outbox.contains(where: { $0.contact == contact.id && $0.reason == .mailboxGone }) {
            return true
        }
        // A reset that nobody answers may rest on prekeys that the contact has lost as well.
        if let written = sessions.written(of: contact.id), isOwnReset(written.id, of: contact.id),
            !sessions.hasReceived(in: written.id)
        {
            return true
        }
        return recoveries[contact.id]?.cause != nil
            && (contact.peerMailbox == nil || recoveryPreKeys(of: contact) == nil)
    }

    /// The content of a reset that goes into a contact mailbox; what was sealed for a mailbox that
    /// is gone waits for the new session. DR-43
    mutating func helloAgain(for contact: ContactRecord) throws(ClientError) -> Content {
        let id = contact.id
        for item in outbox where item.contact == id && item.reason == .mailboxGone {
            try unseal(item)
        }
        try forgetHellos(to: id)
        noteMade(of: id)
        changeRecovery(of: id) { $0.cause = nil }
        let bundle = try makeRecoveryBundle(for: id, isFresh: true)
        let content = try adding(reportsOf: id, to: hello(for: contact, recoveryBundle: bundle))
        try noteRecoveryBundle(bundle, in: content, for: id)
        return content
    }

    /// Takes an item's envelope away: its text waits for a session, anything else is dropped.
    private mutating func unseal(_ item: OutboxRecord) throws(ClientError) {
        guard try ownMessage(item.message, to: item.contact) != nil,
            !outbox.contains(where: {
                $0.contact == item.contact && $0.message == item.message && $0.form == .waiting
            })
        else { return remove(item) }
        var item = item
        item.form = .waiting
        item.mailbox = nil
        item.server = nil
        item.session = .zero
        item.counter = 0
        item.reason = .waitingForReply
        save(item)
        transaction.remove(.outbox, key: item.envelopeKey)
    }

    /// Hellos that wait or have no receipt are not sent again beside a newer one: what they report
    /// is no longer so.
    mutating func forgetHellos(to id: ContactID) throws(ClientError) {
        for item in outbox
        where item.contact == id && item.form == .waiting && item.type == .hello { remove(item) }
        for row in try transaction.committedRows(.unconfirmed, group: id.array) {
            let record = try UnconfirmedRecord.decode(row.value)
            guard let message = try ownMessage(record.message, to: id),
                try message.parsedContent().type == .hello
            else { continue }
            transaction.remove(.unconfirmed, key: row.key)
        }
    }

    // MARK: Taking one

    /// What became of an envelope.
    enum Opening {
        case opened
        case unopened
        /// It stays on the server for now. DR-38
        case held
    }

    /// Resets that wait on the server of one mailbox; above, the oldest is dropped. DR-38
    private static let heldMax = 24

    /// Takes a first message of type reset that lies in a chat mailbox, under the contact's
    /// recovery prekeys. DR-37
    ///
    /// - Returns: nil when it is none.
    mutating func takeReset(
        _ message: FirstMessage, _ mailbox: MailboxRecord, of id: ContactID
    ) throws(ClientError) -> Opening? {
        // HS-4
        for entry in preKeys.recovery(for: mailbox.id) {
            guard
                let accepted = try openReset(message, under: entry, mailbox)
            else { continue }
            guard let contact = contacts[id], accepted.introduction.type == .reset,
                accepted.introduction.account == contact.account,
                isDeviceOf(contact, accepted.introduction.certificate)
            else { return .unopened }
            let record = recovery(of: id)
            // DR-38
            guard isOver(Self.resetMilliseconds, since: record.takenMilliseconds) || isTakingHeld
            else { return .held }
            try take(reset: accepted, of: contact, until: entry.eraseAt)
            return .opened
        }
        return nil
    }

    /// DR-37: the known device, or one whose certificate expires later.
    private func isDeviceOf(_ contact: ContactRecord, _ certificate: DeviceCertificate) -> Bool {
        certificate.identity == contact.certificate.identity
            || certificate.expiry > contact.certificate.expiry
    }

    private mutating func take(
        reset accepted: consuming AcceptedFirstMessage, of known: ContactRecord, until end: Hours
    ) throws(ClientError) {
        let id = known.id
        let session = accepted.session.id
        var contact = known
        try introduce(&contact, accepted.introduction, isKnown: true)
        save(contact)
        try keep(accepted, of: contact, until: end)
        // DR-16: one that a newer one has named is read, and nothing else.
        if sessions.set(of: id)[session]?.isEnded == false {
            let moment = now.wall
            changeRecovery(of: id) { record in
                record.takenMilliseconds = moment
                if record.cause == .broken { record.cause = nil }
            }
            tell(.notice(.resetReceived(contact: contact.name)))
            //
            if !isSilent(to: id) {
                try forgetHellos(to: id)
                try answer(id, nil)
            }
        }
        try afterReceiving(from: id)
    }

    /// Keeps an envelope for when the hour is over, without acknowledging it. DR-38
    mutating func hold(
        _ envelope: [UInt8], sequence: UInt64, mailbox: MailboxID, on link: LinkID
    ) {
        var list = held[mailbox, default: []].filter { $0.link == link && $0.sequence != sequence }
        list.append(HeldReset(envelope: envelope, sequence: sequence, link: link))
        if list.count > Self.heldMax {
            // Of many the newest counts; its writer gave up the older ones with it.
            acknowledgeLater(list.removeFirst().sequence, of: mailbox)
        }
        held[mailbox] = list
    }

    /// Takes the resets that were held, in their order, once the hour is over: they count as one,
    /// and the last one wins. DR-38
    mutating func openHeld() throws(ClientError) {
        for mailbox in held.keys.sorted() {
            guard let record = mailboxes[mailbox], let id = record.contact,
                isOver(Self.resetMilliseconds, since: recovery(of: id).takenMilliseconds)
            else { continue }
            let list = held.removeValue(forKey: mailbox) ?? []
            isTakingHeld = true
            defer { isTakingHeld = false }
            // Of an earlier connection the server delivers again.
            for reset in list where reading[mailbox]?.link == reset.link {
                try open(
                    reset.envelope, sequence: reset.sequence, record, on: reset.link)
            }
        }
    }
}

/// A reset that came within an hour of the last one.
struct HeldReset: Sendable {
    let envelope: [UInt8]
    let sequence: UInt64
    let link: LinkID
}
