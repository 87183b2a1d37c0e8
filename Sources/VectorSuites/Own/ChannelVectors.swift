internal import Channel
internal import Primitives

/// The channel's handshake and its messages.
///
/// - SPEC: §11.2
enum ChannelVectors {
    static let suite = OwnSuite(
        name: "channel", rules: "CH-20 CH-21 CH-22 CH-23 CH-24 CH-25 CH-26 CH-27 CH-28 PR-13",
        operations: ["channel": channel, "respond": respond, "finish": finish, "open": open])

    /// More messages than this are not sealed for one vector.
    private static let countMax = 20_000

    private static func versions(_ input: VectorInput) throws -> ChannelHandshake.Versions {
        let (offer, choice) = (try input.text("offer"), try input.text("choice"))
        guard offer.utf8.count <= 8192, choice.utf8.count <= 8192 else {
            throw VectorProblem.member("offer")
        }
        return ChannelHandshake.Versions(offer: offer, choice: choice)
    }

    /// Both sides of a channel, and the first few steps once more from the primitives.
    @Sendable private static func channel(_ input: VectorInput) throws -> JSONValue {
        let server = try input.agreementKey("server private")
        let versions = try versions(input)
        let secrets = ChannelTrace.Secrets(
            server: server.exposeForStorage(),
            client: try input.bytes("client ephemeral", count: 32),
            seed: try input.bytes("client KEM seed", count: 64),
            ephemeral: try input.bytes("server ephemeral", count: 32),
            message: try input.bytes("server KEM message", count: 32))
        var clientRandom = FixedRandom(secrets.client + secrets.seed)
        var serverRandom = FixedRandom(secrets.ephemeral + secrets.message)
        let client = try ChannelHandshake.Initiator(
            serverKey: server.publicKey, versions: versions, from: &clientRandom)
        let first = client.message
        let response = try ChannelHandshake.respond(
            to: first.raw, staticKey: server, versions: versions, from: &serverRandom)
        let second = response.message
        let clientSide = try client.finish(reading: second.raw)
        let serverSide = response.takeTransport()
        let trace = try ChannelTrace(secrets, offer: versions.offer, choice: versions.choice)
        guard trace.first == first, trace.second == second,
            trace.hash == clientSide.handshakeHash.array,
            trace.hash == serverSide.handshakeHash.array, clientRandom.isUsedUp,
            serverRandom.isUsedUp
        else { throw VectorProblem.disagreement("channel handshake") }
        let plaintext = try input.bytes("plaintext")
        let indices = try input.objects("messages")
        let messages = try Self.messages(
            indices, plaintext, trace: trace, client: consume clientSide,
            server: consume serverSide)
        return trace.json.with("messages", .array(messages))
    }

    /// Seals the same plaintext until the highest number asked for; both directions.
    private static func messages(
        _ wanted: [VectorInput], _ plaintext: [UInt8], trace: ChannelTrace,
        client: consuming NoiseTransport, server: consuming NoiseTransport
    ) throws -> [JSONValue] {
        let numbers: [Int] = try wanted.map { try $0.integer("number") }
        guard let first = numbers.min(), first >= 0, let last = numbers.max(), last < countMax,
            plaintext.count <= 1024
        else {
            throw VectorProblem.member("messages")
        }
        var (upKey, downKey) = (trace.upKey, trace.downKey)
        var result: [Int: JSONValue] = [:]
        for number in 0...last {
            if number > 0, number.isMultiple(of: 4096) {
                upKey = ChannelTrace.rekey(upKey)
                downKey = ChannelTrace.rekey(downKey)
            }
            let sentUp = try client.sending.seal(plaintext.raw)
            let sentDown = try server.sending.seal(plaintext.raw)
            guard try server.receiving.open(sentUp.raw) == plaintext,
                try client.receiving.open(sentDown.raw) == plaintext
            else { throw VectorProblem.disagreement("message") }
            guard numbers.contains(number) else { continue }
            let nonce = Derive.zeros(4) + Derive.big(UInt64(number).byteSwapped)
            guard sentUp == Derive.aead(upKey, nonce, [], plaintext),
                sentDown == Derive.aead(downKey, nonce, [], plaintext)
            else { throw VectorProblem.disagreement("message \(number)") }
            result[number] = [
                "number": .whole(number), "key up": .hex(upKey), "key down": .hex(downKey),
                "nonce": .hex(nonce), "up": .hex(sentUp), "down": .hex(sentDown),
            ]
        }
        return numbers.compactMap { result[$0] }
    }

    /// A server that is given a first message.
    @Sendable private static func respond(_ input: VectorInput) throws -> JSONValue {
        let ephemeral = try input.bytes("server ephemeral", count: 32)
        var random = FixedRandom(ephemeral + (try input.bytes("server KEM message", count: 32)))
        let first = try input.bytes("first")
        let server = try input.agreementKey("server private")
        let versions = try versions(input)
        let response = try ChannelHandshake.respond(
            to: first.raw, staticKey: server, versions: versions, from: &random)
        let second = response.message
        let hash = response.transport.handshakeHash
        return ["second": .hex(second), "hash": .hex(hash)]
    }

    /// A client that is given a second message.
    @Sendable private static func finish(_ input: VectorInput) throws -> JSONValue {
        let transport = try clientSide(input)
        let hash = transport.handshakeHash
        return ["hash": .hex(hash)]
    }

    /// A client that is given a transport message; a second one after a refusal is refused as well.
    @Sendable private static func open(_ input: VectorInput) throws -> JSONValue {
        let message = try input.bytes("message")
        var transport = try clientSide(input)
        return ["plaintext": .hex(try transport.receiving.open(message.raw))]
    }

