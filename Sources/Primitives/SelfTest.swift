/// Which function gave a wrong answer at start-up.
package enum SelfTestError: Error, Equatable, Sendable, CaseIterable {
    case sha256
    case sha512
    case hmac
    case hkdf
    case chaChaPoly
    case xChaChaPoly
    case secretStream
    case x25519
    case x25519LowOrder
    case ed25519
    case ed25519Forgery
    case mlKEM
    case random
    case argon2id
}

/// Known-answer tests of everything here, run at start-up by both programs.
///
/// They find a libsodium that is broken, replaced or of another ABI before a key is touched. About
/// a millisecond in all.
package enum SelfTest {
    /// Runs all of them.
    ///
    /// - Throws: the first function whose answer is wrong; the program must not go on.
    /// - SPEC: §4.6, PR-9
    package static func run() throws(SelfTestError) {
        try run(table: KnownAnswers())
    }

    /// Runs against the given answers, so that a test can show that a wrong one is noticed.
    static func run(table: KnownAnswers) throws(SelfTestError) {
        Sodium.start()
        try hashes(table)
        try ciphers(table)
        try stream(table)
        try curves(table)
        try encapsulation(table)
        try others(table)
    }

    private static func hashes(_ table: KnownAnswers) throws(SelfTestError) {
        let abc: StaticString = "abc"
        guard SHA256.hash(abc.raw).hex == table.sha256 else { throw .sha256 }
        guard SHA512.hash(abc.raw).hex == table.sha512 else { throw .sha512 }

        let jefe: StaticString = "Jefe"
        let question: StaticString = "what do ya want for nothing?"
        let hmac = HMACSHA256.tag(of: question.raw, key: SecretBytes(copying: jefe.raw))
        guard hmac.hex == table.hmac else { throw .hmac }

        let inputKey = SecretBytes(copying: [UInt8](repeating: 0x0b, count: 22).raw)
        let output = HKDFSHA256.derive(
            from: inputKey, salt: [UInt8](0...12).raw, info: [UInt8](0xf0...0xf9).raw,
            byteCount: 42)
        guard Hex.encode(output.raw) == table.hkdf else { throw .hkdf }
    }

    private static func ciphers(_ table: KnownAnswers) throws(SelfTestError) {
        let key = SecretBytes(copying: [UInt8](0x80...0x9f).raw)
        let data = [UInt8](0xc0...0xcb)
        let text: StaticString = "If I could offer you only one tip for the future"
        try check(ChaChaPoly.self, FixedBytes(repeating: 7), table.chaChaPoly, .chaChaPoly)
        try check(XChaChaPoly.self, FixedBytes(repeating: 7), table.xChaChaPoly, .xChaChaPoly)

        func check<Cipher: AEAD>(
            _ cipher: Cipher.Type, _ nonce: Cipher.Nonce, _ answer: String, _ failure: SelfTestError
        ) throws(SelfTestError) {
            var sealed = Cipher.seal(text.raw, key: key, nonce: nonce, authenticating: data.raw)
            guard SHA256.hash(sealed.raw).hex == answer else { throw failure }
            let opened = try? Cipher.open(
                sealed.raw, key: key, nonce: nonce, authenticating: data.raw)
            guard let opened, ConstantTime.isEqual(opened.raw, text.raw) else { throw failure }
            sealed[0] ^= 1
            let forged = try? Cipher.open(
                sealed.raw, key: key, nonce: nonce, authenticating: data.raw)
            guard forged == nil else { throw failure }
        }
    }

    /// Two messages of a stream, the last one marked so; and one that was cut off.
    private static func stream(_ table: KnownAnswers) throws(SelfTestError) {
        let key = SecretBytes(copying: [UInt8](0x80...0x9f).raw)
        let header = FixedBytes<24>(repeating: 7)
        let text: StaticString = "If I could offer you only one tip for the future"
        var pusher = SecretStreamPusher(key: key, header: header)
        var hash = SHA256()
        var sealed: [[UInt8]] = []
        for tag in [SecretStreamTag.message, .final] {
            let message = pusher.push(text.raw, tag: tag)
            hash.update(message.raw)
            sealed.append(message)
        }
        guard hash.finish().hex == table.secretStream else { throw .secretStream }
        var puller = SecretStreamPuller(key: key, header: header)
        // The second in the place of the first.
        let last = sealed[1]
        guard (try? puller.pull(last.raw)) == nil else { throw .secretStream }
        for (message, tag) in zip(sealed, [SecretStreamTag.message, .final]) {
            let opened = try? puller.pull(message.raw)
            guard let opened, opened.tag == tag, ConstantTime.isEqual(opened.bytes.raw, text.raw)
            else { throw .secretStream }
        }
    }

    private static func curves(_ table: KnownAnswers) throws(SelfTestError) {
        guard
            let alice = FixedBytes<32>(hex: table.x25519Secret),
            let bob = FixedBytes<32>(hex: table.x25519Peer)
        else { throw .x25519 }
        let secret = SecretBytes(copying: alice.raw)
        guard let shared = try? X25519.agree(secret: secret, point: bob),
            Hex.encode(shared.raw) == table.x25519Shared
        else { throw .x25519 }
        // The zero point must be refused by its return code.
        guard (try? X25519.agree(secret: secret, point: .zero)) == nil else {
            throw .x25519LowOrder
        }

        guard let seed = FixedBytes<32>(hex: table.ed25519Seed),
            let expected = Ed25519Signature(hex: table.ed25519Signature)
        else { throw .ed25519 }
        let pair = Ed25519KeyPair(seed: SecretBytes(copying: seed.raw))
        let message: [UInt8] = [0x72]
        let signature = pair.sign(message.raw)
        guard signature == expected, pair.publicKey.isValid(signature, for: message.raw) else {
            throw .ed25519
        }
        var forged = signature
        forged[63] ^= 0x10
        guard !pair.publicKey.isValid(forged, for: message.raw) else { throw .ed25519Forgery }
    }

    /// One key, one ciphertext, and one that must be rejected; SHA-3 and SHAKE are inside.
    private static func encapsulation(_ table: KnownAnswers) throws(SelfTestError) {
        let pair = MLKEM768KeyPair(seed: SecretBytes(copying: [UInt8](0..<64).raw))
        let message = SecretBytes(byteCount: 32) { bytes in
            for offset in 0..<32 { bytes.storeBytes(of: 7, toByteOffset: offset, as: UInt8.self) }
        }
        let made = pair.publicKey.encapsulate(message: message)
        let found = pair.decapsulate(made.ciphertext)
        var changed = made.ciphertext
        changed[0] ^= 1
        let rejected = pair.decapsulate(changed)
        var hash = SHA256()
        hash.update(pair.publicKey.raw)
        hash.update(made.ciphertext.raw)
        made.secret.withBytes { hash.update($0) }
        rejected.withBytes { hash.update($0) }
        guard found.isEqual(to: made.secret), hash.finish().hex == table.mlKEM else {
            throw .mlKEM
        }
    }

    private static func others(_ table: KnownAnswers) throws(SelfTestError) {
        var random = SystemRandom()
        let first: FixedBytes<32> = random.bytes()
        let second: FixedBytes<32> = random.bytes()
        guard first != second, !first.isZero, !second.isZero else { throw .random }

        let passphrase: StaticString = "password"
        let key = try? Argon2id.derive(
            from: SecretBytes(copying: passphrase.raw), salt: FixedBytes(repeating: 1),
            parameters: .minimumForTests, home: .slab)
        guard let key, Hex.encode(key.raw) == table.argon2id else { throw .argon2id }
    }
}

