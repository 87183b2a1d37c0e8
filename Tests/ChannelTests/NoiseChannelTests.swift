import Primitives
import Testing

@testable import Channel

/// Keys, messages and results made with an independent implementation, that of Tests/python.
private enum Known {
    static let serverSecret = [UInt8](0x20...0x3f)
    static let clientEphemeral = [UInt8](0x40...0x5f)
    static let clientSeed = [UInt8](0x80...0xbf)
    static let serverEphemeral = [UInt8](0x60...0x7f)
    static let serverMessage = [UInt8](0xc0...0xdf)
    static let serverPublic = "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
    static let versions = ChannelHandshake.Versions(
        offer: "postern.v9, postern.v1", choice: "postern.v1")
    /// SHA-256 of the messages.
    static let first = "51d3671305847d514eef4e7806a59b45c86965b61d5f9b81054ea731d0b8e6d8"
    static let second = "41fc720851668bf396d9ac70dd9a681a5577f7236b9341ce5198fcc8c5014e58"
    static let hash = "4ffcf2951d1f2ed1e5f7309b4eab9ee6502262176cbdbc8029771781d9526e20"
    /// "message N" for N on both sides of two rekeys.
    static let fromClient: [UInt64: String] = [
        0: "e4c16b8fe3c1b3958ba6a3426d0a7c8a6c5679c59488bd9ac0",
        1: "2bf6dfea7c6c0ab7630ecd3ffcf99eb7ae3ecb0bcdc843007b",
        4095: "98b9b4f2b7aa9027b68510a9e6526a1d6c9b51220b0e91e8411a983b",
        4096: "aea53c74701f02a4449972bc9ecf0555f58243b70b2915437d185fc1",
        8191: "a8d9a237c862122ccb0a860b35ad5f21a4db3745cdc91361eb5af9af",
        8192: "d095484fdeec3ad4c51607f49ea06a221991c9ffb742810c32130a05",
    ]
    static let fromServer: [UInt64: String] = [
        0: "ba631874eec38b435c0f146d18e966b31883235b3b8e96751b",
        1: "410ef0abc426d281f3ab5948f81b71b06101932e2922a6e386",
        4095: "6c985ae4c10b00f84e54ad2cc831b1a66251dfde43faf0fb55671755",
        4096: "b7faa65e1c30d809cee1f515aec8a41248bde3620fda4e5fa08e2f52",
        8191: "da6f7c04d69361ce6de3191bd3822ab264bd3864c80220782e49cc0b",
        8192: "d7948b2ea0c72fe68abcf4986c730820e107c635c7a5d59011e55a22",
    ]
}

/// Both ends of one channel.
private struct Pair: ~Copyable {
    var client: NoiseTransport
    var server: NoiseTransport
    let first: [UInt8]
    let second: [UInt8]

    /// The channel of the known answers.
    static func known() throws -> Pair {
        try connect(
            FixedRandom(Known.clientEphemeral + Known.clientSeed),
            FixedRandom(Known.serverEphemeral + Known.serverMessage))
    }

    static func connect(
        _ clientSource: some RandomSource, _ serverSource: some RandomSource,
        serverVersions: ChannelHandshake.Versions = Known.versions,
        tamperFirst: ([UInt8]) -> [UInt8] = { $0 }, tamperSecond: ([UInt8]) -> [UInt8] = { $0 },
        pinned: X25519PublicKey? = nil
    ) throws(NoiseError) -> Pair {
        var clientRandom = clientSource
        var serverRandom = serverSource
        let key = X25519KeyPair(secret: SecretBytes(copying: Known.serverSecret.raw))
        let initiator = try ChannelHandshake.Initiator(
            serverKey: pinned ?? key.publicKey, versions: Known.versions, from: &clientRandom)
        let first = initiator.message
        let tampered = tamperFirst(first)
        let response = try ChannelHandshake.respond(
            to: tampered.raw, staticKey: key, versions: serverVersions, from: &serverRandom)
        let second = response.message
        let tamperedAnswer = tamperSecond(second)
        let client = try initiator.finish(reading: tamperedAnswer.raw)
        return Pair(
            client: client, server: response.takeTransport(), first: first, second: second)
    }

    /// The error with which connecting fails, or nil.
    static func failure(
        versions: ChannelHandshake.Versions = Known.versions,
        first: ([UInt8]) -> [UInt8] = { $0 }, second: ([UInt8]) -> [UInt8] = { $0 },
        pinned: X25519PublicKey? = nil
    ) -> NoiseError? {
        do throws(NoiseError) {
            _ = try connect(
                SeededRandom(1), SeededRandom(2), serverVersions: versions, tamperFirst: first,
                tamperSecond: second, pinned: pinned
            ).first
            return nil
        } catch {
            return error
        }
    }
}

