import Mailbox
import Platform
import Primitives
import Wire

@testable import Client

/// A bug planted on purpose, so that the simulation shows that it can fail.
enum PlantedBug: CaseIterable {
    /// The server answers deposits before they are on the disk.
    case serverAnswersEarly
    /// A client acts before its vault holds what it acts on.
    case clientActsEarly
    /// A client forgets which envelopes it has seen and which it has receipted.
    case clientForgetsSeen
}

/// One server core over a real store, clients, and a network between them, all moved from one
/// seed: no thread, no socket, no clock but the one it sets.
final class World {
    let address: ServerAddress
    let signingKey: Ed25519PublicKey
    private let keySeed: UInt64
    private let store: SimulatedStore
    let bug: PlantedBug?
    /// Stores and vaults lie in files.
    let isInFiles: Bool
    private var server: ServerBox
    private(set) var isServerUp = true
    var random: SeededRandom
    /// Swift's own random choices, from the same seed.
    var shuffler: Shuffler
    private(set) var now: Client.Moment
    private(set) var clients: [SimulatedClient] = []
    private var hash = SHA256()
    private(set) var traceLines: [String] = []
    /// Keeps the lines of the trace, for a look at a failing seed.
    var keepsTrace = false

    init(seed: UInt64, isInFiles: Bool = false, bug: PlantedBug? = nil) throws {
        keySeed = seed
        self.bug = bug
        self.isInFiles = isInFiles
        var keyRandom = SeededRandom(seed ^ 0x5e_ed)
        let keys = ServerKeys.generate(from: &keyRandom)
        address = try ServerAddress(key: keys.channel.publicKey, host: Host("sim"))
        signingKey = keys.signing.publicKey
        store = try SimulatedStore(
            isInFile: isInFiles, answersEarly: bug == .serverAnswersEarly,
            wallSeconds: 1_800_000_000)
        random = SeededRandom(seed)
        shuffler = Shuffler(random: SeededRandom(seed &+ 2))
        now = Client.Moment(wall: 1_800_000_000_000, monotonic: 1_000_000)
        let time = Mailbox.Moment(wallSeconds: 1_800_000_000, monotonicMilliseconds: 1_000_000)
        server = ServerBox(
            ServerCore(store: store, keys: keys, random: SeededRandom(seed &+ 1), time: time))
    }

    /// Everything that happened, as one value: the same seed must give the same one.
    func traceHash() -> FixedBytes<32> {
        let copy = hash
        return copy.finish()
    }

    func trace(_ line: String) {
        hash.update(Array((line + "\n").utf8).raw)
        if keepsTrace { traceLines.append("\(now.monotonic) \(line)") }
    }

    func addClient(_ name: String) throws -> SimulatedClient {
        let client = try SimulatedClient(name, in: self, seed: random.integer(UInt64.self))
        clients.append(client)
        return client
    }

    // MARK: Faults

    /// One step in so many kills a client's program, at each of its dangerous moments; 0: none.
    var crashOneIn: UInt64 = 0

    func crashesNow(_ name: String) -> Bool {
        guard crashOneIn > 0, random.integer(below: crashOneIn) == 0 else { return false }
        trace("\(name) killed in a step")
        return true
    }

    /// Lets a program be killed in what `body` does.
    func mayCrash(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch WorldError.crashed {}
    }

    // MARK: Server

    private var time: Mailbox.Moment {
        Mailbox.Moment(
            wallSeconds: Int64(now.wall / 1_000), monotonicMilliseconds: Int64(now.monotonic))
    }

    func connect() -> ConnectionID? {
        guard isServerUp else { return nil }
        return server.core.connect(from: ClientAddress(simulated: 1))
    }

    func disconnect(_ id: ConnectionID) {
        guard isServerUp else { return }
        server.core.disconnect(id)
    }

    func deliver(_ bytes: [UInt8], to id: ConnectionID) {
        guard isServerUp else { return }
        note(bytes)
        server.core.receive(id, bytes.raw)
        // The server may be at something else: what came waits.
        if crashOneIn == 0 || random.integer(below: 4) != 0 { turnServer() }
    }

