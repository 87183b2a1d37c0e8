internal import Platform
internal import Primitives
internal import Wire

extension PosternClient {
    /// When a run ends, what is still due (receipts above all) has so long to reach the server.
    private static let farewellMilliseconds: UInt64 = 5_000

    /// Connects and works until the goal is reached, the time is over, the handler says stop or an
    /// interrupt comes. Fetches what waits and sends what is queued. The handler is called between
    /// steps, with everything committed, and may call any method of the client but `run`.
    ///
    /// - Throws: `ClientError` of the vault or of this program; after one of the disk the client is
    ///   unusable. What the network does is in the result.
    public func run(
        until goal: RunGoal, options: RunOptions,
        handler: (ClientEvent, PosternClient) -> RunControl
    ) throws(ClientError) -> RunResult {
        try check()
        guard pool == nil else { throw .internalFault(line: #line) }
        var run = RunState(
            goal: goal, options: options, ownServer: engine.identity.server, started: now.monotonic)
        try run.look(at: self)
        pool = LinkPool(clock: clock, random: SystemRandom())
        defer { pool = nil }
        do throws(ClientError) {
            return try work(&run, handler)
        } catch {
            // The engine is left with connections that are gone.
            fail(error)
            throw error
        }
    }

    private func work(
        _ run: inout RunState, _ handler: (ClientEvent, PosternClient) -> RunControl
    ) throws(ClientError) -> RunResult {
        try step { engine throws(ClientError) in
            try engine.goOnline(sharesPresence: run.options.sharesPresence, at: now)
        }
        var result = try loop(&run, handler)
        if run.wantsFarewell(after: result) { try sayFarewell(&run, handler, &result) }
        try step { engine throws(ClientError) in try engine.goOffline(at: now) }
        pool?.flush()
        pool?.closeAll()
        try deliver(&run, handler)
        return result
    }

    private func loop(
        _ run: inout RunState, _ handler: (ClientEvent, PosternClient) -> RunControl
    ) throws(ClientError) -> RunResult {
        var poller = Poller()
        while true {
            try deliver(&run, handler)
            if let result = run.result(now: now.monotonic) { return result }
            try turn(&poller, run.options, deadline: run.deadline)
            if let interrupt = run.options.interruptDescriptor,
                !poller.readiness(of: interrupt).isEmpty
            {
                return .interrupted
            }
            for input in run.options.inputs where !poller.readiness(of: input).isEmpty {
                events.append(.inputReady(descriptor: input))
            }
        }
    }

    /// Sends what is due at the end: the receipts of what was received, above all.
    private func sayFarewell(
        _ run: inout RunState, _ handler: (ClientEvent, PosternClient) -> RunControl,
        _ result: inout RunResult
    ) throws(ClientError) {
        try step { engine throws(ClientError) in try engine.prepareToStop(at: now) }
        let deadline = now.monotonic + Self.farewellMilliseconds
        run.beginFarewell()
        var poller = Poller()
        var options = run.options
        options.inputs = []
        while true {
            try deliver(&run, handler)
            if run.isDrained || run.isLost || now.monotonic >= deadline { return }
            try turn(&poller, options, deadline: deadline)
            if let interrupt = options.interruptDescriptor,
                !poller.readiness(of: interrupt).isEmpty
            {
                return result = .interrupted
            }
        }
    }

    /// Waits for the network, the descriptors of the caller or the time, and makes the steps that
    /// follow: all frames of a turn in one commit.
    private func turn(
        _ poller: inout Poller, _ options: RunOptions, deadline: UInt64?
    ) throws(ClientError) {
        guard let pool else { return }
        pool.flush()
        poller.removeAll()
        pool.watch(in: &poller)
        for input in options.inputs { poller.watch(input, [.read]) }
        if let interrupt = options.interruptDescriptor { poller.watch(interrupt, [.read]) }
        let due = [
            deadline, engine.nextDeadline(), pool.deadline.map { UInt64(clamping: $0) },
        ].compactMap { $0 }.min()
        let wait = due.map { $0 > now.monotonic ? $0 - now.monotonic : 0 }
        do throws(SystemError) {
            _ = try poller.wait(
                timeoutMilliseconds: events.isEmpty
                    ? wait.map { Int32(clamping: min($0, 3_600_000)) } ?? -1 : 0)
        } catch {
            throw .internalFault(line: #line)
        }
        let inputs = Self.inputs(of: pool.turn(poller))
        // A server whose frames do not parse is not listened to any longer. MB-24
        for case .disconnected(let id, _) in inputs { pool.close(id) }
        try step { engine throws(ClientError) in
            for input in inputs { try engine.handle(input, at: now) }
            if due.map({ $0 <= now.monotonic }) ?? false { try engine.handle(.tick, at: now) }
        }
    }

    /// Frames that follow each other on a connection are one input.
    private static func inputs(of events: [LinkEvent]) -> [EngineInput] {
        var inputs: [EngineInput] = []
        var gathered: (link: LinkID, frames: [IncomingFrame])?
        func finish() {
            if let gathered { inputs.append(.frames(gathered.link, gathered.frames)) }
            gathered = nil
        }
        for event in events {
            switch event {
            case .connected(let id, let hash, let body):
                finish()
                if let hello = HelloFrame(body: body) {
                    inputs.append(.connected(id, handshakeHash: hash, hello: hello))
                } else {
                    inputs.append(.disconnected(id, .protocolViolation))
                }
            case .disconnected(let id, let error):
                finish()
                inputs.append(.disconnected(id, error))
            case .frame(let id, let type, let body):
                guard let frame = try? IncomingFrame(type: type, body: body) else {
                    finish()
                    inputs.append(.disconnected(id, .protocolViolation))
                    continue
                }
                if gathered?.link != id { finish() }
                gathered = (id, (gathered?.frames ?? []) + [frame])
            }
        }
        finish()
        return inputs
    }

    /// Hands what happened to the handler, which may cause more.
    private func deliver(
        _ run: inout RunState, _ handler: (ClientEvent, PosternClient) -> RunControl
    ) throws(ClientError) {
        while !events.isEmpty {
            let event = events.removeFirst()
            run.note(event)
            if handler(event, self) == .stop { run.isStopped = true }
            try check()
        }
        try run.look(at: self)
    }
}

extension HelloFrame {
    /// Parses the body of a hello, nil when it does not parse.
    init?(body: [UInt8]) {
        let raw = RawFrame(type: ServerFrameType.hello.rawValue, body: 0..<body.count)
        guard case .hello(let frame) = try? ServerFrame.decode(raw, in: body.raw) else {
            return nil
        }
        self = frame
    }
}

extension LinkPool {
    /// Connects once, takes the server's hello and leaves.
    ///
    /// - Throws: `ClientError`: why there is no server of this address to be had.
    static func greet(
        _ server: ServerAddress, timeoutMilliseconds: UInt64
    ) throws(ClientError) -> HelloFrame {
        let clock = SystemClock()
        let pool = LinkPool(clock: clock, random: SystemRandom())
        defer { pool.closeAll() }
        let deadline = Moment(clock).monotonic + timeoutMilliseconds
        pool.open(LinkID(value: 1), server)
        var poller = Poller()
        while Moment(clock).monotonic < deadline {
            pool.flush()
            poller.removeAll()
            pool.watch(in: &poller)
            let left = deadline - min(Moment(clock).monotonic, deadline)
            let own = pool.deadline.map { max(0, $0 - clock.monotonicMilliseconds) }
            do throws(SystemError) {
                _ = try poller.wait(
                    timeoutMilliseconds: Int32(clamping: min(Int64(clamping: left), own ?? .max)))
            } catch {
                throw .internalFault(line: #line)
            }
            for event in pool.turn(poller) {
                switch event {
                case .connected(_, _, let body):
                    guard let hello = HelloFrame(body: body) else { throw .protocolViolation }
                    return hello
                case .disconnected(_, let error): throw error
                case .frame: continue
                }
            }
        }
        throw .timedOut
    }
}
