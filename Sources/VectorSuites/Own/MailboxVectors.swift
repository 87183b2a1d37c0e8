internal import Primitives
internal import Wire

/// Ids of mailboxes and signatures of attaches.
///
/// - SPEC: §10.1
enum MailboxVectors {
    static let suite = OwnSuite(
        name: "mailbox", rules: "MB-1 MB-3 MB-4 PR-2 PR-3 PR-5",
        operations: ["id": id, "attach": attach, "verify attach": verify])

    private static func kind(_ input: VectorInput) throws -> MailboxKind {
        guard let kind = MailboxKind(rawValue: try input.integer("kind")) else {
            throw VectorRefusal("kind")
        }
        return kind
    }

    private static func role(_ input: VectorInput) throws -> AttachRole {
        guard let role = AttachRole(rawValue: try input.integer("role")) else {
            throw VectorRefusal("role")
        }
        return role
    }

    @Sendable private static func id(_ input: VectorInput) throws -> JSONValue {
        let kind = try kind(input)
        let keys = try input.byteLists("keys").map { try Ed25519PublicKey(parsing: $0.raw) }
        guard let id = kind.mailboxID(keys: keys) else { throw VectorRefusal("keyCount") }
        return ["id": .hex(id)]
    }

    @Sendable private static func attach(_ input: VectorInput) throws -> JSONValue {
        let key = try input.signingKey("seed")
        let signed = try role(input).signedBytes(
            id: try input.fixed("id"), handshakeHash: try input.fixed("handshake hash"))
        return [
            "key": .hex(key.publicKey.bytes), "signed": .hex(signed),
            "signature": .hex(key.sign(signed.raw)),
        ]
    }

    @Sendable private static func verify(_ input: VectorInput) throws -> JSONValue {
        let key = try input.ed25519("key")
        let signed = try role(input).signedBytes(
            id: try input.fixed("id"), handshakeHash: try input.fixed("handshake hash"))
        guard key.isValid(try input.fixed("signature"), for: signed.raw) else {
            throw VectorRefusal("signature")
        }
        return ["valid": true]
    }
}
