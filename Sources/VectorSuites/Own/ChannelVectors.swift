internal import Channel
internal import Primitives

/// The channel's handshake and its messages.
///
/// - SPEC: §11.2
enum ChannelVectors {
    static let suite = OwnSuite(
        name: "channel", rules: "CH-20 CH-21 CH-22 CH-23 CH-24 CH-25 CH-26 CH-27",
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
        let up: [UInt8] = try input.bytes("client ephemeral", count: 32)
        let down: [UInt8] = try input.bytes("server ephemeral", count: 32)
        var (clientRandom, serverRandom) = (FixedRandom(up), FixedRandom(down))
        let client = try ChannelHandshake.Initiator(
            serverKey: server.publicKey, versions: versions, from: &clientRandom)
        let first = client.message
        let response = try ChannelHandshake.respond(
            to: first.raw, staticKey: server, versions: versions, from: &serverRandom)
        let second = response.message
        let clientSide = try client.finish(reading: second.raw)
        let serverSide = response.takeTransport()
        let trace = try ChannelTrace(
            server: server.exposeForStorage(), client: up, ephemeral: down,
            offer: versions.offer, choice: versions.choice)
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
        var random = FixedRandom(try input.bytes("server ephemeral", count: 32))
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
        var random = FixedRandom(try input.bytes("client ephemeral", count: 32))
        let server = try input.x25519("server key")
        let versions = try versions(input)
        let second = try input.bytes("second")
        let client = try ChannelHandshake.Initiator(
            serverKey: server, versions: versions, from: &random)
        return try client.finish(reading: second.raw)
    }
}

/// Noise_NK_25519_ChaChaPoly_SHA256 with empty payloads, step by step from the primitives.
struct ChannelTrace {
    let prologue: [UInt8]
    let es: [UInt8]
    let ee: [UInt8]
    let first: [UInt8]
    let second: [UInt8]
    let hash: [UInt8]
    let upKey: [UInt8]
    let downKey: [UInt8]

    init(
        server: [UInt8], client: [UInt8], ephemeral: [UInt8], offer: String, choice: String
    ) throws {
        var prologue: [UInt8] = []
        for text in ["postern/1 channel", offer, choice] {
            prologue += Derive.big(UInt16(text.utf8.count)) + Derive.ascii(text)
        }
        let serverKey = Derive.x25519Public(server)
        let clientKey = Derive.x25519Public(client)
        let ephemeralKey = Derive.x25519Public(ephemeral)
        es = try Derive.x25519(client, serverKey)
        ee = try Derive.x25519(client, ephemeralKey)
        var hash = Derive.ascii("Noise_NK_25519_ChaChaPoly_SHA256")
        var chaining = hash
        func mix(_ bytes: [UInt8]) { hash = Derive.sha256(hash + bytes) }
        func seal(_ shared: [UInt8]) -> [UInt8] {
            let out = Derive.hkdf(chaining, shared, [], 64)
            chaining = Array(out[..<32])
            let tag = Derive.aead(Array(out[32...]), Derive.zeros(12), hash, [])
            mix(tag)
            return tag
        }
        mix(prologue)
        mix(serverKey)
        mix(clientKey)
        // An empty payload has no ciphertext but its tag.
        first = clientKey + seal(es)
        mix(ephemeralKey)
        second = ephemeralKey + seal(ee)
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
            "prologue": .hex(prologue), "es": .hex(es), "first": .hex(first), "ee": .hex(ee),
            "second": .hex(second), "hash": .hex(hash), "key up": .hex(upKey),
            "key down": .hex(downKey),
        ]
    }
}
