import Mailbox
import Primitives
import Wire

@testable import Client

/// One client of a simulated world: a real engine over a real vault, its connections as bytes.
final class SimulatedClient {
    let name: String
    let world: World
    /// What a disk would hold; a kill loses everything else.
    private(set) var vault: any VaultStore
    private var folder: SimulationFolder?
    private var engine: Engine?
    private var links: [LinkID: SimulatedLink] = [:]
    private var random: SeededRandom
    private var lives: UInt64 = 0
    /// All that was told, over all lives.
    private(set) var events: [ClientEvent] = []
    /// Connections that were opened, with the time.
    private(set) var opened: [(id: LinkID, purpose: LinkPurpose, at: UInt64)] = []
    /// How many frames were sent, by their type.
    private(set) var sentCounts: [UInt8: Int] = [:]
    /// Types of the frames sent on each connection of the present life.
    private(set) var sentTypes: [LinkID: Set<UInt8>] = [:]
    /// Envelopes that came, as they came.
    private(set) var deliveries: [IncomingFrame] = []
    /// True while the program runs and wants to be online.
    private(set) var isRunning = false

    init(_ name: String, in world: World, seed: UInt64) throws {
        self.name = name
        self.world = world
        random = SeededRandom(seed)
        folder = world.isInFiles ? try SimulationFolder() : nil
        if let folder {
            vault = try SQLiteVault.create(
                path: folder.path + "/vault.db", password: Self.vaultKey, parameters: nil,
                random: SeededRandom(seed &+ 1))
        } else {
            vault = MemoryVault()
        }
        let recovery = SecretBytes(byteCount: 32, from: &random)
        try vault.commit(
            Engine.firstWrites(
                server: world.address, signingKey: world.signingKey, recoverySeed: recovery,
                random: &random, now: world.now))
    }

    /// As from a key file.
    private static var vaultKey: SecretBytes {
        SecretBytes(copying: [UInt8](repeating: 7, count: 32).raw)
    }

    // MARK: Life

    /// Starts the program over what the vault holds, and goes online.
    func start(sharesPresence: Bool = false) throws {
        guard engine == nil else { return }
        lives += 1
        sentTypes = [:]
        if let folder {
            // Closed before it is opened again.
            vault = MemoryVault()
            vault = try SQLiteVault.open(
                path: folder.path + "/vault.db", access: .write, password: Self.vaultKey,
                random: SeededRandom(lives))
        }
        let source: FixedBytes<32> = random.bytes()
        engine = try Engine.open(
            store: vault, random: SeededRandom(seed: source), now: world.now)
        isRunning = true
        let now = world.now
        try step { engine throws(ClientError) in
            try engine.goOnline(sharesPresence: sharesPresence, at: now)
        }
    }

    /// Ends the program as kill -9 does: only the vault is left.
    func kill() {
        engine = nil
        isRunning = false
        for id in linkIDs { links[id].map { disconnect($0) } }
        links = [:]
        stalls = [:]
        pendingFailures = []
    }

    private func disconnect(_ link: SimulatedLink) {
        if link.life == world.lives { world.disconnect(link.connection) }
    }

    /// Ends the program in good order: what is due goes first.
    func prepareToStop() throws {
        let now = world.now
        try step { engine throws(ClientError) in try engine.prepareToStop(at: now) }
    }

    /// Ends a run and begins the next one in the same process.
    func runAgain(sharesPresence: Bool = false) throws {
        let now = world.now
        try step { engine throws(ClientError) in try engine.goOffline(at: now) }
        try step { engine throws(ClientError) in
            try engine.goOnline(sharesPresence: sharesPresence, at: now)
        }
    }

    /// Where the vault lies, if it does in a file.
    var vaultPath: String? { folder.map { $0.path + "/vault.db" } }

    /// Ends the program and closes its vault, as the end of a process does.
    func closeVault() {
        kill()
        if folder != nil { vault = MemoryVault() }
    }

    /// The vault as it is now, as a copy of its file would hold it.
    func copyOfVault() -> MemoryVault? { (vault as? MemoryVault)?.copy() }

