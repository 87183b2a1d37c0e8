import Primitives

/// The sessions of one contact device, and which of them is written in.
///
/// Ids and flags only: the sessions themselves, their keys and the messages are the caller's. Each
/// event is told here in the transaction that stores its effect, and what comes back says which
/// sessions to erase. Moments are counted, not measured, so no clock decides what is newer.
///
/// "The smaller id" alone loses messages when first messages cross or a side loses its state; the
/// rules here are those with which a model of the protocol lost none.
///
/// - SPEC: §6.6, DR-16 … DR-21
package struct SessionSet: Hashable, Sendable {
    /// A session and what the rules look at.
    package struct Entry: Hashable, Sendable {
        /// The session.
        package let id: SessionID
        /// This side is its initiator.
        package let isOwn: Bool
        /// A message has opened in it.
        package internal(set) var hasReceived: Bool
        /// A message has opened that was made with a ratchet key this side drew.
        package internal(set) var isConfirmed: Bool
        /// It may be written in.
        package internal(set) var isCandidate: Bool
        /// Named by a first message of the other side, or given up by this side.
        package internal(set) var isEnded: Bool
        /// When another first message was last accepted over it, 0 for never.
        var supersededAt: UInt64
        /// When it began.
        let begunAt: UInt64
        /// When something was last received in it, or it began; hours since 1970.
        var lastHours: UInt32
    }

    /// All kept sessions, oldest first, at most `RatchetLimits.sessionsMax`.
    package internal(set) var entries: [Entry] = []
    /// Ids named as ended, also of sessions that have not come, so that they make no candidates when
    /// they do; the newest `RatchetLimits.endedIDsMax`.
    var named: [SessionID] = []
    var moment: UInt64 = 0

    /// No sessions.
    package init() {}

    /// A session by its id.
    package subscript(id: SessionID) -> Entry? { entries.first { $0.id == id } }

    private func index(of id: SessionID) -> Int? { entries.firstIndex { $0.id == id } }

    /// The next moment; a message is stamped with it when it is sealed.
    package mutating func stamp() -> UInt64 {
        moment += 1
        return moment
    }

    // MARK: Events

    /// This side has made a first message or reset.
    ///
    /// - Parameters:
    ///   - givenUp: sessions that it names as ended: all others for a reset, the unanswered one for
    ///     a first message that is made anew.
    ///   - hours: since 1970.
    /// - Returns: sessions to erase.
    /// - SPEC: DR-16, DR-17, DR-21
    package mutating func begin(
        _ id: SessionID, givingUp givenUp: [SessionID] = [], hours: UInt32
    ) -> [SessionID] {
        end(givenUp)
        // DR-17
        return add(id, isOwn: true, hasReceived: false, isCandidate: true, hours: hours)
    }

    /// A first message or reset of the other side has been accepted, its first message opened.
    ///
    /// - Parameter ended: the sessions that its content names.
    /// - Returns: sessions to erase.
    /// - SPEC: DR-16, DR-21
    package mutating func accept(
        _ id: SessionID, naming ended: [SessionID] = [], hours: UInt32
    ) -> [SessionID] {
        guard index(of: id) == nil else { return [] }
        // DR-16: the ended ones first, so that the answer is written in none of them.
        end(ended.filter { $0 != id })
        guard !named.contains(id) else {
            return add(id, isOwn: false, hasReceived: true, isCandidate: false, hours: hours)
        }
        let now = stamp()
        for index in entries.indices where !entries[index].isOwn || entries[index].hasReceived {
            entries[index].isCandidate = false
            entries[index].supersededAt = now
        }
        return add(id, isOwn: false, hasReceived: true, isCandidate: true, hours: hours)
    }

    /// A message has opened in a session.
    ///
    /// - Parameter isConfirmed: what the session says after the commit.
    /// - SPEC: DR-9, DR-17
    package mutating func opened(_ id: SessionID, isConfirmed: Bool, hours: UInt32) {
        guard let index = index(of: id) else { return }
        entries[index].hasReceived = true
        entries[index].isConfirmed = isConfirmed
        entries[index].lastHours = max(entries[index].lastHours, hours)
        // DR-17
        if !entries[index].isEnded { entries[index].isCandidate = true }
    }

    private mutating func end(_ ids: [SessionID]) {
        for id in ids {
            if let index = index(of: id) {
                entries[index].isEnded = true
                entries[index].isCandidate = false
            }
            named.removeAll { $0 == id }
            named.append(id)
        }
        named.removeFirst(max(0, named.count - RatchetLimits.endedIDsMax))
    }

    private mutating func add(
        _ id: SessionID, isOwn: Bool, hasReceived: Bool, isCandidate: Bool, hours: UInt32
    ) -> [SessionID] {
        entries.append(
            Entry(
                id: id, isOwn: isOwn, hasReceived: hasReceived, isConfirmed: false,
                isCandidate: isCandidate, isEnded: named.contains(id), supersededAt: 0,
                begunAt: stamp(), lastHours: hours))
        return dropAboveLimit(keeping: id)
    }

    /// DR-21
    private mutating func dropAboveLimit(keeping newest: SessionID) -> [SessionID] {
        guard entries.count > RatchetLimits.sessionsMax else { return [] }
        let written = writeSession
        let droppable = entries.filter { $0.id != newest && $0.id != written }
        let dropped = droppable.min {
            ($0.isCandidate ? 1 : 0, $0.lastHours, $0.begunAt)
                < ($1.isCandidate ? 1 : 0, $1.lastHours, $1.begunAt)
        }
        guard let dropped else { return [] }
        entries.removeAll { $0.id == dropped.id }
        return [dropped.id]
    }

    /// Drops sessions not written in, in which nothing was received for 30 days.
    ///
    /// - Returns: sessions to erase.
    /// - SPEC: DR-21
    package mutating func expire(atHours now: UInt32) -> [SessionID] {
        let written = writeSession
        let gone = entries.filter {
            $0.id != written && now >= $0.lastHours
                && now - $0.lastHours >= RatchetLimits.sessionHours
        }
        let ids = gone.map(\.id)
        if !ids.isEmpty { entries.removeAll { ids.contains($0.id) } }
        return ids
    }

    // MARK: Answers

    /// The session to write in, or nil when there is none and a first message has to be made.
    ///
    /// - SPEC: DR-18
    package var writeSession: SessionID? {
        let living = entries.filter { !$0.isEnded }
        let candidates = living.filter(\.isCandidate)
        return smallest(candidates.filter(\.isConfirmed))
            ?? smallest(candidates.filter(\.hasReceived))
            ?? smallest(living.filter(\.hasReceived))
            ?? living.filter(\.isOwn).max { $0.begunAt < $1.begunAt }?.id
    }

    private func smallest(_ entries: [Entry]) -> SessionID? { entries.map(\.id).min() }

    /// True when a delivery receipt may be believed.
    ///
    /// - Parameters:
    ///   - session: in which the receipt came.
    ///   - stamp: of the message it names, from when that was last sealed.
    /// - SPEC: DR-19
    package func countsReceipt(in session: SessionID, forMessageStamped stamp: UInt64) -> Bool {
        // DR-19
        guard let entry = self[session], !entry.isEnded else { return false }
        return stamp > entry.supersededAt
    }

    /// True when a message without a counted delivery receipt has to be sealed anew, in
    /// ``writeSession``, with the same message id and under the same account key only.
    ///
    /// - Parameters:
    ///   - session: in which it was last sealed.
    ///   - stamp: from when it was.
    /// - SPEC: DR-20
    package func mustSealAnew(messageIn session: SessionID, stamped stamp: UInt64) -> Bool {
        // DR-20
        guard let id = writeSession, let written = self[id], written.isConfirmed else {
            return false
        }
        return session != id || stamp < written.supersededAt
    }

    /// What a reset, or the answer to one, says about sessions: those read in or given up, the
    /// newest eighteen.
    ///
    /// - Parameter completeThrough: the number up to which nothing of a session is missing, 0 when
    ///   nothing was read in it.
    /// - SPEC: §7.3
    package func reports(completeThrough: (SessionID) -> UInt64) -> [SessionReport] {
        entries.filter { $0.hasReceived || $0.isEnded }
            .suffix(ContentForm.sessionReportsMax)
            .map { SessionReport(id: $0.id, completeThrough: completeThrough($0.id)) }
    }
}
