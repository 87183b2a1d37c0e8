import Crypto
import Database
import Foundation
import Primitives
import Testing
import Wire

@testable import Client

@Suite("§6.6 what ends is gone, and what belongs elsewhere does not open")
struct ExpiryTests {
    private static let day: UInt64 = 86_400_000

    @Test(
        "B13 DR-5 DR-13 DR-21 what skipped keys and old sessions lay in is gone from the vault's files"
    )
    func files() throws {
        let world = try World(seed: 91, isInFiles: true)
        let alice = try world.addClient("alice")
        let bob = try world.addClient("bob")
        for client in [alice, bob] { try client.start() }
        try bob.accept(try alice.invite(name: "bob"), name: "alice")
        try world.advance(milliseconds: 10_000)
        try bob.send("first", to: "alice")
        try alice.send("first", to: "bob")
        try world.advance(milliseconds: 60_000)
        // A number that never comes: its key is kept.
        let now = world.now
        try bob.step { engine throws(ClientError) in
            try engine.goOffline(at: now)
            _ = try engine.send("never", to: ["alice"], at: now)
            guard let item = engine.outbox.last else { throw .internalFault(line: #line) }
            engine.remove(item)
            _ = try engine.send("after it", to: ["alice"], at: now)
            try engine.goOnline(sharesPresence: false, at: now)
        }
        try world.advance(milliseconds: 60_000)
        #expect(alice.receivedTexts == ["first", "after it"])
        // And an old session: after a reset it is only read.
        let mailbox = try #require(try alice.contact().ownMailbox)
        try alice.receive(
            .delivery(
                mailbox: mailbox, sequence: 1 << 40,
                envelope: [0] + [UInt8](repeating: 9, count: 1_023)),
            on: .reading)
        try world.advance(milliseconds: 60_000)
        #expect(try alice.keptKeys() == Kept(sessions: 2, skipped: 1))
        alice.kill()
        let before = try alice.sealedSessions()
        let start = world.now.monotonic
        for days: UInt64 in [29, 31] {
            alice.kill()
            world.move(to: start + days * Self.day)
            try alice.start()
            try world.advance(milliseconds: 60_000)
            let isThere = days == 29
            #expect(
                try alice.keptKeys() == Kept(sessions: isThere ? 2 : 1, skipped: isThere ? 1 : 0))
        }
        alice.kill()
        let after = try alice.sealedSessions()
        let gone = before.subtracting(after)
        #expect(gone.count >= 2 && !after.isEmpty)
        for file in try alice.vaultFiles() {
            for cell in gone { #expect(file.range(of: Data(cell.prefix(200))) == nil) }
        }
        // The search finds what is there.
        let kept = try #require(after.first)
        #expect(
            try alice.vaultFiles().contains { $0.range(of: Data(kept.prefix(200))) != nil })
    }

    @Test("B6 of n chats an envelope opens in its own mailbox only: nothing but the diagonal")
    func diagonal() throws {
        let world = try World(seed: 92)
        let alice = try world.addClient("alice")
        try alice.start()
        let names = ["bob", "carol", "dave", "erin", "frank"]
        var others: [SimulatedClient] = []
        for name in names {
            let other = try world.addClient(name)
            try other.start()
            try other.accept(try alice.invite(name: name), name: "alice")
            try world.advance(milliseconds: 10_000)
            others.append(other)
        }
        try world.advance(milliseconds: 60_000)
        let before = try #require(alice.copyOfVault())
        let old = alice.deliveries.count
        for other in others { try other.send("of \(other.name)", to: "alice") }
        try world.advance(milliseconds: 5_000)
        var envelopes: [(mailbox: MailboxID, bytes: [UInt8])] = []
        for case .delivery(let mailbox, _, let bytes) in alice.deliveries[old...] {
            if !envelopes.contains(where: { $0.mailbox == mailbox }) {
                envelopes.append((mailbox, bytes))
            }
        }
        #expect(envelopes.count == names.count)
        alice.replaceVault(with: before)
        try alice.start()
        try world.advance(milliseconds: 1_000)
        let shown = alice.receivedTexts.count
        var sequence: UInt64 = 1 << 40
        for isDiagonal in [false, true] {
            for one in envelopes {
                for other in envelopes where (one.mailbox == other.mailbox) == isDiagonal {
                    sequence += 1
                    try alice.receive(
                        .delivery(
                            mailbox: other.mailbox, sequence: sequence, envelope: one.bytes),
                        on: .reading)
                }
            }
            #expect(alice.receivedTexts.count == shown + (isDiagonal ? names.count : 0))
        }
        #expect(Set(alice.receivedTexts.suffix(names.count)) == Set(names.map { "of \($0)" }))
    }
}

private struct Kept: Equatable {
    let sessions: Int
    let skipped: Int
}

extension SimulatedClient {
    fileprivate func keptKeys() throws -> Kept {
        try ask { engine throws(ClientError) in
            var skipped = 0
            for id in engine.sessions.records.keys {
                skipped += try engine.ratchet(id).skippedKeyCount
            }
            return Kept(sessions: engine.sessions.records.count, skipped: skipped)
        }
    }

    /// The sealed cells of all sessions in the vault's file.
    fileprivate func sealedSessions() throws -> Set<[UInt8]> {
        closeVault()
        let path = try #require(vaultPath)
        let connection = try Connection(path: path, access: .readOnly)
        var statement = try Statement(connection, "SELECT sealed FROM cell WHERE kind = 3")
        var cells: Set<[UInt8]> = []
        try statement.forEach { row throws(DatabaseError) in
            let cell = try row.bytes(0)
            cells.insert(cell)
            return true
        }
        return cells
    }

    /// The vault's file and its log, if there is one.
    fileprivate func vaultFiles() throws -> [Data] {
        closeVault()
        let path = try #require(vaultPath)
        return [path, path + "-wal"].compactMap {
            FileManager.default.contents(atPath: $0)
        }
    }
}