    /// Puts another state under the program, as somebody who restores an old file does.
    func replaceVault(with other: MemoryVault) {
        kill()
        folder = nil
        vault = other
    }

    /// The connection for a purpose, if one stands.
    func link(_ purpose: LinkPurpose) throws -> LinkID? {
        let server = world.address
        return try ask { engine throws(ClientError) in engine.links.ready(purpose, server) }
    }

    /// A frame as a server of any version may send it.
    func receive(_ frame: IncomingFrame, on purpose: LinkPurpose) throws {
        guard let id = try link(purpose) else { throw WorldError.noConnection }
        try handle([.frames(id, [frame])])
    }

    // MARK: Steps

    /// Makes a step: commit first, then the actions. CL-3
    ///
    /// - Throws: `WorldError.crashed` when the program dies in it, before the commit, after it or
    ///   between two actions.
    @discardableResult
    func step<Result>(
        _ body: (inout Engine) throws(ClientError) -> Result
    ) throws -> Result {
        guard engine != nil else { throw WorldError.crashed(committed: false) }
        let result = try withEngine(body)
        var effects = try withEngine { engine throws(ClientError) in engine.takeEffects() }
        if world.bug == .clientActsEarly {
            try carryOut(effects.actions, isCommitted: false)
            for id in linkIDs { _ = push(id) }
            try crash(isCommitted: false)
        }
        if world.bug == .clientForgetsSeen {
            effects.writes.removeAll {
                if case .put(.seen, _, _, _) = $0 { true } else { false }
            }
        }
        try crash(isCommitted: false)
        try vault.commit(wiping: &effects.writes)
        if world.bug != .clientActsEarly { try carryOut(effects.actions, isCommitted: true) }
        return result
    }

    private func carryOut(_ actions: [EngineAction], isCommitted: Bool) throws {
        for action in actions {
            try crash(isCommitted: isCommitted)
            try carryOut(action)
        }
    }

    private func crash(isCommitted: Bool) throws {
        guard world.crashesNow(name) else { return }
        kill()
        throw WorldError.crashed(committed: isCommitted)
    }

