import Crypto
import Primitives
import VectorSuites
import Wire

/// What the directory holds, and invites.
enum DirectoryFiles {
    /// The parts that the cases of both files rest on.
    struct Parts {
        let person: VectorPerson
        let recoverySeed: [UInt8]
        let otherSeed: [UInt8]
        let oneTime: [JSONValue]
        let kem: [JSONValue]
        let certificate: [UInt8]

        init() throws {
            person = try VectorPerson("carol", seed: 101)
            var random = SeededRandom(102)
            recoverySeed = random.bytes(count: 32)
            otherSeed = random.bytes(count: 32)
            oneTime = (0..<20).map { index in
                let key = X25519KeyPair.generate(from: &random)
                return .hex([0, 0, 1, UInt8(index)] + key.publicKey.bytes.array)
            }
            kem = (0..<5).map { index in
                let key = MLKEM768KeyPair.generate(from: &random)
                return .hex([0, 0, 2, UInt8(index)] + key.publicKey.bytes.array)
            }
            certificate = person.certificate.bytes
        }

        var record: JSONValue {
            [
                "account seed": .hex(person.account.exposeForStorage()),
                "recovery seed": .hex(recoverySeed), "recovered": false, "number": 7,
                "handle": "carol", "certificates": [.hex(certificate)], "capabilities": 0,
                "extensions": "",
            ]
        }

        var bundle: JSONValue {
            [
                "device seed": .hex(person.device.exposeForStorage()), "version floor": 0,
                "number": 3, "from": .whole(VectorPerson.hours),
                "expiry": .whole(VectorPerson.hours + 168),
                "account": .hex(person.account.publicKey.bytes),
                "certificate": .hex(certificate),
                "signed prekey id": .whole(person.signedPreKeyID),
                "signed prekey": .hex(person.signedPreKey.publicKey.bytes),
                "one-time prekeys": .array(oneTime),
                "last-resort KEM id": .whole(person.kemPreKeyID),
                "last-resort KEM key": .hex(person.lastResortKEM.key.bytes),
                "one-time KEM prekeys": .array(kem),
                "server key": .hex(person.server.key.bytes),
                "server host": .string(person.server.hostAndPort),
                "mailbox": .hex(SHA256.hash(recoverySeed.raw)), "extensions": "",
            ]
        }
    }

    static func directory() throws -> VectorWriter {
        var file = try VectorWriter("directory")
        let parts = try Parts()
        try certificates(&file, parts)
        let record = try records(&file, parts)
        try bundles(&file, parts, record)
        try file.add(
            "prekey status", "prekey status",
            [
                "device seed": .hex(parts.person.device.exposeForStorage()), "handle": "carol",
                "device id": 3, "handshake hash": .hex(SHA256.hash(parts.otherSeed.raw)),
            ])
        try file.add(
            "handle release", "handle release",
            [
                "account seed": .hex(parts.person.account.exposeForStorage()), "handle": "carol",
                "record number": 7, "handshake hash": .hex(SHA256.hash(parts.otherSeed.raw)),
            ])
        return file
    }

    private static func bytes(_ output: JSONValue, _ name: String) throws -> [UInt8] {
        guard let bytes = output[name]?.text.flatMap({ try? Hex.decode($0) }) else {
            throw VectorWriter.Unexpected(text: name)
        }
        return bytes
    }

    private static func changed(_ bytes: [UInt8], _ place: Int, _ mask: UInt8) -> JSONValue {
        var copy = bytes
        copy[place] ^= mask
        return .hex(copy)
    }

    // MARK: Certificates and records

