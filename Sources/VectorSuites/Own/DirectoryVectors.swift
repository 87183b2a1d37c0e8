internal import Primitives
internal import Wire

/// What the directory holds: certificates, records, bundles, one-time prekeys, signed requests.
///
/// - SPEC: §9.2 … §9.5
enum DirectoryVectors {
    static let suite = OwnSuite(
        name: "directory",
        rules:
            "KD-1 KD-3 KD-4 KD-5 KD-6 KD-7 KD-8 KD-9 KD-10 KD-11 KD-17 KD-22 KD-23 WI-2 WI-3 WI-6 WI-7",
        operations: [
            "certificate": certificate, "read certificate": readCertificate, "record": record,
            "read record": readRecord, "succession": succession, "tree": tree, "KEM tree": kemTree,
            "bundle": bundle, "fetched": fetched, "prekey status": preKeyStatus,
            "handle release": handleRelease,
        ])

    // MARK: Certificates and records

    @Sendable private static func certificate(_ input: VectorInput) throws -> JSONValue {
        let account = try input.signingKey("account seed")
        let id: UInt32 = try input.integer("device id")
        guard id != 0 else { throw VectorProblem.member("device id") }
        let certificate = DeviceCertificate(
            identity: DeviceIdentity(
                deviceID: id, identityKey: try input.x25519("identity key"),
                deviceKey: try input.ed25519("device key")),
            expiry: Hours(try input.integer("expiry")),
            capabilities: try input.integer("capabilities"), signedBy: account)
        return ["account": .hex(account.publicKey.bytes), "certificate": .hex(certificate.bytes)]
    }

    @Sendable private static func readCertificate(_ input: VectorInput) throws -> JSONValue {
        let account = try input.ed25519("account")
        let certificate = try input.certificate("certificate")
        guard certificate.isValid(under: account) else { throw VectorRefusal("signature") }
        return [
            "device id": .whole(certificate.identity.deviceID),
            "identity key": .hex(certificate.identity.identityKey.bytes),
            "device key": .hex(certificate.identity.deviceKey.bytes),
            "expiry": .whole(certificate.expiry.count),
            "capabilities": .whole(certificate.capabilities),
        ]
    }

    /// Signs a record, after checking all that the type demands of its caller.
    @Sendable private static func record(_ input: VectorInput) throws -> JSONValue {
        let account = try input.signingKey("account seed")
        let certificates = try input.byteLists("certificates").map {
            try DeviceCertificate(parsing: $0.raw)
        }
        let recoveryKey = try input.signingKey("recovery seed")
        let number: UInt64 = try input.integer("number")
        let handle = try input.text("handle")
        var contents = Record.Contents(
            number: number, handle: handle.isEmpty ? nil : try Handle(handle),
            account: account.publicKey,
            recoveryHash: Record.recoveryHash(of: recoveryKey.publicKey),
            certificates: certificates)
        contents.capabilities = try input.integer("capabilities")
        contents.extensions = try input.taggedFields("extensions")
        if input.has("moved to host") {
            contents.movedTo = Record.Person(
                server: try input.server("moved to key", "moved to host"),
                handle: try input.handle("moved to handle"))
        }
        let ids = Set(certificates.map(\.identity.deviceID))
        guard number != 0, (1...Record.certificateCountMax).contains(certificates.count),
            ids.count == certificates.count,
            contents.extensions.byteCount <= Record.extensionByteCountMax
        else { throw VectorProblem.member("contents") }
        let record =
            try input.bool("recovered")
            ? Record(contents, signedBy: account, recoveredBy: recoveryKey)
            : Record(contents, signedBy: account)
        return [
            "account": .hex(account.publicKey.bytes),
            "recovery hash": .hex(contents.recoveryHash), "record": .hex(record.bytes),
        ]
    }

    private static func verified(_ input: VectorInput, _ name: String) throws -> Verified<Record> {
        let record = try input.record(name)
        try record.refuseUnknownCritical()
        return try record.verify()
    }

    @Sendable private static func readRecord(_ input: VectorInput) throws -> JSONValue {
        let record = try verified(input, "record").value
        return [
            "number": .whole(record.number), "handle": .string(record.handle?.text ?? ""),
            "account": .hex(record.account.bytes),
            "recovery hash": .hex(record.contents.recoveryHash),
            "devices": .array(record.certificates.map { .whole($0.identity.deviceID) }),
            "extensions": .array(record.contents.extensions.fields.map { .whole($0.tag) }),
            "recovered": .bool(record.recoveryProof != nil),
        ]
    }

    @Sendable private static func succession(_ input: VectorInput) throws -> JSONValue {
        let old = try verified(input, "old")
        let new = try verified(input, "new")
        return ["succession": .string("\(try new.succession(after: old.value))")]
    }

    // MARK: One-time prekeys and bundles

