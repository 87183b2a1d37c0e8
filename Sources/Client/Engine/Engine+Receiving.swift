internal import Crypto
internal import Primitives
internal import Wire

extension Engine {
    /// Hashes of envelopes are kept for so many days: 30 in the mailbox, 2 for clocks. CL-5
    static let seenDays: UInt32 = 32
    /// A broken session is told to the user so often at most.
    static let brokenNoticeMilliseconds: UInt64 = 3_600_000

    /// An envelope came. It is acknowledged after the commit of this step, whatever it held. CL-4
    mutating func delivered(
        _ envelope: [UInt8], sequence: UInt64, mailbox: MailboxID, on link: LinkID
    ) throws(ClientError) {
        guard let record = mailboxes[mailbox], record.isOwn, reading[mailbox]?.link == link else {
            return
        }
        reading[mailbox]?.waitingCount -= 1
        reading[mailbox]?.lastActivity = now.monotonic
        try open(envelope, sequence: sequence, record, on: link)
    }

    /// Opens an envelope that has come, now or before.
    mutating func open(
        _ envelope: [UInt8], sequence: UInt64, _ mailbox: MailboxRecord, on link: LinkID
    ) throws(ClientError) {
        let hash = SHA256.hash(envelope.raw).array
        // CL-5
        for key in [hash, hash + mailbox.id.array]
        where try transaction.value(.seen, key: key) != nil {
            return acknowledgeLater(sequence, of: mailbox.id)
        }
        let opening: Opening
        if mailbox.role == .ownChat {
            opening = try openChat(envelope, mailbox)
        } else {
            opening = try openFirst(envelope, mailbox) ? .opened : .unopened
        }
        if opening == .held {
            return hold(envelope, sequence: sequence, mailbox: mailbox.id, on: link)
        }
        acknowledgeLater(sequence, of: mailbox.id)
        let key = opening == .opened ? hash : hash + mailbox.id.array
        transaction.put(.seen, key: key, group: Self.dayGroup(now.day), value: [])
    }

    static func dayGroup(_ day: UInt32) -> [UInt8] {
        var group: [UInt8] = []
        group.append(bigEndian: day)
        return group
    }

    // MARK: Chat mailboxes

    private mutating func openChat(
        _ envelope: [UInt8], _ mailbox: MailboxRecord
    ) throws(ClientError) -> Opening {
        guard let id = mailbox.contact, contacts[id] != nil else { return .unopened }
        for candidate in sessions.toRead(of: id) {
            var session = try ratchet(candidate.id)
            let opened: OpenedMessage
            do throws(OpenError) {
                opened = try session.open(envelope.raw, atHours: now.hours.count)
            } catch {
                if settled(by: error, in: candidate) { return .unopened }
                continue
            }
            try take(opened, in: &session, of: id)
            chatInUse(id)
            return .opened
        }
        if let message = try? FirstMessage(parsing: envelope.raw) {
            // CL-37
            if let known = sessions.session(opening: message.openingHash), known.contact == id,
                let prefix = known.prefix
            {
                guard try openFurther(message, prefix, known) else { return .unopened }
                chatInUse(id)
                return .opened
            }
            // HS-14
            if try transaction.value(.seen, key: message.openingHash.array) != nil {
                return .unopened
            }
            if let opening = try takeReset(message, mailbox, of: id) { return opening }
        }
        // DR-15
        sessionBroken(id)
        return .unopened
    }

    /// True when an envelope that did not open in a session belongs to it all the same, so that no
    /// other one needs to be tried.
    private mutating func settled(by error: OpenError, in session: SessionRecord) -> Bool {
        switch error {
        case .notThisSession, .notAnEnvelope: return false
        default:
            // DR-15
            if error.breaksSession { sessionBroken(session.contact) }
            return true
        }
    }

    /// Says that a session is broken, in each run of the program and then once an hour, and wants
    /// a reset. DR-36
    private mutating func sessionBroken(_ id: ContactID) {
        // What waits for a restored vault was written for the one before.
        guard let contact = contacts[id], !isSilent(to: id) else { return }
        wantReset(of: id, .broken)
        if let told = brokenNotices[id], told + Self.brokenNoticeMilliseconds > now.monotonic {
            return
        }
        brokenNotices[id] = now.monotonic
        tell(.notice(.sessionBroken(contact: contact.name)))
    }

