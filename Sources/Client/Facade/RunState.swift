/// How far one run is.
struct RunState {
    let options: RunOptions
    private let goal: RunGoal
    private(set) var deadline: UInt64?
    /// Messages of the goal that have not come far enough.
    private var remaining: Set<MessageID> = []
    private var outcome: OperationOutcome?
    /// Why messages of the goal stay where they are, once nothing more can be sent.
    private var held: [OutboxSummary] = []
    private var receivedCount = 0
    private var hasBeenConnected = false
    private var lossCount = 0
    private var loss: ClientError?
    private(set) var isDrained = false
    var isStopped = false
    private var isPrepared = false

    init(goal: RunGoal, options: RunOptions, started: UInt64) {
        self.goal = goal
        self.options = options
        deadline = options.timeoutMilliseconds.map {
            let (sum, overflow) = started.addingReportingOverflow($0)
            return overflow ? .max : sum
        }
    }

    /// True while the server cannot be reached.
    var isLost: Bool { loss != nil }

    private var goalIDs: [MessageID] {
        switch goal {
        case .sent(let ids), .delivered(let ids): ids
        default: []
        }
    }

    private var goalState: MessageState {
        if case .delivered = goal { .delivered } else { .sent }
    }

    /// Looks at what the vault says, where events do not tell.
    mutating func look(at client: PosternClient) throws(ClientError) {
        if !isPrepared {
            isPrepared = true
            for id in goalIDs where try client.engine.state(of: id) < goalState {
                remaining.insert(id)
            }
        }
        guard isDrained, !remaining.isEmpty else { return held = [] }
        held = client.engine.outboxSummaries().filter { item in
            item.id.map { remaining.contains($0) } ?? false
        }
    }

    mutating func note(_ event: ClientEvent) {
        switch event {
        case .message: receivedCount += 1
        case .messageState(let id, _, let state):
            if state >= goalState, state != .failed { remaining.remove(id) }
        case .finished(let id, let outcome):
            if goal == .finished(id) { self.outcome = outcome }
        case .drained: isDrained = true
        case .connection(.connected):
            hasBeenConnected = true
            lossCount = 0
            loss = nil
        case .connection(.lost(_, let error, _)):
            isDrained = false
            lossCount += 1
            loss = error
        default: break
        }
    }

    /// A new drained is waited for.
    mutating func beginFarewell() { isDrained = false }

    /// What the run comes to, nil while it goes on.
    func result(now: UInt64) -> RunResult? {
        if isStopped { return .stopped }
        if let outcome { return .finished(outcome) }
        if isReached { return .reached }
        if !held.isEmpty { return .held(held) }
        // One loss of a connection that stood may be a server that starts again.
        if options.stopsWhenUnreachable, let loss, lossCount > (hasBeenConnected ? 1 : 0) {
            return .unreachable(loss)
        }
        if let deadline, now >= deadline { return .timedOut(receivedCount: receivedCount) }
        return nil
    }

    private var isReached: Bool {
        switch goal {
        case .drained: isDrained
        case .sent, .delivered: isPrepared && remaining.isEmpty
        case .finished, .forever: false
        }
    }

    /// True when what is due at the end should still be sent.
    func wantsFarewell(after result: RunResult) -> Bool {
        switch result {
        case .interrupted, .unreachable: false
        default: !isLost
        }
    }
}
