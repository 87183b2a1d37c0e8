import Crypto
import Primitives
import VectorSuites
import Wire

/// Handshake, ratchet, frames.
enum SessionFiles {
    /// What differs between chats: the type of first message and what is in it.
    static func scripts(seed: UInt64) throws -> [(name: String, script: ChatScript)] {
        let extensions = TaggedFields([
            TaggedFields.Field(tag: 1, value: [1, 2, 3]),
            TaggedFields.Field(tag: 0x7000, value: []),
        ])
        var writer = Writer()
        extensions.encode(into: &writer)
        return [
            ("one-time prekey", try ChatScript(seed: seed)),
            ("no one-time prekey", try ChatScript(seed: seed, withOneTime: false)),
            ("reset", try ChatScript(seed: seed, type: .reset)),
            ("extensions", try ChatScript(seed: seed, extensions: writer.bytes)),
        ]
    }

    // MARK: Handshake

    static func handshake() throws -> VectorWriter {
        var file = try VectorWriter("handshake")
        for (index, chat) in try scripts(seed: 11).enumerated() {
            var script = chat.script
            let content = script.text("first \(index)")
            script.seal(0, content)
            if index == 0 { script.seal(0, script.text("second, behind the same prefix")) }
            script.open(1, 0)
            script.open(1, 1)
            // HS-14: the same prefix makes no second session.
            script.open(1, 0)
            let output = try file.add("\(chat.name): both sides", "chat", script.input)
            guard let envelope = output["steps"]?.elements?.first?["envelope"] else { continue }
            try file.add("\(chat.name): accepted", "accept", accepting(script, envelope))
        }
        try forgedFirstMessages(&file)
        return file
    }

    private static func accepting(_ script: ChatScript, _ envelope: JSONValue) -> JSONValue {
        [
            "recipient": script.bob.json, "one-time": .bool(script.withOneTime),
            "now": .whole(VectorPerson.now), "envelope": envelope,
        ]
    }

