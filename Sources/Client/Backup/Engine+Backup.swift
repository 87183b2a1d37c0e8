internal import Crypto
internal import Primitives
internal import Wire

extension Engine {
    // MARK: Making

    /// What a backup of this vault holds now, as it is committed.
    ///
    /// - Throws: `ClientError` of the vault.
    /// - SPEC: CL-47
    package mutating func backupContents(at moment: Moment) throws(ClientError) -> BackupContents {
        now = moment
        var contents = BackupContents(madeMilliseconds: now.wall)
        for key in [IdentityRecord.key, IdentityRecord.keysKey, SettingsRecord.key] {
            guard let value = try transaction.value(.state, key: key) else { continue }
            contents.add(.state, key: key, value: value)
        }
        for row in try transaction.committedRows(.state, group: ServerPin.group) {
            contents.add(.state, key: row.key, group: ServerPin.group, value: row.value)
        }
        for id in contacts.keys.sorted() { try back(up: id, into: &contents) }
        for mailbox in mailboxes.values.sorted(by: { $0.id < $1.id }) {
            let key = MailboxRecord.seedsKey(mailbox.id)
            guard let seeds = try transaction.value(.mailbox, key: key) else {
                throw .vaultCorrupt
            }
            contents.add(
                .mailbox, key: mailbox.id.array, group: MailboxRecord.infoGroup,
                value: mailbox.encoded)
            contents.add(.mailbox, key: key, group: MailboxRecord.seedsGroup, value: seeds)
        }
        for entry in preKeys.entries.values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
        where entry.isBackedUp {
            guard let value = try transaction.value(.prekey, key: entry.key) else {
                throw .vaultCorrupt
            }
            contents.add(.prekey, key: entry.key, value: value)
        }
        for invite in invites.values.sorted(by: { $0.idHash < $1.idHash }) {
            contents.add(.invite, key: invite.idHash.array, value: invite.encoded)
        }
        // What has an envelope goes again from its message; what waits for one waits on.
        for item in outbox where item.form == .waiting {
            contents.add(
                .outbox, key: item.id.array, group: OutboxRecord.infoGroup, value: item.encoded)
        }
        return contents
    }

    /// A contact, its history, and what its sessions have read; not the sessions.
    private mutating func back(
        up id: ContactID, into contents: inout BackupContents
    ) throws(ClientError) {
        guard let contact = contacts[id] else { return }
        contents.add(.contact, key: id.array, value: contact.encoded)
        var recovery = recovery(of: id)
        recovery.known = try knownReports(of: id)
        recovery.resets = []
        contents.add(
            .state, key: recovery.key, group: RecoveryRecord.group, value: recovery.encoded)
        for table in [VaultTable.message, .kept, .receipt, .unconfirmed] {
            for row in try transaction.committedRows(table, group: id.array) {
                contents.add(table, key: row.key, group: id.array, value: row.value)
            }
        }
        let month = ConfirmedRecord.month(atDay: now.day)
        for month in (month &- min(month, ConfirmedRecord.monthsKept))...month {
            let group = ConfirmedRecord.group(id, month: month)
            for row in try transaction.committedRows(.confirmed, group: group) {
                contents.add(.confirmed, key: row.key, group: group, value: row.value)
            }
        }
    }

    // MARK: Restoring

    /// The rows of an empty vault that begins from a backup: the same account and device, which
    /// resets every chat once it has read what waits.
    ///
    /// - Throws: `ClientError.vaultCorrupt` for contents that no vault has made.
    /// - SPEC: CL-48, CL-49
    package static func writes(
        restoring contents: BackupContents, at moment: Moment
    ) throws(ClientError) -> [VaultWrite] {
        var restoring = Restoring(now: moment)
        for row in contents.rows { try restoring.read(row) }
        return try restoring.finish()
    }
}

/// The rows of a backup on their way into an empty vault.
private struct Restoring {
    let now: Moment
    var writes: [VaultWrite] = []
    private var identity: IdentityRecord?
    private var hasKeys = false
    private var contacts: [ContactID: ContactRecord] = [:]
    private var recoveries: [ContactID: RecoveryRecord] = [:]
    private var rest: [BackupContents.Row] = []

    init(now: Moment) { self.now = now }

