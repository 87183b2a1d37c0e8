import Mailbox
import Primitives
import Testing
import Wire

@testable import Client

@Suite("§9 what a client keeps in the directory, simulated")
struct DirectoryTests {
    private static let day: UInt64 = 86_400_000
    private static let hour: UInt64 = 3_600_000

    /// One that has a handle.
    private func registered(seed: UInt64) throws -> (World, SimulatedClient) {
        let world = try World(seed: seed, isInFiles: true)
        let alice = try world.addClient("alice")
        try alice.start()
        try alice.register("alice")
        try world.advance(milliseconds: 5_000)
        return (world, alice)
    }

    /// Lets days go by without the program, which then runs for a while.
    private func visit(
        _ client: SimulatedClient, after milliseconds: UInt64, running: UInt64 = 10_000
    ) throws {
        client.kill()
        client.world.move(to: client.world.now.monotonic + milliseconds)
        try client.start()
        try client.world.advance(milliseconds: running)
    }

    private func bundles(of client: SimulatedClient) -> Int {
        client.sentCounts[ClientFrameType.publishBundle.rawValue] ?? 0
    }

    private func records(of client: SimulatedClient) -> Int {
        client.sentCounts[ClientFrameType.publishRecord.rawValue] ?? 0
    }

    /// Comes back when a bundle is due, and moves bytes until it has been asked for and no answer
    /// has been heard.
    private func startUnanswered(_ client: SimulatedClient) throws {
        client.kill()
        client.world.move(to: client.world.now.monotonic + 25 * Self.hour)
        try client.start()
        let count = bundles(of: client)
        while bundles(of: client) == count {
            let link = try #require(client.linkIDs.first)
            let isPushed = client.push(link)
            let isPulled = try client.pull(link)
            try #require(isPushed || isPulled)
        }
    }

    /// Number of the newest bundle, and how many one-time prekeys the vault holds.
    private func made(by client: SimulatedClient) throws -> [Int] {
        try client.ask { engine throws(ClientError) in
            [
                Int(engine.identity.bundleNumber),
                engine.preKeys.entries.values.filter { $0.kind == .oneTime }.count,
            ]
        }
    }

