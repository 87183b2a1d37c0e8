internal import Crypto
internal import Primitives
internal import Wire

extension Engine {
    /// The name and id of the note to self.
    static let selfName = "me"
    static let selfID = ContactID.zero
    /// Longest local name in characters.
    static let nameCharactersMax = 64

    mutating func save(_ contact: ContactRecord) {
        contacts[contact.id] = contact
        transaction.put(.contact, key: contact.id.array, value: contact.encoded)
    }

    /// - Throws: `ClientError.unknownContact`.
    func contact(named name: String) throws(ClientError) -> ContactRecord {
        guard
            let contact = contacts.values.first(where: { $0.name == name && $0.id != Self.selfID })
        else { throw .unknownContact }
        return contact
    }

    func contact(of account: Ed25519PublicKey) -> ContactRecord? {
        contacts.values.first { $0.account == account && $0.id != Self.selfID }
    }

    /// The note to self, made when it is first used. It has no session and no mailbox.
    mutating func selfContact() -> ContactRecord {
        if let contact = contacts[Self.selfID] { return contact }
        let contact = ContactRecord(
            id: Self.selfID, name: Self.selfName, account: identity.account, state: .accepted,
            certificate: identity.certificate, createdMilliseconds: now.wall)
        save(contact)
        return contact
    }

    /// Keeps a note: it is sent at once, since it goes nowhere.
    mutating func keepNote(_ content: Content) throws(ClientError) {
        let message = MessageRecord(
            contact: Self.selfID, author: .me, content: content, storedMilliseconds: now.wall,
            state: .sent)
        transaction.put(.message, key: message.key, group: message.group, value: message.encoded)
        guard let id = MessageID(content.id.array) else { return }
        tell(.messageState(id: id, contact: Self.selfName, state: .sent))
    }

    // MARK: Names

    /// A name the user typed.
    ///
    /// - Throws: `ClientError.nameInvalid`.
    static func checkName(_ name: String) throws(ClientError) {
        guard (1...nameCharactersMax).contains(name.count), name != selfName, !name.contains(","),
            SafeText(untrusted: name).description == name,
            name.first?.isWhitespace == false, name.last?.isWhitespace == false
        else { throw .nameInvalid }
    }

    /// The name a new contact gets: the wish, else the handle, else `contact-N`; a clash gets a
    /// number.
    func freeName(wish: String?, handle: Handle?) -> String {
        let taken = Set(contacts.values.map(\.name)).union([Self.selfName])
        let base = wish ?? handle?.text
        if let base, !taken.contains(base) { return base }
        let stem = base ?? "contact"
        var number = base == nil ? 1 : 2
        while taken.contains("\(stem)-\(number)") { number += 1 }
        return "\(stem)-\(number)"
    }

    // MARK: Summaries

    func summary(of contact: ContactRecord) -> ContactSummary {
        ContactSummary(
            name: contact.name, account: Base32.encode(contact.account.bytes.raw),
            handle: claimedHandle(of: contact), isHandleConfirmed: contact.isHandleConfirmed,
            state: contact.state, isVerified: contact.isVerified,
            isPresenceShared: contact.isPresenceShared,
            isOnline: live[contact.id]?.isOnline ?? false, unreadCount: Int(contact.unreadCount))
    }

    func claimedHandle(of contact: ContactRecord) -> String? {
        guard let handle = contact.handle else { return nil }
        guard let server = contact.handleServer else { return handle.text }
        return "\(handle.text)@\(server.hostAndPort)"
    }

    func outboxSummary(_ item: OutboxRecord) -> OutboxSummary? {
        guard let contact = contacts[item.contact] else { return nil }
        return OutboxSummary(
            id: item.type == .text ? MessageID(item.message.array) : nil, contact: contact.name,
            timeMilliseconds: item.timeMilliseconds, reason: item.reason)
    }

    func summary(of message: MessageRecord) throws(ClientError) -> MessageSummary? {
        let content = try message.parsedContent()
        guard let contact = contacts[message.contact], let id = MessageID(message.id.array) else {
            return nil
        }
        let body: MessageBody
        if let text = content.text {
            body = .text(text)
        } else if content.type.handling == .showAsUnknown {
            body = .unknown(type: content.type.rawValue)
        } else {
            return nil
        }
        return MessageSummary(
            id: id, contact: contact.name, author: message.author,
            timeMilliseconds: content.milliseconds,
            storedMilliseconds: message.storedMilliseconds, state: message.state,
            isRequest: message.isRequest, body: body)
    }
}
