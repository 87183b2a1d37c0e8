internal import Crypto
internal import Primitives
internal import Wire

extension Engine {
    /// Makes an invite: keys and mailbox of its own; the link is told when the server has it all.
    package mutating func createInvite(
        name: String?, days: Int, at moment: Moment
    ) throws(ClientError) -> OperationID {
        now = moment
        if let name { try Self.checkName(name) }
        guard (1...30).contains(days) else { throw .inviteDaysInvalid }
        let hours = UInt32(days) * 24
        let from = now.hours
        let expiry = from.advanced(byHours: hours)
        let mailbox = try makeMailbox(.ownInvite)
        let eraseAt = expiry.advanced(byHours: Self.preKeyGraceHours)
        let signed = makeSigned(.signed, mailbox: mailbox.id, eraseAt: eraseAt)
        let oneTime = [makeOneTime(mailbox: mailbox.id, eraseAt: eraseAt)]
        let oneTimeKEM = [makeOneTimeKEM(mailbox: mailbox.id, eraseAt: eraseAt)]
        let offer = signBundle(
            signed, oneTime, oneTimeKEM, mailbox: mailbox.id,
            window: ValidityWindow(from: from, expiry: expiry))
        let record = signedRecord(handle: identity.isRegistered ? identity.handle : nil)
        guard let verifiedRecord = try? record.verify(), let bundle = try? offer.bundle.verify()
        else { throw .internalFault(line: #line) }
        let sealed = Invite(
            random: random.bytes(), record: verifiedRecord,
            oneTime: IssuedPreKey(0, of: oneTime),
            oneTimeKEM: IssuedKEMPreKey(0, of: oneTimeKEM), bundle: bundle
        ).seal()
        let invite = InviteRecord(
            idHash: SHA256.hash(sealed.blobID.raw), eraseKey: random.bytes(),
            linkKey: sealed.linkKey.bytes, mailbox: mailbox.id, name: name ?? "", expiry: expiry)
        save(invite)
        transaction.put(
            .kept, key: Self.blobKey(invite.idHash), group: Self.blobGroup, value: sealed.blob)
        let operation = operations.begin()
        operations.invites[invite.idHash] = operation
        try settle()
        return operation
    }

    /// Takes an invite back: its blob and mailbox go.
    package mutating func withdrawInvite(
        id: String, at moment: Moment
    ) throws(ClientError) -> OperationID {
        now = moment
        let found = invites.values.filter { Self.name(of: $0) == id && $0.state <= .open }
        guard found.count == 1, var invite = found.first else { throw .unknownInvite }
        invite.state = .withdrawn
        invite.erasesBlob = true
        save(invite)
        discard(invite.mailbox)
        let operation = operations.begin()
        operations.withdrawals[invite.idHash] = operation
        eraseBlob(of: invite)
        try settle()
        return operation
    }

    package func inviteSummaries() -> [InviteSummary] {
        invites.values.sorted { ($0.expiry, $0.idHash) < ($1.expiry, $1.idHash) }
            .map { summary(of: $0) }
    }

    func summary(of invite: InviteRecord) -> InviteSummary {
        InviteSummary(
            id: Self.name(of: invite), name: invite.name.isEmpty ? nil : invite.name,
            expirySeconds: UInt64(clamping: invite.expiry.secondsSince1970), state: invite.state)
    }

    private static func name(of invite: InviteRecord) -> String {
        String(invite.idHash.hex.prefix(16))
    }

    private static let blobGroup = Array("blob".utf8)
    private static func blobKey(_ idHash: FixedBytes<32>) -> [UInt8] { blobGroup + idHash.array }

    mutating func save(_ invite: InviteRecord) {
        invites[invite.idHash] = invite
        transaction.put(.invite, key: invite.idHash.array, value: invite.encoded)
    }

    // MARK: On the server

    /// The mailbox of an invite stands: its blob follows, over a connection of its own. CL-12
    mutating func mailboxCreated(_ mailbox: MailboxRecord) throws(ClientError) {
        guard mailbox.role == .ownInvite,
            let invite = invites.values.first(where: { $0.mailbox == mailbox.id }),
            invite.state == .making
        else { return }
        guard
            let blob = try transaction.value(.kept, key: Self.blobKey(invite.idHash))
        else { return }
        begin(.putBlob(invite: invite.idHash, blob: blob), at: identity.server)
    }

    mutating func blobPut(_ id: FixedBytes<32>, _ frame: IncomingFrame) throws(ClientError) {
        guard var invite = invites[id] else { return }
        var isThere = false
        if case .done = frame { isThere = true }
        // Put by an attempt whose answer was lost.
        if case .error(let error) = frame, error.code == .exists { isThere = true }
        guard isThere else {
            return inviteFailed(id, Self.error(of: frame, notFound: .serverFault))
        }
        if invite.state == .making { invite.state = .open }
        save(invite)
        transaction.remove(.kept, key: Self.blobKey(id))
        guard let operation = operations.invites.removeValue(forKey: id) else { return }
        let link = Address.invite(identity.server, LinkKey(invite.linkKey)).text
        operations.end(operation, .invite(summary(of: invite), link: link), &actions)
    }

    /// An invite that could not be put is taken back: nobody has its link.
    mutating func inviteFailed(_ id: FixedBytes<32>, _ error: ClientError) {
        guard var invite = invites[id] else { return }
        if invite.state == .making {
            invite.state = .withdrawn
            // The put may have reached the server all the same.
            invite.erasesBlob = true
            save(invite)
            transaction.remove(.kept, key: Self.blobKey(id))
            discard(invite.mailbox)
        }
        guard let operation = operations.invites.removeValue(forKey: id) else { return }
        operations.end(operation, .failed(error), &actions)
    }

    mutating func eraseBlob(of invite: InviteRecord) {
        guard isOnline else { return }
        begin(.eraseBlob(invite: invite.idHash), at: identity.server)
    }

    mutating func blobErased(_ id: FixedBytes<32>, _ frame: IncomingFrame) {
        guard var invite = invites[id] else { return }
        var isGone = false
        if case .done = frame { isGone = true }
        if case .error(let error) = frame, error.code == .notFound { isGone = true }
        guard isGone else {
            return withdrawalFailed(id, Self.error(of: frame, notFound: .serverFault))
        }
        invite.erasesBlob = false
        save(invite)
        guard let operation = operations.withdrawals.removeValue(forKey: id) else { return }
        operations.end(
            operation, .inviteWithdrawn(id: String(id.hex.prefix(16))), &actions)
    }

    mutating func withdrawalFailed(_ id: FixedBytes<32>, _ error: ClientError) {
        guard let operation = operations.withdrawals.removeValue(forKey: id) else { return }
        operations.end(operation, .failed(error), &actions)
    }

    // MARK: Used

    /// The first comer has taken an invite. CL-27
    mutating func take(_ invite: InviteRecord, by contact: ContactID) {
        var invite = invite
        invite.state = .used
        invite.contact = contact
        invite.erasesBlob = true
        save(invite)
        eraseBlob(of: invite)
    }

    /// A message has come in the chat's own mailbox: its writer knows that, so nothing more goes
    /// into the invite's. What lies there is read first. CL-27
    mutating func chatInUse(_ contact: ContactID) {
        for invite in invites.values
        where invite.contact == contact && mailboxes[invite.mailbox]?.state == .inUse {
            drain(invite.mailbox)
        }
    }

    /// Blobs that could not be erased are tried again; what has expired is forgotten with its keys.
    mutating func maintainInvites() {
        for invite in invites.values.sorted(by: { $0.idHash < $1.idHash }) {
            if invite.state == .making, operations.invites[invite.idHash] == nil {
                // Of a process that ended over it.
                inviteFailed(invite.idHash, .connectionLost)
            }
            if invite.expiry < now.hours, mailboxes[invite.mailbox] != nil {
                discard(invite.mailbox)
            }
            if invite.expiry.advanced(byHours: Self.preKeyGraceHours) < now.hours {
                invites[invite.idHash] = nil
                transaction.remove(.invite, key: invite.idHash.array)
            } else if invite.erasesBlob, invite.expiry > now.hours {
                eraseBlob(of: invite)
            }
        }
    }
}

extension InviteState: Comparable {
    /// In the order of an invite's life.
    public static func < (left: InviteState, right: InviteState) -> Bool {
        left.rawValue < right.rawValue
    }
}
