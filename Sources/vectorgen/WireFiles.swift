import Crypto
import Primitives
import VectorSuites
import Wire

/// Frames, messages and addresses.
enum WireFiles {
    static func wire() throws -> VectorWriter {
        var file = try VectorWriter("wire")
        try clientFrames(&file)
        try serverFrames(&file)
        try messages(&file)
        try addresses(&file)
        return file
    }

    private static func frame(_ type: UInt8, _ body: [UInt8]) -> JSONValue {
        ["bytes": .hex([type, UInt8(body.count >> 8), UInt8(body.count & 0xff)] + body)]
    }

    private static let request: [UInt8] = [0, 0, 0, 7]
    private static func bytes(_ count: Int, _ value: UInt8 = 0x5a) -> [UInt8] {
        [UInt8](repeating: value, count: count)
    }
    private static let admission: [UInt8] = [0, 0, 0]
    private static let handle: [UInt8] = [5] + Array("carol".utf8) + bytes(27, 0)

    private static func clientFrames(_ file: inout VectorWriter) throws {
        let person = try VectorPerson("carol", seed: 101)
        let read = person.chatReadKey.publicKey.bytes.array
        let write = person.chatWriteKey.publicKey.bytes.array
        let mailbox = bytes(32)
        let envelope = bytes(1024, 0xe1)
        let good: [(String, UInt8, [UInt8])] = [
            ("create chat", 0x01, request + [1, 2] + read + write + admission),
            ("create contact", 0x01, request + [2, 1] + read + admission),
            ("attach to read", 0x02, request + [0] + mailbox + bytes(8, 0) + bytes(64)),
            ("attach to write", 0x02, request + [1] + mailbox + bytes(8, 0) + bytes(64)),
            ("detach", 0x03, request + [1] + mailbox),
            ("deposit", 0x04, request + mailbox + bytes(7, 0) + [9] + envelope),
            ("contact deposit", 0x05, request + mailbox + admission + bytes(4096, 0xe2)),
            ("acknowledge", 0x06, request + mailbox + bytes(7, 0) + [1] + bytes(7, 0) + [3]),
            ("ephemeral", 0x07, mailbox + envelope),
            ("settings", 0x08, request + mailbox + [0, 1, 0, 1, 7]),
            ("settings of nothing", 0x08, request + mailbox),
            ("close", 0x09, request + mailbox), ("open", 0x0a, request + mailbox),
            ("delete", 0x0b, request + mailbox),
            (
                "put blob", 0x10,
                request + bytes(32, 1) + bytes(32, 2) + [0, 7, 0, 0] + admission + [0, 3, 1, 2, 3]
            ),
            ("get blob", 0x11, request + bytes(32, 1)),
            ("erase blob", 0x12, request + bytes(32, 1) + bytes(32, 2)),
            ("look up", 0x22, request + handle + admission),
            ("fetch prekeys", 0x23, request + handle + [0, 0, 0, 3] + admission),
            ("prekey status", 0x24, request + handle + [0, 0, 0, 3] + bytes(64)),
            ("release handle", 0x25, request + handle + bytes(7, 0) + [7] + bytes(64)),
            ("unknown type", 0x6f, request + [1, 2, 3]),
            ("unknown type without a request", 0x6f, [1]),
        ]
        for (name, type, body) in good {
            try file.add(name, "client frame", frame(type, body))
        }
        let refused: [(String, String, UInt8, [UInt8], String)] = [
            ("a byte short", "MB-24", 0x09, request + bytes(31), "malformed request 7"),
            ("a byte more", "MB-24", 0x09, request + bytes(33), "malformed request 7"),
            ("no request id", "MB-24", 0x09, [0, 0, 7], "malformed request 0"),
            (
                "kind 9", "MB-25", 0x01, request + [9, 1] + read + admission,
                "unsupported request 7"
            ),
            (
                "kind log", "MB-25", 0x01, request + [3, 3] + read + read + write + admission,
                "unsupported request 7"
            ),
            (
                "chat with one key", "MB-3", 0x01, request + [1, 1] + read + admission,
                "malformed request 7"
            ),
            (
                "key of small order", "WI-6", 0x01, request + [2, 1] + bytes(32, 0) + admission,
                "malformed request 7"
            ),
            (
                "role notify", "MB-25", 0x02, request + [2] + mailbox + bytes(8, 0) + bytes(64),
                "unsupported request 7"
            ),
            (
                "cursor", "MB-24", 0x02, request + [0] + mailbox + bytes(8, 1) + bytes(64),
                "malformed request 7"
            ),
            (
                "envelope of 1,023 bytes", "MB-17", 0x04,
                request + mailbox + bytes(8, 1) + bytes(1023),
                "wrongSize request 7"
            ),
            (
                "contact envelope of 1,024 bytes", "MB-11", 0x05,
                request + mailbox + admission + bytes(1024), "wrongSize request 7"
            ),
            (
                "first above last", "MB-24", 0x06,
                request + mailbox + bytes(7, 0) + [2] + bytes(7, 0) + [1], "malformed request 7"
            ),
            (
                "two days", "MB-14", 0x08, request + mailbox + [0, 1, 0, 1, 2],
                "malformed request 7"
            ),
            (
                "unknown setting", "MB-25", 0x08, request + mailbox + [0, 9, 0, 0],
                "unsupported request 7"
            ),
            (
                "settings out of order", "WI-4", 0x08,
                request + mailbox + [0, 2, 0, 0, 0, 1, 0, 1, 7], "malformed request 7"
            ),
            (
                "admission method 2", "MB-22", 0x22, request + handle + [2, 0, 0],
                "unsupported request 7"
            ),
            (
                "open with bytes", "MB-22", 0x22, request + handle + [0, 0, 1, 0],
                "malformed request 7"
            ),
            (
                "handle of two letters", "WI-10", 0x22,
                request + [2, 0x61, 0x62] + bytes(30, 0) + admission, "malformed request 7"
            ),
            (
                "handle in capitals", "WI-10", 0x22,
                request + [3, 0x41, 0x62, 0x63] + bytes(29, 0) + admission, "malformed request 7"
            ),
            (
                "ephemeral frame of 1,023 bytes", "MB-24", 0x07, mailbox + bytes(1023),
                "malformed request 0"
            ),
        ]
        for (name, rule, type, body, error) in refused {
            try file.refuse(
                "client frame: \(name)", rule, "client frame", frame(type, body), as: error)
        }
    }