private func hexadecimal(_ bytes: [UInt8]) -> String { Hex.encode(bytes.raw) }

@Suite("SPEC §11.2: the channel's Noise handshake")
struct NoiseChannelHandshakeTests {
    @Test("CH-20 CH-26 both messages, sizes and the handshake hash are the known ones")
    func known() throws {
        let pair = try Pair.known()
        #expect(SHA256.hash(pair.first.raw).hex == Known.first)
        #expect(SHA256.hash(pair.second.raw).hex == Known.second)
        #expect(ChannelHandshake.firstMessageByteCount == 1_248)
        #expect(ChannelHandshake.secondMessageByteCount == 1_152)
        #expect(pair.first.count == ChannelHandshake.firstMessageByteCount)
        #expect(pair.second.count == ChannelHandshake.secondMessageByteCount)
        #expect(pair.client.handshakeHash.hex == Known.hash)
        #expect(pair.server.handshakeHash.hex == Known.hash)
        let key = X25519KeyPair(secret: SecretBytes(copying: Known.serverSecret.raw))
        #expect(key.publicKey.bytes.hex == Known.serverPublic)
    }

    @Test("CH-21 the prologue is label, offer and choice, each after its length")
    func prologue() {
        #expect(
            hexadecimal(Known.versions.prologue) == """
                0011706f737465726e2f31206368616e6e656c\
                0016706f737465726e2e76392c20706f737465726e2e7631\
                000a706f737465726e2e7631
                """)
    }

    @Test(
        "CH-21 a server that saw another offer or choice is refused by its first message",
        arguments: [
            ("postern.v1", "postern.v1"), ("postern.v9,postern.v1", "postern.v1"),
            ("postern.v9, postern.v1", "postern.v9"), ("postern.v9, postern.v1", ""),
            ("postern.v9, postern.v1p", "ostern.v1"), ("", ""),
        ])
    func downgrade(offer: String, choice: String) {
        let seen = ChannelHandshake.Versions(offer: offer, choice: choice)
        #expect(Pair.failure(versions: seen) == .authentication)
    }

    @Test("CH-20 a server without the pinned key is refused")
    func wrongKey() {
        let other = X25519KeyPair(
            secret: SecretBytes(copying: [UInt8](repeating: 7, count: 32).raw)
        ).publicKey
        #expect(Pair.failure(pinned: other) == .authentication)
        // A server that answers with a static key of its own choice: the client notices alike.
        var random = SeededRandom(9)
        do throws(NoiseError) {
            let impostor = X25519KeyPair.generate(from: &random)
            let honest = X25519KeyPair(secret: SecretBytes(copying: Known.serverSecret.raw))
            let initiator = try ChannelHandshake.Initiator(
                serverKey: honest.publicKey, versions: Known.versions, from: &random)
            // It cannot read the first message, so it makes its answer to one of its own.
            let own = try ChannelHandshake.Initiator(
                serverKey: impostor.publicKey, versions: Known.versions, from: &random)
            let response = try ChannelHandshake.respond(
                to: own.message.raw, staticKey: impostor, versions: Known.versions, from: &random)
            _ = try initiator.finish(reading: response.message.raw).handshakeHash
            Issue.record("an impostor was accepted")
        } catch {
            #expect(error == .authentication)
        }
    }

    @Test("CH-23 a flipped bit in any byte of either message ends the handshake")
    func flippedBits() throws {
        #expect(Pair.failure() == nil)
        let key = X25519KeyPair(secret: SecretBytes(copying: Known.serverSecret.raw))
        let good = try Pair.known().first
        for place in 0..<good.count {
            // Every bit of the ephemeral key, whose top one would be an alias of the same point.
            for bit in place < 32 ? 0..<8 : place % 8..<place % 8 + 1 {
                var forged = good
                forged[place] ^= 1 << UInt8(bit)
                var random = SeededRandom(1)
                let isAlias = place == 31 && bit == 7
                #expect(throws: isAlias ? .publicKey(.nonCanonical) : NoiseError.authentication) {
                    _ = try ChannelHandshake.respond(
                        to: forged.raw, staticKey: key, versions: Known.versions, from: &random
                    ).message
                }
            }
        }
        // A client reads one answer only, so each place costs a handshake.
        for place in 0..<ChannelHandshake.secondMessageByteCount
        where place < 32 || place >= 1_120 || place.isMultiple(of: 16) {
            let error = Pair.failure(second: { message in
                var forged = message
                forged[place] ^= 0x80
                return forged
            })
            #expect(error == (place == 31 ? .publicKey(.nonCanonical) : .authentication))
        }
    }

    @Test(
        "CH-20 a message of any other length is refused, and nothing is computed for it",
        arguments: [0, 1, 31, 32, 47, 48, 49, 1_151, 1_152, 1_153, 1_247, 1_248, 1_249])
    func lengths(count: Int) {
        func resize(_ message: [UInt8]) -> [UInt8] {
            [UInt8]((message + [UInt8](repeating: 0, count: 128)).prefix(count))
        }
        let refused = NoiseError.messageLength(byteCount: count)
        #expect(Pair.failure(first: resize) == (count == 1_248 ? nil : refused))
        #expect(Pair.failure(second: resize) == (count == 1_152 ? nil : refused))
    }

    @Test("CH-20 a payload in either message is refused, authentic as it may be")
    func payload() throws {
        // The engine carries a payload of one byte; the channel's length leaves no room for it.
        var random = SeededRandom(4)
        let key = X25519KeyPair(secret: SecretBytes(copying: Known.serverSecret.raw))
        let prologue = Known.versions.prologue
        var client = try NoiseHandshake(
            .nkHFS, role: .initiator, prologue: prologue.raw, remoteStaticKey: key.publicKey)
        let first = try client.write(payload: [1].raw, from: &random)
        #expect(throws: NoiseError.messageLength(byteCount: 1_249)) {
            var random = SeededRandom(4)
            _ = try ChannelHandshake.respond(
                to: first.raw, staticKey: key, versions: Known.versions, from: &random
            ).message
        }
    }

    @Test("A2 A14 CH-22 low-order and non-canonical ephemeral keys are refused in both messages")
    func badKeys() {
        let points: [(String, PublicKeyError)] = [
            ("0000000000000000000000000000000000000000000000000000000000000000", .lowOrder),
            ("0100000000000000000000000000000000000000000000000000000000000000", .lowOrder),
            ("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", .lowOrder),
            ("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", .lowOrder),
            ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", .lowOrder),
            ("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", .nonCanonical),
            ("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", .nonCanonical),
        ]
        for (text, expected) in points {
            for highBit in [UInt8(0), 0x80] {
                func replace(_ message: [UInt8]) -> [UInt8] {
                    var key = (try? Hex.decode(text)) ?? []
                    key[31] |= highBit
                    return key + message.dropFirst(32)
                }
                let error = NoiseError.publicKey(highBit == 0 ? expected : .nonCanonical)
                #expect(Pair.failure(first: replace) == error)
                #expect(Pair.failure(second: replace) == error)
            }
        }
    }

    @Test("CH-26 two handshakes with one server have different hashes and keys")
    func distinct() throws {
        var one = try Pair.connect(SeededRandom(1), SeededRandom(2))
        var two = try Pair.connect(SeededRandom(3), SeededRandom(4))
        #expect(one.client.handshakeHash != two.client.handshakeHash)
        let message = try one.client.sending.seal([1, 2, 3].raw)
        #expect(throws: NoiseError.authentication) {
            _ = try two.server.receiving.open(message.raw)
        }
    }
}

