internal import Crypto
internal import Primitives
internal import Wire

extension Engine {
    /// Longest text in bytes: the room of the largest envelope, less the field's head.
    package static let textByteCountMax = Envelope.room(inEnvelopeOf: 16_384) - 3

    // MARK: Texts

    /// Writes a text to each contact; one id each. `me` is the note to self.
    ///
    /// - Throws: a refusal, before anything has changed.
    package mutating func send(
        _ text: String, to names: [String], at moment: Moment
    ) throws(ClientError) -> [MessageID] {
        now = moment
        let count = text.utf8.count
        guard count > 0 else { throw .textEmpty }
        guard count <= Self.textByteCountMax else {
            throw .textTooLong(byteCount: count, byteCountMax: Self.textByteCountMax)
        }
        guard !names.isEmpty else { throw .unknownContact }
        // Nil is the note to self, whose contact is made only when all the others are there.
        var targets: [ContactID?] = []
        for name in names {
            if name == Self.selfName {
                targets.append(nil)
                continue
            }
            let contact = try contact(named: name)
            guard contact.state != .request else { throw .notAccepted }
            targets.append(contact.id)
        }
        var ids: [MessageID] = []
        for target in targets {
            let content = Content.text(text, id: random.bytes(), milliseconds: now.wall)
            if let target {
                try enqueue(content, to: target)
            } else {
                _ = selfContact()
                try keepNote(content)
            }
            guard let id = MessageID(content.id.array) else { continue }
            ids.append(id)
        }
        try settle()
        return ids
    }

    // MARK: The queue of a contact

    /// Keeps a message and seals it, now or when a session can carry it.
    mutating func enqueue(_ content: Content, to contact: ContactID) throws(ClientError) {
        let message = MessageRecord(
            contact: contact, author: .me, content: content, storedMilliseconds: now.wall,
            state: .queued)
        transaction.put(.message, key: message.key, group: message.group, value: message.encoded)
        try enqueueSealing(content, to: contact)
    }

    /// Seals content of which no message is kept, such as a receipt.
    mutating func enqueueSealing(_ content: Content, to contact: ContactID) throws(ClientError) {
        var item = OutboxRecord(
            id: random.bytes(), contact: contact, message: content.id, type: content.type,
            timeMilliseconds: content.milliseconds)
        // What waits goes first, so that messages arrive in the order in which they were written.
        let first = outbox.first { $0.contact == contact && $0.form == .waiting }
        if let first {
            item.reason = first.reason
        } else if isEarly(item) {
            item.reason = .waitingForServer
        } else if isSilent(to: contact) {
            item.reason = .waitingForReply
        } else if try seal(&item, content) {
            return
        } else {
            item.reason = .waitingForReply
        }
        save(item)
        if item.reason == .waitingForReply, content.type == .text,
            let summary = outboxSummary(item)
        {
            tell(.outbox(summary))
        }
    }

