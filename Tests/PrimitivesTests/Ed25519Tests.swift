import Testing

@testable import Primitives

/// One signature with one deviation and the verdict that must never change.
private struct Verdict: Sendable, CustomTestStringConvertible {
    let name: String
    let key: String
    let signature: String
    let message: String
    let keyError: PublicKeyError?
    let isValid: Bool

    var testDescription: String { name }
}

private let honestKey = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
private let mixedKey = "b502ff3d92e31d8190b4aa4ea0414005167fad089c4de9dac8a2fc850fed4f58"
private let orderEightKey = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
private let honestR = "7767a3242dc9b58bbc68488c1265cc6cc5f26c6f3c88a5d55e901b0734dca572"
private let fiveB = "edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df"
private let one = "0100000000000000000000000000000000000000000000000000000000000000"
private let five = "0500000000000000000000000000000000000000000000000000000000000000"

// Made with an independent implementation of the curve from the seed 00 01 … 1f. All but S + L and
// "mixed order" satisfy the cofactorless equation, so only the named check can refuse them.
private let verdicts = [
    Verdict(
        name: "valid", key: honestKey,
        signature: honestR + "106a2513a1b0841632f26a37ce60ca5a6e1c2a743130d56977e9ea161cc65708",
        message: "706f737465726e", keyError: nil, isValid: true),
    Verdict(
        name: "S plus the group order", key: honestKey,
        signature: honestR + "fd3d1b70bb13976e088f62daac5aa96f6e1c2a743130d56977e9ea161cc65718",
        message: "706f737465726e", keyError: nil, isValid: false),
    Verdict(
        name: "R is the neutral point", key: honestKey,
        signature: one + "790153cf075a189b237b21f86b67bb0017518ce66d7f16ddb3ddab56ee327a00",
        message: "706f737465726e", keyError: nil, isValid: false),
    Verdict(
        name: "R is the neutral point, not canonical", key: honestKey,
        signature: "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
            + "8cc16c0d648b6d69fdfead195818fd4449692723509493502278e79c5b0b4700",
        message: "706f737465726e", keyError: nil, isValid: false),
    Verdict(
        name: "R of order 8", key: honestKey,
        signature: orderEightKey
            + "1a1f0893c76aa47803ee13045049b48626d13a34dfa5ba88bb40d7d5a9abe40b",
        message: "706f737465726e", keyError: nil, isValid: false),
    Verdict(
        name: "R of mixed order", key: honestKey,
        signature: "6a84d583f06569edb3f5ed77df65544b27d6948b4f0b2cb76f33dd8413b20719"
            + "eafb6ae04c9c027e9a36da9d3ed0ea5cb9d717e216ae21bb9ddc4dc906b1b308",
        message: "706f737465726e", keyError: nil, isValid: false),
    Verdict(
        name: "key of mixed order, torsion seen", key: mixedKey,
        signature: honestR + "be358e7745b9b4ddbadd2078b68d6ddfe66fff436cbca9681801c02eff531c01",
        message: "706f737465726e2030", keyError: nil, isValid: false),
    Verdict(
        name: "key of mixed order, torsion cancelled by the hash", key: mixedKey,
        signature: honestR + "3670fa5a31d451df7233a77e8e8f7f46013e99435f3e919507a459c6c974850d",
        message: "706f737465726e2032", keyError: nil, isValid: true),
    Verdict(
        name: "key is the neutral point", key: one, signature: fiveB + five,
        message: "706f737465726e", keyError: .lowOrder, isValid: false),
    Verdict(
        name: "key of order 8", key: orderEightKey, signature: fiveB + five, message: "31",
        keyError: .lowOrder, isValid: false),
]

