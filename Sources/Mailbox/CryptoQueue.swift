/// What waits for the crypto thread, and in what order it is done.
///
/// Handshakes go before signatures, since whoever has a channel open can have many signatures wait
/// and nobody else may connect for them; after `handshakesInARow` of them one slice of signatures
/// has its turn, so that a flood of new connections does not keep everybody from attaching.
///
/// - SPEC: CH-45
struct CryptoQueue {
    /// One piece of work, of about a millisecond at most.
    enum Work {
        /// A handshake to answer.
        case handshake(HandshakeJob)
        /// Signatures to judge.
        case checks([AttachCheck])
    }

    /// Handshakes after which signatures that wait have their turn.
    static let handshakesInARow = 32
    /// Signatures of one turn.
    static let checksInARow = 16

    private var handshakes = Line<HandshakeJob>()
    private var checks = Line<AttachCheck>()
    /// Pieces of work that wait, by connection.
    private var counts: [ConnectionID: Int] = [:]
    /// Connections that have gone while work for them waits.
    private var gone: Set<ConnectionID> = []
    private var doneInARow = 0

    /// Whether nothing waits.
    var isEmpty: Bool { handshakes.isEmpty && checks.isEmpty }

    /// Takes what a loop has sent.
    mutating func add(_ message: CryptoMessage) {
        switch message {
        case .handshakes(let jobs):
            for job in jobs {
                handshakes.add(job)
                counts[job.connection, default: 0] += 1
            }
        case .checks(let more):
            for check in more {
                checks.add(check)
                counts[check.origin.connection, default: 0] += 1
            }
        case .abandoned(let connections):
            // Only those for which something waits, or the set would grow for ever.
            for connection in connections where counts[connection] != nil {
                gone.insert(connection)
            }
        case .stop:
            break
        }
    }

    /// The next piece of work; nil when nothing is left for anybody who is still there.
    mutating func next() -> Work? {
        if doneInARow < Self.handshakesInARow || checks.isEmpty, let job = nextHandshake() {
            doneInARow += 1
            return .handshake(job)
        }
        doneInARow = 0
        var slice: [AttachCheck] = []
        while slice.count < Self.checksInARow, let check = checks.take() {
            if isThere(check.origin.connection) { slice.append(check) }
        }
        if !slice.isEmpty { return .checks(slice) }
        return nextHandshake().map { .handshake($0) }
    }

    private mutating func nextHandshake() -> HandshakeJob? {
        while let job = handshakes.take() {
            if isThere(job.connection) { return job }
        }
        return nil
    }

    /// Takes one piece of a connection's work off its count and says whether it is to be done.
    private mutating func isThere(_ connection: ConnectionID) -> Bool {
        let isThere = !gone.contains(connection)
        let left = (counts[connection] ?? 1) - 1
        counts[connection] = left > 0 ? left : nil
        if left <= 0 { gone.remove(connection) }
        return isThere
    }

    /// First in, first out.
    private struct Line<Job> {
        private var jobs: [Job] = []
        private var first = 0

        var isEmpty: Bool { first == jobs.count }

        mutating func add(_ job: Job) { jobs.append(job) }

        mutating func take() -> Job? {
            guard first < jobs.count else { return nil }
            defer {
                first += 1
                // What was taken is let go of when it is half of what is there: each job is moved
                // once at most.
                if first == jobs.count || first >= 1_024 && first * 2 >= jobs.count {
                    jobs.removeFirst(first)
                    first = 0
                }
            }
            return jobs[first]
        }
    }
}
