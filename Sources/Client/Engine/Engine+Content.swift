internal import Crypto
internal import Primitives
internal import Wire

extension Engine {
    /// Acts on content that a message of a contact carried.
    mutating func process(
        _ bytes: [UInt8], number: UInt64, in session: SessionID, of id: ContactID
    ) throws(ClientError) {
        let content: Content
        do throws(ContentError) {
            content = try Content(parsing: bytes.raw)
            noteWritten(at: content.milliseconds, by: id)
        } catch {
            // EN-4: received, kept, and unreadable.
            keepUnreadable(bytes, number: number, in: session, of: id)
            return
        }
        if let device = sessions[session]?.device.deviceKey,
            let bundle = content.verifiedRecoveryBundle(by: device),
            var contact = contacts[id], bundle.isNewer(than: contact.peerRecoveryBundle)
        {
            contact.peerRecoveryBundle = bundle.bytes
            save(contact)
        }
        // DR-41
        try nameMissing(content.sessionReports, of: id)
        switch content.type {
        case .text: try receivedMessage(content, of: id)
        case .deliveryReceipt, .readReceipt:
            try receivedReceipt(content, in: session, of: id)
            return
        case .hello, .mailboxChange:
            if let mailbox = content.mailbox(0) {
                adopt(
                    mailbox, of: id, session: session, number: number,
                    milliseconds: content.milliseconds)
            }
            try peerAnswered(id)
            // DR-40: the other side sends again only in a session that is confirmed for it.
            if content.type == .hello, isOwnReset(session, of: id) { try sendRecovery(to: id) }
        case .record: receivedRecord(content, of: id)
        case .missing: try receivedMissing(content.missingIDs ?? [], of: id)
        case .recoveryBundle, .typing, .presence: break
        default: try receivedUnknown(content, of: id)
        }
        receiptDue(.delivered, content.id, of: id)
    }

    private mutating func keepUnreadable(
        _ bytes: [UInt8], number: UInt64, in session: SessionID, of id: ContactID
    ) {
        var key = session.array
        key.append(bigEndian: number)
        transaction.put(.kept, key: key, group: id.array, value: bytes)
        tell(.notice(.unknownContent(contact: contacts[id]?.name ?? "", type: 0)))
    }

    /// A message to show; one whose id is known is a repetition and is not shown again.
    private mutating func receivedMessage(
        _ content: Content, of id: ContactID
    ) throws(ClientError) {
        guard var contact = contacts[id] else { return }
        let key = MessageRecord.key(id, .peer, content.id)
        if try transaction.value(.message, key: key) != nil { return }
        let message = MessageRecord(
            contact: id, author: .peer, content: content, storedMilliseconds: now.wall,
            state: .received, isRequest: contact.state == .request)
        transaction.put(.message, key: key, group: message.group, value: message.encoded)
        contact.unreadCount += 1
        save(contact)
        stopTyping(id)
        if let summary = try summary(of: message) { tell(.message(summary)) }
    }

    private mutating func receivedUnknown(
        _ content: Content, of id: ContactID
    ) throws(ClientError) {
        // EN-6
        switch content.type.handling {
        case .showAsUnknown: try receivedMessage(content, of: id)
        case .keepSilently:
            transaction.put(
                .kept, key: id.array + content.id.array, group: id.array, value: content.encoded)
        case .act: break
        }
    }

    /// The contact's first answer: from now on both sides have each other's mailbox.
    private mutating func peerAnswered(_ id: ContactID) throws(ClientError) {
        guard var contact = contacts[id], contact.state == .invited else { return }
        contact.state = .accepted
        save(contact)
        tell(.contact(summary(of: contact)))
        // The answer to an answer: this side's recovery bundle.
        if contact.ownRecoveryMessage == nil {
            try sendRecovery(to: id)
        }
    }

    private mutating func sendRecovery(to id: ContactID) throws(ClientError) {
        let bundle = try makeRecoveryBundle(for: id)
        let content = Content.recoveryBundle(bundle, id: random.bytes(), milliseconds: now.wall)
        try noteRecoveryBundle(bundle, in: content, for: id)
        try enqueue(content, to: id)
    }

    /// EN-10
    private mutating func receivedRecord(_ content: Content, of id: ContactID) {
        guard var contact = contacts[id],
            let verified = content.verifiedRecord(of: contact.account), contact.keep(verified)
        else { return }
        let record = verified.value
        let device = contact.certificate.identity
        if let renewed = record.certificates.first(where: { $0.identity == device }) {
            contact.certificate = renewed
        }
        if let handle = record.handle, handle != contact.handle {
            contact.handle = handle
            contact.isHandleConfirmed = false
        }
        save(contact)
        tell(.contact(summary(of: contact)))
    }

    // MARK: Receipts of the other side

    /// EN-9, DR-19
    private mutating func receivedReceipt(
        _ content: Content, in session: SessionID, of id: ContactID
    ) throws(ClientError) {
        let state: MessageState = content.type == .readReceipt ? .read : .delivered
        for message in content.receiptIDs ?? [] {
            try receipted(message, state, in: session, of: id)
        }
    }

    /// - Returns: whether it was news.
    @discardableResult
    mutating func receipted(
        _ message: FixedBytes<16>, _ state: MessageState, in session: SessionID, of id: ContactID
    ) throws(ClientError) -> Bool {
        let key = UnconfirmedRecord.key(id, message)
        var isNews = false
        var sealedIn: SessionID?
        if let bytes = try transaction.value(.unconfirmed, key: key) {
            let unconfirmed = try UnconfirmedRecord.decode(bytes)
            // DR-19
            let set = sessions.set(of: id)
            guard set.countsReceipt(in: session, forMessageStamped: unconfirmed.order) else {
                return false
            }
            transaction.remove(.unconfirmed, key: key)
            keepConfirmed(unconfirmed)
            isNews = true
            sealedIn = unconfirmed.session
        } else {
            try unname(message, of: id)
        }
        try recoveryConfirmed(message, of: id)
        // A receipt names what the server has taken, even when its answer was lost. Not so for a
        // copy that was sealed before the one it names: its number would be missing.
        if let item = outbox.first(where: { $0.contact == id && $0.message == message }),
            item.form == .first, item.session == sealedIn
        {
            remove(item)
            try messageAccepted(item)
        }
        return try advance(message, of: id, to: state) || isNews
    }
}
