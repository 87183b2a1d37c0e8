import Crypto
import Primitives
import VectorSuites
import Wire

/// The ratchet and what stands beside it: recovery bundles.
enum RatchetFiles {
    static func ratchet() throws -> VectorWriter {
        var file = try VectorWriter("ratchet")
        for (index, chat) in try SessionFiles.scripts(seed: 21).enumerated() {
            var script = chat.script
            script.seal(0, script.text("hello"))
            script.open(1, 0)
            script.seal(1, script.text("hello yourself"))
            if index != 1 { script.wander(index == 0 ? 24 : 6, fieldsMax: 300) }
            try file.add("by chance: \(chat.name)", "chat", script.input)
        }
        try file.add("refused messages leave the state", "chat", try forgedMessages().input)
        try file.add("before the reply", "chat", try beforeReply().input)
        for chat in try KEMFiles.chats() { try file.add(chat.name, "chat", chat.script.input) }
        try recoveryBundles(&file)
        return file
    }

    /// HS-12, HS-13: the prefix again and again, and no sixth message.
    private static func beforeReply() throws -> ChatScript {
        var script = try ChatScript(seed: 23)
        for index in 0..<6 { script.seal(0, script.text("message \(index)")) }
        script.seal(1, script.text("nobody has written to me"))
        for index in [1, 0, 4, 1] { script.open(1, index) }
        script.open(1, 2, flip: 1150)
        return script
    }

    private static let idle = [UInt8](repeating: 0, count: 242)
    /// The initiator's key is made already, so nothing is drawn.
    private static let unused = [UInt8](repeating: 0, count: 64)

    private static func forgedMessages() throws -> ChatScript {
        var script = try ChatScript(seed: 22)
        var trace = try script.trace()
        func add(_ side: Int, _ text: String, turn: Bool) throws {
            let content = script.text(text)
            let drawn = script.seal(side, content)
            _ = try trace.seal(
                content.encoded, by: side, newKey: turn ? drawn.key : nil, nonce: drawn.nonce,
                random: drawn.kem, isFirst: text == "one")
        }
        try add(0, "one", turn: false)
        script.open(1, 0)
        try add(1, "two", turn: true)
        script.open(0, 1)
        try add(0, "three", turn: true)
        script.open(1, 2)
        func forge(_ change: (inout RatchetTrace.Changes) -> Void) throws {
            var changes = RatchetTrace.Changes()
            change(&changes)
            var copy = trace
            let nonce = script.random.bytes(count: 24)
            let content = script.text("forged").encoded
            let made = try copy.seal(
                content, by: 0, newKey: nil, nonce: nonce, random: Self.unused, isFirst: false,
                changes: changes)
            script.deliver(1, made.envelope)
        }
        func header(_ offset: Int, _ bytes: [UInt8]) throws {
            try forge { changes in
                changes.header = {
                    var block = $0
                    block.replaceSubrange(offset..<offset + bytes.count, with: bytes)
                    return block
                }
            }
        }
        func block(_ offset: Int, _ mask: UInt8) throws {
            try forge { changes in
                changes.block = {
                    var block = $0
                    block[offset < 0 ? block.count + offset : offset] ^= mask
                    return block
                }
            }
        }
        // DR-2: kind, index, idle fields that are not zero, a chunk of the other side's kind, a
        // chunk behind the last epoch, a key that is none.
        try header(44, [3])
        try header(44, [1, 5])
        try header(44, [1, 255])
        try header(44, [0])
        try header(44, [0, 1] + [UInt8](repeating: 0, count: 240))
        try header(44, [2, 0])
        try header(43, [1])
        try header(40, [255, 255, 255, 255])
        try header(0, [UInt8](repeating: 0xff, count: 32))
        // DR-26: a chain has one epoch.
        try header(40, [0, 0, 0, 1] + idle)
        try header(40, [255, 255, 255, 255] + idle)
        // DR-3, DR-4
        try header(0, [UInt8](repeating: 9, count: 32))
        try header(36, [0, 0, 3, 0xea])
        // DR-11, DR-12, EN-3
        try block(7, 1)
        try block(8, 1)
        try block(-1, 1)
        // DR-14, EN-1
        script.open(1, 2)
        script.deliver(1, [UInt8](repeating: 0, count: 1023))
        script.deliver(1, [1] + [UInt8](repeating: 0, count: 1023))
        // After all of that the next message still opens.
        try add(0, "four", turn: false)
        script.open(1, 3)
        return script
    }

    private static func recoveryBundles(_ file: inout VectorWriter) throws {
        let bob = try VectorPerson("bob", seed: 61)
        let output = try file.add(
            "recovery bundle", "recovery bundle",
            [
                "signed prekey id": .whole(bob.signedPreKeyID),
                "signed prekey": .hex(bob.signedPreKey.publicKey.bytes),
                "KEM prekey id": .whole(bob.kemPreKeyID),
                "KEM prekey": .hex(bob.lastResortKEM.key.bytes),
                "made": .whole(VectorPerson.hours),
                "device seed": .hex(bob.device.exposeForStorage()),
            ])
        guard let text = output["bundle"]?.text else { return }
        let bytes = try Hex.decode(text)
        func reading(_ bytes: [UInt8]) -> JSONValue {
            ["bundle": .hex(bytes), "device key": .hex(bob.device.publicKey.bytes)]
        }
        func changed(_ place: Int, _ value: UInt8) -> JSONValue {
            var copy = bytes
            copy[place] = value
            return reading(copy)
        }
        let operation = "read recovery bundle"
        try file.add("recovery bundle read", operation, reading(bytes))
        try file.refuse(
            "recovery bundle: short", "DR-22", operation, reading(Array(bytes.dropLast())),
            as: "malformed")
        func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
        try file.refuse(
            "recovery bundle: KEM prekey taken away", "DR-22", operation,
            reading(Array(bytes[..<36]) + zeros(1188) + Array(bytes[1224...])), as: "badKEM")
        try file.refuse(
            "recovery bundle: KEM key of zeros", "DR-22", operation,
            reading(Array(bytes[..<40]) + zeros(1184) + Array(bytes[1224...])), as: "badKEM")
        try file.refuse(
            "recovery bundle: KEM coefficient 3329", "PR-11", operation,
            reading(Array(bytes[..<40]) + [0x01, bytes[41] & 0xf0 | 0x0d] + Array(bytes[42...])),
            as: "badKEM")
        try file.refuse(
            "recovery bundle: another KEM key", "DR-22", operation,
            changed(1223, bytes[1223] ^ 1), as: "signature")
        try file.refuse(
            "recovery bundle: another hour", "DR-22", operation,
            changed(1227, bytes[1227] ^ 1), as: "signature")
        try file.refuse(
            "recovery bundle: another device", "DR-22", operation,
            reading(bytes).with("device key", .hex(bob.account.publicKey.bytes)), as: "signature")
        try file.refuse(
            "recovery bundle: key not canonical", "WI-6", operation,
            reading(
                Array(bytes[..<4]) + [UInt8](repeating: 0xff, count: 32) + Array(bytes[36...])),
            as: "malformed")
    }
}