    private static func certificates(_ file: inout VectorWriter, _ parts: Parts) throws {
        let person = parts.person
        let made = try file.add(
            "certificate", "certificate",
            [
                "account seed": .hex(person.account.exposeForStorage()), "device id": 3,
                "identity key": .hex(person.identity.publicKey.bytes),
                "device key": .hex(person.device.publicKey.bytes),
                "expiry": .whole(VectorPerson.hours + 9600), "capabilities": 0,
            ])
        let certificate = try bytes(made, "certificate")
        let account = JSONValue.hex(person.account.publicKey.bytes)
        func reading(_ certificate: JSONValue) -> JSONValue {
            ["account": account, "certificate": certificate]
        }
        let operation = "read certificate"
        try file.add("certificate read", operation, reading(.hex(certificate)))
        func refuse(
            _ name: String, _ rule: String, _ input: JSONValue, as error: String
        ) throws {
            try file.refuse("certificate: \(name)", rule, operation, input, as: error)
        }
        try refuse("a byte short", "WI-1", reading(.hex(certificate.dropLast())), as: "truncated")
        try refuse("a byte more", "WI-2", reading(.hex(certificate + [0])), as: "trailing")
        try refuse(
            "device id 0", "KD-1", reading(.hex([0, 0, 0, 0] + certificate[4...])),
            as: "outOfRange")
        try refuse(
            "identity key not canonical", "WI-6",
            reading(
                .hex(certificate[..<4] + [UInt8](repeating: 0xff, count: 32) + certificate[36...])),
            as: "badKey")
        try refuse(
            "device key of small order", "WI-6",
            reading(
                .hex(certificate[..<36] + [UInt8](repeating: 0, count: 32) + certificate[68...])),
            as: "badKey")
        try refuse("another expiry", "KD-1", reading(changed(certificate, 71, 1)), as: "signature")
        try refuse("capabilities", "KD-1", reading(changed(certificate, 75, 1)), as: "signature")
        try refuse(
            "another account", "KD-1",
            reading(.hex(certificate)).with("account", .hex(person.device.publicKey.bytes)),
            as: "signature")
    }

    private static func records(_ file: inout VectorWriter, _ parts: Parts) throws -> [UInt8] {
        let record = try bytes(try file.add("record", "record", parts.record), "record")
        let newer = try bytes(
            try file.add("newer record", "record", parts.record.with("number", 8)), "record")
        let moved = parts.record.with("number", 9)
            .with("moved to key", .hex(parts.person.server.key.bytes))
            .with("moved to host", "new.example").with("moved to handle", "carol_2")
            .with("extensions", "000100020a0b").with("capabilities", 1)
        _ = try file.add("moved, with an extension", "record", moved)
        let critical = try bytes(
            try file.add(
                "record with a critical extension", "record",
                parts.record.with("extensions", "80010000")), "record")
        // Another account key, its own certificate, and the recovery key's consent.
        let other = try VectorPerson("carol", seed: 103)
        let recovered = parts.record.with("number", 10)
            .with("account seed", .hex(other.account.exposeForStorage()))
            .with("certificates", [.hex(other.certificate.bytes)])
        let taken = try bytes(
            try file.add("taken over without consent", "record", recovered), "record")
        let agreed = try bytes(
            try file.add("recovered", "record", recovered.with("recovered", true)), "record")
        let foreign = try bytes(
            try file.add(
                "recovered by another recovery key", "record",
                recovered.with("recovered", true).with("recovery seed", .hex(parts.otherSeed))),
            "record")
        for (name, bytes) in [("record", record), ("recovered record", agreed)] {
            try file.add("\(name) read", "read record", ["record": .hex(bytes)])
        }
        try refusedRecords(&file, record, critical: critical, recovered: agreed)
        func after(_ old: [UInt8], _ new: [UInt8]) -> JSONValue {
            ["old": .hex(old), "new": .hex(new)]
        }
        try file.add("the same again", "succession", after(record, record))
        try file.add("newer follows", "succession", after(record, newer))
        try file.add("recovered follows", "succession", after(record, agreed))
        let operation = "succession"
        try file.refuse("older", "KD-4", operation, after(newer, record), as: "number")
        try file.refuse(
            "another account without consent", "KD-5", operation, after(record, taken),
            as: "noRecoveryProof")
        try file.refuse(
            "consent of another key", "KD-5", operation, after(record, foreign),
            as: "otherRecoveryKey")
        return record
    }

    private static func refusedRecords(
        _ file: inout VectorWriter, _ record: [UInt8], critical: [UInt8], recovered: [UInt8]
    ) throws {
        func refuse(
            _ name: String, _ rule: String, _ bytes: JSONValue, as error: String
        ) throws {
            try file.refuse(
                "record: \(name)", rule, "read record", ["record": bytes], as: error)
        }
        try refuse("a byte short", "KD-3", .hex(Array(record.dropLast())), as: "outOfRange")
        try refuse("another type", "WI-7", changed(record, 0, 1), as: "otherType")
        try refuse("format 2", "KD-3", changed(record, 1, 3), as: "unknownFormat")
        try refuse("number 0", "KD-3", changed(record, 9, 7), as: "outOfRange")
        try refuse("another number", "KD-3", changed(record, 9, 8), as: "account")
        try refuse("a capital letter", "WI-10", changed(record, 11, 0x20), as: "badHandle")
        try refuse("handle padding", "WI-3", changed(record, 42, 1), as: "notZero")
        try refuse("no certificate", "KD-3", changed(record, 245, 1), as: "outOfRange")
        try refuse("extension size 513", "KD-3", changed(record, 386, 2), as: "")
        try refuse("padding", "WI-3", changed(record, 2047, 1), as: "notZero")
        try refuse("recovery hash", "KD-3", changed(record, 75, 1), as: "account")
        try refuse("signature", "KD-3", changed(record, 389 + 40, 1), as: "account")
        try refuse("critical extension", "KD-6", .hex(critical), as: "unknownCritical")
        // r = 248 + 140 = 388; the proof's signature begins at r + 33.
        try refuse("recovery signature", "KD-3", changed(recovered, 388 + 40, 1), as: "recovery")
        try refuse("proof taken away", "KD-3", changed(recovered, 388, 1), as: "")
    }

