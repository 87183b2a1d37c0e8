internal import Primitives
internal import Wire

/// Why a vector cannot be run at all. Never the refusal that a vector asks for.
enum VectorProblem: Error, Equatable {
    /// A member is missing or has another form.
    case member(String)
    /// The two derivations of this project differ.
    case disagreement(String)
}

/// A refusal that the code under test states by a truth value and not by an error of its own.
struct VectorRefusal: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What a case is given. Remembers what was read, since a member that nobody reads, or whose name
/// was damaged, must not go unnoticed.
final class VectorInput {
    private let members: [JSONValue.Member]
    private var unread: Set<String>
    private var children: [VectorInput] = []

    init(_ json: JSONValue?) throws {
        guard case .object(let members)? = json else { throw VectorProblem.member("in") }
        self.members = members
        unread = Set(members.map(\.name))
    }

    /// Whether everything given was asked for.
    var isUsedUp: Bool { unread.isEmpty && children.allSatisfy(\.isUsedUp) }

    /// Whether a member is there; it counts as read when it is taken.
    func has(_ name: String) -> Bool { members.contains { $0.name == name } }

    private func take(_ name: String) throws -> JSONValue {
        guard let member = members.first(where: { $0.name == name }) else {
            throw VectorProblem.member(name)
        }
        unread.remove(name)
        return member.value
    }

    func text(_ name: String) throws -> String {
        guard let text = try take(name).text else { throw VectorProblem.member(name) }
        return text
    }

    func bytes(_ name: String) throws -> [UInt8] {
        let text = try text(name)
        guard let bytes = try? Hex.decode(text) else { throw VectorProblem.member(name) }
        return bytes
    }

    func bytes(_ name: String, count: Int) throws -> [UInt8] {
        let bytes = try bytes(name)
        guard bytes.count == count else { throw VectorProblem.member(name) }
        return bytes
    }

    func fixed<let count: Int>(_ name: String) throws -> FixedBytes<count> {
        let bytes = try bytes(name)
        guard let fixed = FixedBytes<count>(copying: bytes.raw) else {
            throw VectorProblem.member(name)
        }
        return fixed
    }

    func integer<Integer: FixedWidthInteger>(_ name: String) throws -> Integer {
        let value: Integer? =
            switch try take(name) {
            case .integer(let value): Integer(exactly: value)
            case .number(let text): Integer(text)
            default: nil
            }
        guard let value else { throw VectorProblem.member(name) }
        return value
    }

    /// Seconds since 1970, of a clock that goes roughly right.
    func moment(_ name: String) throws -> Int64 {
        let value: Int64 = try integer(name)
        guard (0..<1 << 40).contains(value) else { throw VectorProblem.member(name) }
        return value
    }

    func bool(_ name: String) throws -> Bool {
        guard case .bool(let value) = try take(name) else { throw VectorProblem.member(name) }
        return value
    }

    func object(_ name: String) throws -> VectorInput {
        let child = try VectorInput(try take(name))
        children.append(child)
        return child
    }

    func objects(_ name: String) throws -> [VectorInput] {
        guard let elements = try take(name).elements else { throw VectorProblem.member(name) }
        let inputs = try elements.map { try VectorInput($0) }
        children += inputs
        return inputs
    }

    func byteLists(_ name: String) throws -> [[UInt8]] {
        guard let elements = try take(name).elements else { throw VectorProblem.member(name) }
        return try elements.map { element in
            guard let bytes = element.text.flatMap({ try? Hex.decode($0) }) else {
                throw VectorProblem.member(name)
            }
            return bytes
        }
    }

    // MARK: Keys

    func secret(_ name: String) throws -> SecretBytes {
        let bytes: FixedBytes<32> = try fixed(name)
        return SecretBytes(copying: bytes.raw)
    }

    func signingKey(_ name: String) throws -> Ed25519KeyPair {
        Ed25519KeyPair(seed: try secret(name))
    }

    func agreementKey(_ name: String) throws -> X25519KeyPair {
        X25519KeyPair(secret: try secret(name))
    }

    /// Refused as the parser refuses it (PR-2, PR-3).
    func ed25519(_ name: String) throws -> Ed25519PublicKey {
        let bytes = try bytes(name)
        return try Ed25519PublicKey(parsing: bytes.raw)
    }

    /// Refused as the parser refuses it (PR-2, PR-3).
    func x25519(_ name: String) throws -> X25519PublicKey {
        let bytes = try bytes(name)
        return try X25519PublicKey(parsing: bytes.raw)
    }

    func certificate(_ name: String) throws -> DeviceCertificate {
        let bytes = try bytes(name)
        return try DeviceCertificate(parsing: bytes.raw)
    }

    func server(_ keyName: String, _ hostName: String) throws -> ServerAddress {
        let key = try x25519(keyName)
        let host = try text(hostName)
        return try ServerAddress(key: key, hostAndPort: host)
    }

    func record(_ name: String) throws -> Record {
        let bytes = try bytes(name)
        return try Record(parsing: bytes.raw)
    }

    func bundle(_ name: String) throws -> PreKeyBundle {
        let bytes = try bytes(name)
        return try PreKeyBundle(parsing: bytes.raw)
    }

    func taggedFields(_ name: String) throws -> TaggedFields {
        let bytes = try bytes(name)
        return try TaggedFields(parsing: bytes.raw)
    }

    func handle(_ name: String) throws -> Handle {
        let text = try text(name)
        return try Handle(text)
    }

    /// The seed of an ML-KEM-768 key pair, 64 bytes.
    func kemSeed(_ name: String) throws -> [UInt8] {
        try bytes(name, count: MLKEM768KeyPair.seedByteCount)
    }

    /// KEM prekeys of 1,188 bytes each.
    func kemPreKeys(_ name: String) throws -> [KEMPreKey] {
        let keys = try byteLists(name).map { bytes in
            var reader = Reader(bytes.raw)
            let key = try KEMPreKey(from: &reader)
            try reader.finish()
            return key
        }
        guard keys.count <= MerkleTree.leafCountMax else { throw VectorProblem.member(name) }
        return keys
    }

    /// A KEM prekey: an id, and a key that is refused as the parser refuses it (PR-11).
    func kemPreKey(_ idName: String, _ keyName: String) throws -> KEMPreKey {
        let id: UInt32 = try integer(idName)
        let key = try bytes(keyName)
        let encoded = Derive.big(id) + key
        var reader = Reader(encoded.raw)
        let preKey = try KEMPreKey(from: &reader)
        try reader.finish()
        return preKey
    }

    /// An issued one-time KEM prekey of 1,350 bytes, nil for zeros.
    func issuedKEM(_ name: String) throws -> IssuedKEMPreKey? {
        let bytes = try bytes(name)
        var reader = Reader(bytes.raw)
        let issued = try IssuedKEMPreKey.optional(from: &reader)
        try reader.finish()
        return issued
    }

    /// An issued one-time prekey of 198 bytes, nil for zeros.
    func issued(_ name: String) throws -> IssuedPreKey? {
        let bytes = try bytes(name)
        var reader = Reader(bytes.raw)
        let issued = try IssuedPreKey.optional(from: &reader)
        try reader.finish()
        return issued
    }
}
