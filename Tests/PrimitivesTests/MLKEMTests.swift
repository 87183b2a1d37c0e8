import Testing

@testable import Primitives

@Suite("§4.1 ML-KEM-768")
struct MLKEMTests {
    @Test("Compress_d is the rounded quotient of FIPS 203 for every value")
    func compression() {
        for x in Int32(0)..<3_329 {
            for (bits, compressed) in [
                (10, Polynomial.compress10(x)), (4, Polynomial.compress4(x)),
                (1, Polynomial.compress1(x)),
            ] {
                // round(2^d x / q), a half upwards; q is odd, so there is no half.
                let scaled = Int64(x) << Int64(bits)
                let rounded = (2 * scaled + 3_329) / 6_658
                #expect(Int64(compressed) == rounded & ((1 << Int64(bits)) - 1))
            }
        }
    }

    @Test("reductions give the class they are given, within their bounds")
    func reductions() {
        for value in Int16.min...Int16.max {
            let reduced = Polynomial.barrett(value)
            #expect((Int(reduced) - Int(value)) % 3_329 == 0 && abs(reduced) <= 1_664)
        }
    }

    @Test("A16 a hundred seeds, hashed into one value as C2SP does", .timeLimit(.minutes(1)))
    func accumulated() throws {
        let source = Keccak(.shake128)
        let result = Keccak(.shake128)
        for _ in 0..<100 {
            let pair = MLKEM768KeyPair(seed: source.squeezeSecret(byteCount: 64))
            result.absorb(pair.publicKey.raw)
            let made = pair.publicKey.encapsulate(message: source.squeezeSecret(byteCount: 32))
            result.absorb(made.ciphertext.raw)
            made.secret.withBytes { result.absorb($0) }
            let found = pair.decapsulate(made.ciphertext)
            let isFound = found.isEqual(to: made.secret)
            #expect(isFound)
            let other: FixedBytes<1_088> = source.squeeze()
            pair.decapsulate(other).withBytes { result.absorb($0) }
        }
        let digest: FixedBytes<32> = result.squeeze()
        #expect(
            digest.hex == "1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415")
    }

    private static func pair() -> MLKEM768KeyPair {
        var random = SeededRandom(203)
        return MLKEM768KeyPair.generate(from: &random)
    }

    @Test("PR-11 A15 a public key of another size or with a coefficient of q or more is refused")
    func publicKeys() throws {
        let good = Self.pair().publicKey.bytes.array
        #expect(try MLKEM768PublicKey(parsing: good.raw).bytes.array == good)
        for count in [0, 1_183, 1_185] {
            let other = [UInt8](repeating: 0, count: count)
            #expect(throws: MLKEMKeyError.length(byteCount: count)) {
                try MLKEM768PublicKey(parsing: other.raw)
            }
        }
        // The first and last coefficient of each polynomial: 3328 is taken, 3329 is not.
        for polynomial in 0..<3 {
            for (place, isHigh) in [(384 * polynomial, false), (384 * polynomial + 381, true)] {
                for (value, isTaken) in [(3_328, true), (3_329, false), (4_095, false)] {
                    var bytes = good
                    if isHigh {
                        bytes[place + 1] = bytes[place + 1] & 15 | UInt8(value & 15) << 4
                        bytes[place + 2] = UInt8(value >> 4)
                    } else {
                        bytes[place] = UInt8(value & 255)
                        bytes[place + 1] = bytes[place + 1] & 0xf0 | UInt8(value >> 8)
                    }
                    if isTaken {
                        #expect(try MLKEM768PublicKey(parsing: bytes.raw).bytes.array == bytes)
                    } else {
                        #expect(throws: MLKEMKeyError.modulus) {
                            try MLKEM768PublicKey(parsing: bytes.raw)
                        }
                    }
                }
            }
        }
    }

    @Test("PR-12 A15 a private key whose hash is not that of its public key is refused")
    func privateKeys() throws {
        let pair = Self.pair()
        let good = pair.expandedBytes()
        let again = try MLKEM768KeyPair(parsing: good.raw)
        let isSame = again.isExpanded(as: good.raw)
        #expect(isSame)
        func refusal(_ bytes: [UInt8]) -> MLKEMKeyError? {
            do throws(MLKEMKeyError) {
                _ = try MLKEM768KeyPair(parsing: bytes.raw)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal(Array(good.dropLast())) == .length(byteCount: 2_399))
        // A bit of the public key's seed, and one of the hash.
        for place in [1_152 + 1_152, 2_336, 2_367] {
            var bytes = good
            bytes[place] ^= 1
            #expect(refusal(bytes) == .hash)
        }
        var bytes = good
        bytes[1_153] |= 0x0f
        bytes[1_152] = 0xff
        #expect(refusal(bytes) == .modulus)
        // What follows the hash is z, and any z will do.
        bytes = good
        bytes[2_399] ^= 1
        #expect(refusal(bytes) == nil)
    }

    @Test("PR-13 A13 every changed ciphertext gives another secret, the same one each time")
    func implicitRejection() {
        let pair = Self.pair()
        var random = SeededRandom(204)
        let made = pair.publicKey.encapsulate(from: &random)
        let z = Array(pair.expandedBytes().suffix(32))
        for place in [0, 500, 959, 960, 1_087] {
            var changed = made.ciphertext
            changed[place] ^= 1
            let first = pair.decapsulate(changed)
            let second = pair.decapsulate(changed)
            let differs = !first.isEqual(to: made.secret)
            let isStable = first.isEqual(to: second)
            // J(z ‖ c), FIPS 203 algorithm 18 step 7.
            let expected = Keccak(.shake256)
            expected.absorb(z.raw)
            expected.absorb(changed.raw)
            let secret: FixedBytes<32> = expected.squeeze()
            let isRejection = first.isEqual(to: secret.raw)
            #expect(differs && isStable && isRejection)
        }
    }
}