    /// Takes a message that has opened: ratchet, hash and content in one transaction. CL-4
    private mutating func take(
        _ opened: consuming OpenedMessage, in session: inout Session, of contact: ContactID
    ) throws(ClientError) {
        let content = opened.content
        let number = opened.number
        let closed = opened.closedGap
        session.commit(opened)
        save(session)
        noteReceived(in: session.id, isConfirmed: session.isConfirmed)
        noteWhole(session.id, of: contact)
        noteGaps(of: session, contact: contact)
        if let closed { tellClosed(closed.numbers, in: session.id, of: contact) }
        try process(content, number: number, in: session.id, of: contact)
        try afterReceiving(from: contact)
    }

    /// What a received message may have made possible.
    mutating func afterReceiving(from contact: ContactID) throws(ClientError) {
        redirectFirst(to: contact)
        try sealWaiting(of: contact)
        try sealAnew(of: contact)
    }

    // MARK: Contact mailboxes

    mutating func openFirst(
        _ envelope: [UInt8], _ mailbox: MailboxRecord
    ) throws(ClientError) -> Bool {
        guard let message = try? FirstMessage(parsing: envelope.raw) else { return false }
        if let known = sessions.session(opening: message.openingHash), let prefix = known.prefix {
            return try openFurther(message, prefix, known)
        }
        // HS-14: the session may be gone, its opening is remembered longer.
        if try transaction.value(.seen, key: message.openingHash.array) != nil { return false }
        for entry in preKeys.signed(for: mailbox.id) {
            let signed = try privateHalf(of: entry)
            let outer: OuterBlock?
            do {
                outer = try message.openOuter(signedPreKeyID: entry.id, key: signed)
            } catch {
                return false
            }
            guard let outer else { continue }
            return try acceptFirst(message, outer, signed, entry, mailbox, envelope)
        }
        return false
    }

    /// A further message behind a prefix that was taken before. HS-14
    private mutating func openFurther(
        _ message: FirstMessage, _ prefix: KnownPrefix, _ known: SessionRecord
    ) throws(ClientError) -> Bool {
        var session = try ratchet(known.id)
        let opened: OpenedMessage
        do throws(OpenError) {
            opened = try session.open(message, behind: prefix, atHours: now.hours.count)
        } catch {
            _ = settled(by: error, in: known)
            return false
        }
        try take(opened, in: &session, of: known.contact)
        return true
    }

    private mutating func acceptFirst(
        _ message: FirstMessage, _ outer: borrowing OuterBlock, _ signed: borrowing X25519KeyPair,
        _ entry: PreKeyIndex.Entry, _ mailbox: MailboxRecord, _ envelope: [UInt8]
    ) throws(ClientError) -> Bool {
        let own = RecipientKeys(
            account: identity.account, device: identity.certificate.identity,
            identity: keys.identity.duplicate())
        let used = preKeys.oneTime(outer.oneTimePreKeyID, for: mailbox.id)
        let oneTime: X25519KeyPair?
        if let used { oneTime = try privateHalf(of: used) } else { oneTime = nil }
        let usedKEM = preKeys.kem(outer.kemPreKeyID, beside: entry)
        let kem: MLKEM768KeyPair?
        if let usedKEM { kem = try kemHalf(of: usedKEM) } else { kem = nil }
        let result: FirstMessageResult
        do throws(HandshakeError) {
            result = try Handshake.accept(
                message, outer: outer, own: own, signedPreKey: signed, oneTimePreKey: oneTime,
                kemPreKey: kem, secondsSince1970: Int64(clamping: now.wall / 1_000))
        } catch {
            switch error {
            case .unknownOneTimePreKey, .unknownKEMPreKey: secondComer(mailbox)
            default: break
            }
            return false
        }
        switch consume result {
        case .needsNewerVersion:
            try keepForNewerVersion(envelope, mailbox.id, until: entry.eraseAt)
            return false
        case .accepted(let accepted):
            let id = accepted.session.id
            let isTaken = try take(accepted, mailbox, until: entry.eraseAt)
            if isTaken, used != nil, usedKEM?.kind == .oneTimeKEM,
                var record = sessions.records[id]
            {
                record.usesOneTime = true
                save(record)
            }
            // HS-5, HS-6: of a signed prekey and what is beside it the time decides.
            if isTaken, let used { erase(used) }
            if isTaken, let usedKEM, usedKEM.kind == .oneTimeKEM { erase(usedKEM) }
            return isTaken
        }
    }

