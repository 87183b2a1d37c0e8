internal import Crypto
internal import Primitives
internal import Wire

/// What is known of all sessions, without their ratchets, and which one each contact is written in.
struct SessionIndex {
    private(set) var records: [SessionID: SessionRecord] = [:]
    private var sets: [ContactID: SessionSet] = [:]
    private var byOpening: [FixedBytes<32>: SessionID] = [:]

    mutating func load(from store: any VaultReading) throws(ClientError) {
        for row in try store.rows(.session, group: SessionRecord.infoGroup, page: VaultPage()) {
            update(try SessionRecord.decode(row.value))
        }
        for row in try store.rows(.session, group: SessionRecord.setGroup, page: VaultPage()) {
            guard let contact = ContactID(copying: row.key.raw),
                let set = try? SessionSet(restoring: row.value.raw)
            else { throw .vaultCorrupt }
            sets[contact] = set
        }
    }

    subscript(id: SessionID) -> SessionRecord? { records[id] }

    mutating func update(_ record: SessionRecord) {
        records[record.id] = record
        if let prefix = record.prefix { byOpening[prefix.openingHash] = record.id }
    }

    mutating func update(_ set: SessionSet, of contact: ContactID) { sets[contact] = set }

    mutating func remove(_ id: SessionID) {
        guard let record = records.removeValue(forKey: id) else { return }
        if let prefix = record.prefix { byOpening[prefix.openingHash] = nil }
    }

    /// The rules of section 6.6 for one contact.
    func set(of contact: ContactID) -> SessionSet { sets[contact] ?? SessionSet() }

    /// The sessions of a contact: the one written in first, then the newest.
    func toRead(of contact: ContactID) -> [SessionRecord] {
        let set = set(of: contact)
        let written = set.writeSession
        let others = set.entries.map(\.id).filter { $0 != written }.reversed()
        return ([written].compactMap { $0 } + others).compactMap { records[$0] }
    }

    /// The session whose first messages begin so. HS-14
    func session(opening hash: FixedBytes<32>) -> SessionRecord? {
        byOpening[hash].flatMap { records[$0] }
    }

    /// The session a contact is written in. DR-18
    func written(of contact: ContactID) -> SessionRecord? {
        set(of: contact).writeSession.flatMap { records[$0] }
    }

    /// True when a message of the contact has opened in a session.
    func hasReceived(in id: SessionID) -> Bool {
        guard let record = records[id] else { return false }
        return set(of: record.contact)[id]?.hasReceived ?? false
    }
}

extension Engine {
    mutating func save(_ record: SessionRecord) {
        sessions.update(record)
        transaction.put(
            .session, key: record.id.array, group: SessionRecord.infoGroup, value: record.encoded)
    }

    mutating func save(_ session: borrowing Session) {
        transaction.put(
            .session, key: SessionRecord.stateKey(session.id), group: SessionRecord.stateGroup,
            value: session.exposeForStorage())
    }

    /// Changes the set of a contact's sessions; `body` returns those that go. DR-21
    mutating func changeSet(of contact: ContactID, _ body: (inout SessionSet) -> [SessionID]) {
        var set = sessions.set(of: contact)
        let before = set
        let gone = body(&set)
        guard set != before else { return }
        sessions.update(set, of: contact)
        transaction.put(
            .session, key: contact.array, group: SessionRecord.setGroup, value: set.stored)
        for entry in set.entries where before[entry.id] == nil {
            changeRecovery(of: contact) { $0.note(entry.id) }
        }
        for id in gone { removeSession(id, of: contact) }
    }

    /// The ratchet of a session.
    ///
    /// - Throws: `ClientError.vaultCorrupt`.
    mutating func ratchet(_ id: SessionID) throws(ClientError) -> Session {
        let key = SessionRecord.stateKey(id)
        guard var bytes = try transaction.value(.session, key: key) else { throw .vaultCorrupt }
        defer { bytes.wipeBytes() }
        do {
            return try Session.restore(bytes.raw)
        } catch {
            throw .vaultCorrupt
        }
    }

    private mutating func removeSession(_ id: SessionID, of contact: ContactID) {
        // DR-39: what was read of it is reported after it has gone.
        if let session = try? ratchet(id) {
            let report = SessionReport(
                id: id, completeThrough: session.received.completeThrough)
            changeRecovery(of: contact) { record in
                record.note(report)
                record.resets.removeAll { $0 == id }
            }
        }
        sessions.remove(id)
        gaps.forget(id)
        transaction.remove(.session, key: id.array)
        transaction.remove(.session, key: SessionRecord.stateKey(id))
    }

    /// A message opened in a session. DR-17
    mutating func noteReceived(in id: SessionID, isConfirmed: Bool) {
        guard var record = sessions[id] else { return }
        record.receivedSinceStored += 1
        save(record)
        let hours = now.hours.count
        changeSet(of: record.contact) { set in
            set.opened(id, isConfirmed: isConfirmed, hours: hours)
            return []
        }
    }
}
