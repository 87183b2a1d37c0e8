import Primitives

/// Makes boxes that open under two keys: what the AEADs here allow, since they do not commit to
/// their key (B8). ChaCha20 and the arithmetic of Poly1305 are written out, because what is needed
/// of them no library gives.
enum TwoKeyBox {
    /// A one-time key of Poly1305 and the text it authenticates, with two blocks of it left open.
    struct Place {
        /// r (clamped) and s, 32 bytes.
        let polyKey: [UInt8]
        /// What is authenticated; the blocks of 16 bytes that are left open are ignored.
        let text: [UInt8]

        var blockCount: Int { (text.count + 15) / 16 }
    }

    /// Two blocks and a tag with which both texts are authentic.
    ///
    /// - Parameter open: the two blocks to be found, the same in both texts.
    static func solve(
        _ one: Place, _ other: Place, open: (Int, Int), random: inout SeededRandom
    ) -> (first: [UInt8], second: [UInt8], tag: [UInt8]) {
        // Blocks x and y must fulfil, under either key: x·r^a + y·r^b = tag − s − rest.
        let places = [one, other]
        let r = places.map { Field(clamped: $0.polyKey) }
        func power(_ key: Int, _ block: Int) -> Field {
            r[key].power(places[key].blockCount - block)
        }
        let rest = places.indices.map { key in
            (0..<places[key].blockCount).reduce(Field(0)) { sum, block in
                let end = min(places[key].text.count, block * 16 + 16)
                let isOpen = block == open.0 || block == open.1
                let bytes = places[key].text[block * 16..<end]
                return (isOpen ? sum : sum + Field(block: Array(bytes))) * r[key]
            }
        }
        let (a, b) = (power(0, open.0), power(0, open.1))
        let (c, d) = (power(1, open.0), power(1, open.1))
        let inverse = (a * d - b * c).inverse
        while true {
            let tag = random.bytes(count: 16)
            let wanted = places.indices.map { key in
                // The tag is taken modulo 2^128, so its accumulator is tag − s without a borrow.
                Field(bytes: difference(tag, Array(places[key].polyKey[16...]))) - rest[key]
            }
            let x = (wanted[0] * d - wanted[1] * b) * inverse
            let y = (wanted[1] * a - wanted[0] * c) * inverse
            if let first = x.block, let second = y.block { return (first, second, tag) }
        }
    }

    /// a − b modulo 2^128, little-endian.
    private static func difference(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
        var borrow = 0
        return a.indices.map { index in
            let value = Int(a[index]) - Int(b[index]) - borrow
            borrow = value < 0 ? 1 : 0
            return UInt8(truncatingIfNeeded: value)
        }
    }

    static func little64(_ value: Int) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}

/// Integers modulo 2^130 − 5 in five limbs of 26 bits.
struct Field: Equatable {
    private var limbs: [UInt64]

    init(_ value: UInt64) { limbs = [value & 0x3ff_ffff, value >> 26, 0, 0, 0] }

    /// At most 17 little-endian bytes.
    init(bytes: [UInt8]) {
        limbs = [0, 0, 0, 0, 0]
        for bit in 0..<bytes.count * 8 where bytes[bit / 8] >> UInt8(bit % 8) & 1 == 1 {
            limbs[bit / 26] |= 1 << UInt64(bit % 26)
        }
    }

    /// A block, whole or not, with the one behind it.
    init(block: [UInt8]) { self.init(bytes: block + [1]) }

    /// The first half of a one-time key.
    init(clamped key: [UInt8]) {
        var r = Array(key[..<16])
        for index in [3, 7, 11, 15] { r[index] &= 15 }
        for index in [4, 8, 12] { r[index] &= 252 }
        self.init(bytes: r)
    }

    private init(limbs: [UInt64]) {
        self.limbs = limbs
        reduce()
    }

