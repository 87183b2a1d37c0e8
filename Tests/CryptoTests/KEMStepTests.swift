import Primitives
import Testing

@testable import Crypto

/// One side's step in a place that can be shared.
private final class Party {
    var step: KEMStep
    var random: SeededRandom

    init(_ role: SessionRole, epoch: UInt32 = 0, seed: UInt64 = 1) {
        step = KEMStep(epoch: epoch, role: role)
        random = SeededRandom(seed &* 4 &+ UInt64(role.rawValue))
    }

    func next() -> KEMField { step.nextField(random: &random) }

    func take(_ field: KEMField, ofEpoch epoch: UInt32? = nil) {
        step.take(field, ofEpoch: epoch ?? step.epoch)
    }

    var hasInput: Bool { input() != nil }

    /// What a root step would take in.
    func input() -> SecretBytes? {
        let agreed = SecretBytes(byteCount: 32) { _ in }
        if let secret = step.decapsulated() { return step.input(agreed: agreed, secret: secret) }
        return step.input(agreed: agreed)
    }
}

@Suite("KEM step (SPEC §6.8)")
struct KEMStepTests {
    private static let idle = KEMField.idle

    /// A key that its maker has sent whole, and the side that has it.
    private func keyed(seed: UInt64 = 1) -> (maker: Party, other: Party) {
        let (maker, other) = (Party(.initiator, seed: seed), Party(.recipient, seed: seed))
        for _ in 0..<5 { other.take(maker.next()) }
        return (maker, other)
    }

    private func isSame(_ one: Party, _ other: Party) -> Bool {
        guard let a = one.input(), let b = other.input() else { return false }
        return a.isEqual(to: b)
    }

    @Test("DR-27 the initiator makes the keys of odd epochs, the recipient those of even ones")
    func makers() {
        for epoch: UInt32 in [0, 1, 2, 3, 70_000, .max - 2, .max - 1] {
            let maker: SessionRole = epoch % 2 == 0 ? .initiator : .recipient
            #expect(KEMStep.maker(behind: epoch) == maker)
            #expect(Party(maker, epoch: epoch).next().kind == .key)
            #expect(Party(maker.peer, epoch: epoch).next() == Self.idle)
        }
    }

