import Primitives
import Testing

@testable import Crypto

@Suite("Safety number (SPEC §7.6)")
struct SafetyNumberTests {
    @Test("D6 both sides see the same 64 digits, and another key changes its half")
    func symmetry() {
        var random = SeededRandom(6)
        let keys = (0..<6).map { _ in Ed25519KeyPair.generate(from: &random).publicKey }
        var numbers: Set<String> = []
        for (index, one) in keys.enumerated() {
            for other in keys[index...] {
                let number = SafetyNumber(one, other)
                #expect(number == SafetyNumber(other, one))
                #expect(number.digits.utf8.count == 64)
                #expect(number.digits.utf8.allSatisfy { (48...57).contains($0) })
                let halves = [number.digits.prefix(32), number.digits.suffix(32)]
                #expect(halves[0] <= halves[1])
                numbers.insert(number.digits)
            }
        }
        #expect(numbers.count == 21)
    }

    @Test("D6 one changed bit of a key changes all eight groups of its half")
    func avalanche() throws {
        var random = SeededRandom(7)
        let key = Ed25519KeyPair.generate(from: &random).publicKey
        let digits = SafetyNumber(key, key).digits.prefix(32)
        var changedGroups = 0
        for bit in 0..<8 {
            var bytes = key.bytes
            bytes[3] ^= 1 << UInt8(bit)
            let other = SafetyNumber(try Ed25519PublicKey(parsing: bytes), key)
            let halves = [other.digits.prefix(32), other.digits.suffix(32)]
            let half = halves[0] == digits ? halves[1] : halves[0]
            for group in 0..<8 {
                let range = half.index(half.startIndex, offsetBy: 4 * group)
                let ownRange = digits.index(digits.startIndex, offsetBy: 4 * group)
                if half[range...].prefix(4) != digits[ownRange...].prefix(4) { changedGroups += 1 }
            }
        }
        #expect(changedGroups >= 63)
    }

    @Test("EN-21 only the whole number matches, in whatever grouping")
    func matching() {
        var random = SeededRandom(8)
        let one = Ed25519KeyPair.generate(from: &random).publicKey
        let other = Ed25519KeyPair.generate(from: &random).publicKey
        let number = SafetyNumber(one, other)
        #expect(number.text.split(separator: " ").count == 16)
        #expect(number.matches(number.text) && number.matches(number.digits))
        #expect(number.matches(" " + number.text.replacing(" ", with: "-\n\t\r")))
        for count in 0..<64 {
            #expect(!number.matches(String(number.digits.prefix(count))))
        }
        #expect(!number.matches(number.digits + "0") && !number.matches("x" + number.digits))
        #expect(!number.matches(String(number.digits.reversed())))
        for index in 0..<64 {
            var digits = Array(number.digits)
            digits[index] = digits[index] == "9" ? "0" : "9"
            #expect(!number.matches(String(digits)))
        }
    }
}