    /// Opens a first message under a recovery prekey, if it was made for that.
    mutating func openReset(
        _ message: FirstMessage, under entry: PreKeyIndex.Entry, _ mailbox: MailboxRecord
    ) throws(ClientError) -> AcceptedFirstMessage? {
        let signed = try privateHalf(of: entry)
        let outer: OuterBlock?
        do {
            outer = try message.openOuter(signedPreKeyID: entry.id, key: signed)
        } catch {
            return nil
        }
        guard let outer else { return nil }
        // HS-6: of a recovery bundle its own KEM prekey and no other.
        let kem: MLKEM768KeyPair?
        if outer.kemPreKeyID == entry.kemID { kem = try kemHalf(of: entry) } else { kem = nil }
        let own = RecipientKeys(
            account: identity.account, device: identity.certificate.identity,
            identity: keys.identity.duplicate())
        let result: FirstMessageResult
        do throws(HandshakeError) {
            result = try Handshake.accept(
                message, outer: outer, own: own, signedPreKey: signed, oneTimePreKey: nil,
                kemPreKey: kem, secondsSince1970: Int64(clamping: now.wall / 1_000))
        } catch {
            return nil
        }
        guard case .accepted(let accepted) = consume result else { return nil }
        return accepted
    }

    /// A first message whose one-time key is gone: behind an invite somebody came second. CL-21
    private mutating func secondComer(_ mailbox: MailboxRecord) {
        guard let invite = invites.values.first(where: { $0.mailbox == mailbox.id }) else {
            return tell(.notice(.unreadableRequest))
        }
        tell(
            .notice(
                .inviteUsedTwice(
                    invite: summary(of: invite).id, name: invite.name.isEmpty ? nil : invite.name)))
    }

    /// Takes a first message: a contact, or a request. CL-21
    ///
    /// - Returns: false when it is refused, with nothing stored.
    private mutating func take(
        _ accepted: consuming AcceptedFirstMessage, _ mailbox: MailboxRecord,
        until preKeyEnd: Hours
    ) throws(ClientError) -> Bool {
        let account = accepted.introduction.account
        guard account != identity.account else { return false }
        let invite = invites.values.first { $0.mailbox == mailbox.id }
        let known = self.contact(of: account)
        if let invite, invite.state != .open, invite.contact == nil || invite.contact != known?.id {
            secondComer(mailbox)
            return false
        }
        var contact: ContactRecord
        if let known {
            contact = known
        } else {
            let wish = invite.flatMap { $0.name.isEmpty ? nil : $0.name }
            contact = ContactRecord(
                id: random.bytes(),
                name: freeName(wish: wish, handle: accepted.introduction.handle),
                account: account, state: .request, certificate: accepted.introduction.certificate,
                createdMilliseconds: now.wall)
        }
        let wasAccepted = contact.state == .accepted
        // A link's owner is not asked, nor who has written to this account first.
        let isWanted = invite != nil || contact.state != .request
        try introduce(&contact, accepted.introduction, isKnown: known != nil)
        if isWanted { contact.state = .accepted }
        save(contact)
        if let invite, invite.state == .open { take(invite, by: contact.id) }
        try keep(accepted, of: contact, until: preKeyEnd)
        // Met by another way meanwhile: the contact has this side's chat mailbox already. CL-27
        if sessions.set(of: contact.id).entries.contains(where: \.isConfirmed) {
            chatInUse(contact.id)
        }
        if isWanted {
            if !wasAccepted { tell(.contact(summary(of: contacts[contact.id] ?? contact))) }
            try answer(contact.id, nil)
        } else if known == nil {
            let request = try requestSummary(of: contact)
            tell(.request(request))
            confirmHandle(of: contact.id)
        }
        try afterReceiving(from: contact.id)
        return true
    }

    /// Takes what an introduction says into the contact.
    mutating func introduce(
        _ contact: inout ContactRecord, _ introduction: borrowing Introduction, isKnown: Bool
    ) throws(ClientError) {
        let isOtherDevice =
            isKnown && contact.certificate.identity != introduction.certificate.identity
        if isOtherDevice { tell(.notice(.deviceChanged(contact: contact.name))) }
        // The device whose certificate lasts longest is written to.
        if introduction.certificate.expiry >= contact.certificate.expiry || !isKnown {
            contact.certificate = introduction.certificate
        }
        if contact.handle == nil, let handle = introduction.handle {
            contact.handle = handle
            contact.handleServer = introduction.replyMailbox.server
        }
    }

