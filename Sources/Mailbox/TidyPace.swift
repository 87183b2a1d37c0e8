/// When the store's log is cut: half a second after the last commit, and where there is no such
/// pause at the latest ten minutes after the oldest commit in it, since erased bytes stand there
/// until then. A value without a clock of its own; times are milliseconds that never go back.
///
/// - SPEC: MB-13
struct TidyPace {
    /// How long nothing must have come.
    static let idleMilliseconds: Int64 = 500
    /// How long commits may stand in the log. Shorter would make clients wait more often for the
    /// copying of what the next commit writes again.
    static let busyMilliseconds: Int64 = 600_000
    /// How long to leave it after somebody who reads the file stood in the way.
    static let againMilliseconds: Int64 = 10_000

    /// When the oldest commit was made that stands in the log; nil when it is cut.
    private var oldest: Int64?
    private var last: Int64 = 0
    private var earliest: Int64 = 0

    /// Something was written.
    mutating func committed(at now: Int64) {
        oldest = oldest ?? now
        last = now
    }

    /// It was tried to cut the log.
    mutating func tried(at now: Int64, isCut: Bool) {
        if isCut { oldest = nil } else { earliest = now + Self.againMilliseconds }
    }

    /// Whether to cut the log now.
    ///
    /// - Parameter isIdle: nobody waits for anything else.
    func isDue(at now: Int64, isIdle: Bool) -> Bool {
        guard let oldest, now >= earliest else { return false }
        return (isIdle && now - last >= Self.idleMilliseconds)
            || now - oldest >= Self.busyMilliseconds
    }

    /// How long to wait for requests at most, in milliseconds; -1 for ever.
    func waitMilliseconds(at now: Int64) -> Int32 {
        guard let oldest else { return -1 }
        let next = min(last + Self.idleMilliseconds, oldest + Self.busyMilliseconds)
        return Int32(clamping: max(0, max(next, earliest) - now))
    }
}
