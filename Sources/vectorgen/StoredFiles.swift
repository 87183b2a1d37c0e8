import Crypto
import Primitives
import VectorSuites
import Wire

/// Attachments and backups.
enum StoredFiles {
    private static let key = [UInt8](0..<32)
    private static let piece = 32_751

    private static func piece(_ bytes: [UInt8], _ count: Int, _ mark: Int64) -> JSONValue {
        ["bytes": .hex(bytes), "count": .whole(count), "mark": .integer(mark)]
    }

    private static func blob(_ index: Int, flip: Int = -1, more: Int = 0) -> JSONValue {
        ["blob": .whole(index), "flip": .whole(flip), "more": .whole(more)]
    }

    // MARK: Attachments

    static func attachment() throws -> VectorWriter {
        var file = try VectorWriter("attachment")
        try streams(&file)
        var random = SeededRandom(71)
        let server = X25519KeyPair.generate(from: &random).publicKey
        func input(_ bytes: [UInt8], _ count: Int, told: [UInt8] = []) -> JSONValue {
            [
                "key": .hex(key), "bytes": .hex(bytes), "count": .whole(count),
                "told hash": .hex(told), "erase secret": .hex([UInt8](repeating: 9, count: 32)),
                "server key": .hex(server.bytes), "host": "example.org:4443", "expiry": 500_000,
            ]
        }
        for (name, bytes, count) in [
            ("an empty file", [], 0), ("one byte", [0x61], 1),
            ("a piece less one", [1, 2, 3], piece - 1), ("a whole piece", [1, 2, 3], piece),
            ("a piece and a byte", [1, 2, 3], piece + 1), ("three pieces", [7], 3 * piece),
        ] as [(String, [UInt8], Int)] {
            try file.add(name, "seal", input(bytes, count))
        }
        try file.refuse(
            "a file that changed meanwhile", "EN-32", "seal",
            input([7], 10, told: SHA256.hash([8].raw).array), as: "digest")
        for size: Int64 in [0, 1, 32_751, 32_752, 1 << 32, 1 << 34] {
            try file.add("\(size) bytes", "size", ["size": .integer(size)])
        }
        try file.refuse(
            "16 GiB and a byte", "EN-30", "size", ["size": .integer(1 << 34 + 1)], as: "tooLarge")
        try opened(&file, server)
        return file
    }

    private static func streams(_ file: inout VectorWriter) throws {
        let messages: [([UInt8], Int64)] = [
            ([], 0), ([1], 0), ([UInt8](repeating: 2, count: 16), 0),
            ([UInt8](repeating: 3, count: 63), 0), ([UInt8](0..<200), 0),
            (Array("the last one".utf8), 3),
        ]
        try file.add(
            "a stream", "stream",
            [
                "key": .hex(key), "header": .hex([UInt8](32..<56)),
                "messages": .array(
                    messages.map { ["bytes": .hex($0.0), "mark": .integer($0.1)] }),
            ])
    }

