import Client
import Primitives
import Wire

/// A vault whose cells were sealed by who knows its key and say what they like: an engine that is
/// opened over it works or refuses, and does not trap.
enum VaultTargets {
    static let all: [Target] = [
        Target("vault-rows", byteCountMax: 2_048, seeds: seeds, run: rows)
    ]

    private static let now = Client.Moment(wall: UInt64(Cast.now) * 1_000, monotonic: 5_000)

    /// The rows of a new identity, which everything else is read with.
    static let identity: [VaultWrite] = {
        var random = SeededRandom(61)
        let recovery = SecretBytes(byteCount: 32, from: &random)
        return Engine.firstWrites(
            server: Cast.alice.server, signingKey: Cast.bob.device.publicKey,
            recoverySeed: recovery, random: &random, now: now)
    }()

    @Sendable private static func seeds() -> [[UInt8]] {
        // Record formats are internal to the client, so their seeds are the identity's own rows
        // and what the engine writes when it is used.
        var all = identity + used()
        if let last = all.last { all.append(last) }
        return all.compactMap { write in
            guard case .put(let table, let key, let group, let value) = write else { return nil }
            return [table.rawValue] + [UInt8(key.count)] + key + [UInt8(group.count)] + group
                + value
        }
    }

    /// What an engine writes that was told to do some of everything.
    private static func used() -> [VaultWrite] {
        let vault = MemoryVault()
        try? vault.commit(identity)
        guard var engine = try? Engine.open(store: vault, random: SeededRandom(62), now: now) else {
            return []
        }
        try? engine.goOnline(sharesPresence: true, at: now)
        _ = try? engine.register(handle: "alice", at: now)
        _ = try? engine.createInvite(name: "bob", days: 3, at: now)
        try? engine.setSetting("receipts", to: "off", at: now)
        return engine.takeEffects().writes
    }

    @Sendable private static func rows(_ input: RawSpan) {
        var choices = Choices(input)
        let vault = MemoryVault()
        try? vault.commit(identity + usedWrites)
        let tables = VaultTable.allCases
        let table = VaultTable(rawValue: choices.byte()) ?? tables[0]
        let key = choices.take(Int(choices.byte()))
        let group = choices.take(Int(choices.byte()))
        try? vault.commit([.put(table, key: key, group: group, value: choices.rest())])
        guard var engine = try? Engine.open(store: vault, random: SeededRandom(63), now: now) else {
            return
        }
        _ = engine.settingSummaries()
        _ = engine.contactSummaries()
        _ = try? engine.requestSummaries()
        _ = engine.outboxSummaries()
        _ = engine.inviteSummaries()
        _ = engine.identitySummary(isWithoutPassphrase: true)
        _ = engine.findings(at: now, serverAnswers: true)
        _ = try? engine.message(idPrefix: "000000")
        for contact in engine.contactSummaries() {
            _ = try? engine.history(of: contact.name, limit: 5, before: nil)
            _ = try? engine.markRead(contact.name, upTo: nil, at: now)
        }
        try? engine.goOnline(sharesPresence: true, at: now)
        for step in 1...3 {
            let later = Client.Moment(
                wall: now.wall + UInt64(step) * 86_400_000,
                monotonic: now.monotonic + UInt64(step) * 86_400_000)
            try? engine.handle(.tick, at: later)
            _ = engine.nextDeadline()
            let effects = engine.takeEffects()
            try? vault.commit(effects.writes)
        }
    }

    static let usedWrites = used()
}