/// What the start-up tests expect, with where it stands.
struct KnownAnswers {
    /// FIPS 180-4 example "abc".
    var sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    /// FIPS 180-4 example "abc".
    var sha512 =
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    /// RFC 4231 section 4.3.
    var hmac = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    /// RFC 5869 appendix A.1.
    var hkdf =
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    /// SHA-256 of the box; made with an independent implementation.
    var chaChaPoly = "6992475903f7e8ebe91e601c4bdac86d10f9b4c75a19dfe6796dc8cf041847c4"
    /// SHA-256 of the box; made with an independent implementation.
    var xChaChaPoly = "3e7fbb176dc98f28cf74b2e0060467d1039734f0f34ab79c930ba22c6c352fc2"
    /// SHA-256 of both messages; made with an independent implementation.
    var secretStream = "1e8f8a37fe569fd9382d1777f8937d134d223e85d7456c5c1e527460d47a7e98"
    /// RFC 7748 section 6.1.
    var x25519Secret = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
    var x25519Peer = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    var x25519Shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    /// RFC 8032 section 7.1, test 2.
    var ed25519Seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    var ed25519Signature =
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    /// SHA-256 of public key, ciphertext, secret and rejected secret; made with an independent
    /// implementation.
    var mlKEM = "010832112a084007b88681a54a985343afb0989358f798fc727653c0cd9b80fb"
    /// Made with an independent implementation: 1 pass, 8 KiB, 1 lane.
    var argon2id = "55dbcec536a7ea872cbe528dfbbdb777efd2d13a7c8ea45133d0f58684ca1fe7"
}