    // MARK: Bundles

    private static func bundles(
        _ file: inout VectorWriter, _ parts: Parts, _ record: [UInt8]
    ) throws {
        var issued: [[UInt8]] = []
        for count in [1, 2, 5, 20] {
            let tree = try file.add(
                "tree of \(count)", "tree",
                ["one-time prekeys": .array(Array(parts.oneTime[..<count]))])
            issued = try (tree["issued"]?.elements ?? []).map { try Hex.decode($0.text ?? "") }
        }
        var issuedKEM: [[UInt8]] = []
        for count in [1, 2, 5] {
            let tree = try file.add(
                "KEM tree of \(count)", "KEM tree",
                ["one-time KEM prekeys": .array(Array(parts.kem[..<count]))])
            issuedKEM = try (tree["issued"]?.elements ?? []).map { try Hex.decode($0.text ?? "") }
        }
        func make(_ name: String, _ input: JSONValue) throws -> [UInt8] {
            try bytes(try file.add(name, "bundle", input), "bundle")
        }
        let bundle = try make("bundle", parts.bundle)
        let none = try make(
            "bundle without one-time prekeys",
            parts.bundle.with("one-time prekeys", []).with("one-time KEM prekeys", []))
        let critical = try make(
            "bundle with a critical extension",
            parts.bundle.with("extensions", "80010000").with("one-time prekeys", [])
                .with("one-time KEM prekeys", []))
        let long = try make(
            "bundle of 169 hours",
            parts.bundle.with("expiry", .whole(VectorPerson.hours + 169)))
        let foreign = try VectorPerson("carol", seed: 103)
        let other = try make(
            "bundle of another person",
            parts.bundle.with("device seed", .hex(foreign.device.exposeForStorage()))
                .with("account", .hex(foreign.account.publicKey.bytes))
                .with("certificate", .hex(foreign.certificate.bytes)))
        let zeros = [UInt8](repeating: 0, count: 198)
        let zerosKEM = [UInt8](repeating: 0, count: 1350)
        func fetching(
            _ bundle: [UInt8], _ issued: [UInt8], _ issuedKEM: [UInt8]? = nil
        ) -> JSONValue {
            [
                "record": .hex(record), "bundle": .hex(bundle), "issued": .hex(issued),
                "issued KEM": .hex(issuedKEM ?? zerosKEM),
                "device id": 0, "now": .whole(VectorPerson.now),
            ]
        }
        let good = fetching(bundle, issued[19], issuedKEM[4])
        try file.add("fetched", "fetched", good)
        try file.add("fetched without a one-time prekey", "fetched", fetching(none, zeros))
        try file.add(
            "fetched with one-time prekeys left of X25519", "fetched", fetching(bundle, issued[0]))
        try file.add(
            "fetched with one-time prekeys left of the KEM", "fetched",
            fetching(bundle, zeros, issuedKEM[0]))
        try file.add("fetched, device named", "fetched", good.with("device id", 3))
        func refuse(_ name: String, _ rule: String, _ input: JSONValue, as error: String) throws {
            try file.refuse("fetched: \(name)", rule, "fetched", input, as: error)
        }
        func at(_ hours: Int64) -> JSONValue {
            good.with("now", .whole(VectorPerson.now + hours * 3600))
        }
        try file.add("fetched 48 hours early", "fetched", at(-48))
        try refuse("49 hours early", "KD-10", at(-49), as: "window(notYet)")
        try refuse("frozen", "KD-10", at(168 + 49), as: "window(expired)")
        try refuse("169 hours long", "KD-10", fetching(long, zeros), as: "window(length")
        try refuse("critical extension", "KD-6", fetching(critical, zeros), as: "unknownCritical")
        try refuse("another device", "KD-9", good.with("device id", 4), as: "mismatch")
        try refuse("another person's bundle", "KD-9", fetching(other, zeros), as: "mismatch")
        try refuse("prekey of a tree of none", "KD-7", fetching(none, issued[0]), as: "oneTime")
        func path(_ place: Int, _ mask: UInt8) -> JSONValue {
            good.with("issued", changed(issued[19], place, mask))
        }
        try refuse("another prekey", "KD-7", path(3, 0x40), as: "oneTimePreKey")
        try refuse("another index", "KD-7", path(36, 1), as: "oneTimePreKey")
        try refuse("another path", "KD-7", path(38, 1), as: "oneTimePreKey")
        try refuse("padding of the path", "WI-3", path(197, 1), as: "notZero")
        func damaged(_ place: Int, _ mask: UInt8) -> JSONValue {
            good.with("bundle", changed(bundle, place, mask))
        }
        try refuse("bundle signature", "KD-8", damaged(1670, 1), as: "signature(device)")
        try refuse("bundle number", "KD-8", damaged(10, 1), as: "signature(device)")
        try refuse("certificate", "KD-8", damaged(130, 1), as: "signature(certificate")
        func pathKEM(_ place: Int, _ mask: UInt8) -> JSONValue {
            good.with("issued KEM", changed(issuedKEM[4], place, mask))
        }
        try refuse("another KEM prekey", "KD-7", pathKEM(3, 0x40), as: "oneTimePreKey")
        try refuse("another key of the KEM", "KD-7", pathKEM(1187, 1), as: "oneTimePreKey")
        try refuse("another index of the KEM", "KD-7", pathKEM(1188, 1), as: "oneTimePreKey")
        try refuse("another path of the KEM", "KD-7", pathKEM(1190, 1), as: "oneTimePreKey")
        try refuse("padding of the path of the KEM", "WI-3", pathKEM(1349, 1), as: "notZero")
        try refuse(
            "KEM prekey of a tree of none", "KD-7", fetching(none, zeros, issuedKEM[0]),
            as: "oneTime")
        // With another root of the KEM everything is signed as it should be.
        let fewer = try make(
            "bundle with fewer KEM prekeys",
            parts.bundle.with("one-time KEM prekeys", .array(Array(parts.kem[..<3]))))
        try refuse(
            "KEM prekey of another bundle", "KD-7", fetching(fewer, zeros, issuedKEM[1]),
            as: "oneTime")
        func without(_ place: Int, _ count: Int) -> JSONValue {
            let zeros = [UInt8](repeating: 0, count: count)
            return good.with(
                "bundle", .hex(Array(bundle[..<place]) + zeros + Array(bundle[(place + count)...])))
        }
        // A11: each part of the KEM taken away from what is served.
        try refuse("no last-resort KEM id", "KD-11", without(294, 4), as: "outOfRange")
        try refuse("no last-resort KEM key", "KD-11", without(298, 1184), as: "badKey")
        try refuse("no last-resort KEM prekey", "KD-11", without(294, 1188), as: "outOfRange")
        try refuse("no KEM count", "KD-11", without(261, 1), as: "notZero")
        try refuse("no KEM tree", "KD-8", without(261, 33), as: "signature(device)")
        try refuse("no KEM root", "KD-8", without(262, 32), as: "signature(device)")
        try refuse("33 KEM prekeys", "KD-7", damaged(261, 0x24), as: "outOfRange")
        try refuse("another last-resort KEM id", "KD-8", damaged(297, 2), as: "signature(device)")
        try refuse("another last-resort KEM key", "KD-8", damaged(1481, 1), as: "signature(device)")
        try refuse(
            "KEM coefficient 3329", "PR-11",
            good.with(
                "bundle",
                .hex(
                    Array(bundle[..<298]) + [0x01, bundle[299] & 0xf0 | 0x0d]
                        + Array(bundle[300...]))), as: "badKey")
        try refuse("33 one-time prekeys", "KD-7", damaged(228, 0x35), as: "outOfRange")
        try refuse("type of a record", "WI-7", damaged(0, 1), as: "otherType")
    }

