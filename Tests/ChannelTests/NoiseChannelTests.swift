import Primitives
import Testing

@testable import Channel

/// Keys, messages and results made with an independent implementation of Noise_NK.
private enum Known {
    static let serverSecret = [UInt8](0x20...0x3f)
    static let clientEphemeral = [UInt8](0x40...0x5f)
    static let serverEphemeral = [UInt8](0x60...0x7f)
    static let serverPublic = "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
    static let versions = ChannelHandshake.Versions(
        offer: "postern.v9, postern.v1", choice: "postern.v1")
    static let first =
        "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a"
        + "3e40eb5e7d6559fd58c48cdc2e810301"
    static let second =
        "675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f"
        + "6bac8fcf307975817982a61b7045597b"
    static let hash = "b96835a556d90190ef6a724d886ee8379ebe33339f8748a57506b5d115eb2801"
    /// "message N" for N on both sides of two rekeys.
    static let fromClient: [UInt64: String] = [
        0: "1bcab5fc0038e2e6953355583433748250bba1e87bef28d4df",
        1: "4cc9814d23c58ce324576af4ba620e31f037b8b75e42e11697",
        4095: "c3eff2ddc0ffff10f67607449905661d1b518ee734c2e72c4160f861",
        4096: "7dd179b2bb94fb7c6ebf934d0f2cbe06d1c28942880c0e22283ab9b2",
        8191: "e63205f13b31d0248a2118bcb97565cc3da677ef3c839dc345f019f3",
        8192: "9c802851b6680f170ce6afd5714d185ebe1a48a4dce7ff85145cea20",
    ]
    static let fromServer: [UInt64: String] = [
        0: "96e12208761c92f85b26666849bec835b0341cfaa39676f150",
        1: "96df33953ecb3093ce05c1c332db227056ff6c1ba9d3a92cfd",
        4095: "44ddd6cba398dd49dd92bef01c197e9533915f2ad9ccb93a2fc586fd",
        4096: "4c47788a845d96856b3698aa06909b91e970159417905d7ce26607bf",
        8191: "22b97f36302ebcab489588f7c3f049611b35ce1f3f7d6ae14b3478fb",
        8192: "a484a252bf2f51e30a169d030fe90becdf414ff8b8a640130c169459",
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
            FixedRandom(Known.clientEphemeral), FixedRandom(Known.serverEphemeral))
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
        #expect(hexadecimal(pair.first) == Known.first)
        #expect(hexadecimal(pair.second) == Known.second)
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

    @Test("CH-23 every flipped bit of either message ends the handshake")
    func flippedBits() {
        #expect(Pair.failure() == nil)
        for bit in 0..<48 * 8 {
            func flip(_ message: [UInt8]) -> [UInt8] {
                var forged = message
                forged[bit / 8] ^= 1 << UInt8(bit % 8)
                return forged
            }
            for error in [Pair.failure(first: flip), Pair.failure(second: flip)] {
                if bit == 255 {
                    // The top bit of the ephemeral key: an alias of the same point.
                    #expect(error == .publicKey(.nonCanonical))
                } else {
                    #expect(error == .authentication)
                }
            }
        }
    }

    @Test("CH-20 a message of any other length is refused", arguments: [0, 1, 31, 32, 47, 49, 64])
    func lengths(count: Int) {
        func resize(_ message: [UInt8]) -> [UInt8] {
            [UInt8]((message + [UInt8](repeating: 0, count: 64)).prefix(count))
        }
        #expect(Pair.failure(first: resize) == .messageLength(byteCount: count))
        #expect(Pair.failure(second: resize) == .messageLength(byteCount: count))
    }

    @Test("CH-20 a payload in either message is refused, authentic as it may be")
    func payload() throws {
        // The engine carries a payload of one byte; the channel's length leaves no room for it.
        var random = SeededRandom(4)
        let key = X25519KeyPair(secret: SecretBytes(copying: Known.serverSecret.raw))
        let prologue = Known.versions.prologue
        var client = try NoiseHandshake(
            .nk, role: .initiator, prologue: prologue.raw, remoteStaticKey: key.publicKey)
        let first = try client.write(payload: [1].raw, from: &random)
        #expect(throws: NoiseError.messageLength(byteCount: 49)) {
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
