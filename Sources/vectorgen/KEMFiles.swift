import Crypto
import Primitives
import VectorSuites

/// Chats over KEM steps: honest ones through several epochs, and sides that break the rules.
enum KEMFiles {
    static func chats() throws -> [(name: String, script: ChatScript)] {
        [
            ("KEM: an epoch in turn, two in bursts", try epochs()),
            ("KEM: chunks late, doubled and lost", try late()),
            ("KEM: a maker whose keys are none", try badKeys()),
            ("KEM: ciphertexts that do not fit", try badCiphertexts()),
            ("KEM: epochs that a chain cannot have", try badEpochs()),
        ]
    }

    /// A chat that keeps count of its messages.
    private struct Talk {
        var script: ChatScript
        var isForging = [false, false]

        init(seed: UInt64) throws { script = try ChatScript(seed: seed) }

        /// A message of an honest side, delivered unless `isLost`.
        mutating func say(_ side: Int, isLost: Bool = false) {
            script.seal(side, script.text("m"))
            if !isLost { deliver(side, script.envelopeCount - 1) }
        }

        /// A message with a changed header.
        mutating func forge(_ side: Int, _ header: [(offset: Int, bytes: [UInt8])] = []) {
            isForging[side] = true
            script.forge(side, script.text("f"), header: header)
            deliver(side, script.envelopeCount - 1)
        }

        mutating func deliver(_ side: Int, _ index: Int) {
            if isForging[1 - side] {
                script.hear(1 - side, index)
            } else {
                script.open(1 - side, index)
            }
        }

        /// Five messages of a side, delivered in another order, one of them twice.
        mutating func burst(_ side: Int, order: [Int]) {
            let first = script.envelopeCount
            for _ in 0..<5 { say(side, isLost: true) }
            for index in order { deliver(side, first + index) }
        }
    }

    private static func epochs() throws -> ChatScript {
        var talk = try Talk(seed: 24)
        for turn in 0..<20 { talk.say(turn % 2) }
        // The last message above began epoch 1; the recipient makes the next key.
        talk.burst(1, order: [4, 3, 2, 1, 0])
        talk.burst(0, order: [2, 0, 4, 1, 1, 3])
        talk.say(1)
        talk.burst(0, order: [0, 1, 2, 3, 4])
        talk.burst(1, order: [1, 0, 3, 2, 4])
        talk.say(0)
        talk.say(1)
        return talk.script
    }

    private static func late() throws -> ChatScript {
        var talk = try Talk(seed: 25)
        talk.say(0)
        talk.say(1)
        // Chunks 1 to 4, of which the third is lost, then round again.
        for index in 1..<5 { talk.say(0, isLost: index == 3) }
        talk.say(1)
        for _ in 0..<3 { talk.say(0, isLost: true) }
        talk.say(0)
        // The key is whole; the ciphertext's first chunk comes behind its last.
        let first = talk.script.envelopeCount
        for index in 0..<6 { talk.say(1, isLost: index == 0) }
        talk.say(0)
        talk.say(1)
        talk.deliver(1, first)
        // A message of the epoch before, skipped then, opens still and its chunk is left unread.
        talk.deliver(0, 4)
        talk.say(0)
        talk.say(1)
        return talk.script
    }

    /// The five chunks of a key that an honest maker never sends, as header changes.
    private static func chunks(_ key: [UInt8], check: [UInt8]? = nil) -> [[UInt8]] {
        let whole = key + (check ?? Array(SHA256.hash(key.raw).array[..<16]))
        return (0..<5).map { [1, UInt8($0)] + Array(whole[$0 * 240..<$0 * 240 + 240]) }
    }

    private static func badKeys() throws -> ChatScript {
        var talk = try Talk(seed: 26)
        talk.say(0)
        talk.say(1)
        var random = SeededRandom(27)
        let seed = SecretBytes(byteCount: 64, from: &random)
        let good = MLKEM768KeyPair(seed: seed).publicKey.bytes.array
        var tooLarge = good
        tooLarge.replaceSubrange(0..<2, with: [0x01, 0x0d])
        // A coefficient of 3,329; a check that is not the key's; chunks of two keys.
        for chunk in chunks(tooLarge) { talk.forge(0, [(44, chunk)]) }
        talk.say(1)
        for chunk in chunks(good, check: [UInt8](repeating: 1, count: 16)) {
            talk.forge(0, [(44, chunk)])
        }
        talk.say(1)
        for chunk in chunks(tooLarge)[..<4] { talk.forge(0, [(44, chunk)]) }
        talk.forge(0, [(44, chunks(good)[3])])
        talk.forge(0, [(44, chunks(good)[4])])
        talk.say(1)
        // What the maker itself has made, with one byte of a chunk changed and put right.
        for index in 0..<5 {
            talk.forge(0, index == 2 ? [(100, [0, 0, 0, 0, 0, 0, 0, 0])] : [])
        }
        talk.say(1)
        for _ in 0..<5 { talk.forge(0) }
        for _ in 0..<5 { talk.say(1) }
        talk.forge(0)
        talk.say(1)
        return talk.script
    }

    private static func badCiphertexts() throws -> ChatScript {
        var talk = try Talk(seed: 28)
        for _ in 0..<5 { talk.say(0) }
        // DR-2: a padding that is not zeros.
        talk.say(1)
        talk.say(0)
        for _ in 0..<3 { talk.forge(1) }
        talk.forge(1, [(46 + 144, [1])])
        let padded = talk.script.envelopeCount - 1
        // The same message as it should be comes never; the ones behind it go round again.
        for index in 0..<5 { talk.forge(1, index == 1 ? [(60, [9, 9, 9, 9, 9, 9, 9, 9])] : []) }
        talk.say(0)
        talk.deliver(1, padded)
        for _ in 0..<5 { talk.forge(1) }
        talk.say(0)
        talk.forge(1)
        talk.say(0)
        return talk.script
    }

    private static func badEpochs() throws -> ChatScript {
        let idle = [UInt8](repeating: 0, count: 242)
        var talk = try Talk(seed: 29)
        for turn in 0..<4 { talk.say(turn % 2) }
        // DR-26: no ciphertext has been made, so there can be no chain of epoch 1, or of any other.
        for epoch: [UInt8] in [[0, 0, 0, 1], [0, 0, 0, 2], [255, 255, 255, 255]] {
            talk.forge(0, [(40, epoch + idle)])
        }
        talk.forge(0)
        return talk.script
    }
}