    // MARK: Invites

    static func invite() throws -> VectorWriter {
        var file = try VectorWriter("invite")
        let parts = try Parts()
        let (record, bundle, issued, issuedKEM) = try made(parts)
        let sealing: JSONValue = [
            "random": .hex(SHA256.hash(parts.otherSeed.raw)), "record": .hex(record),
            "bundle": .hex(bundle), "issued": .hex(issued), "issued KEM": .hex(issuedKEM),
        ]
        let sealed = try file.add("invite", "seal", sealing)
        let blob = try bytes(sealed, "blob")
        let linkKey = try bytes(sealed, "link key")
        let good: JSONValue = [
            "blob": .hex(blob), "link key": .hex(linkKey), "now": .whole(VectorPerson.now),
        ]
        try file.add("invite opened", "open", good)
        func refuse(_ name: String, _ rule: String, _ input: JSONValue, as error: String) throws {
            try file.refuse(name, rule, "open", input, as: error)
        }
        try refuse("a byte short", "KD-14", good.with("blob", .hex(blob.dropLast())), as: "size")
        try refuse("damaged", "KD-12", good.with("blob", changed(blob, 100, 1)), as: "sealed")
        try refuse(
            "another link", "KD-12", good.with("link key", changed(linkKey, 0, 1)), as: "sealed")
        try refuse(
            "expired", "KD-10", good.with("now", .whole(VectorPerson.now + 3600 * 24 * 40)),
            as: "window(expired)")
        let blobKey = try bytes(sealed, "blob key")
        let plaintext = try ChaChaPoly.open(
            blob.raw, key: SecretBytes(copying: blobKey.raw), nonce: .zero)
        // Another plaintext under the key of the link, from someone who knows the link.
        var swapped = plaintext
        swapped[1] ^= 1
        let planted = ChaChaPoly.seal(
            swapped.raw, key: SecretBytes(copying: blobKey.raw), nonce: .zero)
        try refuse("a planted blob", "KD-12", good.with("blob", .hex(planted)), as: "otherInvite")
        for (name, rule, place, mask, error) in [
            ("purpose 1", "KD-13", 0, UInt8(1), "purpose(1)"),
            ("record damaged", "KD-14", 33 + 75, 1, "signature(account)"),
            ("one-time KEM prekey", "KD-14", 2279 + 3, 0x40, "mismatch"),
            ("padding of the KEM path", "WI-3", 3628, 1, "malformed(notZero"),
            ("one-time prekey", "KD-14", 2081 + 3, 0x40, "mismatch"),
            ("bundle damaged", "KD-14", 3631 + 1670, 1, "signature(device)"),
            ("padding", "WI-3", 8175, 1, "malformed(notZero"),
        ] {
            var changed = plaintext
            changed[place] ^= mask
            let resealed = reseal(changed)
            try refuse(
                name, rule,
                good.with("blob", .hex(resealed.blob)).with("link key", .hex(resealed.key)),
                as: error)
        }
        return file
    }