    private func withEngine<Result>(
        _ body: (inout Engine) throws(ClientError) -> Result
    ) throws(ClientError) -> Result {
        guard var taken = engine.take() else { throw .internalFault(line: #line) }
        do throws(ClientError) {
            let result = try body(&taken)
            engine = consume taken
            return result
        } catch {
            engine = consume taken
            throw error
        }
    }

    private func carryOut(_ action: EngineAction) throws {
        switch action {
        case .event(let event):
            events.append(event)
            world.trace("\(name) \(event)")
        case .open(let id, let server, let purpose):
            opened.append((id, purpose, world.now.monotonic))
            let seed: FixedBytes<32> = random.bytes()
            guard let connection = world.connect() else {
                return pendingFailures.append((id, .unreachable(errorNumber: 111)))
            }
            links[id] = SimulatedLink(
                try LinkConnection(
                    to: server, now: Int64(world.now.monotonic), random: SeededRandom(seed: seed)),
                connection: connection, life: world.lives)
        case .close(let id):
            guard let link = links.removeValue(forKey: id) else { return }
            link.value.close()
            if link.life == world.lives { world.deliver(link.takeOutput(), to: link.connection) }
            disconnect(link)
        case .send(let id, let frame):
            let bytes = frame.encoded
            sentCounts[bytes[0], default: 0] += 1
            sentTypes[id, default: []].insert(bytes[0])
            links[id]?.value.send(bytes.raw)
        }
    }

    private var pendingFailures: [(LinkID, ClientError)] = []

    // MARK: Network

    /// The connections there are, in order.
    var linkIDs: [LinkID] { links.keys.sorted() }

    /// Says which connections the server ends right behind its hello.
    var greetedOnly: ((LinkPurpose) -> Bool)?
    /// Connections on which nothing moves until a time.
    private var stalls: [LinkID: UInt64] = [:]

    /// Lets nothing through on a connection for a while, as a network in trouble does.
    func stall(_ id: LinkID, milliseconds: UInt64) {
        stalls[id] = world.now.monotonic + milliseconds
    }

    private func isStalled(_ id: LinkID) -> Bool { (stalls[id] ?? 0) > world.now.monotonic }

    /// Hands what the client has written on one connection to the server.
    func push(_ id: LinkID) -> Bool {
        guard let link = links[id], !isStalled(id), link.life == world.lives else { return false }
        link.value.flush()
        let bytes = link.takeOutput()
        guard !bytes.isEmpty else { return false }
        world.deliver(bytes, to: link.connection)
        return true
    }

    /// Takes at most so many bytes of the server on one connection.
    func pull(_ id: LinkID, byteCountMax: Int = .max) throws -> Bool {
        guard let link = links[id], !isStalled(id) else { return false }
        guard link.life == world.lives else {
            try drop(id)
            return true
        }
        let bytes = world.output(of: link.connection, byteCountMax: byteCountMax)
        if bytes.isEmpty {
            guard world.isOver(link.connection) else { return false }
            try drop(id)
            return true
        }
        var inputs: [EngineInput] = []
        do throws(ClientError) {
            for event in try link.value.feed(bytes.raw, now: Int64(world.now.monotonic)) {
                switch event {
                case .connected(let hash, let body):
                    guard let hello = HelloFrame(body: body) else { throw .protocolViolation }
                    inputs.append(.connected(id, handshakeHash: hash, hello: hello))
                case .frame(let type, let body):
                    guard let frame = try? IncomingFrame(type: type, body: body) else {
                        throw .protocolViolation
                    }
                    if case .delivery = frame { deliveries.append(frame) }
                    inputs.append(.frames(id, [frame]))
                }
            }
        } catch {
            inputs.append(.disconnected(id, error))
            links[id] = nil
            disconnect(link)
        }
        try handle(inputs)
        if case .connected? = inputs.first, let link = opened.last(where: { $0.id == id }),
            greetedOnly?(link.purpose) == true
        {
            try drop(id)
        }
        return true
    }

    /// Cuts one connection, as a network does.
    func drop(_ id: LinkID) throws {
        guard let link = links.removeValue(forKey: id) else { return }
        disconnect(link)
        try handle([.disconnected(id, .connectionLost)])
    }

    /// Tells the engine of connections that could not be made.
    func takeFailures() throws -> Bool {
        guard !pendingFailures.isEmpty else { return false }
        let failures = pendingFailures
        pendingFailures = []
        try handle(failures.map { .disconnected($0.0, $0.1) })
        return true
    }

    private func handle(_ inputs: [EngineInput]) throws {
        guard engine != nil, !inputs.isEmpty else { return }
        let now = world.now
        try step { engine throws(ClientError) in
            for input in inputs { try engine.handle(input, at: now) }
        }
    }

    // MARK: Time

    /// When the engine or a connection wants its next tick, monotonic ms.
    var deadline: UInt64? {
        let own = engine?.nextDeadline() ?? nil
        let of = links.values.filter { $0.value.isReady }
            .map { UInt64(clamping: $0.value.deadline) }.min()
        return [own, of].compactMap { $0 }.min()
    }

    /// Lets engine and connections look at the time.
    func tick() throws {
        for id in linkIDs {
            do {
                try links[id]?.value.tick(now: Int64(world.now.monotonic))
            } catch {
                try drop(id)
            }
        }
        try handle([.tick])
    }

    /// What the engine says, without a step.
    func ask<Result>(
        _ body: (inout Engine) throws(ClientError) -> Result
    ) throws -> Result {
        try step(body)
    }
}

/// One connection between a client and the simulated server.
final class SimulatedLink {
    var value: LinkConnection
    let connection: ConnectionID
    /// Which life of the server it is a connection to.
    let life: Int

    init(_ value: consuming LinkConnection, connection: ConnectionID, life: Int) {
        self.value = value
        self.connection = connection
        self.life = life
    }

    func takeOutput() -> [UInt8] {
        let bytes = value.output
        value.sent(bytes.count)
        return bytes
    }
}
