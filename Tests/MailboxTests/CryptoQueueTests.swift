import Channel
import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("§11.3 What waits for the crypto thread")
struct CryptoQueueTests {
    private func connection(_ slot: Int) -> ConnectionID {
        ConnectionID(loop: 0, slot: UInt32(slot), generation: 1)
    }

    private func handshake(_ slot: Int) -> HandshakeJob {
        HandshakeJob(
            connection: connection(slot), message: [],
            versions: ChannelHandshake.Versions(offer: "", choice: ""))
    }

    private func check(_ slot: Int, _ request: Int = 0) -> AttachCheck {
        AttachCheck(
            origin: StorageRequest.Origin(connection: connection(slot), request: UInt32(request)),
            mailbox: TestMailbox(seed: 1).id, role: .read, key: nil, signature: .zero,
            handshakeHash: .zero, address: .none)
    }

    /// The next pieces of work by the connections they are for.
    private func all(_ queue: inout CryptoQueue) -> [(isHandshake: Bool, slots: [UInt32])] {
        var done: [(Bool, [UInt32])] = []
        while let work = queue.next() {
            switch work {
            case .handshake(let job): done.append((true, [job.connection.slot]))
            case .checks(let checks): done.append((false, checks.map(\.origin.connection.slot)))
            }
        }
        #expect(queue.isEmpty)
        return done
    }

    @Test("CH-45 H6 a handshake waits for one slice of signatures at most, however many wait")
    func handshakesFirst() {
        var queue = CryptoQueue()
        queue.add(.checks((0..<10_000).map { check(1, $0) }))
        queue.add(.handshakes([handshake(2)]))
        guard case .handshake? = queue.next() else {
            Issue.record("the handshake waits for signatures")
            return
        }
        guard case .checks(let slice)? = queue.next() else {
            Issue.record("no signatures")
            return
        }
        #expect(slice.count == CryptoQueue.checksInARow)
        queue.add(.handshakes([handshake(3)]))
        guard case .handshake(let job)? = queue.next() else {
            Issue.record("the handshake waits for signatures")
            return
        }
        #expect(job.connection.slot == 3)
        let rest = all(&queue)
        #expect(rest.reduce(0) { $0 + $1.slots.count } == 10_000 - slice.count)
    }

    @Test("H6 a flood of handshakes does not keep signatures from being judged")
    func checksHaveTheirTurn() {
        var queue = CryptoQueue()
        queue.add(.handshakes((0..<100).map { handshake($0) }))
        queue.add(.checks([check(200)]))
        let done = all(&queue)
        #expect(done.firstIndex { !$0.isHandshake } == CryptoQueue.handshakesInARow)
        #expect(done.filter(\.isHandshake).map { $0.slots[0] } == Array(0..<100))
    }

    @Test("H6 work for connections that have gone is skipped, and nothing is kept of them")
    func abandoned() {
        var queue = CryptoQueue()
        queue.add(.handshakes((0..<3_000).map { handshake($0) }))
        queue.add(.checks((0..<3_000).map { check(5_000 + $0 % 2, $0) }))
        queue.add(.abandoned((1..<3_000).map { connection($0) } + [connection(5_000)]))
        // Nothing of theirs waits: not remembered either.
        queue.add(.abandoned([connection(9), connection(8_000)]))
        let done = all(&queue)
        #expect(done.filter(\.isHandshake).map(\.slots) == [[0]])
        #expect(done.filter { !$0.isHandshake }.flatMap(\.slots).allSatisfy { $0 == 5_001 })
        #expect(done.filter { !$0.isHandshake }.flatMap(\.slots).count == 1_500)
        queue.add(.handshakes([handshake(9), handshake(8_000)]))
        #expect(all(&queue).count == 2)
    }

    @Test("H6 a loop tells which connections went with a handshake or an attach under way, once")
    func told() throws {
        let loops = TwoLoops()
        let client = try loops.open()
        client.attach(TestMailbox(seed: 1), .read)
        client.send()
        loops.storeIsBusy = true
        loops.run()
        #expect(loops.dropAll().map(\.slot) == [0])
        #expect(loops.dropAll().isEmpty)
        let half = try loops.begin()
        #expect(loops.dropAll().map(\.slot) == [half.slot])
        let idle = try loops.open()
        #expect(idle.isOpen)
        #expect(loops.dropAll().isEmpty)
    }
}