    private static func preKeys(_ input: VectorInput) throws -> [OneTimePreKey] {
        let keys = try input.byteLists("one-time prekeys").map { bytes in
            var reader = Reader(bytes.raw)
            let key = try OneTimePreKey(from: &reader)
            try reader.finish()
            return key
        }
        guard keys.count <= MerkleTree.leafCountMax else { throw VectorProblem.member("prekeys") }
        return keys
    }

    @Sendable private static func tree(_ input: VectorInput) throws -> JSONValue {
        let keys = try preKeys(input)
        guard !keys.isEmpty else { throw VectorProblem.member("one-time prekeys") }
        let issued = keys.indices.map { index in
            var writer = Writer()
            IssuedPreKey.encode(IssuedPreKey(index, of: keys), into: &writer)
            return JSONValue.hex(writer.bytes)
        }
        return [
            "leaves": .array(keys.map { .hex($0.leaf) }),
            "root": .hex(MerkleTree.root(keys.map(\.leaf))), "issued": .array(issued),
        ]
    }

    @Sendable private static func kemTree(_ input: VectorInput) throws -> JSONValue {
        let keys = try input.kemPreKeys("one-time KEM prekeys")
        guard !keys.isEmpty else { throw VectorProblem.member("one-time KEM prekeys") }
        let issued = keys.indices.map { index in
            var writer = Writer()
            IssuedKEMPreKey.encode(IssuedKEMPreKey(index, of: keys), into: &writer)
            return JSONValue.hex(writer.bytes)
        }
        return [
            "leaves": .array(keys.map { .hex($0.leaf) }),
            "root": .hex(MerkleTree.root(keys.map(\.leaf))), "issued": .array(issued),
        ]
    }

    @Sendable private static func bundle(_ input: VectorInput) throws -> JSONValue {
        let device = try input.signingKey("device seed")
        var contents = PreKeyBundle.Contents(
            number: try input.integer("number"),
            window: ValidityWindow(
                from: Hours(try input.integer("from")), expiry: Hours(try input.integer("expiry"))),
            account: try input.ed25519("account"),
            certificate: try input.certificate("certificate"),
            signedPreKeyID: try input.integer("signed prekey id"),
            signedPreKey: try input.x25519("signed prekey"), oneTimePreKeys: try preKeys(input),
            lastResortKEM: try input.kemPreKey("last-resort KEM id", "last-resort KEM key"),
            oneTimeKEMPreKeys: try input.kemPreKeys("one-time KEM prekeys"),
            contact: PreKeyBundle.Contact(
                server: try input.server("server key", "server host"),
                mailbox: try input.fixed("mailbox")))
        contents.versionFloor = try input.integer("version floor")
        contents.extensions = try input.taggedFields("extensions")
        guard contents.number != 0, contents.signedPreKeyID != 0,
            contents.extensions.byteCount <= PreKeyBundle.extensionByteCountMax
        else { throw VectorProblem.member("contents") }
        return ["bundle": .hex(PreKeyBundle(contents, signedBy: device).bytes)]
    }

    /// Everything a sender checks of what it fetched.
    @Sendable private static func fetched(_ input: VectorInput) throws -> JSONValue {
        let record = try verified(input, "record")
        let bundle = try input.bundle("bundle")
        let issued = try input.issued("issued")
        let issuedKEM = try input.issuedKEM("issued KEM")
        let deviceID: UInt32 = try input.integer("device id")
        let now = try input.moment("now")
        let unverified = FetchedPreKeys(bundle: bundle, oneTime: issued, oneTimeKEM: issuedKEM)
        let found = try unverified.verify(
            for: record, deviceID: deviceID, secondsSince1970: now
        ).value
        return [
            "number": .whole(found.bundle.number),
            "signed prekey id": .whole(found.bundle.contents.signedPreKeyID),
            "signed prekey": .hex(found.bundle.contents.signedPreKey.bytes),
            "one-time prekey id": .whole(found.oneTime?.preKey.id ?? 0),
            "one-time prekey": found.oneTime.map { .hex($0.preKey.key.bytes) } ?? .null,
            "KEM prekey id": .whole(found.kemPreKey.id),
            "KEM prekey is one-time": .bool(found.oneTimeKEM != nil),
        ]
    }

    // MARK: Signed requests

    @Sendable private static func preKeyStatus(_ input: VectorInput) throws -> JSONValue {
        let signed = DirectorySignatures.preKeyStatus(
            handle: try input.handle("handle"), deviceID: try input.integer("device id"),
            handshakeHash: try input.fixed("handshake hash"))
        let device = try input.signingKey("device seed")
        return ["signed": .hex(signed), "signature": .hex(device.sign(signed.raw))]
    }

    @Sendable private static func handleRelease(_ input: VectorInput) throws -> JSONValue {
        let signed = DirectorySignatures.handleRelease(
            handle: try input.handle("handle"),
            recordNumber: try input.integer("record number"),
            handshakeHash: try input.fixed("handshake hash"))
        let account = try input.signingKey("account seed")
        return ["signed": .hex(signed), "signature": .hex(account.sign(signed.raw))]
    }
}
