internal import Crypto
internal import Primitives
internal import Wire

/// First messages: how they are made, what is read from them, and what is refused.
///
/// - SPEC: §5
enum HandshakeVectors {
    static let suite = OwnSuite(
        name: "handshake",
        rules: "HS-1 HS-2 HS-4 HS-5 HS-6 HS-7 HS-8 HS-9 HS-10 HS-11 HS-12 HS-14 HS-16",
        operations: ["chat": ChatRun.run, "accept": accept])

    @Sendable private static func accept(_ input: VectorInput) throws -> JSONValue {
        let recipient = try VectorPerson(input.object("recipient"))
        let envelope = try input.bytes("envelope")
        let withOneTime = try input.bool("one-time")
        let now = try input.moment("now")
        let accepted = try FirstMessageReader.accept(
            envelope, as: recipient, withOneTime: withOneTime, secondsSince1970: now)
        let id = accepted.session.id
        return [
            "session": .hex(id),
            "type": .whole(accepted.introduction.type.rawValue),
            "account": .hex(accepted.introduction.account.bytes),
            "handle": .string(accepted.introduction.handle?.text ?? ""),
            "number": .whole(accepted.number), "content": .hex(accepted.content),
        ]
    }
}

/// Whole chats: late, doubled, damaged and forged messages.
///
/// - SPEC: §6
enum RatchetVectors {
    static let suite = OwnSuite(
        name: "ratchet",
        rules: "DR-2 DR-3 DR-4 DR-6 DR-9 DR-11 DR-12 DR-13 DR-14 DR-22 DR-26 DR-27 DR-28 DR-29 "
            + "DR-30 EN-1 EN-3",
        operations: [
            "chat": ChatRun.run, "recovery bundle": recoveryBundle,
            "read recovery bundle": readRecoveryBundle,
        ])

    @Sendable private static func recoveryBundle(_ input: VectorInput) throws -> JSONValue {
        let id: UInt32 = try input.integer("signed prekey id")
        guard id != 0 else { throw VectorProblem.member("signed prekey id") }
        let key = try input.x25519("signed prekey")
        let kem = try input.kemPreKey("KEM prekey id", "KEM prekey")
        let made: UInt32 = try input.integer("made")
        let device = try input.signingKey("device seed")
        let bundle = RecoveryBundle(
            signedPreKeyID: id, signedPreKey: key, kemPreKey: kem, madeHours: made,
            signedBy: device)
        return ["bundle": .hex(bundle.bytes)]
    }

    @Sendable private static func readRecoveryBundle(_ input: VectorInput) throws -> JSONValue {
        let device = try input.ed25519("device key")
        let bytes = try input.bytes("bundle")
        let bundle = try RecoveryBundle(parsing: bytes.raw)
        guard bundle.isValid(by: device) else { throw VectorRefusal("signature") }
        return [
            "signed prekey id": .whole(bundle.signedPreKeyID),
            "signed prekey": .hex(bundle.signedPreKey.bytes),
            "KEM prekey id": .whole(bundle.kemPreKey.id),
            "KEM prekey": .hex(bundle.kemPreKey.key.bytes), "made": .whole(bundle.madeHours),
        ]
    }
}

/// Frames of the ephemeral class.
///
/// - SPEC: §7.5
enum EphemeralVectors {
    static let suite = OwnSuite(
        name: "ephemeral", rules: "EN-12 EN-17 EN-20 DR-10",
        operations: ["chat": ChatRun.run])
}

/// Content and the size of the envelope it goes into.
///
/// - SPEC: §7.1 … §7.3
enum EnvelopeVectors {
    static let suite = OwnSuite(
        name: "envelope", rules: "EN-2 EN-4 EN-5 EN-6 EN-7 EN-8",
        operations: ["content": content, "size": size])

    /// Content is read, and what was read is written again.
    @Sendable private static func content(_ input: VectorInput) throws -> JSONValue {
        let bytes = try input.bytes("content")
        let content = try Content(parsing: bytes.raw)
        guard content.encoded == bytes else { throw VectorProblem.disagreement("content") }
        return [
            "type": .whole(content.type.rawValue), "id": .hex(content.id),
            "time": .whole(content.milliseconds),
            "fields": .array(
                content.fields.fields.map { ["tag": .whole($0.tag), "value": .hex($0.value)] }),
            "handling": .string("\(content.type.handling)"),
        ]
    }

    /// The envelope for so many bytes of fields: in a session, and behind a prefix.
    @Sendable private static func size(_ input: VectorInput) throws -> JSONValue {
        let count: Int = try input.integer("fields")
        let prefix: Int = try input.integer("prefix")
        guard (0...100_000).contains(count), (0...4096).contains(prefix) else {
            throw VectorProblem.member("fields")
        }
        if prefix > 0 {
            guard count <= Envelope.room(behindPrefixOf: prefix) else {
                throw VectorRefusal("tooLong")
            }
            return ["envelope": .whole(Envelope.firstMessageByteCount)]
        }
        guard let size = Envelope.byteCount(forFieldsByteCount: count) else {
            throw VectorRefusal("tooLong")
        }
        return ["envelope": .whole(size)]
    }
}