    private static func serverFrames(_ file: inout VectorWriter) throws {
        let person = try VectorPerson("carol", seed: 101)
        let mailbox = bytes(32)
        let key = person.account.publicKey.bytes.array
        let limits = bytes(3, 0) + [1] + bytes(3, 0) + [2] + bytes(3, 0) + [3] + bytes(3, 0) + [4]
        let good: [(String, UInt8, [UInt8])] = [
            ("done", 0x80, request),
            ("error", 0x81, request + [0, 3]),
            (
                "error with the next counter", 0x81,
                request + [0, 7, 0, 1, 0, 8] + bytes(7, 0) + [9]
            ),
            ("error with seconds", 0x81, request + [0, 11, 0, 2, 0, 4, 0, 0, 0, 60]),
            ("error of a later version", 0x81, request + [0x77, 0x77, 0, 9, 0, 1, 1]),
            ("attached", 0x82, request + [0, 0, 0, 2] + bytes(7, 0) + [5] + [0, 0, 0, 1]),
            ("blob", 0x83, request + [0, 3, 1, 2, 3]),
            ("delivery", 0x90, mailbox + bytes(7, 0) + [4] + bytes(4096, 0xe2)),
            ("ephemeral delivery", 0x91, mailbox + bytes(1024, 0xe1)),
            ("superseded", 0x92, mailbox), ("going away", 0x94, [0, 30]),
            ("record not found", 0xa0, request + bytes(8185, 0)),
            ("prekeys not found", 0xa1, request + bytes(4089, 0)),
            (
                "prekey status is", 0xa2,
                request + bytes(7, 0) + [7] + bytes(7, 0) + [3] + [0, 7, 0, 0, 20, 18, 20, 17]
            ),
            ("server hello", 0xc0, key + [0, 0, 1, 0, 1]),
            (
                "server hello with limits and features", 0xc0,
                key + [0, 0, 1, 0, 1, 0, 1, 0, 16] + limits + [0, 2, 0, 2, 0, 9]
            ),
            ("server hello with an unknown field", 0xc0, key + [0, 0, 1, 0, 1, 0, 9, 0, 1, 1]),
            ("unknown server frame", 0xdf, [1, 2]),
        ]
        for (name, type, body) in good {
            try file.add(name, "server frame", frame(type, body))
        }
        let refused: [(String, String, UInt8, [UInt8], String)] = [
            ("done with a byte more", "WI-2", 0x80, request + [0], "trailing"),
            (
                "error fields out of order", "ER-2", 0x81,
                request + [0, 3, 0, 2, 0, 4, 0, 0, 0, 1, 0, 1, 0, 8] + bytes(8, 0), "tagOrder"
            ),
            ("error field past the end", "ER-2", 0x81, request + [0, 3, 0, 1, 0, 9], "truncated"),
            (
                "delivery of 1,000 bytes", "MB-24", 0x90, mailbox + bytes(8, 1) + bytes(1000),
                "wrongSize"
            ),
            ("record frame with padding", "WI-3", 0xa0, request + bytes(8184, 0) + [1], "notZero"),
            (
                "hello with a key of small order", "WI-6", 0xc0, bytes(32, 0) + [0, 0, 1, 0, 1],
                "badKey"
            ),
        ]
        for (name, rule, type, body, error) in refused {
            try file.refuse(
                "server frame: \(name)", rule, "server frame", frame(type, body), as: error)
        }
    }