    /// Stores the session of a first message and takes its content.
    mutating func keep(
        _ accepted: consuming AcceptedFirstMessage, of contact: ContactRecord,
        until preKeyEnd: Hours
    ) throws(ClientError) {
        let content = accepted.content
        let number = accepted.number
        let prefix = accepted.prefix
        let device = accepted.introduction.certificate.identity
        let replyMailbox = accepted.introduction.replyMailbox.duplicate()
        let session = accepted.takeSession()
        let id = session.id
        save(session)
        save(
            SessionRecord(
                id: id, contact: contact.id, device: device, prefix: prefix, now: now.wall))
        // DR-16: before anything is written to the contact.
        let parsed = try? Content(parsing: content.raw)
        let ended = parsed?.sessionReports.map(\.id) ?? []
        let hours = now.hours.count
        changeSet(of: contact.id) { $0.accept(id, naming: ended, hours: hours) }
        // HS-14: forgotten on the day after the prekey's private half is erased.
        let group = Self.dayGroup(
            preKeyEnd.count / 24 &+ 1 &- min(Self.seenDays, preKeyEnd.count / 24))
        transaction.put(.seen, key: prefix.openingHash.array, group: group, value: [])
        noteReceived(in: id, isConfirmed: session.isConfirmed)
        noteGaps(of: session, contact: contact.id)
        adopt(
            replyMailbox, of: contact.id, session: id, number: number,
            milliseconds: parsed?.milliseconds ?? 0)
        try process(content, number: number, in: id, of: contact.id)
    }

    /// Takes a mailbox the contact wants to be answered in. EN-11
    mutating func adopt(
        _ mailbox: borrowing ChatMailbox, of id: ContactID, session: SessionID, number: UInt64,
        milliseconds: UInt64
    ) {
        guard var contact = contacts[id] else { return }
        let new = mailbox.id
        // EN-23
        if let known = mailboxes[new], known.role != .peerChat || known.contact != id { return }
        let announcement = MailboxAnnouncement(
            session: session, number: number, milliseconds: milliseconds)
        // EN-11
        if contact.peerMailbox != nil, !announcement.replaces(contact.announcement) { return }
        contact.peerMailboxSession = session
        contact.peerMailboxNumber = number
        contact.peerMailboxMilliseconds = milliseconds
        let old = contact.peerMailbox
        contact.peerMailbox = new
        save(contact)
        defer { if let old, old != new { redirect(from: old, to: new, mailbox.server) } }
        guard mailboxes[new] == nil else { return }
        transaction.put(
            .mailbox, key: MailboxRecord.seedsKey(new), group: MailboxRecord.seedsGroup,
            value: mailbox.writeKey.exposeForStorage())
        save(
            MailboxRecord(
                id: new, role: .peerChat, server: mailbox.server, contact: id, invite: nil,
                readKey: mailbox.readKey, writeKey: mailbox.writeKey.publicKey, state: .inUse))
    }

    /// What is left of the first messages of an answered session goes into the chat mailbox: the
    /// one they were for may be gone by now. CL-37
    private mutating func redirectFirst(to id: ContactID) {
        guard let mailbox = contacts[id]?.peerMailbox, let server = mailboxes[mailbox]?.server
        else { return }
        for item in outbox
        where item.form == .first && item.contact == id && sessions.hasReceived(in: item.session) {
            var item = item
            item.form = .chat
            item.mailbox = mailbox
            item.server = server
            item.counter = 0
            item.reason = mailboxes[mailbox]?.state == .copied ? .copiedVault : .waitingForServer
            firstMessages[item.id] = nil
            save(item)
        }
    }

    /// Envelopes name no mailbox, so what waits for the old one goes to the new one.
    private mutating func redirect(
        from old: MailboxID, to new: MailboxID, _ server: ServerAddress
    ) {
        for item in outbox where item.form == .chat && item.mailbox == old {
            // One that was tried may lie there; the receiver knows it by its hash.
            var item = item
            item.mailbox = new
            item.server = server
            item.counter = 0
            save(item)
        }
        writing[old] = nil
    }
}
