import Primitives
import Testing

/// u of the points whose order divides 8, in every encoding of 255 bits.
private let lowOrderEncodings = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]

@Suite("SPEC §4: X25519")
struct X25519Tests {
    @Test(
        "X25519 gives RFC 7748 section 5.2",
        arguments: [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"
            ),
        ])
    func rfc7748(scalar: String, point: String, output: String) throws {
        let shared = try X25519.agree(secret: secret(scalar), point: fixed(point))
        #expect(hex(shared) == output)
    }

    @Test("X25519 gives RFC 7748 section 5.2 after 1 and 1,000 iterations")
    func rfc7748Iterated() throws {
        var scalar: FixedBytes<32> = fixed(
            "0900000000000000000000000000000000000000000000000000000000000000")
        var point = scalar
        for round in 1...1000 {
            let output = try X25519.agree(secret: SecretBytes(copying: scalar.raw), point: point)
            point = scalar
            scalar = fixed(hex(output))
            if round == 1 {
                #expect(
                    scalar.hex
                        == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")
            }
        }
        #expect(scalar.hex == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")
    }

    @Test("X25519 gives RFC 7748 section 6.1 from both sides")
    func diffieHellman() throws {
        let alice = X25519KeyPair(
            secret: secret("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
        let bob = X25519KeyPair(
            secret: secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
        #expect(
            alice.publicKey.bytes.hex
                == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        #expect(
            bob.publicKey.bytes.hex
                == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        let shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
        #expect(hex(try alice.agree(with: bob.publicKey)) == shared)
        #expect(hex(try bob.agree(with: alice.publicKey)) == shared)
        let again = alice.duplicate()
        #expect(hex(try again.agree(with: bob.publicKey)) == shared)
    }

    @Test("A2 PR-3 PR-4 seven low-order points with either top bit: no key and no secret")
    func lowOrder() {
        var random = SeededRandom(2)
        for text in lowOrderEncodings {
            for highBit in [UInt8(0), 0x80] {
                var point: FixedBytes<32> = fixed(text)
                point[31] |= highBit
                // The multiplication itself refuses, whatever the scalar.
                for _ in 0..<8 {
                    let scalar = SecretBytes(byteCount: 32, from: &random)
                    #expect(throws: ZeroSharedSecret()) {
                        _ = try X25519.agree(secret: scalar, point: point).byteCount
                    }
                }
                // And no such key can be parsed.
                let canonical = highBit == 0 && point[0] < 0xed || text.hasSuffix("00")
                let failure: PublicKeyError =
                    highBit == 0 && (canonical || text.hasSuffix("57")) ? .lowOrder : .nonCanonical
                #expect(throws: failure) { _ = try X25519PublicKey(parsing: point) }
            }
        }
    }

    @Test("A14 PR-2 p + k for k from 0 to 18, and a set top bit, are refused; p − 2 is a key")
    func nonCanonical() throws {
        // p = 2^255 − 19 is ed ff … ff 7f.
        var value = FixedBytes<32>(repeating: 0xff)
        value[31] = 0x7f
        for k in 0...18 {
            value[0] = UInt8(0xed + k)
            #expect(throws: PublicKeyError.nonCanonical) { _ = try X25519PublicKey(parsing: value) }
        }
        value[0] = 0xeb
        #expect(throws: Never.self) { _ = try X25519PublicKey(parsing: value) }

        var random = SeededRandom(14)
        for _ in 0..<100 {
            let key = X25519KeyPair.generate(from: &random).publicKey
            #expect(throws: Never.self) { _ = try X25519PublicKey(parsing: key.bytes) }
            var alias = key.bytes
            alias[31] |= 0x80
            #expect(throws: PublicKeyError.nonCanonical) { _ = try X25519PublicKey(parsing: alias) }
        }
    }

    @Test("PR-2 a key one byte short or long is refused", arguments: [0, 31, 33])
    func length(count: Int) {
        let wrong = [UInt8](repeating: 9, count: count)
        #expect(throws: PublicKeyError.length(byteCount: count)) {
            _ = try X25519PublicKey(parsing: wrong.raw)
        }
    }

    @Test("A15 PR-1 100,000 X25519 and Ed25519 seeds and nonces from the system are all different")
    func unique() {
        var random = SystemRandom()
        var seen: Set<FixedBytes<32>> = []
        for _ in 0..<100_000 {
            let seed = SecretBytes(byteCount: 32, from: &random)
            seed.withBytes { _ = seen.insert(FixedBytes<32>(copying: $0) ?? .zero) }
        }
        #expect(seen.count == 100_000)
        var nonces: Set<FixedBytes<24>> = []
        for _ in 0..<100_000 { nonces.insert(random.bytes()) }
        #expect(nonces.count == 100_000)
        // The public keys of a few, so that the way from seed to key is no constant.
        var keys: Set<X25519PublicKey> = []
        for _ in 0..<500 { keys.insert(X25519KeyPair.generate(from: &random).publicKey) }
        #expect(keys.count == 500)
    }

    @Test("a public key prints a prefix only")
    func printing() throws {
        let key = X25519KeyPair(secret: secret(String(repeating: "42", count: 32))).publicKey
        let prefix = String(key.bytes.hex.prefix(8))
        #expect("\(key)" == "X25519(\(prefix)…)")
        #expect(String(reflecting: key).contains(prefix))
        #expect(!String(reflecting: key).contains(String(key.bytes.hex.prefix(10))))
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!dumped.contains(String(key.bytes.hex.prefix(10))))
        #expect(!dumped.contains("\(key.bytes[5])"))
    }
}
