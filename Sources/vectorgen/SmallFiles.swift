import Crypto
import Primitives
import VectorSuites
import Wire

/// Envelopes, safety numbers, mailboxes.
enum SmallFiles {
    /// Public keys that are none, in the order of PR-2 and PR-3.
    static let badKeys: [(name: String, bytes: [UInt8], error: String)] = [
        ("zero", [UInt8](repeating: 0, count: 32), "lowOrder"),
        ("one", [1] + [UInt8](repeating: 0, count: 31), "lowOrder"),
        ("p", [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f], "nonCanonical"),
        ("all ones", [UInt8](repeating: 0xff, count: 32), "nonCanonical"),
        ("31 bytes", [UInt8](repeating: 9, count: 31), "length"),
    ]

    // MARK: Envelopes

    static func envelope() throws -> VectorWriter {
        var file = try VectorWriter("envelope")
        var script = try ChatScript(seed: 41)
        let bob = script.bob
        let contents: [(String, Content)] = [
            ("text", script.text("Grüße ✓")),
            (
                "text with unknown fields",
                Content(
                    type: .text, id: script.id(), milliseconds: 1,
                    fields: ContentFields([
                        .init(tag: 1, value: Array("x".utf8)), .init(tag: 0x70, value: [1, 2]),
                        .init(tag: 0xff, value: []),
                    ]))
            ),
            (
                "delivery receipt",
                .deliveryReceipt(
                    [script.id(), script.id()], id: script.id(), milliseconds: 2)
            ),
            ("read receipt", .readReceipt([script.id()], id: script.id(), milliseconds: 3)),
            (
                "hello",
                .hello(
                    mailbox: bob.mailbox, recoveryBundle: bob.recoveryBundle, id: script.id(),
                    milliseconds: 4)
            ),
            (
                "recovery bundle",
                .recoveryBundle(
                    bob.recoveryBundle, id: script.id(), milliseconds: 5)
            ),
            (
                "unknown, shown",
                Content(
                    type: ContentType(rawValue: 0x7fff), id: script.id(), milliseconds: 6,
                    fields: .none)
            ),
            (
                "unknown, silent",
                Content(
                    type: ContentType(rawValue: 0xffff), id: script.id(), milliseconds: .max,
                    fields: .none)
            ),
            (
                "session reports",
                script.text("x").adding([
                    SessionReport(id: script.random.bytes(), completeThrough: 9)
                ])
            ),
        ]
        for (name, content) in contents {
            try file.add(name, "content", ["content": .hex(content.encoded)])
        }
        try refusedContents(&file, fixed: Array(contents[0].1.encoded[..<26]))
        for count in [0, 614, 615, 3686, 3687, 15_974] {
            try file.add(
                "\(count) bytes of fields", "size", ["fields": .whole(count), "prefix": 0])
        }
        try file.refuse(
            "15,975 bytes of fields", "EN-2", "size", ["fields": 15_975, "prefix": 0],
            as: "tooLong")
        try file.add("behind a prefix", "size", ["fields": 2049, "prefix": 1638])
        try file.refuse(
            "behind a prefix, one more", "EN-2", "size", ["fields": 2050, "prefix": 1638],
            as: "tooLong")
        return file
    }

    private static func refusedContents(_ file: inout VectorWriter, fixed: [UInt8]) throws {
        func refuse(_ name: String, _ rule: String, _ bytes: [UInt8], as error: String) throws {
            try file.refuse(name, rule, "content", ["content": .hex(bytes)], as: error)
        }
        func typed(_ type: UInt16) -> [UInt8] {
            [UInt8(type >> 8), UInt8(type & 0xff)] + fixed[2...]
        }
        try refuse("shorter than its fixed part", "EN-4", Array(fixed[..<25]), as: "truncated")
        try refuse("field past the end", "EN-4", fixed + [1, 0, 2, 0x41], as: "truncated")
        try refuse("half a field head", "EN-4", fixed + [1, 0], as: "truncated")
        try refuse("tag 0", "EN-4", fixed + [0, 0, 0], as: "tagOrder")
        try refuse(
            "tags not ascending", "EN-4", fixed + [2, 0, 0, 1, 0, 1, 0x41], as: "tagOrder")
        try refuse("a tag twice", "EN-4", fixed + [1, 0, 1, 0x41, 1, 0, 1, 0x41], as: "tagOrder")
        try refuse("text without body", "EN-7", fixed, as: "missingField")
        try refuse("empty text", "EN-8", fixed + [1, 0, 0], as: "badField")
        try refuse("text that is not UTF-8", "EN-8", fixed + [1, 0, 2, 0xc3, 0x28], as: "badField")
        try refuse(
            "text with a surrogate", "EN-8", fixed + [1, 0, 3, 0xed, 0xa0, 0x80], as: "badField")
        try refuse(
            "receipt of 15 bytes", "EN-7",
            typed(0x8001) + [1, 0, 15] + [UInt8](repeating: 1, count: 15), as: "badField")
        try refuse("receipt of nothing", "EN-7", typed(0x8002) + [1, 0, 0], as: "badField")
        try refuse("typing of state 2", "EN-7", typed(0x8003) + [1, 0, 1, 2], as: "badField")
        try refuse(
            "hello with half a mailbox", "EN-7",
            typed(0x8005) + [1, 0, 80] + [UInt8](repeating: 1, count: 80), as: "badField")
        try refuse(
            "recovery bundle of 4 bytes", "EN-7", fixed + [1, 0, 1, 0x41, 0xc1, 0, 4, 1, 2, 3, 4],
            as: "badField")
    }

