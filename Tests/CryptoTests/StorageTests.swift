import Primitives
import Testing

@testable import Crypto

@Suite("Stored sessions (SPEC §6, DR-8)")
struct StorageTests {
    /// Pairs in many states: fresh, answered, with skipped keys of several chains, with gaps.
    private func pairs() throws -> [Pair] {
        var pairs = [try Pair(answered: false), try Pair()]
        for seed: UInt64 in 3...8 {
            let pair = try Pair(seed: seed)
            var random = SeededRandom(seed)
            for _ in 0..<25 {
                let side: Pair.Side = random.integer(below: 2) == 0 ? .initiator : .recipient
                let envelope = try pair.seal("text", from: side)
                if random.integer(below: 3) > 0 {
                    try pair.open(envelope, at: side == .initiator ? .recipient : .initiator)
                }
            }
            pairs.append(pair)
        }
        return pairs
    }

    @Test("DR-8 a stored session is restored byte for byte and goes on")
    func roundTrip() throws {
        for pair in try pairs() {
            for side in Pair.Side.allCases {
                let stored = pair.stored(side)
                let restored = try Session.restore(stored.raw)
                #expect(restored.exposeForStorage() == stored)
                let isSame = restored.id == pair.initiator.id
                #expect(isSame)
            }
            pair.initiator = try Session.restore(pair.stored(.initiator).raw)
            pair.recipient = try Session.restore(pair.stored(.recipient).raw)
            guard !pair.view(.initiator).awaitsReply else { continue }
            #expect(try pair.open(try pair.seal("on", from: .initiator), at: .recipient) == "on")
            #expect(try pair.open(try pair.seal("on", from: .recipient), at: .initiator) == "on")
        }
    }

    @Test("DR-8 a cut, longer or newer stored form is refused")
    func refused() throws {
        for pair in try pairs().suffix(2) {
            let stored = pair.stored(.recipient)
            // All of what is small; where chunks and skipped keys lie, one in each.
            for count in stored.indices where count < 500 || count % 31 == 0 {
                let cut = Array(stored[..<count])
                #expect(throws: StoredSessionError.malformed) { _ = try Session.restore(cut.raw) }
            }
            let longer = stored + [0]
            #expect(throws: StoredSessionError.malformed) { _ = try Session.restore(longer.raw) }
            for version: UInt8 in [0, 1, 3] {
                let other = [version] + stored.dropFirst()
                #expect(throws: StoredSessionError.version(version)) {
                    _ = try Session.restore(other.raw)
                }
            }
        }
    }

    @Test("DR-8 flipped bits of a stored form never trap, and what parses is restored as it is")
    func flips() throws {
        for pair in try pairs().suffix(3) {
            let stored = pair.stored(.recipient)
            for index in stored.indices where index < 500 || index % 7 == 0 {
                var changed = stored
                changed[index] ^= 1 << UInt8(index % 8)
                guard let session = try? Session.restore(changed.raw) else { continue }
                #expect(session.exposeForStorage() == changed)
            }
        }
    }

    @Test("DR-8 a number of messages that no counting reaches is refused")
    func unreachableNumber() throws {
        let pair = try Pair()
        try pair.open(try pair.seal("turn", from: .initiator), at: .recipient)
        var stored = pair.stored(.recipient)
        // Version, role, id and root; no sending chain; the next header key and the last length.
        #expect(stored[66] == 0)
        let number = 67 + 32 + 4
        #expect(stored[number + 7] == 1)
        stored[number] = 0x3f
        let largest = try Session.restore(stored.raw)
        #expect(largest.exposeForStorage() == stored)
        stored[number] = 0x40
        #expect(throws: StoredSessionError.malformed) { _ = try Session.restore(stored.raw) }
        for index in 0..<8 { stored[number + index] = 0xff }
        #expect(throws: StoredSessionError.malformed) { _ = try Session.restore(stored.raw) }
    }

    @Test("DR-5 the largest state fits the bound of the stored form")
    func largest() throws {
        let pair = try Pair()
        for chain in 0..<3 {
            for index in 0..<1000 {
                let envelope = try pair.seal("x", from: .initiator)
                // Every second one is lost, which makes as many gaps as there can be.
                if index.isMultiple(of: 2) { continue }
                try pair.open(envelope, at: .recipient)
            }
            if chain < 2 {
                try pair.open(try pair.seal("turn", from: .recipient), at: .initiator)
            }
        }
        #expect(pair.view(.recipient).keyCount == 1500)
        let stored = pair.stored(.recipient)
        let perKeyAndGap = 40 + 100
        #expect(stored.count + 500 * perKeyAndGap < Session.storageByteCountMax)
        #expect(try Session.restore(stored.raw).exposeForStorage() == stored)
    }

    @Test("DR-8 a description shows the role and four bytes of the id, nothing of the keys")
    func description() throws {
        let pair = try Pair()
        let text = pair.initiator.description
        let id = pair.initiator.id.hex
        #expect(text == "Session(initiator, \(id.prefix(8))…)")
    }
}