    mutating func read(_ row: BackupContents.Row) throws(ClientError) {
        switch row.table {
        case .state where row.key == IdentityRecord.key:
            identity = try IdentityRecord.decode(row.value)
        case .state where row.group == RecoveryRecord.group:
            let record = try RecoveryRecord.decode(row.value)
            recoveries[record.contact] = record
        case .contact:
            let contact = try ContactRecord.decode(row.value)
            contacts[contact.id] = contact
        case .session, .seen: throw .vaultCorrupt
        default:
            if row.key == IdentityRecord.keysKey { hasKeys = true }
            rest.append(row)
        }
    }

    mutating func finish() throws(ClientError) -> [VaultWrite] {
        guard var identity, hasKeys else { throw .vaultCorrupt }
        // CL-48: above whatever was published after the backup was made; a signed prekey of its
        // own, so that who wrote to a one-time prekey that is gone writes anew.
        let seconds = now.wall / 1_000
        identity.recordNumber = max(identity.recordNumber &+ 1, seconds)
        identity.bundleNumber = max(identity.bundleNumber &+ 1, seconds)
        identity.bundlePublishedMilliseconds = 0
        identity.signedPreKeyHours = Hours(0)
        put(.state, IdentityRecord.key, identity.encoded)
        for id in contacts.keys.sorted() { restore(contacts[id]) }
        for row in rest { try restore(row) }
        return writes
    }

    private mutating func put(
        _ table: VaultTable, _ key: [UInt8], group: [UInt8] = [], _ value: [UInt8]
    ) {
        writes.append(.put(table, key: key, group: group, value: value))
    }

    /// Nothing that a stranger wrote can be answered any more: it comes again, in a session of its
    /// own. CL-46
    private func isKept(_ id: ContactID) -> Bool {
        contacts[id].map { $0.state != .request } ?? false
    }

    private mutating func restore(_ contact: ContactRecord?) {
        guard var contact, isKept(contact.id) else { return }
        // A bundle that was given out after the backup was made is not in it. DR-23
        contact.ownRecoveryMessage = nil
        contact.isOwnRecoveryConfirmed = false
        put(.contact, contact.id.array, contact.encoded)
        var recovery = recoveries[contact.id] ?? RecoveryRecord(contact: contact.id)
        recovery.madeMilliseconds = 0
        if contact.id != Engine.selfID {
            recovery.cause = contact.state == .accepted ? .restored : nil
            // An unanswered first message is made anew, whatever bundle it was made from.
            if recovery.preKeyID != 0 { recovery.preKeyID = .max }
            recovery.comparedMilliseconds = 0
        }
        put(.state, recovery.key, group: RecoveryRecord.group, recovery.encoded)
    }

    private mutating func restore(_ row: BackupContents.Row) throws(ClientError) {
        switch row.table {
        case .mailbox where row.group == MailboxRecord.infoGroup:
            var mailbox = try MailboxRecord.decode(row.value)
            // What the server names is taken as it is.
            mailbox.nextCounter = 0
            mailbox.attachCount = 0
            mailbox.attachAttempts = 1 << 31
            if mailbox.state == .copied { mailbox.state = .inUse }
            put(row.table, row.key, group: row.group, mailbox.encoded)
        case .invite:
            var invite = try InviteRecord.decode(row.value)
            // Its one-time prekey is gone.
            if invite.state <= .open {
                invite.state = .withdrawn
                invite.erasesBlob = true
            }
            put(row.table, row.key, group: row.group, invite.encoded)
        case .message, .kept, .receipt, .unconfirmed:
            guard let id = ContactID(copying: row.group.raw), isKept(id) else { return }
            put(row.table, row.key, group: row.group, row.value)
        case .outbox:
            let item = try OutboxRecord.decode(row.value)
            guard isKept(item.contact) else { return }
            put(row.table, row.key, group: row.group, row.value)
        case .prekey:
            // A one-time prekey may have been used since. HS-5
            let record = try PreKeyRecord.decode(row.value)
            guard record.entry.isBackedUp else { throw .vaultCorrupt }
            put(row.table, row.key, group: row.group, row.value)
        default: put(row.table, row.key, group: row.group, row.value)
        }
    }
}