    // MARK: Safety numbers

    static func safetyNumber() throws -> VectorWriter {
        var file = try VectorWriter("safety-number")
        var input: JSONValue = [:]
        var text = ""
        for seed in UInt64(0)..<4 {
            let alice = try VectorPerson("alice", seed: 51 + seed)
            let bob = try VectorPerson("bob", seed: 71 + seed)
            input = [
                "one": .hex(alice.account.publicKey.bytes),
                "other": .hex(bob.account.publicKey.bytes),
            ]
            text = try file.add("pair \(seed)", "number", input)["text"]?.text ?? ""
        }
        let swapped: JSONValue = ["one": input["other"] ?? .null, "other": input["one"] ?? .null]
        try file.add("pair 3, seen from the other side", "number", swapped)
        func compare(_ typed: String) -> JSONValue { input.with("typed", .string(typed)) }
        let lines = text.split(separator: " ")
        try file.add("typed as shown", "compare", compare(text))
        try file.add("typed without spaces", "compare", compare(lines.joined()))
        try file.add(
            "typed with hyphens and line breaks", "compare", compare(lines.joined(separator: "-\n"))
        )
        for (name, typed) in [
            ("half of it", String(text.prefix(39))), ("nothing", ""),
            ("one digit more", text + "0"), ("one digit less", String(text.dropLast())),
            ("a letter in it", text + " x"),
            ("another digit", String(text.dropLast()) + (text.last == "0" ? "1" : "0")),
        ] {
            try file.refuse("typed: \(name)", "EN-21", "compare", compare(typed), as: "different")
        }
        for key in badKeys {
            try file.refuse(
                "account key: \(key.name)", "WI-6", "number", input.with("one", .hex(key.bytes)),
                as: key.error)
        }
        return file
    }

    // MARK: Mailboxes

    static func mailbox() throws -> VectorWriter {
        var file = try VectorWriter("mailbox")
        var random = SeededRandom(81)
        let read = Ed25519KeyPair.generate(from: &random)
        let write = Ed25519KeyPair.generate(from: &random)
        let owner = Ed25519KeyPair.generate(from: &random)
        let keys: [JSONValue] = [
            .hex(owner.publicKey.bytes), .hex(read.publicKey.bytes), .hex(write.publicKey.bytes),
        ]
        func ofKind(_ kind: Int64, _ keys: [JSONValue]) -> JSONValue {
            ["kind": .integer(kind), "keys": .array(keys)]
        }
        let chat = try file.add("chat", "id", ofKind(1, Array(keys[1...])))
        try file.add("contact", "id", ofKind(2, [keys[1]]))
        try file.add("log", "id", ofKind(3, keys))
        try file.add("chat, keys the other way round", "id", ofKind(1, [keys[2], keys[1]]))
        try file.refuse("chat with one key", "MB-3", "id", ofKind(1, [keys[1]]), as: "keyCount")
        try file.refuse(
            "contact with two keys", "MB-3", "id", ofKind(2, Array(keys[1...])), as: "keyCount")
        try file.refuse("kind 4", "MB-25", "id", ofKind(4, [keys[1]]), as: "kind")
        for key in badKeys {
            try file.refuse(
                "read key: \(key.name)", "WI-6", "id", ofKind(2, [.hex(key.bytes)]),
                as: key.error)
        }
        try attaches(&file, id: chat["id"] ?? .null, read: read, write: write, &random)
        return file
    }

    private static func attaches(
        _ file: inout VectorWriter, id: JSONValue, read: borrowing Ed25519KeyPair,
        write: borrowing Ed25519KeyPair, _ random: inout SeededRandom
    ) throws {
        let hash = JSONValue.hex(random.bytes(count: 32))
        let input: JSONValue = [
            "seed": .hex(read.exposeForStorage()), "role": 0, "id": id, "handshake hash": hash,
        ]
        let made = try file.add("attach to read", "attach", input)
        try file.add(
            "attach to write", "attach",
            input.with("seed", .hex(write.exposeForStorage())).with("role", 1))
        guard let text = made["signature"]?.text else { return }
        let bytes = try Hex.decode(text)
        let signed: JSONValue = [
            "key": .hex(read.publicKey.bytes), "role": 0, "id": id, "handshake hash": hash,
            "signature": .hex(bytes),
        ]
        let operation = "verify attach"
        try file.add("attach verified", operation, signed)
        func refuse(_ name: String, _ rule: String, _ input: JSONValue) throws {
            try file.refuse("attach: \(name)", rule, operation, input, as: "signature")
        }
        try refuse("another role", "MB-4", signed.with("role", 1))
        try refuse("another mailbox", "MB-4", signed.with("id", hash))
        try refuse("another channel", "MB-4", signed.with("handshake hash", id))
        try refuse("another key", "MB-4", signed.with("key", .hex(write.publicKey.bytes)))
        var copy = bytes
        copy[63] |= 0x80
        try refuse("S above the order", "PR-5", signed.with("signature", .hex(copy)))
        copy = bytes
        copy.replaceSubrange(0..<32, with: [1] + [UInt8](repeating: 0, count: 31))
        try refuse("R of small order", "PR-5", signed.with("signature", .hex(copy)))
        copy = bytes
        copy[0] ^= 1
        try refuse("damaged", "MB-4", signed.with("signature", .hex(copy)))
    }
}