    private mutating func reduce() {
        // Twice: the first carry out of the top comes in again at the bottom, times five.
        for _ in 0..<3 {
            for index in 0..<5 {
                let carry = limbs[index] >> 26
                limbs[index] &= 0x3ff_ffff
                if index == 4 { limbs[0] += carry * 5 } else { limbs[index + 1] += carry }
            }
        }
        // Values from 2^130 − 5 on.
        if limbs[0] >= 0x3ff_fffb, limbs[1...].allSatisfy({ $0 == 0x3ff_ffff }) {
            limbs = [limbs[0] - 0x3ff_fffb, 0, 0, 0, 0]
        }
    }

    static func + (a: Field, b: Field) -> Field {
        Field(limbs: (0..<5).map { a.limbs[$0] + b.limbs[$0] })
    }

    static func - (a: Field, b: Field) -> Field {
        // Four times the modulus is added, so that no limb goes below zero.
        let modulus: [UInt64] = [0x3ff_fffb, 0x3ff_ffff, 0x3ff_ffff, 0x3ff_ffff, 0x3ff_ffff]
        return Field(limbs: (0..<5).map { a.limbs[$0] + 4 * modulus[$0] - b.limbs[$0] })
    }

    static func * (a: Field, b: Field) -> Field {
        var result = [UInt64](repeating: 0, count: 5)
        for i in 0..<5 {
            for j in 0..<5 {
                let product = a.limbs[i] * b.limbs[j]
                result[(i + j) % 5] += i + j < 5 ? product : product * 5
            }
        }
        return Field(limbs: result)
    }

    func power(_ exponent: Int) -> Field {
        var result = Field(1)
        var base = self
        var left = exponent
        while left > 0 {
            if left & 1 == 1 { result = result * base }
            base = base * base
            left >>= 1
        }
        return result
    }

    /// By Fermat: to the power of 2^130 − 7, whose bits are all ones but the second and third.
    var inverse: Field {
        var result = Field(1)
        for bit in stride(from: 129, through: 0, by: -1) {
            result = result * result
            // 2^130 − 7 = …11111001
            if bit != 1 && bit != 2 { result = result * self }
        }
        return result
    }

    /// The 16 bytes of a block, when the value is one: 2^128 and something below it.
    var block: [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 17)
        for bit in 0..<130 where limbs[bit / 26] >> UInt64(bit % 26) & 1 == 1 {
            bytes[bit / 8] |= 1 << UInt8(bit % 8)
        }
        return bytes[16] == 1 ? Array(bytes[..<16]) : nil
    }
}

/// ChaCha20 and HChaCha20 (RFC 8439, draft-irtf-cfrg-xchacha-03).
enum ChaCha {
    private static func rounds(_ state: [UInt32]) -> [UInt32] {
        var x = state
        func quarter(_ a: Int, _ b: Int, _ c: Int, _ d: Int) {
            for (p, q, r, turn) in [
                (a, b, d, UInt32(16)), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7),
            ] {
                x[p] &+= x[q]
                x[r] ^= x[p]
                x[r] = x[r] << turn | x[r] >> (32 - turn)
            }
        }
        for _ in 0..<10 {
            for i in 0..<4 { quarter(i, i + 4, i + 8, i + 12) }
            for i in 0..<4 { quarter(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12) }
        }
        return x
    }

    private static func words(_ bytes: [UInt8]) -> [UInt32] {
        stride(from: 0, to: bytes.count, by: 4).map { start in
            (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
        }
    }

    private static func bytes(_ words: [UInt32]) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }

    private static func state(_ key: [UInt8], _ tail: [UInt8]) -> [UInt32] {
        words(Array("expand 32-byte k".utf8) + key + tail)
    }

    /// Block `counter` of the key stream; the nonce has 12 bytes.
    static func block(_ key: [UInt8], _ nonce: [UInt8], _ counter: UInt8) -> [UInt8] {
        let start = state(key, [counter, 0, 0, 0] + nonce)
        return bytes(zip(rounds(start), start).map { $0 &+ $1 })
    }

    /// The key under a key; the nonce has 16 bytes.
    static func subkey(_ key: [UInt8], _ nonce: [UInt8]) -> [UInt8] {
        let x = rounds(state(key, nonce))
        return bytes(Array(x[..<4] + x[12...]))
    }
}
