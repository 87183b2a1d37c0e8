import Primitives
import Testing

@Suite("SPEC §4: hashes and derivations")
struct HashTests {
    @Test(
        "SHA-256 gives the examples of FIPS 180-4",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func sha256(message: String, digest: String) {
        #expect(SHA256.hash(utf8(message).raw).hex == digest)
    }

    @Test("SHA-256 of a million letters gives the example of FIPS 180-4")
    func sha256Million() {
        let digest = SHA256.hash([UInt8](repeating: 0x61, count: 1_000_000).raw)
        #expect(digest.hex == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test(
        "SHA-512 gives the examples of FIPS 180-4",
        arguments: [
            (
                "",
                """
                cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e
                """
            ),
            (
                "abc",
                """
                ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
                """
            ),
            (
                """
                abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn\
                hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu
                """,
                """
                8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018\
                501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909
                """
            ),
        ])
    func sha512(message: String, digest: String) {
        #expect(SHA512.hash(utf8(message).raw).hex == digest)
    }

    @Test("a hash over parts is the hash over the whole, wherever it is cut")
    func parts() {
        let message = [UInt8]((0..<300).map { UInt8(truncatingIfNeeded: $0) })
        for cut in 0...message.count {
            let head = message[..<cut]
            let tail = message[cut...]
            var short = SHA256()
            short.update(head.raw)
            short.update(tail.raw)
            #expect(short.finish() == SHA256.hash(message.raw))
            var long = SHA512()
            long.update(head.raw)
            long.update(tail.raw)
            #expect(long.finish() == SHA512.hash(message.raw))
        }
    }

    /// RFC 4231 section 4; case 5 is truncated to 16 bytes there.
    @Test(
        "HMAC-SHA-256 gives RFC 4231",
        arguments: [
            (
                String(repeating: "0b", count: 20), "4869205468657265",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                String(repeating: "aa", count: 20), String(repeating: "dd", count: 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
            ),
            (
                "0102030405060708090a0b0c0d0e0f10111213141516171819",
                String(repeating: "cd", count: 50),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
            ),
            (
                String(repeating: "0c", count: 20),
                "546573742057697468205472756e636174696f6e", "a3b6167473100ee06e0c796c2955552b"
            ),
            (
                String(repeating: "aa", count: 131),
                """
                54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a\
                65204b6579202d2048617368204b6579204669727374
                """,
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            (
                String(repeating: "aa", count: 131),
                """
                5468697320697320612074657374207573696e672061206c6172676572207468\
                616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074\
                68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565\
                647320746f20626520686173686564206265666f7265206265696e6720757365\
                642062792074686520484d414320616c676f726974686d2e
                """,
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
            ),
        ])
    func hmac(key: String, message: String, tag: String) {
        let result = HMACSHA256.tag(of: bytes(message).raw, key: secret(key))
        #expect(result.hex.hasPrefix(tag))
        let derived = HMACSHA256.derive(from: secret(key), message: bytes(message).raw)
        #expect(hex(derived).hasPrefix(tag))
        func isValid(_ tag: [UInt8]) -> Bool {
            HMACSHA256.isValid(tag.raw, for: bytes(message).raw, key: secret(key))
        }
        #expect(isValid(result.array))
        for index in 0..<32 {
            var wrong = result.array
            wrong[index] ^= 1
            #expect(!isValid(wrong))
        }
        #expect(!isValid([UInt8](result.array.dropLast())))
    }

    /// RFC 5869 appendix A.1 to A.3.
    @Test(
        "HKDF-SHA-256 gives RFC 5869, extract and expand apart and together",
        arguments: [
            (
                String(repeating: "0b", count: 22), "000102030405060708090a0b0c",
                "f0f1f2f3f4f5f6f7f8f9",
                "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
            ),
            (
                Hex.encode([UInt8](0x00...0x4f).raw), Hex.encode([UInt8](0x60...0xaf).raw),
                Hex.encode([UInt8](0xb0...0xff).raw),
                "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
                """
                b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
                59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
                cc30c58179ec3e87c14c01d5c1f3434f1d87
                """
            ),
            (
                String(repeating: "0b", count: 22), "", "",
                "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
            ),
        ])
    func hkdf(inputKey: String, salt: String, info: String, key: String, output: String) {
        let extracted = HKDFSHA256.extract(salt: bytes(salt).raw, inputKey: secret(inputKey))
        #expect(hex(extracted) == key)
        let count = output.count / 2
        let expanded = HKDFSHA256.expand(extracted, info: bytes(info).raw, byteCount: count)
        #expect(hex(expanded) == output)
        let once = HKDFSHA256.derive(
            from: secret(inputKey), salt: bytes(salt).raw, info: bytes(info).raw, byteCount: count)
        #expect(hex(once) == output)
        let secretSalt = HKDFSHA256.derive(
            from: secret(inputKey), salt: secret(salt), info: bytes(info).raw, byteCount: count)
        #expect(hex(secretSalt) == output)
    }

    @Test("HKDF output of any length is a prefix of the longest")
    func hkdfLengths() {
        let key = secret(String(repeating: "42", count: 32))
        let longest = hex(
            HKDFSHA256.expand(
                key, info: utf8("info").raw, byteCount: HKDFSHA256.outputByteCountMax))
        for count in [0, 1, 31, 32, 33, 63, 64, 65, 128, 255, 8128, 8159, 8160] {
            let output = HKDFSHA256.expand(key, info: utf8("info").raw, byteCount: count)
            #expect(hex(output) == String(longest.prefix(count * 2)))
        }
    }

    /// RFC 9106's own example has a secret and associated data, which libsodium does not take, so
    /// the answers come from another implementation of the RFC, with one lane and 16 bytes of salt.
    @Test(
        "Argon2id gives what an independent implementation gives",
        arguments: [
            (
                "password", "000102030405060708090a0b0c0d0e0f", UInt32(2), UInt32(1024),
                "5f6267928b0fbeb0c97a7da3950f5327928d74067551ac1e82a0ad57b43f3583"
            ),
            (
                "", "000102030405060708090a0b0c0d0e0f", 3, 64,
                """
                283b11644c3a22b4724348ce1e02dc1bf2e104da2ede1faaf23ed0f073e61d04\
                c4259206701e767b10d2e8c375755c29388da5f79b5491271b2a0a2c07cbcf00
                """
            ),
            (
                "pässwörd ünd mehr", "ffffffffffffffffffffffffffffffff", 1, 65536,
                "0ae313e03d33778e81b93b174fcd4cc9"
            ),
        ])
    func argon2id(
        passphrase: String, salt: String, passes: UInt32, memory: UInt32, key: String
    ) throws {
        let result = try Argon2id.derive(
            from: SecretBytes(copying: utf8(passphrase).raw), salt: fixed(salt),
            parameters: .init(passes: passes, memoryKiB: memory), byteCount: key.count / 2)
        #expect(hex(result) == key)
    }

    @Test("PR-8 Argon2id refuses parameters outside the limits before it works")
    func argon2idLimits() {
        typealias Parameters = Argon2id.Parameters
        for (passes, memory) in [
            (UInt32(0), UInt32(64)), (1, 7), (1, 0), (1, Parameters.memoryKiBMax + 1),
            (Parameters.passesMax + 1, 8), (.max, .max),
        ] {
            #expect(throws: Argon2idError.parameters(passes: passes, memoryKiB: memory)) {
                _ = try Argon2id.derive(
                    from: SecretBytes(copying: utf8("x").raw), salt: .zero,
                    parameters: .init(passes: passes, memoryKiB: memory)
                ).byteCount
            }
        }
        #expect(throws: Never.self) {
            _ = try Argon2id.derive(
                from: SecretBytes(copying: utf8("x").raw), salt: .zero,
                parameters: .init(
                    passes: Parameters.passesMax, memoryKiB: Parameters.memoryKiBMin)
            ).byteCount
        }
    }
}