    /// Lets the server do what it has put off.
    func turnServer() {
        guard isServerUp else { return }
        server.core.turn(time)
        noteFailure()
    }

    private func noteFailure() {
        guard server.core.failure != nil else { return }
        // As the real one does: it ends without another word.
        trace("server died in a commit")
        isServerUp = false
    }

    func output(of id: ConnectionID, byteCountMax: Int) -> [UInt8] {
        guard isServerUp else { return [] }
        let bytes = server.core.takeOutput(id, byteCountMax: byteCountMax)
        note(bytes)
        return bytes
    }

    func isOver(_ id: ConnectionID) -> Bool { !isServerUp || server.core.isOver(id) }

    /// kill -9: what was committed is left, every connection and everything in memory is gone.
    func killServer() {
        trace("server killed")
        isServerUp = false
    }

    /// The server dies after its next commit, before it has answered.
    func failAfterNextCommit() { store.fault = .afterCommit }

    /// A server whose disk is full takes nothing that is new.
    var hasFullDisk: Bool {
        get { store.refusesGrowth }
        set { store.refusesGrowth = newValue }
    }

    /// The server comes back with nothing of what it had.
    func loseEverything() throws {
        killServer()
        try store.loseEverything()
        try startServer()
    }

    /// The server dies in its next commit.
    func failNextCommit() {
        store.fault = random.integer(below: 2) == 0 ? .beforeCommit : .afterCommit
    }

    /// From here on everything works.
    func endFaults() throws {
        crashOneIn = 0
        store.fault = nil
        try startServer()
    }

    func startServer() throws {
        guard !isServerUp else { return }
        trace("server started")
        try store.killed(
            wallSeconds: time.wallSeconds, losing: 1 + Int(random.integer(below: 3)))
        var keyRandom = SeededRandom(keySeed ^ 0x5e_ed)
        server = ServerBox(
            ServerCore(
                store: store, keys: ServerKeys.generate(from: &keyRandom),
                random: SeededRandom(random.integer(UInt64.self)), time: time))
        lives += 1
        isServerUp = true
    }

    /// Counts the starts of the server: a connection belongs to one of them.
    private(set) var lives = 0

    /// What the server keeps.
    func counts() throws -> StoreCounts { try store.counts() }

    // MARK: Movement

    /// Moves bytes until nothing moves any more; time stands still.
    func rest() throws {
        for _ in 0..<2_000 {
            var moved = false
            turnServer()
            for client in clients {
                if try client.takeFailures() { moved = true }
                for id in client.linkIDs {
                    if client.push(id) { moved = true }
                    if try client.pull(id) { moved = true }
                }
            }
            if !moved { return }
        }
        throw WorldError.neverRests
    }

    /// Lets time pass in steps, as the engines ask for it, with everything at rest after each.
    func advance(milliseconds: UInt64) throws {
        let end = now.monotonic + milliseconds
        try rest()
        while now.monotonic < end {
            let due = clients.compactMap(\.deadline).filter { $0 > now.monotonic }.min() ?? end
            move(to: min(due, end))
            for client in clients where (client.deadline ?? .max) <= now.monotonic {
                try client.tick()
            }
            try rest()
        }
    }

    func move(to monotonic: UInt64) {
        let passed = monotonic - now.monotonic
        now = Client.Moment(wall: now.wall + passed, monotonic: monotonic)
        guard isServerUp else { return }
        server.core.tick(time)
        noteFailure()
    }

    /// Bytes that moved take part in the trace.
    private func note(_ bytes: [UInt8]) { hash.update(bytes.raw) }
}

enum WorldError: Error, Equatable {
    /// Something moves for ever while time stands still.
    case neverRests
    case noConnection
    /// A client's program was killed in the middle of a step; was its commit on the disk?
    case crashed(committed: Bool)
}

/// Holds a server core, which cannot be copied.
private final class ServerBox {
    var core: ServerCore<SimulatedStore>

    init(_ core: consuming ServerCore<SimulatedStore>) { self.core = core }
}

/// A seeded source for the standard library's random functions.
struct Shuffler: RandomNumberGenerator {
    var random: SeededRandom

    mutating func next() -> UInt64 { random.integer(UInt64.self) }
}