@Suite("SPEC §4: Ed25519")
struct Ed25519Tests {
    /// RFC 8032 section 7.1, tests 1, 2, 3 and SHA(abc).
    @Test(
        "Ed25519 gives RFC 8032 section 7.1",
        arguments: [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                    + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                    + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                    + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            ),
            (
                "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
                "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
                    + "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
            ),
        ])
    func rfc8032(seed: String, key: String, message: String, signature: String) throws {
        let pair = Ed25519KeyPair(seed: secret(seed))
        #expect(pair.publicKey.bytes.hex == key)
        let signed = pair.sign(bytes(message).raw)
        #expect(signed.hex == signature)
        let parsed = try Ed25519PublicKey(parsing: bytes(key).raw)
        let valid = parsed.isValid(signed, for: bytes(message).raw)
        #expect(valid)
        #expect(Hex.encode(pair.exposeForStorage().raw) == seed)
        #expect(hex(pair.seed()) == seed)
        let again = pair.duplicate().sign(bytes(message).raw)
        #expect(again == signed)
    }

    @Test(
        "A13 PR-5 malleable, small-order and non-canonical cases keep their verdict",
        arguments: verdicts)
    private func frozen(_ verdict: Verdict) throws {
        if let error = verdict.keyError {
            #expect(throws: error) {
                _ = try Ed25519PublicKey(parsing: bytes(verdict.key).raw)
            }
        } else {
            _ = try Ed25519PublicKey(parsing: bytes(verdict.key).raw)
        }
        // Verification alone gives the verdict, also for a key that parsing would have refused.
        let key = Ed25519PublicKey(computed: fixed(verdict.key))
        let valid = key.isValid(fixed(verdict.signature), for: bytes(verdict.message).raw)
        #expect(valid == verdict.isValid)
    }

    @Test("A13 PR-2 PR-3 keys not below p and keys of small order are refused with either sign")
    func keyEncodings() {
        for sign in [UInt8(0), 0x80] {
            var value = FixedBytes<32>(repeating: 0xff)
            value[31] = 0x7f | sign
            for k in 0...18 {
                value[0] = UInt8(0xed + k)
                #expect(throws: PublicKeyError.nonCanonical) {
                    _ = try Ed25519PublicKey(parsing: value)
                }
            }
            for text in [
                "0000000000000000000000000000000000000000000000000000000000000000", one,
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", orderEightKey,
            ] {
                var point: FixedBytes<32> = fixed(text)
                point[31] |= sign
                #expect(throws: PublicKeyError.lowOrder) {
                    _ = try Ed25519PublicKey(parsing: point)
                }
            }
        }
        for count in [0, 31, 33] {
            let wrong = [UInt8](repeating: 9, count: count)
            #expect(throws: PublicKeyError.length(byteCount: count)) {
                _ = try Ed25519PublicKey(parsing: wrong.raw)
            }
        }
    }

    @Test("PR-5 every flipped bit of a signature, and another message or key, is refused")
    func forgeries() {
        var random = SeededRandom(5)
        let pair = Ed25519KeyPair.generate(from: &random)
        let other = Ed25519KeyPair.generate(from: &random)
        let message = random.bytes(count: 33)
        let signature = pair.sign(message.raw)
        func isValid(_ key: Ed25519PublicKey, _ signature: Ed25519Signature, _ message: [UInt8])
            -> Bool
        { key.isValid(signature, for: message.raw) }
        #expect(isValid(pair.publicKey, signature, message))
        for bit in 0..<512 {
            var forged = signature
            forged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!isValid(pair.publicKey, forged, message))
        }
        #expect(!isValid(other.publicKey, signature, message))
        #expect(!isValid(pair.publicKey, signature, message + [0]))
        #expect(!isValid(pair.publicKey, signature, []))
        #expect(!isValid(pair.publicKey, .zero, message))
    }

    @Test("a public key prints a prefix only")
    func printing() {
        let key = Ed25519KeyPair(seed: secret(String(repeating: "42", count: 32))).publicKey
        let text = "Ed25519(\(key.bytes.hex.prefix(8))…)"
        #expect("\(key)" == text)
        #expect(!String(reflecting: key).contains(String(key.bytes.hex.prefix(10))))
    }
}
