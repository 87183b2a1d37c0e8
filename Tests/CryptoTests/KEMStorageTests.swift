import Primitives
import Testing

@testable import Crypto

@Suite("Stored KEM steps (SPEC §6.8, DR-8)")
struct KEMStorageTests {
    @Test("DR-8 sides that are restored before every message make the same steps")
    func everyStage() throws {
        let pair = try Pair()
        var begun: [Int] = []
        for count in 3...58 {
            for side in Pair.Side.allCases {
                let stored = pair.stored(side)
                let restored = try Session.restore(stored.raw)
                #expect(restored.exposeForStorage() == stored)
                switch side {
                case .initiator: pair.initiator = restored
                case .recipient: pair.recipient = restored
                }
            }
            let before = pair.epochs
            try pair.say(count % 2 == 1 ? .initiator : .recipient)
            if pair.epochs != before { begun.append(count) }
        }
        #expect(begun == [19, 38, 57])
    }

    /// A stored form whose KEM step, the last `byteCount` bytes, is changed at a place.
    private func refuses(
        _ stored: [UInt8], last byteCount: Int, at place: Int, _ value: UInt8
    ) -> Bool {
        var changed = stored
        changed[stored.count - byteCount + place] = value
        do throws(StoredSessionError) {
            _ = try Session.restore(changed.raw)
            return false
        } catch {
            return error == .malformed
        }
    }

    @Test("DR-8 a maker's step with an index, a flag or a ciphertext that cannot be is refused")
    func maker() throws {
        // Epoch, flag, seed, index, answered, mask.
        let head = 4 + 1 + 64 + 1 + 1 + 1
        let pair = try Pair()
        // The first message and three more carried chunks; nothing has come back.
        for _ in 0..<3 { try pair.say(.initiator) }
        var stored = pair.stored(.initiator)
        #expect(!refuses(stored, last: head, at: 69, 0))
        for (place, value): (Int, UInt8) in [(4, 2), (69, 5), (70, 2), (70, 1), (71, 32), (71, 1)] {
            #expect(refuses(stored, last: head, at: place, value), "\(place)")
        }
        // DR-26: this side could have begun epoch 1 with its chain, but no later one.
        #expect(refuses(stored, last: head, at: 3, 2) && refuses(stored, last: head, at: 0, 255))
        try pair.say(.initiator)
        for _ in 0..<5 { try pair.say(.recipient) }
        stored = pair.stored(.initiator)
        let whole = head + 1200
        let place = stored.count - whole + head
        #expect(pair.initiator.kem.ciphertext.isWhole)
        for offset in [0, 500, 1087, 1088, 1103] {
            #expect(refuses(stored, last: whole, at: head + offset, stored[place + offset] ^ 1))
        }
        // Of another private key.
        #expect(refuses(stored, last: whole, at: 10, stored[stored.count - whole + 10] ^ 1))
    }

    @Test("DR-8 the other side's step with a key or an index that cannot be is refused")
    func other() throws {
        let pair = try Pair()
        for _ in 0..<3 { try pair.say(.initiator) }
        var stored = pair.stored(.recipient)
        // Epoch, mask, four chunks.
        let part = 4 + 1 + 960
        #expect(stored[stored.count - part + 4] == 0b1111)
        for value: UInt8 in [0b1_1111, 0b111, 32, 255] {
            #expect(refuses(stored, last: part, at: 4, value))
        }
        // DR-26: an epoch that this side's chains are not in.
        #expect(refuses(stored, last: part, at: 3, 1))
        try pair.say(.initiator)
        stored = pair.stored(.recipient)
        let whole = 4 + 1 + 1200 + 1
        for offset in [0, 383, 1183, 1184, 1199] {
            let place = stored.count - whole + 5 + offset
            #expect(refuses(stored, last: whole, at: 5 + offset, stored[place] ^ 1))
        }
        #expect(refuses(stored, last: whole, at: whole - 1, 2))
        try pair.say(.recipient)
        stored = pair.stored(.recipient)
        let encapsulated = whole + 32 + 1 + 1088
        #expect(stored[stored.count - encapsulated + whole + 32] == 1)
        #expect(!refuses(stored, last: encapsulated, at: whole + 32, 4))
        #expect(refuses(stored, last: encapsulated, at: whole + 32, 5))
    }

    @Test("DR-26 stored chains of epochs that cannot stand side by side are refused")
    func epochs() throws {
        let pair = try Pair()
        for _ in 0..<2 { _ = try pair.seal("late", from: .initiator) }
        try pair.bursts(toEpoch: 1)
        try pair.say(.recipient)
        for side in Pair.Side.allCases {
            let stored = pair.stored(side)
            // Epoch, then nothing or a mask and a chunk.
            let last = side == .recipient ? 4 + 1 + 64 + 1 + 1 + 1 : 4 + 1 + 240
            #expect(!refuses(stored, last: last, at: 3, 1))
            for epoch: UInt8 in [0, 2, 3] { #expect(refuses(stored, last: last, at: 3, epoch)) }
        }
    }
}
