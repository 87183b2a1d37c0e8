internal import Primitives

/// One side's KEM step once more from the rules: chunks held, what is sent next, what is mixed in.
///
/// - SPEC: §6.8
package struct KEMTrace {
    /// What the next root step of an epoch takes in.
    struct Secret {
        let secret: [UInt8]
        let binding: [UInt8]
    }

    /// Which random bytes the next message draws for the KEM.
    package enum Draw { case none, key, encapsulation }

    let side: Int
    let epoch: UInt32
    private var seed: [UInt8]?
    private var key: [[UInt8]?] = Self.nothing
    private var ciphertext: [[UInt8]?] = Self.nothing
    private(set) var encapsulated: Secret?
    private var next = 0
    private var isAnswered = false

    private static let nothing = [[UInt8]?](repeating: nil, count: 5)

    init(side: Int, epoch: UInt32) {
        self.side = side
        self.epoch = epoch
    }

    /// The initiator makes the keys of odd epochs.
    private var isMaker: Bool { (epoch + 1) % 2 == (side == 0 ? 1 : 0) }

    private static func whole(_ chunks: [[UInt8]?]) -> [UInt8]? {
        let present = chunks.compactMap { $0 }
        return present.count == 5 ? present.flatMap { $0 } : nil
    }

    private static func chunks(_ bytes: [UInt8]) -> [[UInt8]?] {
        let padded = bytes + Derive.zeros(1200 - bytes.count)
        return (0..<5).map { Array(padded[$0 * 240..<$0 * 240 + 240]) }
    }

    /// What the next message draws, if this side's next chain does not begin an epoch.
    var draw: Draw {
        if isMaker { return seed == nil ? .key : .none }
        return encapsulated == nil && Self.whole(key) != nil ? .encapsulation : .none
    }

    /// The 242 bytes of the next message's header.
    ///
    /// - Parameter random: 64 bytes; an encapsulation takes the first half.
    mutating func field(random: [UInt8]) throws -> [UInt8] {
        if isMaker {
            if isAnswered || Self.whole(ciphertext) != nil { return Derive.zeros(242) }
            if seed == nil {
                seed = random
                let made = Derive.kemPublic(random)
                key = Self.chunks(made + Derive.sha256(made)[..<16])
            }
            return nextChunk(1, key)
        }
        guard let whole = Self.whole(key) else { return Derive.zeros(242) }
        if encapsulated == nil {
            let publicKey = Array(whole[..<1184])
            let made = try Derive.encapsulate(to: publicKey, message: Array(random[..<32]))
            let binding = Derive.sha256(publicKey + made.ciphertext)
            encapsulated = Secret(secret: made.secret, binding: binding)
            ciphertext = Self.chunks(made.ciphertext + binding[..<16])
            next = 0
        }
        return nextChunk(2, ciphertext)
    }

    private mutating func nextChunk(_ kind: UInt8, _ chunks: [[UInt8]?]) -> [UInt8] {
        let index = next
        next = (next + 1) % 5
        return [kind, UInt8(index)] + (chunks[index] ?? [])
    }

    /// Takes the 242 bytes of a message that has opened.
    mutating func take(_ field: [UInt8], epoch chainEpoch: UInt32) {
        guard chainEpoch == epoch else { return }
        if seed != nil { isAnswered = field[0] == 2 }
        if field[0] == 0 { return }
        let (index, chunk) = (Int(field[1]), Array(field[2...]))
        if field[0] == 1 {
            guard key[index] != chunk else { return }
            if key[index] != nil {
                key = Self.nothing
                ciphertext = Self.nothing
                encapsulated = nil
            }
            key[index] = chunk
            if let whole = Self.whole(key), !Self.isKey(whole) { key = Self.nothing }
        } else if seed != nil, ciphertext[index] != chunk {
            if ciphertext[index] != nil { ciphertext = Self.nothing }
            ciphertext[index] = chunk
            if let whole = Self.whole(ciphertext), let key = Self.whole(key) {
                let binding = Derive.sha256(key[..<1184] + whole[..<1088])
                if Array(whole[1088..<1104]) != Array(binding[..<16]) {
                    ciphertext = Self.nothing
                    isAnswered = false
                }
            }
        }
    }

    private static func isKey(_ whole: [UInt8]) -> Bool {
        let key = Array(whole[..<1184])
        return Array(Derive.sha256(key)[..<16]) == Array(whole[1184...]) && Derive.isKEMPublic(key)
    }

    /// The maker's secret, when the ciphertext has come whole.
    func decapsulated() -> Secret? {
        guard isMaker, let seed, let whole = Self.whole(ciphertext),
            let key = Self.whole(key)
        else { return nil }
        let made = Array(whole[..<1088])
        return Secret(
            secret: Derive.decapsulate(made, seed: seed),
            binding: Derive.sha256(key[..<1184] + made))
    }
}