    /// An honest link to a dishonest plaintext.
    private static func reseal(_ plaintext: [UInt8]) -> (key: [UInt8], blob: [UInt8]) {
        let key = SHA256.hash((Array("postern/1 invite".utf8) + plaintext).raw).array
        let blobKey = HKDFSHA256.derive(
            from: SecretBytes(copying: key.raw), salt: RawSpan(),
            info: Array("postern/1 link blob key".utf8).raw, byteCount: 32)
        return (key, ChaChaPoly.seal(plaintext.raw, key: blobKey, nonce: .zero))
    }

    private static func made(
        _ parts: Parts
    ) throws -> (record: [UInt8], bundle: [UInt8], issued: [UInt8], issuedKEM: [UInt8]) {
        var scratch = try VectorWriter("directory")
        let record = try bytes(try scratch.add("record", "record", parts.record), "record")
        let bundle = try bytes(
            try scratch.add(
                "bundle", "bundle",
                parts.bundle.with("one-time prekeys", .array([parts.oneTime[0]]))
                    .with("one-time KEM prekeys", .array([parts.kem[0]]))), "bundle")
        let tree = try scratch.add(
            "tree", "tree", ["one-time prekeys": .array([parts.oneTime[0]])])
        let issued = try Hex.decode(tree["issued"]?.elements?.first?.text ?? "")
        let kemTree = try scratch.add(
            "KEM tree", "KEM tree", ["one-time KEM prekeys": .array([parts.kem[0]])])
        let issuedKEM = try Hex.decode(kemTree["issued"]?.elements?.first?.text ?? "")
        return (record, bundle, issued, issuedKEM)
    }
}

extension JSONValue {
    /// Bytes of a slice, in hexadecimal.
    static func hex(_ bytes: ArraySlice<UInt8>) -> JSONValue { .hex(Array(bytes)) }
}
