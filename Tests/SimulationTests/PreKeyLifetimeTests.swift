import Mailbox
import Primitives
import Testing
import Wire

@testable import Client

@Suite("§10.7 prekeys from their making to their end, simulated")
struct PreKeyLifetimeTests {
    private static let hour: UInt64 = 3_600_000

    private func registered(seed: UInt64) throws -> (World, SimulatedClient) {
        let world = try World(seed: seed, isInFiles: true)
        let alice = try world.addClient("alice")
        try alice.start()
        try alice.register("alice")
        try world.advance(milliseconds: 5_000)
        return (world, alice)
    }

    /// Lets hours go by without the program, which then runs for a while.
    private func visit(_ client: SimulatedClient, after hours: UInt64) throws {
        client.kill()
        client.world.move(to: client.world.now.monotonic + hours * Self.hour)
        try client.start()
        try client.world.advance(milliseconds: 10_000)
    }

    private func entries(of client: SimulatedClient) throws -> [[UInt8]: PreKeyIndex.Entry] {
        let entries = try client.ask { engine throws(ClientError) in engine.preKeys.entries }
        // What is listed is what is kept.
        let kept = try client.vault.rows(.prekey, group: nil, page: VaultPage())
        #expect(Set(kept.map(\.key)) == Set(entries.keys))
        return entries
    }

    @Test(
        "CL-28 every private half, the KEM's too, dies in its hour and not before; a 60-day sweep")
    func sweep() throws {
        let (world, alice) = try registered(seed: 2071)
        var known: [[UInt8]: PreKeyIndex.Entry] = [:]
        var firstHour: [[UInt8]: UInt32] = [:]
        var gone: Set<[UInt8]> = []
        var ends: [Hours: Set<PreKeyRecord.Kind>] = [:]
        for _ in 0..<110 {
            let now = world.now.hours
            let present = try entries(of: alice)
            for (key, entry) in present where known[key] == nil {
                known[key] = entry
                firstHour[key] = now.count
                ends[entry.eraseAt, default: []].insert(entry.kind)
            }
            for (key, entry) in known {
                #expect((present[key] != nil) == (entry.eraseAt > now))
                if present[key] == nil { gone.insert(key) }
            }
            let identity = try alice.ask { engine throws(ClientError) in engine.identity }
            let offered = try #require(present[PreKeyRecord.key(.signed, identity.signedPreKeyID)])
            // Offered for less than seven days, and with a KEM prekey of its own beside it.
            #expect(now.count - identity.signedPreKeyHours.count < 7 * 24)
            #expect(offered.kemID != 0)
            #expect(
                offered.eraseAt == identity.signedPreKeyHours.advanced(byHours: (7 + 32) * 24))
            try visit(alice, after: 13)
        }
        #expect(gone.count > 500)
        for (key, entry) in known where entry.kind == .signed {
            #expect(entry.eraseAt.count - (firstHour[key] ?? 0) == 39 * 24)
        }
        // Whatever was offered in one bundle ends in one hour.
        for kinds in ends.values { #expect(kinds == [.signed, .oneTime, .oneTimeKEM]) }
        let secrets = Set(known.values.filter { $0.kind == .signed }.map(\.kemID))
        #expect(secrets.count == known.values.filter { $0.kind == .signed }.count)
    }

    @Test("CL-28 an hour before its end a bundle's private halves are there, in that hour none is")
    func lastHour() throws {
        let (world, alice) = try registered(seed: 2072)
        let invite = try alice.invite(name: "bob")
        #expect(!invite.isEmpty)
        let made = try entries(of: alice)
        let identity = try alice.ask { engine throws(ClientError) in engine.identity }
        let bundleEnd = identity.signedPreKeyHours.advanced(byHours: 39 * 24)
        let ofBundle = made.values.filter { $0.mailbox == identity.contactMailbox }
        let ofInvite = made.values.filter { $0.mailbox != identity.contactMailbox }
        #expect(ofBundle.count == 1 + 20 + 20 && ofInvite.count == 3)
        #expect(ofBundle.allSatisfy { $0.eraseAt == bundleEnd })
        // Seven days of the link, thirty in a mailbox, two for clocks.
        #expect(ofInvite.allSatisfy { $0.eraseAt == bundleEnd })
        let hours = UInt64(bundleEnd.count - world.now.hours.count)
        try visit(alice, after: hours - 1)
        var left = try entries(of: alice)
        for key in made.keys { #expect(left[key] != nil) }
        try visit(alice, after: 1)
        left = try entries(of: alice)
        for key in made.keys { #expect(left[key] == nil) }
    }

    @Test(
        "KD-20 A9 when the hour's keys are spent a session begins all the same, marked on both sides"
    )
    func withoutOneTime() throws {
        let (world, alice) = try registered(seed: 2074)
        func marks(_ client: SimulatedClient) throws -> [Bool] {
            try client.ask { engine throws(ClientError) in
                engine.sessions.records.values.map(\.usesOneTime)
            }
        }
        for index in 0..<7 {
            let stranger = try world.addClient("stranger \(index)")
            try stranger.start()
            try stranger.add("alice", name: nil)
            try world.advance(milliseconds: 3_000)
            #expect(try marks(stranger) == [index < Limits.oneTimePreKeysPerDeviceHour])
            #expect(try alice.requestNames.count == index + 1)
            stranger.kill()
        }
        let ofAlice = try marks(alice)
        #expect(ofAlice.count == 7)
        #expect(ofAlice.filter { $0 }.count == Limits.oneTimePreKeysPerDeviceHour)
        let finding = try alice.ask { engine throws(ClientError) in
            engine.findings(at: world.now, serverAnswers: true)
                .first { $0.subject == "first messages" }
        }
        #expect(finding?.sentence.hasPrefix("2 of 7 sessions") == true)
    }

    @Test("KD-20 A9 when prekeys are refilled does not tell whether any were used")
    func refill() throws {
        /// After how many quarters of an hour each bundle was published.
        func times(adders: Int) throws -> [Int] {
            let (world, alice) = try registered(seed: 2073)
            var strangers: [SimulatedClient] = []
            for index in 0..<adders {
                let stranger = try world.addClient("stranger \(index)")
                try stranger.start()
                try stranger.add("alice", name: nil)
                strangers.append(stranger)
            }
            try world.advance(milliseconds: 5_000 * UInt64(max(1, 8 - adders)))
            #expect(try alice.requestNames.count == adders)
            for stranger in strangers { stranger.kill() }
            var times: [Int] = []
            var count = 0
            for quarter in 0..<(3 * 96) {
                let sent = alice.sentCounts[ClientFrameType.publishBundle.rawValue] ?? 0
                if sent != count { times.append(quarter) }
                count = sent
                try world.advance(milliseconds: Self.hour / 4)
            }
            return times
        }
        let untouched = try times(adders: 0)
        #expect(untouched.count >= 3)
        #expect(try times(adders: 7) == untouched)
    }
}