    private static func opened(
        _ file: inout VectorWriter, _ serverKey: X25519PublicKey
    ) throws {
        let server = try ServerAddress(key: serverKey, hostAndPort: "example.org:4443")
        func reference(_ count: Int, _ plaintext: [UInt8]) throws -> [UInt8] {
            AttachmentReference(
                key: SecretBytes(copying: key.raw), digest: SHA256.hash(plaintext.raw),
                size: try AttachmentSize(UInt64(count)), server: server, expiry: Hours(500_000)
            ).exposeForStorage()
        }
        let plaintext =
            [UInt8](repeating: 1, count: piece) + [UInt8](repeating: 2, count: piece)
            + [3, 3, 3, 3, 3]
        let good = try reference(plaintext.count, plaintext)
        let pieces = [piece([1], piece, 0), piece([2], piece, 0), piece([3], 5, 3)]
        let order = [blob(0), blob(1), blob(2)]
        func input(
            _ reference: [UInt8], _ pieces: [JSONValue], _ order: [JSONValue], kept: [[UInt8]] = []
        ) -> JSONValue {
            [
                "reference": .hex(reference), "pieces": .array(pieces), "order": .array(order),
                "kept": .array(kept.map { ["bytes": .hex($0), "count": .whole(piece)] }),
            ]
        }
        try file.add("all blobs in order", "open", input(good, pieces, order))
        for kept in 1...2 {
            try file.add(
                "gone on with after \(kept)", "open",
                input(
                    good, pieces, Array(order[kept...]), kept: Array([[1], [2]][..<kept])))
        }
        func refuse(
            _ name: String, _ rule: String, _ order: [JSONValue], as error: String,
            pieces other: [JSONValue]? = nil, reference: [UInt8]? = nil, kept: [[UInt8]] = []
        ) throws {
            try file.refuse(
                name, rule, "open",
                input(reference ?? good, other ?? pieces, order, kept: kept), as: error)
        }
        try refuse("the last one dropped", "EN-36", Array(order[..<2]), as: "incomplete")
        try refuse("nothing", "EN-36", [], as: "incomplete")
        try refuse("one added", "EN-36", order + [blob(2)], as: "complete")
        try refuse("the first one dropped", "EN-34", Array(order[1...]), as: "authentication")
        try refuse("swapped", "EN-34", [blob(0), blob(2), blob(1)], as: "authentication")
        try refuse("repeated", "EN-34", [blob(0), blob(0), blob(2)], as: "authentication")
        for place in [0, 1, 32_751, 32_752, 32_767] {
            try refuse(
                "byte \(place) changed", "EN-34", [blob(0), blob(1, flip: place), blob(2)],
                as: "authentication")
        }
        try refuse("a byte less", "EN-34", [blob(0, more: -1)], as: "blobSize")
        try refuse("a byte more", "EN-34", [blob(0, more: 1)], as: "blobSize")
        try refuse(
            "the last mark in the middle", "EN-35", order, as: "mark",
            pieces: [pieces[0], piece([2], piece, 3), pieces[2]])
        try refuse(
            "no last mark", "EN-35", order, as: "mark",
            pieces: [pieces[0], pieces[1], piece([3], 5, 0)])
        try refuse(
            "bytes behind the file", "EN-35", order, as: "padding",
            pieces: [pieces[0], pieces[1], piece([3], 6, 3)])
        try refuse(
            "another file than the hash says", "EN-36", order, as: "digest",
            pieces: [pieces[0], piece([4], piece, 0), pieces[2]])
        try refuse(
            "what was kept has changed", "EN-37", Array(order[1...]), as: "authentication",
            kept: [[4]])
        try refuse("the last one kept", "EN-37", [], as: "complete", kept: [[1], [2], [3]])
        for (name, place) in [
            ("key", 0), ("commitment", 32), ("hash", 64), ("size", 103),
        ] {
            var changed = good
            changed[place] ^= 1
            try refuse("\(name) changed", "EN-31", [], as: "commitment", reference: changed)
        }
        var large = good
        large.replaceSubrange(96..<104, with: [0, 0, 0, 4, 0, 0, 0, 1])
        try refuse("a size too large", "EN-30", [], as: "outOfRange", reference: large)
        try refuse(
            "a reference of 204 bytes", "EN-30", [], as: "truncated",
            reference: Array(good.dropLast()))
        try refuse("a reference of 206 bytes", "EN-30", [], as: "trailing", reference: good + [0])
        var host = good
        host[136] = 0
        try refuse("a server without a host", "EN-30", [], as: "", reference: host)
    }

    // MARK: Backups

    static func backup() throws -> VectorWriter {
        var file = try VectorWriter("backup")
        let common: [(String, JSONValue)] = [
            ("passphrase", .hex(Array("correct horse".utf8))), ("passes", 1), ("memory", 8),
            ("salt", .hex([UInt8](64..<96))),
        ]
        func object(_ more: [(String, JSONValue)]) -> JSONValue {
            .object((common + more).map { JSONValue.Member(name: $0.0, value: $0.1) })
        }
        for (name, bytes, count) in [
            ("nothing", [], 0), ("three bytes", [1, 2, 3], 3), ("a chunk", [5], 65_536),
            ("the largest in 1 MiB", [6, 7], 1_048_568), ("one byte more", [6, 7], 1_048_569),
        ] as [(String, [UInt8], Int)] {
            try file.add(
                name, "seal", object([("bytes", .hex(bytes)), ("count", .whole(count))]))
        }
        for (contents, name) in [
            (0, "no contents"), (1_048_568, "1 MiB less 8 bytes"), (1_048_569, "1 MiB less 7"),
            (1_310_713, "a quarter more and a byte"), (1 << 30, "1 GiB"), (1 << 34, "16 GiB"),
        ] as [(Int64, String)] {
            try file.add(name, "size", ["contents": .integer(contents)])
        }
        try file.refuse(
            "16 GiB and a byte", "CL-66", "size", ["contents": .integer(1 << 34 + 1)],
            as: "tooLarge")
        try openedBackups(&file, object)
        return file
    }

