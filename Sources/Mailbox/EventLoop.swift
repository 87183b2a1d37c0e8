import Channel
import Platform
import Primitives
import Wire

/// One event loop: a thread with its own sockets, around a `LoopCore`.
///
/// Made and used on its own thread only. A turn: wait, read each ready socket once, take what the
/// other threads have posted, act, write each connection's output once, post what the other
/// threads have to do.
final class EventLoop {
    private var core: LoopCore
    private let epoll: Epoll
    private let inbox: Inbox<LoopMessage>
    private let links: LoopLinks
    private let index: UInt16
    private var sockets = SocketTable()
    private var acceptor: Acceptor?
    private var scratch = ByteBuffer()
    private var messages: [LoopMessage] = []
    private var nextTick: Int64 = 0
    private var nextExhaustionLog = Int64.min
    private var nextEndLog: Int64
    /// Batches at the storage thread.
    private var storageBatchCount = 0
    private var drainDeadline: Int64?
    /// Loops that still need this one's router to be answered; 0 on the loops without one.
    private var otherLoopCount: Int
    private var isDone = false
    private let clock: any Clock
    private var random = SystemRandom()

    /// Bytes read from one socket in one turn, at most: a message of the largest size and some.
    private static let readByteCount = 1 << 16
    private static let inboxToken = UInt64.max
    private static let acceptorToken = UInt64.max - 1
    private static let tickMilliseconds: Int64 = 1_000
    /// How often one thing is logged at most.
    private static let logMilliseconds: Int64 = 60_000
    /// How long draining may take before what is left is cut off.
    private static let drainMilliseconds: Int64 = 7_000

    init(
        index: UInt16, core: consuming LoopCore, acceptor: consuming Acceptor,
        inbox: Inbox<LoopMessage>, links: LoopLinks, clock: any Clock
    ) throws(SystemError) {
        self.clock = clock
        nextEndLog = clock.monotonicMilliseconds + Self.logMilliseconds
        otherLoopCount = index == 0 ? links.loops.count - 1 : 0
        self.index = index
        self.core = core
        self.inbox = inbox
        self.links = links
        epoll = try Epoll()
        try epoll.add(inbox.descriptor, token: Self.inboxToken, for: [.read])
        try epoll.add(acceptor.descriptor, token: Self.acceptorToken, for: [.read])
        self.acceptor = consume acceptor
    }

    /// The whole life of a loop's thread.
    static func serve(
        index: Int, acceptor: OneShot<Acceptor>, links: LoopLinks, signingKey: Ed25519PublicKey,
        control: Inbox<ControlMessage>, clock: any Clock
    ) {
        guard let acceptor = acceptor.take() else { return }
        let time = Moment(clock)
        var router: Router?
        if index == 0 {
            router = Router(
                loopCount: links.loops.count, wallSeconds: time.wallSeconds,
                random: SystemRandom())
        }
        let core = LoopCore(
            index: UInt16(index), loopCount: links.loops.count, router: router,
            signingKey: signingKey, policy: .postern, time: time, gathering: links.gathering)
        do throws(SystemError) {
            let loop = try EventLoop(
                index: UInt16(index), core: core, acceptor: acceptor,
                inbox: links.loops[index], links: links, clock: clock)
            try loop.run()
            if index != 0 { links.loops[0].post(.loopEnded) }
            control.post(.loopEnded(cutOff: loop.core.connectionCount))
        } catch {
            control.post(.loopFailed(error))
        }
    }

    /// Serves until it is told to stop or has drained.
    func run() throws(SystemError) {
        while !isDone {
            let count = try epoll.wait(timeoutMilliseconds: timeout())
            let time = Moment(clock)
            core.setTime(time)
            for place in 0..<count {
                let (token, readiness) = epoll.event(at: place)
                switch token {
                case Self.inboxToken: break
                case Self.acceptorToken: accept()
                default: serve(token, readiness)
                }
            }
            hear()
            if time.monotonicMilliseconds >= nextTick { tick(time.monotonicMilliseconds) }
            finishTurn()
            if drainDeadline != nil { continueDrain(time.monotonicMilliseconds) }
        }
    }

    private func timeout() -> Int32 {
        if core.hasResumable || core.hasDirty { return 0 }
        // Never below zero, which would mean for ever: a turn may have lasted past the next tick.
        let wait = max(0, nextTick - clock.monotonicMilliseconds)
        return Int32(clamping: drainDeadline == nil ? wait : min(wait, 50))
    }

    // MARK: Sockets

    private func accept() {
        for _ in 0..<64 {
            guard
                let client = acceptor?.accept(
                    open: sockets.count, epoll: epoll, token: Self.acceptorToken)
            else { return logExhaustion() }
            guard let id = core.open() else { return }
            do {
                let fd = client.socket.raw
                try epoll.add(fd, token: SocketTable.token(id), for: [.read])
                sockets.add(client, id)
            } catch {
                // The kernel has no room for another watch: this client goes, the others stay.
                core.drop(id, .refused)
            }
        }
    }

