import Platform
import Primitives
import Testing
import Wire

@testable import Mailbox

/// Two event loops without threads: the router and the store belong to the first, every client is
/// on the second. What one has for the other is carried over by hand.
final class TwoLoops {
    let store = StoreMemory()
    private(set) var first: LoopCore
    private(set) var second: LoopCore
    private var crypto: CryptoWorker
    private let key: X25519PublicKey
    private var time = Moment(wallSeconds: 1_800_000_000, monotonicMilliseconds: 1_000)
    private var clients: [(client: TestClient, id: ConnectionID)] = []
    /// Whether the storage thread takes what has gathered.
    var storeIsBusy = false

    init(gatheredByteCountMax: Int = 64 << 20) {
        let gathering = Gathering(byteCountMax: gatheredByteCountMax)
        var random = SeededRandom(1)
        let keys = ServerKeys.generate(from: &random)
        key = keys.channel.publicKey
        let router = Router(loopCount: 2, wallSeconds: time.wallSeconds, random: SeededRandom(2))
        first = LoopCore(
            index: 0, loopCount: 2, router: router, signingKey: keys.signing.publicKey,
            policy: .postern, time: time, gathering: gathering)
        second = LoopCore(
            index: 1, loopCount: 2, router: nil, signingKey: keys.signing.publicKey,
            policy: .postern, time: time, gathering: gathering)
        crypto = CryptoWorker(staticKey: keys.takeChannel(), random: SeededRandom(3))
    }

    struct Refused: Error {}

    /// A client of the second loop with an open channel.
    func open() throws -> TestClient {
        let client = TestClient(serverKey: key, seed: UInt64(clients.count + 1))
        guard let id = second.open() else { throw Refused() }
        clients.append((client, id))
        run()
        #expect(client.isOpen)
        client.events = []
        return client
    }

    /// A client whose handshake message has come and is not yet answered.
    func begin() throws -> ConnectionID {
        let client = TestClient(serverKey: key, seed: 999)
        guard let id = second.open() else { throw Refused() }
        while second.handshakes.isEmpty {
            var input = ByteBuffer()
            input.append(client.output.raw)
            client.output = []
            second.receive(id, &input) { .none }
            let answer = second.withOutput(of: id) { [UInt8](copying: $0) } ?? []
            second.wrote(id, answer.count)
            client.receive(answer)
        }
        second.handshakes = []
        clients.append((client, id))
        return id
    }

    /// All connections are lost; for which of them the crypto thread had work.
    func dropAll() -> [ConnectionID] {
        for (_, id) in clients { second.drop(id, .byClient) }
        clients = []
        defer { second.abandoned = [] }
        return second.abandoned
    }

    /// Bytes of requests that wait for the store on either loop.
    var gatheredByteCount: Int {
        (first.router?.storage.bytes.count ?? 0) + second.forRouter.bytes.count
    }

    func wantsInput(_ client: TestClient) -> Bool {
        clients.contains { $0.client === client && second.wantsInput($0.id) }
    }

    func exchange(_ client: TestClient) -> [TestClient.Event] {
        client.send()
        run()
        return client.take()
    }

    /// Carries everything everywhere until nothing moves.
    func run() {
        for _ in 0..<10_000 where !turn() { return }
        Issue.record("the loops do not come to rest")
    }

    /// One turn of both loops; whether anything moved.
    private func turn() -> Bool {
        var moved = false
        for (client, id) in clients where !client.output.isEmpty && second.wantsInput(id) {
            var input = ByteBuffer()
            input.append(client.output.raw)
            client.output = []
            second.receive(id, &input) { ClientAddress(simulated: 1) }
            moved = true
        }
        second.resume { _ in ClientAddress(simulated: 1) }
        for job in second.handshakes {
            second.completeHandshake(job.connection, crypto.answer(job))
            moved = true
        }
        second.handshakes = []
        if !second.forRouter.events.isEmpty {
            first.receive(second.takeForRouter())
            moved = true
        }
        for check in first.takeChecks() {
            first.complete(crypto.judge(check))
            moved = true
        }
        if !storeIsBusy {
            let batch = first.takeStorage()
            if !batch.isEmpty, let answers = try? store.commit(batch, wallSeconds: 1_800_000_000) {
                first.complete(answers)
                moved = true
            }
        }
        if first.settleGathering() { second.gatheringTaken() }
        for frames in first.takeRemote() where !frames.items.isEmpty {
            second.receive(frames)
            moved = true
        }
        _ = first.endTurn()
        _ = second.endTurn()
        for (client, id) in clients {
            let bytes = second.withOutput(of: id) { [UInt8](copying: $0) } ?? []
            if bytes.isEmpty { continue }
            second.wrote(id, bytes.count)
            client.receive(bytes)
            moved = true
        }
        return moved || second.hasResumable
    }
}

@Suite("§10.6 Frames of connections on a loop without the router")
struct TwoLoopsTests {
    let loops = TwoLoops()

    @Test("MB-24 what stands behind a malformed frame in its message takes no effect there either")
    func malformed() throws {
        let client = try loops.open()
        client.create(TestMailbox(seed: 1))
        client.addRaw(ClientFrameType.delete.rawValue, [1])
        client.create(TestMailbox(seed: 2))
        let events = loops.exchange(client)
        #expect(events.last == .closed(1002))
        #expect(
            events.contains {
                if case .error(let frame) = $0 { frame.code == .malformed } else { false }
            })
        let other = try loops.open()
        other.create(TestMailbox(seed: 3))
        #expect(loops.exchange(other).count == 1)
        #expect(try loops.store.counts().chatMailboxes == 2)
    }

    @Test("CH-46 H5 what waits for the store is bounded over all loops, and nothing is lost")
    func gathered() throws {
        let loops = TwoLoops(gatheredByteCountMax: 8_192)
        let boxes = (1...6).map { TestMailbox(seed: UInt64($0)) }
        let writers = try boxes.map { box in
            let client = try loops.open()
            client.create(box)
            client.attach(box, .write)
            #expect(loops.exchange(client).count == 2)
            return client
        }
        loops.storeIsBusy = true
        for round in 0..<20 {
            for (client, box) in zip(writers, boxes) {
                client.deposit(box.id, UInt64(round + 1), [UInt8](repeating: 1, count: 1_024))
                client.ephemeral(box.id, [UInt8](repeating: 1, count: 1_024))
                client.send()
            }
            loops.run()
            #expect(loops.gatheredByteCount <= 8_192 + 1_100)
        }
        #expect(loops.gatheredByteCount > 7_000)
        #expect(writers.allSatisfy { !loops.wantsInput($0) })
        loops.storeIsBusy = false
        loops.run()
        for writer in writers {
            let answers = writer.take()
            #expect(answers == (3...22 as ClosedRange<UInt32>).map { .done($0) })
            #expect(loops.wantsInput(writer))
        }
    }
}