    private static func openedBackups(
        _ file: inout VectorWriter, _ object: ([(String, JSONValue)]) -> JSONValue
    ) throws {
        struct Given {
            var count = 3
            var chunks = 16
            var last = 15
            var length: UInt64 = 3
            var edits: [(Int, Int64)] = []
            var isChecked = false
            var cut = 0
            var passphrase = "correct horse"
        }
        func input(_ given: Given) -> JSONValue {
            let changes: [(String, JSONValue)] = [
                (
                    "edits",
                    .array(given.edits.map { ["at": .whole($0.0), "flip": .integer($0.1)] })
                ),
                ("check again", .bool(given.isChecked)), ("cut", .whole(given.cut)),
                ("opened with", .hex(Array(given.passphrase.utf8))),
            ]
            guard given.chunks > 0 else { return object(changes) }
            return object(
                [
                    ("bytes", .hex([1, 2, 3])), ("count", .whole(given.count)),
                    ("chunks", .whole(given.chunks)), ("last", .whole(given.last)),
                    ("length", .whole(given.length)),
                ] + changes)
        }
        func refuse(
            _ name: String, _ rule: String, as error: String, _ change: (inout Given) -> Void
        ) throws {
            var given = Given()
            // A header alone unless something else is changed.
            given.chunks = 0
            change(&given)
            try file.refuse(
                name, rule, given.chunks == 0 ? "header" : "open", input(given), as: error)
        }
        try file.add("a header", "header", input(Given(chunks: 0)))
        try file.add("three bytes again", "open", input(Given()))
        try file.add(
            "the largest again", "open", input(Given(count: 1_048_568, length: 1_048_568)))
        try refuse("another passphrase", "CL-64", as: "wrongPassphrase") {
            $0.passphrase = "correct horsf"
        }
        try refuse("the commitment changed", "CL-64", as: "wrongPassphrase") {
            $0.edits = [(64, 1)]
            $0.isChecked = true
        }
        try refuse("magic changed", "CL-63", as: "foreign") { $0.edits = [(15, 1)] }
        for (name, place) in [("version", 16), ("passes", 23), ("salt", 40), ("check", 111)] {
            try refuse("\(name) changed", "CL-63", as: "damaged") { $0.edits = [(place, 2)] }
        }
        try refuse("a newer version", "CL-67", as: "tooNew") {
            $0.edits = [(16, 3)]
            $0.isChecked = true
        }
        try refuse("version 0", "CL-63", as: "damaged") {
            $0.edits = [(16, 1)]
            $0.isChecked = true
        }
        for (name, place, flip) in [
            ("zeros that are not, behind the version", 19, 1),
            ("zeros that are not, before the salt", 31, 1), ("no pass", 23, 1),
            ("17 passes", 23, 16), ("7 KiB", 27, 15), ("more than 4 GiB", 24, 1),
        ] as [(String, Int, Int64)] {
            try refuse(name, "CL-63", as: "damaged") {
                $0.edits = [(place, flip)]
                $0.isChecked = true
            }
        }
        try refuse("a byte cut off", "CL-63", as: "damaged") {
            $0.chunks = 16
            $0.cut = 1
        }
        try refuse("a chunk cut off", "CL-63", as: "damaged") {
            $0.chunks = 16
            $0.cut = 65_553
        }
        try refuse("a quarter cut off", "CL-65", as: "damaged") {
            $0.chunks = 20
            $0.last = 19
            $0.cut = 4 * 65_553
        }
        try refuse("all chunks cut off", "CL-63", as: "damaged") {
            $0.chunks = 16
            $0.cut = 16 * 65_553
        }
        try refuse("half a header", "CL-63", as: "foreign") { $0.cut = 56 }
        for place in [112, 65_664, 1_048_959] {
            try refuse("byte \(place) changed", "CL-65", as: "damaged") {
                $0.chunks = 16
                $0.edits = [(place, 0x80)]
            }
        }
        try refuse("no last mark", "CL-65", as: "damaged") {
            $0.chunks = 16
            $0.last = -1
        }
        try refuse("the last mark too early", "CL-65", as: "damaged") {
            $0.chunks = 16
            $0.last = 14
        }
        try refuse("a length beyond the end", "CL-65", as: "damaged") {
            $0.chunks = 16
            $0.length = 1_048_569
        }
        try refuse("the largest length", "CL-65", as: "damaged") {
            $0.chunks = 16
            $0.length = .max
        }
        try refuse("a length before the end of the contents", "CL-65", as: "damaged") {
            $0.chunks = 16
            $0.length = 2
        }
        try refuse("more chunks than it needs", "CL-66", as: "damaged") {
            $0.chunks = 20
            $0.last = 19
        }
    }
}
