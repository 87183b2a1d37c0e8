internal import Crypto
internal import Primitives
internal import Wire

/// What is known of all sessions, without their ratchets.
struct SessionIndex {
    private(set) var records: [SessionID: SessionRecord] = [:]
    private var byContact: [ContactID: [SessionID]] = [:]
    private var byOpening: [FixedBytes<32>: SessionID] = [:]

    mutating func load(from store: any VaultReading) throws(ClientError) {
        for row in try store.rows(.session, group: SessionRecord.infoGroup, page: VaultPage()) {
            update(try SessionRecord.decode(row.value))
        }
    }

    subscript(id: SessionID) -> SessionRecord? { records[id] }

    mutating func update(_ record: SessionRecord) {
        if records.updateValue(record, forKey: record.id) == nil {
            byContact[record.contact, default: []].append(record.id)
        }
        if let prefix = record.prefix { byOpening[prefix.openingHash] = record.id }
    }

    mutating func remove(_ id: SessionID) {
        guard let record = records.removeValue(forKey: id) else { return }
        byContact[record.contact]?.removeAll { $0 == id }
        if let prefix = record.prefix { byOpening[prefix.openingHash] = nil }
    }

    /// The sessions of a contact, in the order in which they came.
    func all(of contact: ContactID) -> [SessionRecord] {
        (byContact[contact] ?? []).compactMap { records[$0] }
    }

    /// The session whose first messages begin so. HS-14
    func session(opening hash: FixedBytes<32>) -> SessionRecord? {
        byOpening[hash].flatMap { records[$0] }
    }

    /// The session a contact is written in. DR-18
    func written(of contact: ContactID) -> SessionRecord? {
        let sessions = all(of: contact)
        func smallest(_ isChosen: (SessionRecord) -> Bool) -> SessionRecord? {
            sessions.filter(isChosen).min { $0.id < $1.id }
        }
        return smallest { $0.isCandidate && $0.isConfirmed }
            ?? smallest { $0.isCandidate && $0.hasReceived }
            ?? smallest { $0.hasReceived && !$0.isEnded }
            ?? sessions.last { $0.isOwn && !$0.isEnded }
    }

    /// Sessions that are kept no longer. DR-21
    func expendable(of contact: ContactID, now: Moment) -> [SessionID] {
        let written = written(of: contact)?.id
        let age = UInt64(RatchetLimits.sessionHours) * 3_600_000
        var kept = all(of: contact)
        var gone = kept.filter { $0.id != written && $0.lastReceivedMilliseconds + age < now.wall }
        kept.removeAll { session in gone.contains { $0.id == session.id } }
        while kept.count > RatchetLimits.sessionsMax {
            let oldest = kept.filter { $0.id != written }.min {
                ($0.isCandidate ? 1 : 0, $0.lastReceivedMilliseconds)
                    < ($1.isCandidate ? 1 : 0, $1.lastReceivedMilliseconds)
            }
            guard let oldest else { break }
            gone.append(oldest)
            kept.removeAll { $0.id == oldest.id }
        }
        return gone.map(\.id)
    }
}

extension Engine {
    // MARK: Rows

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

    /// The ratchet of a session.
    ///
    /// - Throws: `ClientError.vaultCorrupt`.
    mutating func ratchet(_ id: SessionID) throws(ClientError) -> Session {
        let key = SessionRecord.stateKey(id)
        guard var bytes = try transaction.value(.session, key: key) else { throw .vaultCorrupt }
        defer { bytes.resetBytes() }
        do {
            return try Session.restore(bytes.raw)
        } catch {
            throw .vaultCorrupt
        }
    }

    mutating func removeSession(_ id: SessionID) {
        sessions.remove(id)
        gaps.forget(id)
        transaction.remove(.session, key: id.array)
        transaction.remove(.session, key: SessionRecord.stateKey(id))
    }

    // MARK: Rules of section 6.6

    /// A first message was accepted: its session is a candidate, the others are not. DR-16
    mutating func superseded(by accepted: SessionID, of contact: ContactID, order: UInt64) {
        for session in sessions.all(of: contact) where session.id != accepted {
            if session.isOwn && !session.hasReceived { continue }
            var session = session
            session.isCandidate = false
            session.supersededAt = order
            save(session)
        }
    }

    /// Ends the sessions that a reset or first message names. DR-16
    mutating func end(_ reports: [SessionReport], of contact: ContactID) {
        for report in reports {
            guard var session = sessions[report.id], session.contact == contact else { continue }
            session.isEnded = true
            session.isCandidate = false
            save(session)
        }
    }

    /// A message opened in a session. DR-9, DR-17
    mutating func noteReceived(in id: SessionID, isConfirmed: Bool) {
        guard var session = sessions[id] else { return }
        session.hasReceived = true
        session.isConfirmed = isConfirmed
        if !session.isEnded { session.isCandidate = true }
        session.lastReceivedMilliseconds = now.wall
        session.receivedSinceStored += 1
        save(session)
    }

    /// Drops what is kept no longer. DR-21
    mutating func dropSessions(of contact: ContactID) {
        for id in sessions.expendable(of: contact, now: now) { removeSession(id) }
    }
}