@Suite("SPEC §11.2: messages inside the channel")
struct NoiseChannelTransportTests {
    @Test("CH-24 CH-25 messages on both sides of two rekeys are the known ones, each way")
    func known() throws {
        var pair = try Pair.known()
        var fromClient: [UInt64: String] = [:]
        var fromServer: [UInt64: String] = [:]
        for number in 0..<8194 as Range<UInt64> {
            let text = [UInt8]("message \(number)".utf8)
            let up = try pair.client.sending.seal(text.raw)
            let down = try pair.server.sending.seal(text.raw)
            if Known.fromClient[number] != nil {
                fromClient[number] = hexadecimal(up)
                fromServer[number] = hexadecimal(down)
            }
            #expect(try pair.server.receiving.open(up.raw) == text)
            #expect(try pair.client.receiving.open(down.raw) == text)
        }
        #expect(fromClient == Known.fromClient)
        #expect(fromServer == Known.fromServer)
    }

    @Test("CH-25 a receiver one message behind at the rekey is refused")
    func rekeyOutOfStep() throws {
        var pair = try Pair.known()
        var messages: [[UInt8]] = []
        for number in 0...NoiseRekey.messagesPerKey {
            let message = try pair.client.sending.seal([UInt8(number % 251)].raw)
            if number != NoiseRekey.messagesPerKey - 1 {
                messages.append(message)
            }
        }
        for message in messages.dropLast() { _ = try pair.server.receiving.open(message.raw) }
        let last = messages[messages.count - 1]
        #expect(throws: NoiseError.authentication) {
            _ = try pair.server.receiving.open(last.raw)
        }
    }

    @Test(
        "CH-23 a message changed in any bit, repeated, swapped, lost or sent back ends the channel")
    func terminal() throws {
        func check(
            _ expected: NoiseError = .authentication,
            _ deliver: (inout Pair, [UInt8], [UInt8]) throws -> [UInt8],
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            var pair = try Pair.known()
            let one = try pair.client.sending.seal([1, 1].raw)
            let two = try pair.client.sending.seal([2, 2].raw)
            let bad = try deliver(&pair, one, two)
            #expect(throws: expected, sourceLocation: sourceLocation) {
                _ = try pair.server.receiving.open(bad.raw)
            }
            // Nothing opens any more, not even what would have been right.
            for message in [one, two, bad] {
                #expect(throws: NoiseError.dead, sourceLocation: sourceLocation) {
                    _ = try pair.server.receiving.open(message.raw)
                }
            }
        }
        for bit in 0..<18 * 8 {
            try check { _, one, _ in
                var forged = one
                forged[bit / 8] ^= 1 << UInt8(bit % 8)
                return forged
            }
        }
        try check { pair, one, _ in
            _ = try pair.server.receiving.open(one.raw)
            return one
        }
        try check { _, _, two in two }
        try check { pair, _, _ in try pair.server.sending.seal([1, 1].raw) }
        try check { _, one, _ in one + [0] }
        try check { _, one, _ in one.dropLast() }
        for count in 0..<16 {
            try check(.messageLength(byteCount: count)) { _, one, _ in [UInt8](one.prefix(count)) }
        }
    }

    @Test("CH-27 65,535 bytes pass; one more is refused on either side")
    func longest() throws {
        var pair = try Pair.known()
        let most = NoiseHandshake.messageByteCountMax - NoiseSendingCipher.overheadByteCount
        let longest = [UInt8](repeating: 5, count: most)
        let message = try pair.client.sending.seal(longest.raw)
        #expect(message.count == 65_535)
        let opened = try pair.server.receiving.open(message.raw)
        #expect(opened == longest)
        let tooLong = longest + [5]
        #expect(throws: NoiseError.messageLength(byteCount: 65_536)) {
            _ = try pair.client.sending.seal(tooLong.raw)
        }
        #expect(throws: NoiseError.dead) { _ = try pair.client.sending.seal([1].raw) }
        let sealed = [UInt8](repeating: 0, count: 65_536)
        #expect(throws: NoiseError.messageLength(byteCount: 65_536)) {
            _ = try pair.server.receiving.open(sealed.raw)
        }
    }

    @Test("an empty message passes, sealed and opened in place like any other")
    func inPlace() throws {
        var pair = try Pair.known()
        for count in [0, 1, 255, 256, 4096] {
            let plaintext = [UInt8](repeating: 3, count: count)
            var buffer = plaintext + [UInt8](repeating: 0, count: 16)
            var span = buffer.mutableRaw
            try pair.server.sending.seal(inPlace: &span)
            #expect(count == 0 || [UInt8](buffer.prefix(count)) != plaintext)
            var opening = buffer.mutableRaw
            let opened = try pair.client.receiving.open(inPlace: &opening)
            #expect(opened == count)
            #expect([UInt8](buffer.prefix(count)) == plaintext)
        }
    }

    @Test("CH-24 the last counter is never used: sealing and opening stop before it")
    func exhaustion() throws {
        func cipher(_ nonce: UInt64) -> NoiseCipher {
            NoiseCipher(
                key: SecretBytes(copying: [UInt8](repeating: 1, count: 32).raw), nonce: nonce)
        }
        var sender = NoiseSendingCipher(cipher(UInt64.max - 1))
        var receiver = NoiseReceivingCipher(cipher(UInt64.max - 1))
        let last = try sender.seal([1].raw)
        let opened = try receiver.open(last.raw)
        #expect(opened == [1])
        #expect(throws: NoiseError.nonceExhausted) { _ = try sender.seal([1].raw) }
        #expect(throws: NoiseError.nonceExhausted) { _ = try receiver.open(last.raw) }
        #expect(throws: NoiseError.dead) { _ = try sender.seal([1].raw) }
        #expect(throws: NoiseError.dead) { _ = try receiver.open(last.raw) }
    }

    @Test("an established channel takes at most 160 bytes beside its two slots")
    func size() {
        #expect(MemoryLayout<NoiseTransport>.size <= 160)
    }
}
