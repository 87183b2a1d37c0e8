import Primitives
import Wire

@testable import Client

/// One engine over a vault in memory, its frames moved one at a time.
final class LeanClient {
    let name: String
    let server: LeanServer
    private(set) var vault = MemoryVault()
    private var engine: Engine?
    private var random: SeededRandom
    private var inbox: [(link: LinkID, input: EngineInput)] = []
    private var ready: Set<LinkID> = []
    private(set) var now: Moment
    /// Texts that were shown, over all lives.
    private(set) var shown: [String] = []
    /// Own messages that were named as missing on the other side, and others here.
    private(set) var namedOwn: Set<MessageID> = []
    private(set) var namedPeer: Set<MessageID> = []
    /// Own messages that the server has taken.
    private(set) var taken: Set<MessageID> = []
    private(set) var resetCount = 0
    private(set) var copiedCount = 0
    private(set) var link: String?
    private(set) var log: [String] = []
    var keepsLog = false
    var isRunning: Bool { engine != nil }

    init(_ name: String, server: LeanServer, seed: UInt64, now: Moment) throws {
        self.name = name
        self.server = server
        self.now = now
        random = SeededRandom(seed)
        let recovery = SecretBytes(byteCount: 32, from: &random)
        try vault.commit(
            Engine.firstWrites(
                server: server.address, signingKey: server.signingKey, recoverySeed: recovery,
                random: &random, now: now))
    }

    // MARK: Life

    func start() throws {
        guard engine == nil else { return }
        let source: FixedBytes<32> = random.bytes()
        engine = try Engine.open(store: vault, random: SeededRandom(seed: source), now: now)
        let now = now
        try step { engine throws(ClientError) in
            try engine.goOnline(sharesPresence: false, at: now)
        }
    }

    func kill() {
        engine = nil
        for link in ready { server.disconnect(link, of: self) }
        ready = []
        inbox = []
    }

    func replaceVault(with other: MemoryVault) {
        kill()
        vault = other
    }

    func backup() throws -> [UInt8] {
        let now = now
        return try step { engine throws(ClientError) in
            try engine.backupContents(at: now).encoded
        }
    }

    func restore(_ backup: [UInt8]) throws {
        let fresh = MemoryVault()
        let contents = try BackupContents(parsing: backup.raw)
        try fresh.commit(Engine.writes(restoring: contents, at: now))
        replaceVault(with: fresh)
        log("restored")
    }

    // MARK: Steps

    @discardableResult
    func step<Result>(
        _ body: (inout Engine) throws(ClientError) -> Result
    ) throws -> Result {
        guard var taken = engine.take() else { throw ClientError.internalFault(line: #line) }
        let result: Result
        var effects: EngineEffects
        do throws(ClientError) {
            result = try body(&taken)
            effects = taken.takeEffects()
            engine = consume taken
        } catch {
            engine = consume taken
            throw error
        }
        try vault.commit(effects.writes)
        for action in effects.actions { carryOut(action) }
        return result
    }

    private func carryOut(_ action: EngineAction) {
        switch action {
        case .open(let id, _, _):
            ready.insert(id)
            let hello = HelloFrame(
                signingKey: server.signingKey, minutes: UInt32(clamping: now.wall / 60_000))
            inbox.append(
                (id, .connected(id, handshakeHash: random.bytes(), hello: hello)))
        case .close(let id):
            ready.remove(id)
            inbox.removeAll { $0.link == id }
            server.disconnect(id, of: self)
        case .send(let id, let frame): server.take(frame, from: self, on: id)
        case .event(let event): note(event)
        }
    }

    private func note(_ event: ClientEvent) {
        switch event {
        case .message(let message):
            if case .text(let text) = message.body { shown.append(text) }
        case .messageState(let id, _, let state) where state >= .sent: taken.insert(id)
        case .missing(_, let ids, .me): namedOwn.formUnion(ids)
        case .missing(_, let ids, .peer): namedPeer.formUnion(ids)
        case .notice(.resetSent): resetCount += 1
        case .notice(.copiedVault): copiedCount += 1
        case .finished(_, .invite(_, let link)): self.link = link
        default: break
        }
        log("\(event)")
    }

    func log(_ line: @autoclosure () -> String) {
        if keepsLog { log.append("\(now.wall % 1_000_000_000) \(name) \(line())") }
    }

    func deliver(_ frame: IncomingFrame, on link: LinkID) {
        guard ready.contains(link) else { return }
        inbox.append((link, .frames(link, [frame])))
    }

    func refuse(_ request: UInt32, _ code: ErrorCode, on link: LinkID) {
        deliver(.error(ErrorFrame(request: request, code: code)), on: link)
    }

    /// Takes at most so many of the things that wait.
    ///
    /// - Returns: whether there was one.
    func work(_ countMax: Int = .max) throws -> Bool {
        guard engine != nil, !inbox.isEmpty else { return false }
        for _ in 0..<countMax {
            guard !inbox.isEmpty else { break }
            let next = inbox.removeFirst()
            let now = now
            try step { engine throws(ClientError) in try engine.handle(next.input, at: now) }
        }
        return true
    }

    var deadline: UInt64? { engine?.nextDeadline() ?? nil }

    func move(to moment: Moment) throws {
        now = moment
        guard let due = deadline, due <= moment.monotonic else { return }
        try step { engine throws(ClientError) in try engine.handle(.tick, at: moment) }
    }

    /// Cuts a connection.
    func drop() throws {
        guard engine != nil, let id = ready.sorted().picked(by: &random) else { return }
        ready.remove(id)
        inbox.removeAll { $0.link == id }
        server.disconnect(id, of: self)
        let now = now
        try step { engine throws(ClientError) in
            try engine.handle(.disconnected(id, .connectionLost), at: now)
        }
    }

    // MARK: What is looked at

    func send(_ text: String, to name: String) throws -> MessageID {
        let now = now
        let ids = try step { engine throws(ClientError) in
            try engine.send(text, to: [name], at: now)
        }
        return ids[0]
    }

    func texts(of name: String, by author: MessageAuthor) throws -> [MessageID: (
        String, MessageState
    )] {
        let history = try step { engine throws(ClientError) in
            try engine.history(of: name, limit: .max, before: nil)
        }
        var found: [MessageID: (String, MessageState)] = [:]
        for message in history where message.author == author {
            if case .text(let text) = message.body { found[message.id] = (text, message.state) }
        }
        return found
    }

    func written(with name: String) throws -> FixedBytes<32>? {
        try step { engine throws(ClientError) in
            engine.sessions.written(of: try engine.contact(named: name).id)?.id
        }
    }

    func ownMailbox(with name: String) throws -> MailboxID? {
        try step { engine throws(ClientError) in try engine.contact(named: name).ownMailbox }
    }
}