    /// Answers the bundle that waits for its answer as a server may.
    private func answerBundle(
        of client: SimulatedClient, _ code: ErrorCode, seconds: UInt32? = nil
    ) throws {
        let server = client.world.address
        let request = try client.ask { engine throws(ClientError) -> UInt32? in
            let link = engine.links.ready(.identity, server)
            return link.flatMap { id in
                engine.links.links[id]?.requests.first {
                    if case .putBundle = $0.value.kind { true } else { false }
                }?.key
            }
        }
        let error = ErrorFrame(request: try #require(request), code: code, seconds: seconds)
        try client.receive(.error(error), on: .identity)
    }

    @Test("CL-40 a bundle that a full server refuses goes again unchanged, an hour later")
    func fullServer() throws {
        let (world, alice) = try registered(seed: 51)
        #expect(bundles(of: alice) == 1)
        world.hasFullDisk = true
        try visit(alice, after: 25 * Self.hour)
        #expect(bundles(of: alice) == 2)
        let before = try made(by: alice)
        try world.advance(milliseconds: Self.hour - 60_000)
        #expect(bundles(of: alice) == 2)
        try world.advance(milliseconds: 120_000)
        #expect(bundles(of: alice) == 3)
        // Another life of the program draws no new keys either.
        try visit(alice, after: Self.hour)
        #expect(bundles(of: alice) == 4)
        #expect(try made(by: alice) == before)
        world.hasFullDisk = false
        try world.advance(milliseconds: Self.hour + 60_000)
        #expect(bundles(of: alice) == 5)
        #expect(try made(by: alice) == before)
        let published = try alice.ask { engine throws(ClientError) in
            engine.identity.bundlePublishedMilliseconds
        }
        #expect(published > world.now.wall - Self.hour)
        // Once it is there, the next one is a new one.
        try visit(alice, after: 25 * Self.hour)
        #expect(try made(by: alice) == [before[0] + 1, before[1] + OneTimePreKey.countDefault])
    }

    @Test("CL-40 the time that a refusal names is waited, within its bounds")
    func rateLimited() throws {
        for (seconds, waits) in [(600, 600), (0, 30), (.max, 86_400)] as [(UInt32, UInt64)] {
            let (world, alice) = try registered(seed: 52)
            try startUnanswered(alice)
            try #require(bundles(of: alice) == 2)
            for link in alice.linkIDs { alice.stall(link, milliseconds: 1_000) }
            try answerBundle(of: alice, .rateLimited, seconds: seconds)
            try world.advance(milliseconds: waits * 1_000 - 2_000)
            #expect(bundles(of: alice) == 2, "before \(waits) s")
            try world.advance(milliseconds: 4_000)
            #expect(bundles(of: alice) == 3, "after \(waits) s")
        }
    }

    @Test("CL-40 a server that has lost the account gets record and bundle again")
    func bundleRefused() throws {
        let (world, alice) = try registered(seed: 53)
        try startUnanswered(alice)
        try #require(bundles(of: alice) == 2)
        for link in alice.linkIDs { alice.stall(link, milliseconds: 1_000) }
        let before = try made(by: alice)
        let recordCount = records(of: alice)
        try answerBundle(of: alice, .bundleRefused)
        try world.advance(milliseconds: Self.hour - 60_000)
        #expect(bundles(of: alice) == 2 && records(of: alice) == recordCount)
        try world.advance(milliseconds: 120_000)
        #expect(bundles(of: alice) == 3 && records(of: alice) == recordCount + 1)
        #expect(try made(by: alice) == [before[0] + 1, before[1]])
    }

    @Test("CL-40 what a run of this process had asked is asked again by the next one")
    func runs() throws {
        let (world, alice) = try registered(seed: 54)
        try startUnanswered(alice)
        try #require(bundles(of: alice) == 2)
        try alice.runAgain()
        try world.advance(milliseconds: 5_000)
        #expect(bundles(of: alice) == 3)
        #expect(!(try alice.ask { engine throws(ClientError) in engine.isBundleDue }))
    }

    @Test("CL-39 a certificate is renewed after 200 days, published and told to the contacts")
    func certificate() throws {
        let (world, alice) = try registered(seed: 55)
        let bob = try world.addClient("bob")
        try bob.start()
        try bob.accept(try alice.invite(name: "bob"), name: "alice")
        try world.advance(milliseconds: 10_000)
        func identity() throws -> IdentityRecord {
            try alice.ask { engine throws(ClientError) in engine.identity }
        }
        let first = try identity()
        for _ in 0..<2 {
            bob.kill()
            try visit(alice, after: 99 * Self.day)
            try visit(bob, after: 1_000)
        }
        #expect(try identity().certificate == first.certificate)
        bob.kill()
        try visit(alice, after: 3 * Self.day)
        try visit(bob, after: 1_000)
        // Mailboxes that nobody read for so long are made anew; the hourly attempt finds them.
        try world.advance(milliseconds: 2 * Self.hour)
        let second = try identity()
        #expect(second.certificate.identity == first.certificate.identity)
        #expect(second.certificate.expiry == first.certificate.expiry.advanced(byHours: 201 * 24))
        #expect(second.recordNumber == first.recordNumber + 1)
        #expect(second.publishedRecordNumber == second.recordNumber)
        let row = try #require(try bob.vault.rows(.contact).first)
        let contact = try ContactRecord.decode(row.value)
        #expect(contact.certificate == second.certificate)
        #expect(try Record(parsing: contact.record.raw).number == second.recordNumber)
        // Past the end of the first one, a stranger finds an account that can be written to.
        try visit(alice, after: 198 * Self.day)
        let carol = try world.addClient("carol")
        try carol.start()
        try carol.add("alice", name: nil)
        try world.advance(milliseconds: 10_000)
        #expect(try alice.requestNames.count == 1)
        #expect(!carol.hasFailed)
    }
}