    /// Keeps the first message of a reset and seals it before all that waits. DR-36
    mutating func enqueueFirst(_ content: Content, to contact: ContactID) throws(ClientError) {
        let message = MessageRecord(
            contact: contact, author: .me, content: content, storedMilliseconds: now.wall,
            state: .queued)
        transaction.put(.message, key: message.key, group: message.group, value: message.encoded)
        var item = OutboxRecord(
            id: random.bytes(), contact: contact, message: content.id, type: content.type,
            timeMilliseconds: content.milliseconds)
        guard try seal(&item, content) else { throw .internalFault(line: #line) }
    }

    /// CL-35: a hello names the mailbox the contact is to write in, so the server has to have it
    /// first. One that goes as a first message is sealed at once and waits in the outbox.
    private func isEarly(_ item: OutboxRecord) -> Bool {
        guard item.type == .hello, let mailbox = contacts[item.contact]?.ownMailbox,
            let written = sessions.written(of: item.contact), sessions.hasReceived(in: written.id)
        else { return false }
        return mailboxes[mailbox]?.state == .wanted
    }

    /// Seals an item in the session that is written in.
    ///
    /// - Returns: false when no session can carry it yet.
    private mutating func seal(
        _ item: inout OutboxRecord, _ content: Content
    ) throws(ClientError) -> Bool {
        guard let contact = contacts[item.contact], var record = sessions.written(of: contact.id),
            !isSilent(to: contact.id)
        else { return false }
        var session = try ratchet(record.id)
        // DR-36: a reset goes into the chat mailbox.
        let isReset = isOwnReset(record.id, of: contact.id)
        let isFirst = session.awaitsReply && !isReset
        let content =
            session.awaitsReply && isReset
            ? try reporting(content, in: session, to: contact.id) : content
        guard let mailbox = isFirst ? contact.contactMailbox : contact.peerMailbox,
            let server = isFirst ? contact.contactServer : mailboxes[mailbox]?.server
        else { return false }
        let sealed: SealedMessage
        do throws(SealError) {
            sealed = try session.seal(content, random: &random)
        } catch {
            switch error {
            case .awaitingReply, .nothingReceived: return false
            case .tooLong where session.awaitsReply: return false
            case .tooLong, .chainExhausted: throw .internalFault(line: #line)
            }
        }
        // CL-3, DR-8: state, envelope and item are in one transaction before anything is sent.
        save(session)
        record.receivedSinceStored = 0
        record.lastStoredMilliseconds = now.wall
        save(record)
        var stamp: UInt64 = 0
        changeSet(of: contact.id) { set in
            stamp = set.stamp()
            return []
        }
        item.form = isFirst ? .first : .chat
        item.mailbox = mailbox
        item.server = server
        item.session = record.id
        item.counter = 0
        item.reason = mailboxes[mailbox]?.state == .copied ? .copiedVault : .waitingForServer
        save(item)
        transaction.put(
            .outbox, key: item.envelopeKey, group: OutboxRecord.envelopeGroup,
            value: sealed.envelope)
        if !content.type.isReceipt {
            let key = UnconfirmedRecord.key(contact.id, content.id)
            let before = try transaction.value(.unconfirmed, key: key)
                .map { bytes throws(ClientError) in try UnconfirmedRecord.decode(bytes).sealings }
            let sealing = SessionReport(id: record.id, completeThrough: sealed.number)
            let unconfirmed = UnconfirmedRecord(
                contact: contact.id, message: content.id, session: record.id, order: stamp,
                sealings: (before ?? []) + [sealing], isShown: !content.type.isControl)
            transaction.put(
                .unconfirmed, key: key, group: contact.id.array, value: unconfirmed.encoded)
        }
        return true
    }

    /// Whatever begins a reset for the other side says what this side has read: of the messages
    /// behind its prefix the server may drop all but the last. DR-39
    private mutating func reporting(
        _ content: Content, in session: borrowing Session, to contact: ContactID
    ) throws(ClientError) -> Content {
        guard content.sessionReports.isEmpty else { return content }
        let reporting = try adding(reportsOf: contact, to: content)
        return reporting.fields.byteCount <= session.room ? reporting : content
    }

    /// Seals, in order, what has waited for a session.
    mutating func sealWaiting(of contact: ContactID) throws(ClientError) {
        for item in outbox where item.contact == contact && item.form == .waiting {
            guard let message = try ownMessage(item.message, to: contact) else {
                remove(item)
                continue
            }
            if isEarly(item) { return }
            var item = item
            guard try seal(&item, try message.parsedContent()) else {
                if item.reason != .waitingForReply {
                    item.reason = .waitingForReply
                    save(item)
                }
                return
            }
        }
    }

    /// Encrypts anew what has no receipt and was last encrypted elsewhere or too early. DR-20
    mutating func sealAnew(of contact: ContactID) throws(ClientError) {
        let set = sessions.set(of: contact)
        guard let written = set.writeSession, set[written]?.isConfirmed == true else { return }
        let rows = try transaction.committedRows(.unconfirmed, group: contact.array)
        for row in rows {
            guard let value = try transaction.value(.unconfirmed, key: row.key) else { continue }
            let unconfirmed = try UnconfirmedRecord.decode(value)
            guard set.mustSealAnew(messageIn: unconfirmed.session, stamped: unconfirmed.order)
            else { continue }
            try sealAgain(unconfirmed.message, to: contact)
        }
    }

    /// Encrypts one message anew, with its id. DR-20
    mutating func sealAgain(
        _ message: FixedBytes<16>, to contact: ContactID
    ) throws(ClientError) {
        guard let kept = try ownMessage(message, to: contact) else {
            transaction.remove(.unconfirmed, key: UnconfirmedRecord.key(contact, message))
            return
        }
        let content = try kept.parsedContent()
        // What is sealed already goes all the same: taken out, its number would be missing for
        // ever on the other side, and its counter at the server. The message id tells the double.
        if outbox.contains(where: {
            $0.contact == contact && $0.message == message && $0.form == .waiting
        }) {
            return
        }
        // One whose contact mailbox is gone never goes; its session is not the one written in.
        for item in outbox
        where item.contact == contact && item.message == message && item.form == .first
            && item.reason == .mailboxGone
        {
            remove(item)
        }
        try enqueueSealing(content, to: contact)
    }

    /// The server lost what it had accepted. CL-8
    mutating func serverWentBack(_ contact: ContactID) throws(ClientError) {
        tell(.notice(.serverWentBack(contact: contacts[contact]?.name ?? "")))
        for row in try transaction.committedRows(.unconfirmed, group: contact.array) {
            let unconfirmed = try UnconfirmedRecord.decode(row.value)
            if outbox.contains(where: { $0.message == unconfirmed.message }) { continue }
            try sealAgain(unconfirmed.message, to: contact)
        }
    }

    mutating func ownMessage(
        _ id: FixedBytes<16>, to contact: ContactID
    ) throws(ClientError) -> MessageRecord? {
        let key = MessageRecord.key(contact, .me, id)
        return try transaction.value(.message, key: key).map { bytes throws(ClientError) in
            try MessageRecord.decode(bytes)
        }
    }

    // MARK: Progress

    /// The server has taken an item.
    mutating func messageAccepted(_ item: OutboxRecord) throws(ClientError) {
        try advance(item.message, of: item.contact, to: .sent)
        guard let contact = contacts[item.contact] else { return }
        let summary = summary(of: contact)
        operations.finish(waitingFor: item.id, &actions) { kind in
            kind == .accept ? .accepted(summary) : .added(summary)
        }
    }

    /// Moves an own message on; it never goes back.
    ///
    /// - Returns: whether it moved.
    @discardableResult
    mutating func advance(
        _ message: FixedBytes<16>, of contact: ContactID, to state: MessageState
    ) throws(ClientError) -> Bool {
        guard var record = try ownMessage(message, to: contact), record.state < state else {
            return false
        }
        record.state = state
        transaction.put(.message, key: record.key, group: record.group, value: record.encoded)
        if try record.parsedContent().type == .text, let id = MessageID(message.array) {
            tell(.messageState(id: id, contact: contacts[contact]?.name ?? "", state: state))
        }
        return true
    }
}

extension ContentType {
    /// True for content that is itself a receipt and gets none.
    var isReceipt: Bool { self == .deliveryReceipt || self == .readReceipt }
}