    private static func messages(_ file: inout VectorWriter) throws {
        let done: [UInt8] = [0x80, 0, 4] + request
        func padded(_ bytes: [UInt8], _ count: Int = 256) -> JSONValue {
            ["plaintext": .hex(bytes + [UInt8](repeating: 0, count: count - bytes.count))]
        }
        try file.add("message of one frame", "message", padded(done))
        try file.add("message of three frames", "message", padded(done + done + done))
        try file.add(
            "message filled to the end", "message",
            padded([0x6f, 0, 253] + [UInt8](repeating: 1, count: 253)))
        try file.add("message of padding", "message", padded([]))
        try file.refuse(
            "message: 255 bytes", "CH-40", "message", padded(done, 255), as: "outOfRange")
        try file.refuse(
            "message: padding not zero", "CH-40", "message",
            padded(done + [0, 0, 1]), as: "notZero")
        try file.refuse(
            "message: frame past the end", "CH-40", "message", padded([0x80, 1, 0, 1]),
            as: "truncated")
    }

    private static func addresses(_ file: inout VectorWriter) throws {
        let person = try VectorPerson("carol", seed: 101)
        let key = Base32.encode(person.server.key.raw)
        let characters = Array(key.utf8)
        let hash = SHA256.hash(characters.raw)
        let secret = Base32.encode(hash.raw)
        let server = "postern://\(key)@host.example"
        let good = [
            server, "\(server):4443", "postern://\(key)@192.0.2.1",
            "postern://\(key)@[2001:db8::1]:9",
            "\(server)/u/carol", "\(server)/i#\(secret)", "\(server)/t#AQID",
        ]
        for text in good {
            try file.add("address \(text.dropFirst(63))", "address", ["text": .string(text)])
        }
        let refused: [(String, String, String, String)] = [
            ("default port written", "WI-8", "\(server):8437", "host"),
            ("capital letter", "WI-8", "postern://\(key)@Host.example", "host"),
            ("port 0", "WI-8", "\(server):0", "host"),
            ("leading zero", "WI-8", "\(server):08", "host"),
            ("IPv6 not shortest", "WI-8", "postern://\(key)@[2001:db8:0::1]", "host"),
            ("hyphen at the end", "WI-8", "postern://\(key)@host-.example", "host"),
            ("slash at the end", "WI-8", "\(server)/", "path"),
            ("scheme in capitals", "WI-8", "POSTERN://\(key)@host.example", "scheme"),
            ("key too short", "WI-8", "postern://\(key.dropLast())@host.example", "key"),
            ("unused bits of the secret", "WI-8", "\(server)/i#\(secret.dropLast())b", "secret"),
            ("token with padding", "WI-8", "\(server)/t#AQI=", "secret"),
            ("handle in capitals", "WI-10", "\(server)/u/Carol", "handle"),
            ("link a device", "WI-9", "\(server)/d#abc", "newerVersion(letter: \"d\")"),
            ("an unknown letter", "WI-9", "\(server)/x/abc", "newerVersion(letter: \"x\")"),
        ]
        for (name, rule, text, error) in refused {
            try file.refuse(
                "address: \(name)", rule, "address", ["text": .string(text)], as: error)
        }
    }
}
