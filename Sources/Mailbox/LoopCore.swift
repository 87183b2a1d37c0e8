package import Channel
package import Platform
package import Primitives
import Wire

/// A client's handshake message on its way to the crypto thread.
package struct HandshakeJob: Sendable {
    /// Whose it is.
    package let connection: ConnectionID
    /// The message.
    package let message: [UInt8]
    /// What the two sides have said before it.
    package let versions: ChannelHandshake.Versions
}

/// What one event loop does in a turn, without its sockets, threads and clock: the loop's
/// connections, and on the first loop the router.
///
/// The shell feeds it bytes, answers and times, then takes what it wants done: handshakes and
/// signatures for the crypto thread, a batch for the storage thread, bytes for the sockets. With
/// one loop everything between bytes and store is calls in one thread; with more, only the first
/// has a router and the others send it batches.
///
/// - SPEC: §10, §11
package struct LoopCore: ~Copyable {
    var outlet: LoopOutlet
    /// The router, on the first loop.
    package var router: Router?
    /// Handshake messages for the crypto thread.
    package var handshakes: [HandshakeJob] = []
    /// What the first loop's router has to hear, on the others.
    package var forRouter = RouterBatch()
    /// How many connections ended for each reason since that was last taken.
    private var endCounts = LoopCore.noEnds
    private static var noEnds: [Int] { Array(repeating: 0, count: ConnectionEnd.allCases.count) }

    private let policy: WebSocketUpgradePolicy
    let signingKey: Ed25519PublicKey
    /// Milliseconds on the monotonic clock.
    package private(set) var now: Int64
    var wallSeconds: Int64
    var isDraining = false
    /// What gathers while the store is busy; further requests wait in their connections and then in
    /// their clients.
    let gathering: Gathering
    /// Connections that went while the crypto thread had work for them.
    package var abandoned: [ConnectionID] = []
    /// Connections that hold frames because so much has gathered.
    private var stalled: [ConnectionID] = []

    /// Makes a loop without connections.
    ///
    /// - Parameters:
    ///   - index: which loop, from 0; the router belongs to loop 0.
    ///   - signingKey: stands in the hello frame.
    ///   - gathering: shared by all loops of a server.
    package init(
        index: UInt16, loopCount: Int, router: consuming Router?, signingKey: Ed25519PublicKey,
        policy: WebSocketUpgradePolicy, time: Moment, gathering: Gathering
    ) {
        self.gathering = gathering
        outlet = LoopOutlet(loop: index, loopCount: loopCount)
        self.router = router
        self.signingKey = signingKey
        self.policy = policy
        now = time.monotonicMilliseconds
        wallSeconds = time.wallSeconds
    }

    /// Connections of this loop.
    package var connectionCount: Int { outlet.table.count }

    /// Takes up a connection that was accepted; nil while draining.
    package mutating func open() -> ConnectionID? {
        isDraining ? nil : outlet.table.add(now: now)
    }

    /// Tells the time. Call it once before the work of each turn.
    package mutating func setTime(_ time: Moment) {
        now = time.monotonicMilliseconds
        wallSeconds = time.wallSeconds
    }

    /// Whether the connection's socket is to be read.
    package func wantsInput(_ id: ConnectionID) -> Bool {
        guard let box = outlet.table[id] else { return false }
        return !box.connection.isPaused
    }

    /// Hands over bytes that came from a connection's socket. All of them are taken, and changed
    /// in place; what cannot be used yet is copied to the connection.
    ///
    /// - Parameter address: asked only for requests that are counted by address.
    package mutating func receive(
        _ id: ConnectionID, _ bytes: inout ByteBuffer, address: () -> ClientAddress
    ) {
        guard let box = outlet.table[id] else {
            bytes.removeAll()
            return
        }
        box.connection.heard(now: now)
        if box.connection.input.isEmpty {
            run(box, &bytes, address)
            box.connection.input.append(bytes.readable)
        } else {
            box.connection.input.append(bytes.readable)
            runInput(box, address)
        }
        bytes.removeAll()
    }

    /// Goes on with connections that had held frames back.
    ///
    /// - Parameter address: the client address of a connection.
    package mutating func resume(address: (ConnectionID) -> ClientAddress) {
        // A request may be answered at once and make room for the next; the bound leaves the rest
        // to the next turn, so that one client cannot hold the loop.
        for _ in 0..<16 {
            if outlet.resumable.isEmpty { return }
            var ready: [ConnectionID] = []
            swap(&ready, &outlet.resumable)
            for id in ready {
                guard let box = outlet.table[id], box.connection.phase == .open else { continue }
                var held: [UInt8] = []
                swap(&held, &box.connection.heldFrames)
                takeFrames(held.raw, 0..<held.count, box, { address(id) })
                if box.connection.heldFrames.isEmpty { runInput(box, { address(id) }) }
            }
        }
    }

    /// Goes on with what the connection has kept.
    private mutating func runInput(_ box: ConnectionBox, _ address: () -> ClientAddress) {
        // Taken out meanwhile: answers are written into the same connection.
        var input = ByteBuffer()
        swap(&input, &box.connection.input)
        run(box, &input, address)
        input.trim()
        swap(&input, &box.connection.input)
    }

    /// Ends a connection whose socket is gone.
    package mutating func drop(_ id: ConnectionID, _ end: ConnectionEnd) {
        guard let box = outlet.table[id] else { return }
        endCounts[(box.connection.end ?? end).rawValue] += 1
        tellRouterClosed(id)
        outlet.table.remove(id)
    }

    /// Takes how many connections ended for each reason, by `ConnectionEnd.rawValue`, and begins
    /// anew.
    package mutating func takeEndCounts() -> [Int] {
        var taken = Self.noEnds
        swap(&taken, &endCounts)
        return taken
    }

    private mutating func run(
        _ box: ConnectionBox, _ input: inout ByteBuffer, _ address: () -> ClientAddress
    ) {
        var position = 0
        while true {
            let event = box.connection.next(
                &input, position: &position, policy: policy, now: now)
            switch event {
            case .incomplete:
                input.consume(min(position, input.count))
                outlet.touch(box)
                return
            case .handshake(let message, let versions):
                handshakes.append(
                    HandshakeJob(
                        connection: box.connection.id, message: message, versions: versions))
            case .frames(let range):
                takeFrames(input.readable, range, box, address)
            case .held:
                var held: [UInt8] = []
                swap(&held, &box.connection.heldFrames)
                takeFrames(held.raw, 0..<held.count, box, address)
            }
        }
    }

    /// Hands the frames of one message to the router, as far as the connection's limits allow.
    private mutating func takeFrames(
        _ bytes: RawSpan, _ range: Range<Int>, _ box: ConnectionBox, _ address: () -> ClientAddress
    ) {
        let message = bytes.extracting(range)
        var offset = 0
        while let frame = FrameWalk.frame(in: message, at: offset) {
            guard box.connection.phase == .open else { return }
            if let requestClass = Router.requestClass(frame.type) {
                let hasRoom = hasRoom()
                guard hasRoom, box.connection.mayTake(requestClass) else {
                    // CH-46: not an error; the client has to read or wait for its answers first.
                    if !hasRoom { stalled.append(box.connection.id) }
                    box.connection.heldFrames = [UInt8](
                        copying: message.extracting(offset..<message.byteCount))
                    return
                }
                box.connection.take(requestClass)
            } else if router == nil, !gathering.hasRoom {
                // MB-19: a frame that nobody answers is dropped where a request would wait.
                offset = frame.body.upperBound
                continue
            }
            offset = frame.body.upperBound
            dispatch(frame, message, box.connection.id, address)
            if !outlet.condemned.isEmpty { endCondemned() }
        }
    }

    /// Whether a further request may be taken, from whichever connection.
    private mutating func hasRoom() -> Bool {
        guard let gathered = router?.gatheredByteCount() else { return !gathering.mustWait() }
        return gathering.hasRoom(atRouter: gathered)
    }

    /// Tells the other loops how much waits for the storage thread; for the loop with the router,
    /// at each turn's end.
    ///
    /// - Returns: whether the others are to be told that there is room again.
    mutating func settleGathering() -> Bool {
        guard let gathered = router?.gatheredByteCount() else { return false }
        return gathering.settle(atRouter: gathered)
    }

    /// There is room again: connections that wait for that go on.
    mutating func gatheringTaken() {
        outlet.resumable += stalled
        stalled.removeAll()
    }

    private mutating func dispatch(
        _ frame: RawFrame, _ message: RawSpan, _ id: ConnectionID,
        _ address: () -> ClientAddress
    ) {
        if isDraining {
            // CH-47: what was not taken before is not begun.
            if let requestClass = Router.requestClass(frame.type) {
                let body = message.extracting(frame.body)
                let origin = StorageRequest.Origin(
                    connection: id, request: body.bigEndian(at: 0, as: UInt32.self) ?? 0)
                outlet.refuse(.shuttingDown, origin, requestClass)
            }
            return
        }
        let from = Router.isCountedByAddress(frame.type) ? address() : ClientAddress.none
        if router != nil {
            router?.receive(frame, in: message, from: id, at: from, into: &outlet)
            return
        }
        let start = forRouter.bytes.count
        gathering.left(frame.body.count)
        forRouter.bytes.append(copying: message.extracting(frame.body))
        let moved = RawFrame(type: frame.type, body: start..<forRouter.bytes.count)
        forRouter.events.append(.frame(id, moved, from: from))
    }

    /// Ends the connections that a frame of theirs has condemned. MB-24
    mutating func endCondemned() {
        for id in outlet.condemned {
            guard let box = outlet.table[id] else { continue }
            box.connection.close(.malformed, .protocolError, now: now)
            outlet.touch(box)
            tellRouterClosed(id)
        }
        outlet.condemned.removeAll()
    }

    mutating func tellRouterClosed(_ id: ConnectionID) {
        if let box = outlet.table[id], box.connection.stopsAwaitingCrypto() {
            abandoned.append(id)
        }
        if router != nil {
            router?.close(id)
        } else {
            forRouter.events.append(.closed(id))
        }
    }
}
