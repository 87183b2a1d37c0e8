import Primitives
import Testing

private let sunscreen =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    + "sunscreen would be it."

@Suite("SPEC §4: authenticated ciphers")
struct CipherTests {
    @Test("ChaCha20-Poly1305 gives RFC 8439 section 2.8.2")
    func rfc8439() throws {
        let key = SecretBytes(copying: [UInt8](0x80...0x9f).raw)
        let nonce: FixedBytes<12> = fixed("070000004041424344454647")
        let data = bytes("50515253c0c1c2c3c4c5c6c7")
        let expected = bytes(
            """
            d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
            3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
            92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
            3ff4def08e4b7a9de576d26586cec64b6116
            1ae10b594f09e26a7e902ecbd0600691
            """)
        let sealed = ChaChaPoly.seal(
            utf8(sunscreen).raw, key: key, nonce: nonce, authenticating: data.raw)
        #expect(sealed == expected)
        let opened = try ChaChaPoly.open(
            expected.raw, key: key, nonce: nonce, authenticating: data.raw)
        #expect(opened == utf8(sunscreen))
    }

    @Test("ChaCha20-Poly1305 opens RFC 8439 appendix A.5")
    func rfc8439Appendix() throws {
        let key = secret("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0")
        let sealed = bytes(
            """
            64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2
            4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf
            332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855
            9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4
            b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e
            af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a
            0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10
            49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29
            a6ad5cb4022b02709b
            eead9d67890cbb22392336fea1851f38
            """)
        let opened = try ChaChaPoly.open(
            sealed.raw, key: key, nonce: fixed("000000000102030405060708"),
            authenticating: bytes("f33388860000000000004e91").raw)
        #expect(
            String(decoding: opened, as: UTF8.self) == """
                Internet-Drafts are draft documents valid for a maximum of six months and may be \
                updated, replaced, or obsoleted by other documents at any time. It is \
                inappropriate to use Internet-Drafts as reference material or to cite them other \
                than as /“work in progress./”
                """)
    }

    @Test("XChaCha20-Poly1305 gives draft-irtf-cfrg-xchacha-03 appendix A.3.1")
    func xChaCha() throws {
        let key = SecretBytes(copying: [UInt8](0x80...0x9f).raw)
        let nonce = FixedBytes<24>(copying: [UInt8](0x40...0x57).raw) ?? .zero
        let data = bytes("50515253c0c1c2c3c4c5c6c7")
        let expected = bytes(
            """
            bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
            731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
            2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
            21f9664c97637da9768812f615c68b13b52e
            c0875924c1c7987947deafd8780acf49
            """)
        let sealed = XChaChaPoly.seal(
            utf8(sunscreen).raw, key: key, nonce: nonce, authenticating: data.raw)
        #expect(sealed == expected)
        let opened = try XChaChaPoly.open(
            expected.raw, key: key, nonce: nonce, authenticating: data.raw)
        #expect(opened == utf8(sunscreen))
    }

    @Test("every form of both ciphers agrees, for lengths around a block")
    func forms() throws {
        try check(ChaChaPoly.self, FixedBytes(repeating: 3))
        try check(XChaChaPoly.self, FixedBytes(repeating: 3))

        func check<Cipher: AEAD>(_ cipher: Cipher.Type, _ nonce: Cipher.Nonce) throws {
            var random = SeededRandom(8439)
            let key = SecretBytes(byteCount: 32, from: &random)
            for count in [0, 1, 15, 16, 17, 63, 64, 65, 1024, 4096] {
                let plaintext = random.bytes(count: count)
                let data = random.bytes(count: count % 19)
                let sealed = Cipher.seal(
                    plaintext.raw, key: key, nonce: nonce, authenticating: data.raw)
                #expect(sealed.count == count + 16)

                var buffer = plaintext + [UInt8](repeating: 0xaa, count: 16)
                var span = buffer.mutableRaw
                Cipher.seal(inPlace: &span, key: key, nonce: nonce, authenticating: data.raw)
                #expect(buffer == sealed)

                var opening = sealed
                var openingSpan = opening.mutableRaw
                let openedCount = try Cipher.open(
                    inPlace: &openingSpan, key: key, nonce: nonce, authenticating: data.raw)
                #expect([UInt8](opening[..<openedCount]) == plaintext)

                let opened = try Cipher.open(
                    sealed.raw, key: key, nonce: nonce, authenticating: data.raw)
                #expect(opened == plaintext)
                let asSecret = try Cipher.openSecret(
                    sealed.raw, key: key, nonce: nonce, authenticating: data.raw)
                #expect(asSecret.exposeForStorage() == plaintext)
                let again = Cipher.seal(
                    asSecret, key: key, nonce: nonce, authenticating: data.raw)
                #expect(again == sealed)
            }
        }
    }

    @Test(
        "PR-6 a flipped bit anywhere, another key, nonce or data, and every shorter box are refused"
    )
    func forgeries() throws {
        try check(ChaChaPoly.self, FixedBytes(repeating: 3), FixedBytes(repeating: 4))
        try check(XChaChaPoly.self, FixedBytes(repeating: 3), FixedBytes(repeating: 4))

        func check<Cipher: AEAD>(
            _ cipher: Cipher.Type, _ nonce: Cipher.Nonce, _ other: Cipher.Nonce
        ) throws {
            var random = SeededRandom(1)
            let key = SecretBytes(byteCount: 32, from: &random)
            let wrongKey = SecretBytes(byteCount: 32, from: &random)
            let plaintext = random.bytes(count: 40)
            let data = random.bytes(count: 12)
            let sealed = Cipher.seal(
                plaintext.raw, key: key, nonce: nonce, authenticating: data.raw)

            func opens(
                _ sealed: [UInt8], wrongKey useWrongKey: Bool = false, _ nonce: Cipher.Nonce,
                _ data: [UInt8]
            ) -> Bool {
                var output = [UInt8](repeating: 0x55, count: max(0, sealed.count - 16))
                var span = output.mutableRaw
                do {
                    if useWrongKey {
                        try Cipher.open(
                            sealed.raw, into: &span, key: wrongKey, nonce: nonce,
                            authenticating: data.raw)
                    } else {
                        try Cipher.open(
                            sealed.raw, into: &span, key: key, nonce: nonce,
                            authenticating: data.raw)
                    }
                    return true
                } catch .authentication {
                    // Nothing of the plaintext is left behind.
                    #expect(output.allSatisfy { $0 == 0 })
                } catch {
                    #expect(error == .tooShort(byteCount: sealed.count))
                    #expect(sealed.count < 16)
                }
                return false
            }
            #expect(opens(sealed, nonce, data))
            for bit in 0..<sealed.count * 8 {
                var forged = sealed
                forged[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(!opens(forged, nonce, data))
                var inPlace = forged.mutableRaw
                #expect(throws: AEADError.authentication) {
                    _ = try Cipher.open(
                        inPlace: &inPlace, key: key, nonce: nonce, authenticating: data.raw)
                }
            }
            for count in 0..<sealed.count {
                #expect(!opens([UInt8](sealed[..<count]), nonce, data))
            }
            #expect(!opens(sealed, wrongKey: true, nonce, data))
            #expect(!opens(sealed, other, data))
            #expect(!opens(sealed, nonce, data + [0]))
            #expect(!opens(sealed, nonce, [UInt8](data.dropLast())))
            #expect(throws: AEADError.authentication) {
                _ = try Cipher.openSecret(
                    sealed.raw, key: wrongKey, nonce: nonce, authenticating: data.raw
                ).byteCount
            }
        }
    }
}