    /// Says that descriptors have run out, at most once a minute. CH-49
    private func logExhaustion() {
        let now = clock.monotonicMilliseconds
        guard acceptor?.isExhausted == true, now >= nextExhaustionLog else { return }
        nextExhaustionLog = now + Self.logMilliseconds
        ServerLog.write(.exhausted)
    }

    private func serve(_ token: UInt64, _ readiness: Readiness) {
        guard let socket = sockets[token] else { return }
        if readiness.contains(.write) { write(socket) }
        guard readiness.contains(.read) || readiness.contains(.broken) else { return }
        guard sockets[token] != nil else { return }
        do {
            switch try socket.descriptor.read(into: &scratch, room: Self.readByteCount) {
            case .bytes:
                core.receive(socket.id, &scratch) { socket.clientAddress }
            case .wouldBlock:
                if readiness.contains(.broken) { drop(socket, .byClient) }
            case .closed:
                drop(socket, .byClient)
            }
        } catch {
            drop(socket, .byClient)
        }
    }

    /// Writes what a connection has sealed and sets what its socket is watched for.
    private func write(_ socket: ConnectionSocket) {
        let id = socket.id
        while core.pendingOutputByteCount(of: id) > 0 {
            let result = core.withOutput(of: id) { bytes in
                (try? socket.descriptor.send(bytes)) ?? .closed
            }
            guard case .bytes(let count)? = result else {
                if result == .wouldBlock { break }
                drop(socket, .byClient)
                return
            }
            core.wrote(id, count)
        }
        if core.isSpent(id), !socket.isShut {
            // The client reads to the end before the socket goes, or its last words could be lost.
            TCP.finishSending(socket.descriptor)
            socket.isShut = true
        }
        watch(socket)
    }

    private func watch(_ socket: ConnectionSocket) {
        var interest: Readiness = []
        if core.wantsInput(socket.id) { interest.insert(.read) }
        if core.pendingOutputByteCount(of: socket.id) > 0 { interest.insert(.write) }
        guard interest != socket.interest else { return }
        socket.interest = interest
        do {
            try epoll.modify(
                socket.descriptor.raw, token: SocketTable.token(socket.id), for: interest)
        } catch {
            drop(socket, .byClient)
        }
    }

    private func drop(_ socket: ConnectionSocket, _ end: ConnectionEnd) {
        core.drop(socket.id, end)
        // Closing the descriptor takes it out of the epoll set as well.
        sockets.remove(socket)
    }

    // MARK: Turns

    private func hear() {
        inbox.take(into: &messages)
        for message in messages {
            switch message {
            case .handshake(let id, let box): core.completeHandshake(id, box?.take())
            case .verdicts(let verdicts): for verdict in verdicts { core.complete(verdict) }
            case .answers(let answers):
                storageBatchCount -= 1
                core.complete(answers)
            case .router(let batch): core.receive(batch)
            case .frames(let batch): core.receive(batch)
            case .room: core.gatheringTaken()
            case .loopEnded: otherLoopCount -= 1
            case .drain: beginDrain()
            case .stop: isDone = true
            }
        }
        messages.removeAll(keepingCapacity: true)
    }

    private func finishTurn() {
        // What was written may let a connection go on, and what it then does is written too; the
        // bound leaves the rest to the next turn.
        for _ in 0..<8 {
            core.resume { [sockets] id in sockets[id]?.clientAddress ?? .none }
            guard core.hasDirty else { break }
            for id in core.endTurn() {
                if let socket = sockets[id] { write(socket) }
            }
        }
        postAll()
    }

    private func postAll() {
        if links.post(from: &core, index: index, storageRoom: storageBatchCount < 2) {
            storageBatchCount += 1
        }
    }

    private func tick(_ now: Int64) {
        nextTick = now + Self.tickMilliseconds
        for id in core.tick() {
            if let socket = sockets[id] { drop(socket, .timeout) }
        }
        acceptor?.retry(epoll: epoll, token: Self.acceptorToken)
        links.counters.setConnections(index: Int(index), core.connectionCount)
        if now >= nextEndLog { logEnds(now) }
    }

    private func logEnds(_ now: Int64) {
        nextEndLog = now + Self.logMilliseconds
        let counts = core.takeEndCounts()
        if counts.contains(where: { $0 > 0 }) {
            ServerLog.write(.connectionsEnded(counts: counts))
        }
    }

    // MARK: The end

    private func beginDrain() {
        guard drainDeadline == nil else { return }
        drainDeadline = clock.monotonicMilliseconds + Self.drainMilliseconds
        // Whoever waits to be accepted is told by the closed port, and goes elsewhere.
        acceptor = nil
        core.drain(secondsToWait: 30, random: &random)
    }

    private func continueDrain(_ now: Int64) {
        let left = core.continueDrain()
        for id in core.endTurn() {
            if let socket = sockets[id] { write(socket) }
        }
        postAll()
        if (left == 0 && otherLoopCount == 0) || now >= drainDeadline ?? now { isDone = true }
    }
}