    private static func clientSide(_ input: VectorInput) throws -> NoiseTransport {
        let ephemeral = try input.bytes("client ephemeral", count: 32)
        var random = FixedRandom(ephemeral + (try input.bytes("client KEM seed", count: 64)))
        let server = try input.x25519("server key")
        let versions = try versions(input)
        let second = try input.bytes("second")
        let client = try ChannelHandshake.Initiator(
            serverKey: server, versions: versions, from: &random)
        return try client.finish(reading: second.raw)
    }
}

/// Noise_NKhfs_25519+MLKEM768_ChaChaPoly_SHA256 with empty payloads, step by step from the
/// primitives, and what an honest side never sends in it.
package struct ChannelTrace {
    /// Everything that is drawn or kept secret.
    package struct Secrets {
        /// The server's static private key.
        package let server: [UInt8]
        /// The client's ephemeral private key.
        package let client: [UInt8]
        /// The seed of the client's KEM key pair, 64 bytes.
        package let seed: [UInt8]
        /// The server's ephemeral private key.
        package let ephemeral: [UInt8]
        /// The message that the server encapsulates.
        package let message: [UInt8]

        /// The server's static private key; the client's ephemeral one, 32 bytes, and the seed of
        /// its KEM key pair, 64; the server's ephemeral one and the message that it encapsulates,
        /// 32 each.
        package init(
            server: [UInt8], client: [UInt8], seed: [UInt8], ephemeral: [UInt8], message: [UInt8]
        ) {
            self.server = server
            self.client = client
            self.seed = seed
            self.ephemeral = ephemeral
            self.message = message
        }
    }

    /// What is changed before it is sealed.
    package struct Changes {
        /// The encapsulation key that the client sends.
        package var key: ([UInt8]) -> [UInt8] = { $0 }
        /// The ciphertext that the server sends; its secret stays what it was.
        package var ciphertext: ([UInt8]) -> [UInt8] = { $0 }

        /// Changes nothing.
        package init() {}
    }

    /// The first message.
    package let first: [UInt8]
    /// The second message.
    package let second: [UInt8]
    let prologue: [UInt8]
    let es: [UInt8]
    let encapsulationKey: [UInt8]
    let ee: [UInt8]
    let ciphertext: [UInt8]
    let kemSecret: [UInt8]
    let hash: [UInt8]
    let upKey: [UInt8]
    let downKey: [UInt8]

    /// Computes both messages and the keys that follow.
    package init(
        _ secrets: Secrets, offer: String, choice: String, changes: Changes = Changes()
    ) throws {
        var prologue: [UInt8] = []
        for text in ["postern/1 channel", offer, choice] {
            prologue += Derive.big(UInt16(text.utf8.count)) + Derive.ascii(text)
        }
        let serverKey = Derive.x25519Public(secrets.server)
        let clientKey = Derive.x25519Public(secrets.client)
        let ephemeralKey = Derive.x25519Public(secrets.ephemeral)
        es = try Derive.x25519(secrets.client, serverKey)
        ee = try Derive.x25519(secrets.client, ephemeralKey)
        let pair = MLKEM768KeyPair(seed: SecretBytes(copying: secrets.seed.raw))
        let made = pair.publicKey.encapsulate(
            message: SecretBytes(copying: secrets.message.raw))
        encapsulationKey = pair.publicKey.bytes.array
        ciphertext = made.ciphertext.array
        kemSecret = made.secret.exposeForStorage()
        var hash = Derive.sha256(Derive.ascii("Noise_NKhfs_25519+MLKEM768_ChaChaPoly_SHA256"))
        var chaining = hash
        var key: [UInt8] = []
        var number = 0
        func mix(_ bytes: [UInt8]) { hash = Derive.sha256(hash + bytes) }
        func mix(key shared: [UInt8]) {
            let out = Derive.hkdf(chaining, shared, [], 64)
            chaining = Array(out[..<32])
            key = Array(out[32...])
            number = 0
        }
        func seal(_ plaintext: [UInt8]) -> [UInt8] {
            let nonce = Derive.zeros(4) + Derive.big(UInt64(number).byteSwapped)
            let sealed = Derive.aead(key, nonce, hash, plaintext)
            number += 1
            mix(sealed)
            return sealed
        }
        mix(prologue)
        mix(serverKey)
        mix(clientKey)
        mix(key: es)
        let sealedKey = seal(changes.key(encapsulationKey))
        // An empty payload has no ciphertext but its tag.
        first = clientKey + sealedKey + seal([])
        mix(ephemeralKey)
        mix(key: ee)
        let sealedCiphertext = seal(changes.ciphertext(ciphertext))
        mix(key: kemSecret)
        second = ephemeralKey + sealedCiphertext + seal([])
        let keys = Derive.hkdf(chaining, [], [], 64)
        upKey = Array(keys[..<32])
        downKey = Array(keys[32...])
        self.prologue = prologue
        self.hash = hash
    }

    /// REKEY of Noise section 4.2.
    static func rekey(_ key: [UInt8]) -> [UInt8] {
        let nonce = Derive.zeros(4) + [UInt8](repeating: 0xff, count: 8)
        return Array(Derive.aead(key, nonce, [], Derive.zeros(32))[..<32])
    }

    var json: JSONValue {
        [
            "prologue": .hex(prologue), "es": .hex(es), "encapsulation key": .hex(encapsulationKey),
            "first": .hex(first), "ee": .hex(ee), "ciphertext": .hex(ciphertext),
            "KEM secret": .hex(kemSecret), "second": .hex(second), "hash": .hex(hash),
            "key up": .hex(upKey), "key down": .hex(downKey),
        ]
    }
}