    private static func forgedFirstMessages(_ file: inout VectorWriter) throws {
        let script = try ChatScript(seed: 11)
        func envelope(
            _ changes: HandshakeTrace.Changes, _ message: RatchetTrace.Changes = .init()
        ) throws -> [UInt8] {
            var copy = script
            let content = copy.text("forged").encoded
            var trace = try script.trace(changes)
            return try trace.seal(
                content, by: 0, newKey: nil, nonce: [UInt8](repeating: 7, count: 24),
                random: [UInt8](repeating: 8, count: 64), isFirst: true, changes: message
            ).envelope
        }
        func inner(_ change: @escaping (inout [UInt8]) -> Void) -> HandshakeTrace.Changes {
            var changes = HandshakeTrace.Changes()
            changes.inner = {
                var block = $0
                change(&block)
                return block
            }
            return changes
        }
        func outer(_ offset: Int, _ byte: UInt8) -> HandshakeTrace.Changes {
            var changes = HandshakeTrace.Changes()
            changes.outer = {
                var block = $0
                block[offset] = byte
                return block
            }
            return changes
        }
        func outer(_ change: @escaping (inout [UInt8]) -> Void) -> HandshakeTrace.Changes {
            var changes = HandshakeTrace.Changes()
            changes.outer = {
                var block = $0
                change(&block)
                return block
            }
            return changes
        }
        func refuse(_ name: String, _ rule: String, _ bytes: [UInt8], as error: String) throws {
            try file.refuse(name, rule, "accept", accepting(script, .hex(bytes)), as: error)
        }
        let good = try envelope(.init())
        func flipped(_ place: Int) -> [UInt8] {
            var bytes = good
            bytes[place] ^= 1
            return bytes
        }
        try refuse("a byte short", "HS-1", Array(good.dropLast()), as: "size(byteCount: 4095)")
        try refuse("version 1", "HS-1", flipped(0), as: "version(1)")
        var bytes = good
        bytes.replaceSubrange(1..<33, with: [UInt8](repeating: 0xff, count: 32))
        try refuse("ephemeral key not canonical", "HS-2", bytes, as: "badKey")
        bytes.replaceSubrange(1..<33, with: [UInt8](repeating: 0, count: 32))
        try refuse("ephemeral key of small order", "HS-2", bytes, as: "badKey")
        try refuse("another top bit", "HS-2", topBit(good), as: "notForThisPrekey")
        try refuse("outer block damaged", "HS-4", flipped(40), as: "notForThisPrekey")
        try refuse("inner block damaged", "HS-8", flipped(1147), as: "innerRefused")
        try refuse("message damaged", "HS-11", flipped(4000), as: "message(bodyRefused)")
        try refuse("header damaged", "HS-11", flipped(1700), as: "message(notThisSession)")
        try refuse("unknown one-time prekey", "HS-5", try envelope(outer(0, 0xee)), as: "unknownO")
        try refuse(
            "no KEM prekey", "HS-6",
            try envelope(outer { for index in 4..<8 { $0[index] = 0 } }), as: "missingKEM")
        try refuse(
            "KEM part taken away", "HS-6",
            try envelope(outer { $0 = Array($0[..<4]) + [0, 0, 0, 0] + $0[8..<10] + zeros(1088) }),
            as: "missingKEM")
        try refuse(
            "unknown KEM prekey", "HS-6", try envelope(outer { $0[4] ^= 0x80 }), as: "unknownKEM")
        try refuse(
            "another KEM prekey", "HS-16",
            try envelope(
                outer { block in
                    let id = script.bob.kemPreKeyID
                    for index in 0..<4 {
                        block[4 + index] = UInt8(truncatingIfNeeded: id >> UInt32(24 - 8 * index))
                    }
                }), as: "innerRefused")
        try refuse(
            "KEM ciphertext damaged", "HS-16", try envelope(outer { $0[1097] ^= 1 }),
            as: "innerRefused")
        try refuse(
            "KEM ciphertext of zeros", "HS-16",
            try envelope(outer { $0.replaceSubrange(10..., with: zeros(1088)) }),
            as: "innerRefused")
        try refuse("inner size too small", "HS-8", try envelope(outer(8, 0)), as: "malformedOuter")
        try refuse(
            "unknown type", "HS-7", try envelope(inner { $0[0] = 2 }), as: "needsNewerVersion")
        try refuse(
            "account key of small order", "HS-8",
            try envelope(inner { for index in 1..<33 { $0[index] = 0 } }), as: "malformedInner")
        try refuse(
            "certificate of another account", "HS-8",
            try envelope(
                inner { $0.replaceSubrange(1..<33, with: script.bob.account.publicKey.bytes.array) }
            ),
            as: "certificate")
        try refuse(
            "log head not zero", "HS-8", try envelope(inner { $0[400] = 1 }), as: "malformedInner")
        try refuse(
            "handle padding not zero", "HS-8", try envelope(inner { $0[205] = 1 }),
            as: "malformedInner")
        try refuse(
            "critical extension", "HS-8",
            try envelope(
                inner {
                    $0[474] = 4
                    $0 += [0x80, 1, 0, 0]
                }), as: "unknownCritical")
        try refuse(
            "extensions run past the end", "HS-8",
            try envelope(
                inner {
                    $0[474] = 4
                    $0 += [0, 1, 0, 9]
                }), as: "malformedInner")
        try refuse(
            "lowest version above this one", "HS-9",
            try envelope(
                inner {
                    $0[367] = 1
                    $0[368] = 1
                }), as: "downgraded")
        let own = script.bob
        try refuse(
            "the recipient's own identity key", "HS-10",
            try envelope(
                inner {
                    $0.replaceSubrange(1..<33, with: own.account.publicKey.bytes.array)
                    $0.replaceSubrange(33..<173, with: own.certificate.bytes)
                }), as: "ownIdentity")
        let late = accepting(script, .hex(good)).with("now", .whole(VectorPerson.now + 9600 * 3600))
        try file.refuse("certificate expired", "KD-2", "accept", late, as: "certificateExpired")
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    private static func topBit(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        bytes[32] ^= 0x80
        return bytes
    }

    // MARK: Frames

    static func ephemeral() throws -> VectorWriter {
        var file = try VectorWriter("ephemeral")
        var script = try ChatScript(seed: 31)
        script.frame(0, counter: 1)
        script.seal(0, script.text("one"))
        script.open(1, 0)
        script.frame(1, counter: 1, delivered: 1)
        script.openFrame(0, 0)
        for turn in 0..<4 {
            script.seal(1 - turn % 2, script.text("turn \(turn)"))
            script.open(turn % 2, turn + 1)
            script.frame(
                turn % 2, counter: UInt64(turn + 2), type: .typing, fields: Frame.stateField(true))
            script.openFrame(1 - turn % 2, turn + 1)
        }
        // A frame of long ago: its key is gone when more turns than keys have passed.
        script.openFrame(0, 0)
        script.frame(0, counter: Frame.counterEnd - 1, delivered: 9, read: 7)
        script.openFrame(1, 5)
        script.frame(0, counter: 5, delivered: 9, read: 8)
        script.frame(0, counter: 0)
        script.frame(0, counter: Frame.counterEnd)
        for place in [0, 1, 24, 25, 500, 1023] { script.openFrame(1, 5, flip: place) }
        script.deliverFrame(1, [UInt8](repeating: 0, count: 1023))
        try file.add("keys, receipts and what is refused", "chat", script.input)
        return file
    }
}
