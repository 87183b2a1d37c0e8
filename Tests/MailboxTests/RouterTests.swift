import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("What the router does by the clock")
struct RouterTests {
    @Test("MB-23 hashes of addresses go when their hour is over, though no other request comes")
    func addressesGo() {
        var router = Router(loopCount: 1, wallSeconds: 7_200, random: SeededRandom(1))
        var random = SeededRandom(2)
        for number in 0..<3 as Range<UInt32> {
            _ = router.limiter.take(
                .create, from: ClientAddress(simulated: number), wallSeconds: 7_300,
                random: &random)
        }
        router.tick(wallSeconds: 10_799)
        let before = router.limiter.addressCount
        #expect(before == 3)
        router.tick(wallSeconds: 10_800)
        let after = router.limiter.addressCount
        #expect(after == 0)
    }

    @Test("MB-15 leases of readers who stay are renewed a slice a tick, and all of them")
    func renewals() throws {
        let store = CountingStore()
        let server = TestServer(store: store)
        let client = server.open()
        let count = 2 * Router.renewalsPerTickMax + 20
        precondition(count <= Limits.attachmentsMax)
        for number in 0..<count {
            let box = TestMailbox(seed: UInt64(number))
            client.create(box)
            client.attach(box, .read)
            if number % 50 == 49 { _ = server.exchange(client) }
        }
        #expect(server.exchange(client).errorCode == nil)
        server.advanceWall(seconds: 7 * 86_400)
        for _ in 0..<5 { server.advanceWall(seconds: 1) }
        #expect(store.renewals.prefix(3).reduce(0, +) == count)
        #expect(store.renewals.allSatisfy { $0 <= Router.renewalsPerTickMax })
        #expect(store.renewals.dropFirst(3).allSatisfy { $0 == 0 })
    }
}

/// A store in memory that counts the renewals of leases in each batch that holds any or a sweep.
private final class CountingStore: Store {
    private let inner = StoreMemory()
    private(set) var renewals: [Int] = []
    var refusesGrowth = false
    var directory: (any DirectoryRequests)?
    var lastSweep: SweepReport { inner.lastSweep }

    func commit(
        _ batch: StorageBatch, wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers {
        let count = batch.requests.count { request in
            if case .renewLease = request.operation { true } else { false }
        }
        if count > 0 { renewals.append(count) }
        return try inner.commit(batch, wallSeconds: wallSeconds)
    }

    func believeClock(wallSeconds: Int64) throws(StoreError) {}
    func counts() throws(StoreError) -> StoreCounts { try inner.counts() }
    func tidy() throws(StoreError) -> Bool { true }
}
