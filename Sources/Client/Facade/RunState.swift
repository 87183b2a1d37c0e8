internal import Wire

/// How far one run is.
///
/// Losses are counted by server: what a run waits for says which of them matter, so that the dead
/// server of one contact ends neither the fetching from the own one nor what goes to others. CL-43
struct RunState {
    let options: RunOptions
    private let goal: RunGoal
    private let ownServer: ServerAddress
    private(set) var deadline: UInt64?
    /// Messages of the goal that have not come far enough.
    private var remaining: [MessageID: Way] = [:]
    /// Servers that the operation of the goal needs.
    private var needed: Set<String>
    private var outcome: OperationOutcome?
    /// Why messages of the goal stay where they are, once nothing more can be sent.
    private var held: [OutboxSummary] = []
    private var receivedCount = 0
    private var connected: Set<String> = []
    private var losses: [String: Loss] = [:]
    private(set) var isDrained = false
    var isStopped = false
    private var isPrepared = false

    /// What a message of the goal needs: these servers, or nil when its server has it and only the
    /// receipt is missing.
    private struct Way {
        var servers: Set<String>?
    }

    /// What is known of a server that cannot be reached.
    private struct Loss {
        var count: Int
        let error: ClientError
    }

    /// A server that is away for longer counts as one that cannot be reached.
    private static let awayMillisecondsMax: UInt64 = 5_000

    init(goal: RunGoal, options: RunOptions, ownServer: ServerAddress, started: UInt64) {
        self.goal = goal
        self.options = options
        self.ownServer = ownServer
        needed = [ownServer.text]
        deadline = options.timeoutMilliseconds.map {
            let (sum, overflow) = started.addingReportingOverflow($0)
            return overflow ? .max : sum
        }
    }

    /// True while the own server cannot be reached.
    var isLost: Bool { losses[ownServer.text] != nil }

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
                remaining[id] = Way(servers: [])
            }
        }
        if case .finished(let operation) = goal {
            needed = Set(client.engine.servers(neededBy: operation).map(\.text))
        }
        for id in remaining.keys {
            let servers = client.engine.servers(neededBy: id)
            remaining[id] = Way(servers: servers.map { Set($0.map(\.text)) })
        }
        guard isDrained, !remaining.isEmpty else { return held = [] }
        // What only waits for a server is counted as lost or goes on being tried.
        held = client.engine.outboxSummaries().filter { item in
            item.reason != .waitingForServer && item.id.map { remaining[$0] != nil } ?? false
        }
    }

    mutating func note(_ event: ClientEvent) {
        switch event {
        case .message: receivedCount += 1
        case .messageState(let id, _, let state):
            if state >= goalState, state != .failed { remaining[id] = nil }
        case .finished(let id, let outcome):
            if goal == .finished(id) { self.outcome = outcome }
        case .drained: isDrained = true
        case .connection(.connected(let server)):
            connected.insert(server)
            losses[server] = nil
        case .connection(.lost(let server, let error, let pause)):
            if server == ownServer.text { isDrained = false }
            // One that said it is away for longer is not waited for by who waits for a while only.
            let isAway = error == .serverShuttingDown && pause > Self.awayMillisecondsMax
            let count = (losses[server]?.count ?? 0) + (isAway ? 2 : 1)
            losses[server] = Loss(count: count, error: error)
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
        if let end = endForWantOfServers { return end }
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

    /// Ends a run of which every part is held up.
    private var endForWantOfServers: RunResult? {
        guard !goalIDs.isEmpty else {
            return needed.sorted().lazy.compactMap { givenUp($0) }.first.map { .unreachable($0) }
        }
        let heldIDs = Set(held.compactMap(\.id))
        var loss: ClientError?
        for (id, state) in remaining where !heldIDs.contains(id) {
            let servers = state.servers ?? [ownServer.text]
            if let error = servers.sorted().lazy.compactMap({ givenUp($0) }).first {
                loss = error
            } else if state.servers != nil || held.isEmpty {
                return nil
            }
        }
        if !held.isEmpty { return .held(held) }
        return loss.map { .unreachable($0) }
    }

    /// Why a server is not waited for any longer; nil while it is.
    private func givenUp(_ server: String) -> ClientError? {
        guard options.stopsWhenUnreachable, let loss = losses[server] else { return nil }
        // One loss of a connection that stood may be a server that starts again.
        return loss.count > (connected.contains(server) ? 1 : 0) ? loss.error : nil
    }

    /// True when what is due at the end should still be sent.
    func wantsFarewell(after result: RunResult) -> Bool {
        if case .interrupted = result { return false }
        // Before a first greeting there is nobody to say it to.
        return connected.contains(ownServer.text) && !isLost
    }
}
