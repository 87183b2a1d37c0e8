internal import Primitives

/// The functions of SPEC.md section 2 on plain arrays, for the second derivation in vectors. The
/// people in vectors do not exist, so their secrets may lie about.
enum Derive {
    static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    static func big(_ value: some FixedWidthInteger) -> [UInt8] {
        let count = value.bitWidth / 8
        return (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
    }

    static func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

    static func sha256(_ bytes: [UInt8]) -> [UInt8] { SHA256.hash(bytes.raw).array }

    static func hkdf(_ salt: [UInt8], _ key: [UInt8], _ info: [UInt8], _ count: Int) -> [UInt8] {
        HKDFSHA256.derive(
            from: SecretBytes(copying: key.raw), salt: salt.raw, info: info.raw, byteCount: count
        ).exposeForStorage()
    }

    static func hmac(_ key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        HMACSHA256.tag(of: bytes.raw, key: SecretBytes(copying: key.raw)).array
    }

    static func x25519Public(_ secret: [UInt8]) -> [UInt8] {
        X25519KeyPair(secret: SecretBytes(copying: secret.raw)).publicKey.bytes.array
    }

    static func x25519(_ secret: [UInt8], _ publicKey: [UInt8]) throws -> [UInt8] {
        let own = X25519KeyPair(secret: SecretBytes(copying: secret.raw))
        return try own.agree(with: try X25519PublicKey(parsing: publicKey.raw)).exposeForStorage()
    }

    static func kemPublic(_ seed: [UInt8]) -> [UInt8] {
        MLKEM768KeyPair(seed: SecretBytes(copying: seed.raw)).publicKey.bytes.array
    }

    static func isKEMPublic(_ key: [UInt8]) -> Bool {
        (try? MLKEM768PublicKey(parsing: key.raw)) != nil
    }

    static func encapsulate(
        to publicKey: [UInt8], message: [UInt8]
    ) throws -> (secret: [UInt8], ciphertext: [UInt8]) {
        let key = try MLKEM768PublicKey(parsing: publicKey.raw)
        let made = key.encapsulate(message: SecretBytes(copying: message.raw))
        return (made.secret.exposeForStorage(), made.ciphertext.array)
    }

    static func decapsulate(_ ciphertext: [UInt8], seed: [UInt8]) -> [UInt8] {
        let own = MLKEM768KeyPair(seed: SecretBytes(copying: seed.raw))
        return own.decapsulate(FixedBytes(copying: ciphertext.raw) ?? .zero).exposeForStorage()
    }

    static func sha256(_ bytes: ArraySlice<UInt8>) -> [UInt8] { sha256(Array(bytes)) }

    static func xaeadOpen(
        _ key: [UInt8], _ nonce: [UInt8], _ data: [UInt8], _ box: [UInt8]
    ) -> [UInt8]? {
        try? XChaChaPoly.open(
            box.raw, key: SecretBytes(copying: key.raw),
            nonce: FixedBytes(copying: nonce.raw) ?? .zero, authenticating: data.raw)
    }

    static func sign(_ seed: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        Ed25519KeyPair(seed: SecretBytes(copying: seed.raw)).sign(bytes.raw).array
    }

    static func aead(
        _ key: [UInt8], _ nonce: [UInt8], _ data: [UInt8], _ plaintext: [UInt8]
    ) -> [UInt8] {
        ChaChaPoly.seal(
            plaintext.raw, key: SecretBytes(copying: key.raw),
            nonce: FixedBytes(copying: nonce.raw) ?? .zero, authenticating: data.raw)
    }

    static func xaead(
        _ key: [UInt8], _ nonce: [UInt8], _ data: [UInt8], _ plaintext: [UInt8]
    ) -> [UInt8] {
        XChaChaPoly.seal(
            plaintext.raw, key: SecretBytes(copying: key.raw),
            nonce: FixedBytes(copying: nonce.raw) ?? .zero, authenticating: data.raw)
    }
}