    @Test("DR-27 chunks go in turn until they are confirmed, and what is not there goes idle")
    func turns() {
        let (maker, other) = (Party(.initiator), Party(.recipient))
        for index in 0..<12 {
            let field = maker.next()
            #expect(field.kind == .key && field.index == UInt8(index % 5))
            #expect(other.next() == Self.idle)
            // The third is lost, so that it is there only after the second round has come to it.
            if index != 2 { other.take(field) }
            #expect(other.step.key.isWhole == (index >= 7))
            if index == 7 { break }
        }
        for index in 0..<12 {
            let field = other.next()
            #expect(field.kind == .ciphertext && field.index == UInt8(index % 5))
            if index == 3 {
                #expect(maker.next().kind == .key)
                maker.take(field)
            }
            if index >= 3 { #expect(maker.next() == Self.idle) }
        }
    }

    @Test("DR-30 both sides mix in one secret, whatever order the chunks come in")
    func agreement() {
        for seed: UInt64 in 1...12 {
            var random = SeededRandom(seed)
            let (maker, other) = (Party(.initiator, seed: seed), Party(.recipient, seed: seed))
            var fields = (0..<5).map { _ in maker.next() }
            fields += fields[..<2]
            fields.shuffle(by: &random)
            for field in fields { other.take(field) }
            #expect(!other.hasInput && !maker.hasInput)
            var answers = (0..<5).map { _ in other.next() }
            answers += answers[3...]
            answers.shuffle(by: &random)
            for answer in answers {
                maker.take(answer)
                #expect(maker.hasInput == maker.step.ciphertext.isWhole)
            }
            #expect(isSame(maker, other))
            // The secret is one of these two sides and of this key alone.
            let (foreign, _) = keyed(seed: seed + 100)
            #expect(!isSame(foreign, other))
        }
    }

    @Test("DR-30 the root step of an epoch depends on agreement, secret, binding and epoch")
    func rootStep() throws {
        let (maker, other) = keyed()
        for _ in 0..<5 { maker.take(other.next()) }
        func key(_ byte: UInt8) -> SecretBytes {
            SecretBytes(copying: FixedBytes<32>(repeating: byte).raw)
        }
        let root = RootKey(key(9))
        guard let secret = maker.step.decapsulated() else { throw Missing() }
        let input = maker.step.input(agreed: key(1), secret: secret)
        #expect(input.byteCount == 96)
        let parts = [
            input.part(0..<32).isEqual(to: key(1)), input.part(32..<64).isEqual(to: secret),
            input.part(64..<96).isEqual(to: maker.step.binding.raw),
        ]
        #expect(parts == [true, true, true])
        let first = root.step(input, epoch: 1)
        func isFirst(_ input: borrowing SecretBytes, _ epoch: UInt32) -> Bool {
            root.step(input, epoch: epoch).root.secret.isEqual(to: first.root.secret)
        }
        let same = [
            isFirst(input, 1), isFirst(input, 2), isFirst(key(1), 1),
            isFirst(maker.step.input(agreed: key(2), secret: secret), 1),
            isFirst(maker.step.input(agreed: key(1), secret: key(3)), 1),
        ]
        #expect(same == [true, false, false, false, false])
    }

    private struct Missing: Error {}

    @Test("DR-28 chunks of another epoch are left unread")
    func otherEpochs() {
        let (maker, other) = (Party(.initiator, epoch: 4), Party(.recipient, epoch: 4))
        for epoch: UInt32 in [0, 3, 5, 6, .max] {
            for _ in 0..<5 { other.take(maker.next(), ofEpoch: epoch) }
            #expect(other.step.key.isEmpty)
        }
        for _ in 0..<5 { other.take(maker.next()) }
        #expect(other.step.key.isWhole)
        for _ in 0..<5 { maker.take(other.next(), ofEpoch: 3) }
        #expect(maker.step.ciphertext.isEmpty)
    }

    @Test("DR-28 a ciphertext that comes to a side without a key is left unread")
    func withoutKey() {
        let (_, other) = keyed()
        let fresh = Party(.initiator, seed: 7)
        for _ in 0..<5 { fresh.take(other.next()) }
        #expect(fresh.step.ciphertext.isEmpty && !fresh.hasInput)
        #expect(fresh.next().kind == .key)
    }

    @Test("DR-28 a maker whose state went back begins the step again, wherever it was")
    func makerWentBack() {
        for sent in 1...5 {
            for answered in 0...(sent == 5 ? 4 : 0) {
                let other = Party(.recipient)
                let first = Party(.initiator, seed: 1)
                for _ in 0..<sent { other.take(first.next()) }
                // It answers to the key that is gone.
                let lost = (0..<answered).map { _ in other.next() }
                let again = Party(.initiator, seed: 2)
                for field in lost { again.take(field) }
                for _ in 0..<10 {
                    let field = again.next()
                    other.take(field)
                    #expect(field.kind == .key)
                    if other.step.key.isWhole, other.step.key.key.isEqual(to: again.step.key.key) {
                        break
                    }
                }
                for _ in 0..<5 { again.take(other.next()) }
                #expect(isSame(again, other), "\(sent) \(answered)")
            }
        }
    }

    @Test("DR-28 a side that encapsulated and whose state went back begins the step again")
    func otherWentBack() {
        for sent in 1...4 {
            let (maker, other) = keyed()
            for _ in 0..<sent { maker.take(other.next()) }
            let again = Party(.recipient, seed: 9)
            let copy = Party(.initiator)
            for _ in 0..<5 { again.take(copy.next()) }
            for _ in 0..<10 where !isSame(maker, again) { maker.take(again.next()) }
            #expect(isSame(maker, again))
            #expect(!isSame(maker, other))
        }
    }

    @Test("DR-27 a maker that is answered goes idle, and sends its key again when it is no more")
    func answered() {
        let (maker, other) = keyed()
        for _ in 0..<3 { maker.take(other.next()) }
        #expect(maker.next() == Self.idle)
        // The other side begins anew and has nothing: without more of the key it never would.
        let again = Party(.recipient, seed: 9)
        maker.take(again.next())
        for index: UInt8 in 0..<5 {
            let field = maker.next()
            #expect(field.kind == .key && field.index == index)
            again.take(field)
        }
        for _ in 0..<10 where !isSame(maker, again) { maker.take(again.next()) }
        #expect(isSame(maker, again))
        // An idle field that comes late, behind the whole ciphertext, changes nothing.
        maker.take(Self.idle)
        #expect(maker.next() == Self.idle && isSame(maker, again))
        // Nor does one of an epoch before.
        let (next, reply) = keyed()
        next.take(reply.next())
        next.take(Self.idle, ofEpoch: 1)
        #expect(next.next() == Self.idle)
    }

    @Test("DR-28 a whole ciphertext that another one follows is let go, also after its check")
    func secondCiphertext() {
        let (maker, other) = keyed()
        for _ in 0..<5 { maker.take(other.next()) }
        let again = Party(.recipient, seed: 9)
        let copy = Party(.initiator)
        for _ in 0..<5 { again.take(copy.next()) }
        maker.take(again.next())
        #expect(!maker.hasInput)
        for _ in 0..<4 { maker.take(again.next()) }
        #expect(isSame(maker, again))
    }

    @Test("DR-29 a key with one byte of any chunk changed is dropped; the next round is taken")
    func changedKey() {
        for place in [0, 239, 240, 700, 1183, 1184, 1199] {
            let (maker, other) = (Party(.initiator), Party(.recipient))
            for _ in 0..<5 { other.take(maker.next().flipped(place)) }
            #expect(other.step.key.isEmpty, "\(place)")
            #expect(other.next() == Self.idle)
            for _ in 0..<5 { other.take(maker.next()) }
            #expect(other.step.key.isWhole && other.next().kind == .ciphertext)
        }
    }

    @Test("DR-29 a key with a coefficient of 3329 and its own hash is not encapsulated to (PR-11)")
    func modulus() {
        let maker = Party(.initiator)
        _ = maker.next()
        for (value, isTaken): (UInt16, Bool) in [(3328, true), (3329, false), (4095, false)] {
            var key = [UInt8](copying: maker.step.key.key)
            // The last coefficient: the upper twelve bits of three bytes.
            key[1150] = (key[1150] & 0x0f) | UInt8(truncatingIfNeeded: value << 4)
            key[1151] = UInt8(truncatingIfNeeded: value >> 4)
            let other = Party(.recipient)
            let chunks = KEMChunks(whole: key.raw, digest: SHA256.hash(key.raw))
            for index: UInt8 in 0..<5 {
                other.take(KEMField(kind: .key, index: index, chunk: chunks.chunk(at: index)))
            }
            #expect(other.step.key.isWhole == isTaken)
            #expect((other.next().kind == .ciphertext) == isTaken)
        }
    }

    @Test("DR-29 a ciphertext that is changed, or for another key, is dropped; the key goes again")
    func changedCiphertext() {
        for place in [0, 240, 959, 1087, 1088, 1103] {
            let (maker, other) = keyed()
            for _ in 0..<5 { maker.take(other.next().flipped(place)) }
            #expect(maker.step.ciphertext.isEmpty && !maker.hasInput, "\(place)")
            #expect(maker.next().kind == .key)
            for _ in 0..<5 { maker.take(other.next()) }
            #expect(isSame(maker, other))
        }
        let (maker, _) = keyed()
        let (_, foreign) = keyed(seed: 5)
        for _ in 0..<5 { maker.take(foreign.next()) }
        #expect(maker.step.ciphertext.isEmpty)
    }

    @Test("DR-27 behind the last epoch there is no other: nothing is sent")
    func lastEpoch() {
        #expect(KEMStep.maker(behind: .max) == nil)
        for role in [SessionRole.initiator, .recipient] {
            let party = Party(role, epoch: .max)
            for _ in 0..<6 { #expect(party.next() == Self.idle) }
            let hasSeed = party.step.seed != nil
            #expect(!hasSeed && !party.hasInput)
        }
        let before = Party(.recipient, epoch: .max - 1)
        #expect(before.next().kind == .idle)
        #expect(Party(.initiator, epoch: .max - 1).next().kind == .key)
    }

    @Test("DR-2 a field is one that its sender can have written, any other is refused")
    func fieldForms() {
        func block(_ kind: UInt8, _ index: UInt8, _ change: (Int, UInt8)? = nil) -> [UInt8] {
            var bytes: [UInt8] = [kind, index] + [UInt8](repeating: 0, count: 240)
            if let change { bytes[2 + change.0] = change.1 }
            return bytes
        }
        func isTaken(_ bytes: [UInt8], _ epoch: UInt32, _ sender: SessionRole) -> Bool {
            guard let field = KEMField(parsing: bytes.raw, epoch: epoch, from: sender) else {
                return false
            }
            var again: [UInt8] = []
            field.encode(into: &again)
            #expect(again == bytes)
            return true
        }
        for epoch: UInt32 in [0, 1, 2, 41, .max - 1, .max] {
            for sender in [SessionRole.initiator, .recipient] {
                let makes = epoch < .max && (sender == .initiator) == (epoch % 2 == 0)
                let answers = epoch < .max && !makes
                for index: UInt8 in [0, 1, 4] {
                    #expect(isTaken(block(1, index, (9, 9)), epoch, sender) == makes)
                    #expect(isTaken(block(2, index, (9, 9)), epoch, sender) == answers)
                }
                for kind: UInt8 in 1...2 {
                    #expect(!isTaken(block(kind, 5), epoch, sender))
                    #expect(!isTaken(block(kind, 255), epoch, sender))
                }
                for kind: UInt8 in [3, 4, 255] { #expect(!isTaken(block(kind, 0), epoch, sender)) }
                #expect(isTaken(block(0, 0), epoch, sender))
                #expect(!isTaken(block(0, 1), epoch, sender))
                #expect(!isTaken(block(0, 0, (0, 1)), epoch, sender))
                #expect(!isTaken(block(0, 0, (239, 1)), epoch, sender))
                // The padding of a ciphertext: its last chunk behind 144 bytes.
                #expect(isTaken(block(2, 4, (143, 1)), epoch, sender) == answers)
                #expect(!isTaken(block(2, 4, (144, 1)), epoch, sender))
                #expect(!isTaken(block(2, 4, (239, 1)), epoch, sender))
                #expect(isTaken(block(2, 3, (239, 1)), epoch, sender) == answers)
                #expect(isTaken(block(1, 4, (239, 1)), epoch, sender) == makes)
            }
        }
        #expect(!isTaken(block(0, 0) + [0], 0, .initiator))
        #expect(!isTaken(Array(block(0, 0).dropLast()), 0, .initiator))
    }
}

extension KEMField {
    /// With one bit changed at a place among the 1,200 bytes, if that is in this chunk.
    func flipped(_ place: Int) -> KEMField {
        guard place / 240 == Int(index) else { return self }
        var chunk = chunk
        chunk[place % 240] ^= 1
        return KEMField(kind: kind, index: index, chunk: chunk)
    }
}

extension RawSpan {
    func isEqual(to other: RawSpan) -> Bool { ConstantTime.isEqual(self, other) }
}

extension Array {
    mutating func shuffle(by random: inout SeededRandom) {
        for index in indices.dropFirst() {
            swapAt(index, Int(random.integer(below: UInt64(index + 1))))
        }
    }
}
