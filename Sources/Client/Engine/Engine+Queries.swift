internal import Crypto
internal import Primitives
internal import Wire

extension Engine {
    /// Accepted and invited contacts by name.
    package func contactSummaries() -> [ContactSummary] {
        contacts.values.filter { $0.id != Self.selfID && $0.state != .request }
            .sorted { $0.name < $1.name }.map { summary(of: $0) }
    }

    package func requestSummaries() throws(ClientError) -> [RequestSummary] {
        var requests: [RequestSummary] = []
        for contact in contacts.values.filter({ $0.state == .request })
            .sorted(by: { $0.createdMilliseconds < $1.createdMilliseconds })
        {
            requests.append(try requestSummary(of: contact))
        }
        return requests
    }

    func requestSummary(of contact: ContactRecord) throws(ClientError) -> RequestSummary {
        RequestSummary(
            name: contact.name, account: Base32.encode(contact.account.bytes.raw),
            handle: claimedHandle(of: contact), isHandleConfirmed: contact.isHandleConfirmed,
            receivedMilliseconds: contact.createdMilliseconds,
            messages: try messages(of: contact.id, limit: 100, before: nil))
    }

    package func outboxSummaries() -> [OutboxSummary] { outbox.compactMap { outboxSummary($0) } }

    package func identitySummary(isWithoutPassphrase: Bool) -> IdentitySummary {
        var address: String?
        if identity.isRegistered, let handle = identity.handle {
            address = Address.person(identity.server, handle).text
        }
        return IdentitySummary(
            account: Base32.encode(identity.account.bytes.raw),
            device: Self.hexadecimal(identity.certificate.identity.deviceID),
            handle: identity.handle?.text, isRegistered: identity.isRegistered,
            server: identity.server.text, address: address,
            isWithoutPassphrase: isWithoutPassphrase)
    }

    private static func hexadecimal(_ id: UInt32) -> String {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: id)
        return Hex.encode(bytes.raw)
    }

    /// Messages of a chat, oldest first: the newest `limit`, or those before one.
    package func history(
        of name: String, limit: Int, before: MessageID?
    ) throws(ClientError) -> [MessageSummary] {
        if name == Self.selfName {
            guard contacts[Self.selfID] != nil else { return [] }
            return try messages(of: Self.selfID, limit: limit, before: before)
        }
        return try messages(of: try contact(named: name).id, limit: limit, before: before)
    }

    private func messages(
        of id: ContactID, limit: Int, before: MessageID?
    ) throws(ClientError) -> [MessageSummary] {
        var found: [MessageSummary] = []
        var skips = before != nil
        var place: Int64?
        // Control content lies between the messages, so pages are read until enough were shown.
        while found.count < limit {
            let rows = try transaction.committedRows(
                .message, group: id.array,
                page: VaultPage(before: place, limit: 64, isNewestFirst: true))
            for row in rows {
                place = row.place
                let message = try MessageRecord.decode(row.value)
                if skips {
                    if message.id.array == before?.bytes { skips = false }
                    continue
                }
                guard found.count < limit, let summary = try summary(of: message) else { continue }
                found.append(summary)
            }
            if rows.count < 64 { break }
        }
        return found.reversed()
    }

    /// The message whose id begins so.
    package func message(idPrefix: String) throws(ClientError) -> MessageSummary {
        let digits = idPrefix.lowercased()
        guard digits.count >= 6 else { throw .ambiguousMessage(count: 0) }
        var found: [MessageSummary] = []
        for row in try transaction.committedRows(.message) {
            let message = try MessageRecord.decode(row.value)
            guard message.id.hex.hasPrefix(digits), let summary = try summary(of: message) else {
                continue
            }
            found.append(summary)
        }
        guard found.count <= 1 else { throw .ambiguousMessage(count: found.count) }
        guard let message = found.first else { throw .unknownMessage }
        return message
    }

    // MARK: Read marks

    /// Marks the contact's messages as shown, up to one; says how many were new.
    package mutating func markRead(
        _ name: String, upTo: MessageID?, at moment: Moment
    ) throws(ClientError) -> Int {
        now = moment
        if name == Self.selfName { return 0 }
        var contact = try contact(named: name)
        guard contact.state != .request else { throw .notAccepted }
        guard contact.unreadCount > 0 else { return 0 }
        var count = 0
        for row in try transaction.committedRows(.message, group: contact.id.array) {
            var message = try MessageRecord.decode(row.value)
            if message.author == .peer, !message.isSeen {
                message.isSeen = true
                transaction.put(
                    .message, key: message.key, group: message.group, value: message.encoded)
                count += 1
                contact.unreadCount -= min(1, contact.unreadCount)
                receiptDue(.read, message.id, of: contact.id)
            }
            if message.id.array == upTo?.bytes { break }
        }
        save(contact)
        try settle()
        return count
    }

    // MARK: Outbox

    /// Tries a message again that was held.
    package mutating func retry(_ id: MessageID, at moment: Moment) throws(ClientError) {
        now = moment
        guard let item = outbox.first(where: { $0.message.array == id.bytes }) else {
            throw .unknownMessage
        }
        if item.form != .waiting, item.reason != .copiedVault {
            var item = item
            item.reason = .waitingForServer
            save(item)
            if let mailbox = item.mailbox { writing[mailbox]?.isHalted = false }
        }
        try settle()
    }

    // MARK: Safety numbers

    package func safetyNumber(of name: String) throws(ClientError) -> SafetyNumberSummary {
        let contact = try contact(named: name)
        let number = SafetyNumber(identity.account, contact.account)
        return SafetyNumberSummary(text: number.text, isVerified: contact.isVerified)
    }

    package mutating func verify(
        _ name: String, number text: String, at moment: Moment
    ) throws(ClientError) {
        now = moment
        var contact = try contact(named: name)
        let number = SafetyNumber(identity.account, contact.account)
        guard SafetyNumber.isWhole(text) else { throw .safetyNumberInvalid }
        guard number.matches(text) else { throw .safetyNumberDiffers }
        contact.isVerified = true
        save(contact)
    }
}

extension Engine {
    /// How far an own message has come; `queued` for one that is not known.
    package func state(of id: MessageID) throws(ClientError) -> MessageState {
        guard let fixed = FixedBytes<16>(copying: id.bytes.raw) else { return .queued }
        for contact in contacts.keys.sorted() {
            let key = MessageRecord.key(contact, .me, fixed)
            guard let bytes = try transaction.value(.message, key: key) else { continue }
            return try MessageRecord.decode(bytes).state
        }
        return .queued
    }
}
