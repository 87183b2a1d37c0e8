internal import Crypto
internal import Primitives
internal import Wire

/// What is done now and then, and what has been asked for.
struct MaintenanceState {
    /// Rounds are so far apart.
    static let roundMilliseconds: UInt64 = 3_600_000

    /// After a refusal of the directory that names no time. CL-40
    static let directoryPauseMilliseconds: UInt64 = 3_600_000
    /// The longest time that a server may name.
    static let directoryPauseMillisecondsMax: UInt64 = 86_400_000

    var nextRound: UInt64 = 0
    var isRecordAsked = false
    var isBundleAsked = false
    /// The directory refused something: nothing is asked of it before then but what the user
    /// waits for, monotonic ms. CL-40
    var directoryPausedUntil: UInt64 = 0
    var toldClock = false
    /// What an older version had kept was tried in this process. HS-7
    var triedKept = false

    func nextDeadline(after now: UInt64) -> UInt64? {
        directoryPausedUntil > now ? min(nextRound, directoryPausedUntil) : nextRound
    }
}

extension Engine {
    /// Erases what has had its time and renews what is due: once when going online, then hourly.
    mutating func maintain() throws(ClientError) {
        guard maintenance.nextRound <= now.monotonic else { return }
        maintenance.nextRound = now.monotonic + MaintenanceState.roundMilliseconds
        try openKept()
        eraseExpiredPreKeys()
        try renewCertificate()
        maintainInvites()
        try forgetSeen()
        try expireSessions()
        forgetConfirmed()
        remakeUnansweredResets()
        compareFirstMessages()
        try renewRecoveryBundles()
        try retryGone()
    }

    /// CL-5
    private mutating func forgetSeen() throws(ClientError) {
        let key = Array("seen through".utf8)
        let last = now.day >= Self.seenDays ? now.day - Self.seenDays : 0
        let stored = try transaction.value(.state, key: key)
        // The first round of a vault has nothing to forget.
        let done = stored.flatMap { $0.raw.bigEndian(at: 0, as: UInt32.self) } ?? last
        guard done < last else {
            if stored == nil { transaction.put(.state, key: key, value: Self.dayGroup(last)) }
            return
        }
        // A clock that jumped by years must not hold the program up.
        for day in max(done, last &- min(last, 400))..<last {
            transaction.removeGroup(.seen, group: Self.dayGroup(day))
        }
        transaction.put(.state, key: key, value: Self.dayGroup(last))
    }

    /// Skipped keys and gaps that are too old, and sessions that are kept no longer. DR-13, DR-21
    private mutating func expireSessions() throws(ClientError) {
        for record in sessions.records.values.sorted(by: { $0.id < $1.id }) {
            var session = try ratchet(record.id)
            // DR-25: what an earlier process has left to tell.
            noteGaps(of: session, contact: record.contact)
            let keys = session.skippedKeyCount
            let closed = session.expire(atHours: now.hours.count)
            for range in closed { tellClosed(range, in: record.id, of: record.contact) }
            if !closed.isEmpty || keys != session.skippedKeyCount {
                save(session)
                noteGaps(of: session, contact: record.contact)
            }
        }
        let hours = now.hours.count
        for contact in contacts.keys.sorted() {
            changeSet(of: contact) { $0.expire(atHours: hours) }
        }
    }
}
