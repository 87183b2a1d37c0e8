import Primitives
import VectorSuites

/// The channel: its handshake, what is refused in it, and messages.
enum ChannelFile {
    static func channel() throws -> VectorWriter {
        var file = try VectorWriter("channel")
        var random = SeededRandom(91)
        let server = X25519KeyPair.generate(from: &random)
        let secrets = ChannelTrace.Secrets(
            server: server.exposeForStorage(), client: random.bytes(count: 32),
            seed: random.bytes(count: 64), ephemeral: random.bytes(count: 32),
            message: random.bytes(count: 32))
        let versions: JSONValue = ["offer": "postern.v0", "choice": "postern.v0"]
        let clientSide = versions.with("client ephemeral", .hex(secrets.client))
            .with("client KEM seed", .hex(secrets.seed))
        let serverSide = versions.with("server private", .hex(secrets.server))
            .with("server ephemeral", .hex(secrets.ephemeral))
            .with("server KEM message", .hex(secrets.message))
        let both = clientSide.with("server private", .hex(secrets.server))
            .with("server ephemeral", .hex(secrets.ephemeral))
            .with("server KEM message", .hex(secrets.message))
        let messages: [JSONValue] = [0, 1, 4095, 4096, 4097, 8192].map { ["number": $0] }
        let made = try file.add(
            "two sides, with a new key after 4,096 messages", "channel",
            both.with("plaintext", .hex(Array("postern".utf8)))
                .with("messages", .array(messages)))
        let longer = try file.add(
            "a longer offer", "channel",
            both.with("offer", "postern.v1, postern.v0").with("plaintext", .hex([]))
                .with("messages", [["number": 0]]))
        let first = try bytes(made["first"])
        let second = try bytes(made["second"])
        let down = try bytes(made["messages"]?.elements?.first?["down"])
        try refusedByServer(
            &file, secrets, serverSide, first: first, longer: try bytes(longer["first"]))
        try refusedByClient(
            &file, secrets, clientSide.with("server key", .hex(server.publicKey.bytes)),
            second: second, down: down)
        return file
    }

    private static func bytes(_ value: JSONValue?) throws -> [UInt8] {
        guard let bytes = value?.text.flatMap({ try? Hex.decode($0) }) else {
            throw VectorWriter.Unexpected(text: "channel")
        }
        return bytes
    }

    private static func refusedByServer(
        _ file: inout VectorWriter, _ secrets: ChannelTrace.Secrets, _ serverSide: JSONValue,
        first: [UInt8], longer: [UInt8]
    ) throws {
        func given(_ bytes: [UInt8]) -> JSONValue { serverSide.with("first", .hex(bytes)) }
        try file.add("the server's answer", "respond", given(first))
        try refusedMessages(&file, "respond", first, given)
        try file.refuse(
            "respond: a version was stripped from the offer", "CH-21", "respond", given(longer),
            as: "authentication")
        try file.refuse(
            "respond: a version was added to the offer", "CH-21", "respond",
            given(first).with("offer", "postern.v0, postern.v1"), as: "authentication")
        // Sealed as it must be, so that only the check of the key itself is left.
        let places: [(name: String, change: ([UInt8]) -> [UInt8])] = [
            ("the first", { [0x01, $0[1] & 0xf0 | 0x0d] + $0[2...] }),
            ("the last", { $0[..<1_150] + [$0[1_150] & 0x0f | 0x10, 0xd0] + $0[1_152...] }),
        ]
        for (name, change) in places {
            var changes = ChannelTrace.Changes()
            changes.key = change
            let trace = try ChannelTrace(
                secrets, offer: "postern.v0", choice: "postern.v0", changes: changes)
            try file.refuse(
                "respond: \(name) coefficient of the encapsulation key is 3,329", "CH-28",
                "respond", given(trace.first), as: "encapsulationKey(modulus)")
        }
    }

    private static func refusedByClient(
        _ file: inout VectorWriter, _ secrets: ChannelTrace.Secrets, _ clientSide: JSONValue,
        second: [UInt8], down: [UInt8]
    ) throws {
        func given(_ bytes: [UInt8]) -> JSONValue { clientSide.with("second", .hex(bytes)) }
        let finish = given(second)
        try file.add("the client's end", "finish", finish)
        try refusedMessages(&file, "finish", second, given)
        try file.refuse(
            "finish: the choice was changed", "CH-21", "finish",
            finish.with("choice", "postern.v1"), as: "authentication")
        // A bit that is lost in the noise: only encrypting again shows that it was changed.
        var changes = ChannelTrace.Changes()
        changes.ciphertext = { [$0[0] ^ 1] + $0[1...] }
        let trace = try ChannelTrace(
            secrets, offer: "postern.v0", choice: "postern.v0", changes: changes)
        try file.refuse(
            "finish: the ciphertext has another bit and the secret of the first", "PR-13",
            "finish", given(trace.second), as: "authentication")
        try transport(&file, finish, down)
    }

    private static func refusedMessages(
        _ file: inout VectorWriter, _ operation: String, _ message: [UInt8],
        _ given: ([UInt8]) -> JSONValue
    ) throws {
        func refuse(_ what: String, _ rule: String, _ bytes: [UInt8], as error: String) throws {
            try file.refuse("\(operation): \(what)", rule, operation, given(bytes), as: error)
        }
        try refuse("a byte short", "CH-20", Array(message.dropLast()), as: "messageLength")
        try refuse("a payload", "CH-20", message + [0], as: "messageLength")
        try refuse("without the KEM", "CH-20", Array(message[..<48]), as: "messageLength")
        try refuse(
            "key of small order", "CH-22",
            [UInt8](repeating: 0, count: 32) + message[32...], as: "publicKey")
        try refuse(
            "key not canonical", "CH-22",
            [UInt8](repeating: 0xff, count: 32) + message[32...], as: "publicKey")
        for (name, place) in [
            ("what the KEM needs, damaged", 32), ("the KEM's tag, damaged", message.count - 17),
            ("tag damaged", message.count - 1),
        ] {
            var damaged = message
            damaged[place] ^= 1
            try refuse(name, "CH-23", damaged, as: "authentication")
        }
    }

    private static func transport(
        _ file: inout VectorWriter, _ finish: JSONValue, _ down: [UInt8]
    ) throws {
        func opening(_ bytes: [UInt8]) -> JSONValue { finish.with("message", .hex(bytes)) }
        try file.add("transport message", "open", opening(down))
        var damaged = down
        damaged[0] ^= 1
        try file.refuse("open: damaged", "CH-23", "open", opening(damaged), as: "authentication")
        try file.refuse(
            "open: 15 bytes", "CH-27", "open", opening(Array(down[..<15])), as: "messageLength")
        try file.refuse(
            "open: a tag of nothing", "CH-23", "open", opening([UInt8](repeating: 0, count: 16)),
            as: "authentication")
    }
}
