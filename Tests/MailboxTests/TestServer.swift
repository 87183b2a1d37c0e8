import Database
import Mailbox
import Platform
import Primitives
import Testing
import Wire

/// One server core over the memory store with its clients, moved by hand: no socket, no thread, no
/// clock but the one it is told.
final class TestServer<S: Store> {
    let store: S
    private(set) var core: ServerCore<S>
    let key: X25519PublicKey
    let signingKey: Ed25519PublicKey
    static var start: Int64 { 1_800_000_000 }
    private(set) var wallSeconds = TestServer.start
    private(set) var monotonic: Int64 = 1_000
    private var links: [ObjectIdentifier: ConnectionID] = [:]
    private var clients: [TestClient] = []
    private var seed: UInt64 = 0

    init(store: S, gatheredByteCountMax: Int = 64 << 20) {
        var random = SeededRandom(1)
        let keys = ServerKeys.generate(from: &random)
        key = keys.channel.publicKey
        signingKey = keys.signing.publicKey
        self.store = store
        core = ServerCore(
            store: store, keys: keys, random: SeededRandom(2),
            time: Moment(wallSeconds: wallSeconds, monotonicMilliseconds: monotonic),
            gatheredByteCountMax: gatheredByteCountMax)
    }

    var time: Moment { Moment(wallSeconds: wallSeconds, monotonicMilliseconds: monotonic) }

    /// Connects a client without a handshake yet.
    func connect(
        address: UInt32 = 1, subprotocols: [String] = ["postern.v0"]
    ) -> TestClient {
        seed += 1
        let client = TestClient(serverKey: key, seed: seed, subprotocols: subprotocols)
        if let id = core.connect(from: ClientAddress(simulated: address)) {
            links[ObjectIdentifier(client)] = id
            clients.append(client)
        }
        return client
    }

    /// Connects a client and opens its channel; the hello is taken.
    func open(address: UInt32 = 1) -> TestClient {
        let client = connect(address: address)
        run()
        #expect(client.isOpen)
        client.events.removeAll()
        return client
    }

    func id(_ client: TestClient) -> ConnectionID {
        links[ObjectIdentifier(client)] ?? ConnectionID(loop: 0, slot: .max, generation: 0)
    }

    /// Moves bytes both ways until nothing moves any more.
    ///
    /// - Parameter stalled: clients that do not read.
    func run(stalled: [TestClient] = []) {
        for _ in 0..<10_000 {
            var moved = false
            for client in clients {
                if !client.output.isEmpty, core.wantsInput(id(client)) {
                    let bytes = client.output
                    client.output = []
                    core.receive(id(client), bytes.raw)
                    moved = true
                }
            }
            core.turn(time)
            for client in clients where !stalled.contains(where: { $0 === client }) {
                let bytes = core.takeOutput(id(client))
                if !bytes.isEmpty {
                    client.receive(bytes)
                    moved = true
                }
            }
            if !moved { return }
        }
        Issue.record("the server and its clients do not come to rest")
    }

    /// Sends what a client has added, lets the server work, and takes what came back to it.
    func exchange(_ client: TestClient) -> [TestClient.Event] {
        client.send()
        run()
        return client.take()
    }

    /// Hands bytes to a client's connection as they are.
    func deliver(_ bytes: [UInt8], to client: TestClient) {
        core.receive(id(client), bytes.raw)
        core.turn(time)
    }

    /// What waits for a client.
    func output(of client: TestClient) -> [UInt8] { core.takeOutput(id(client)) }

    /// Hands what a client has to say to the server, which does not act on it further yet.
    func hand(_ client: TestClient) {
        let bytes = client.output
        client.output = []
        core.receive(id(client), bytes.raw)
    }

    /// Whether a client that comes now is turned away.
    var connectIsRefused: Bool { core.connect(from: ClientAddress(simulated: 1)) == nil }

    /// Gives a client at most so many bytes of what waits for it.
    func trickle(_ byteCount: Int, to client: TestClient) {
        client.receive(core.takeOutput(id(client), byteCountMax: byteCount))
    }

    func disconnect(_ client: TestClient) {
        core.disconnect(id(client))
        clients.removeAll { $0 === client }
        core.turn(time)
    }

    /// Lets the wall clock run and nothing else.
    func advanceWall(seconds: Int64) {
        wallSeconds += seconds
        core.tick(time)
        run()
    }

    /// Lets time pass while no byte moves.
    func wait(seconds: Int64) {
        wallSeconds += seconds
        monotonic += seconds * 1_000
        core.tick(time)
    }

    /// What the store has failed with.
    var failure: StoreError? { core.failure }

    /// Lets time pass, with a tick at its end.
    func advance(seconds: Int64) {
        wallSeconds += seconds
        monotonic += seconds * 1_000
        core.tick(time)
        run()
    }

    func outputByteCount(_ client: TestClient) -> Int { core.outputByteCount(id(client)) }
    func bufferByteCount(_ client: TestClient) -> Int { core.bufferByteCount(id(client)) }
    func wantsInput(_ client: TestClient) -> Bool { core.wantsInput(id(client)) }
    func isOver(_ client: TestClient) -> Bool { core.isOver(id(client)) }
    func turn() { core.turn(time) }

    func drain() {
        var random = SeededRandom(3)
        core.drain(random: &random)
    }
    func continueDrain() -> Int { core.continueDrain() }
}

extension TestServer where S == StoreMemory {
    convenience init() { self.init(store: StoreMemory()) }
}

/// A store in memory whose commits fail when it is told.
final class BrokenStore: Store {
    private let inner = StoreMemory()
    var isBroken = false
    var refusesGrowth = false
    var directory: (any DirectoryRequests)?
    var lastSweep: SweepReport { inner.lastSweep }

    func commit(
        _ batch: StorageBatch, wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers {
        if isBroken { throw .mustStop(.inputOutput(code: 10)) }
        return try inner.commit(batch, wallSeconds: wallSeconds)
    }

    func believeClock(wallSeconds: Int64) throws(StoreError) {}
    func counts() throws(StoreError) -> StoreCounts { try inner.counts() }
    func tidy() throws(StoreError) -> Bool { true }
}

extension TestServer {
    /// A client that made a mailbox and reads it.
    func reader(of box: TestMailbox, address: UInt32 = 1) -> TestClient {
        let client = open(address: address)
        client.create(box)
        _ = exchange(client)
        client.attach(box, .read)
        _ = exchange(client)
        return client
    }

    /// A client that may write to a mailbox.
    func writer(of box: TestMailbox, address: UInt32 = 2) -> TestClient {
        let client = open(address: address)
        client.attach(box, .write)
        _ = exchange(client)
        return client
    }
}

extension [TestClient.Event] {
    /// The deliveries among them: sequence and envelope.
    var deliveries: [(UInt64, [UInt8])] {
        compactMap {
            if case .delivery(_, let sequence, let bytes) = $0 { (sequence, bytes) } else { nil }
        }
    }

    /// The code of the first error among them.
    var errorCode: ErrorCode? {
        for case .error(let frame) in self { return frame.code }
        return nil
    }

    /// The first attach answer among them.
    var attached: AttachedFrame? {
        for case .attached(let frame) in self { return frame }
        return nil
    }
}
