internal import CSodium

/// Why 32 bytes are not a public key.
package enum PublicKeyError: Error, Equatable, Sendable {
    /// There are not exactly 32 bytes.
    case length(byteCount: Int)
    /// The same key has another, canonical encoding: the value is not below 2^255 − 19, or the top
    /// bit of an X25519 key is set.
    case nonCanonical
    /// The point has a small order: any agreement with it is zero, any message verifies.
    case lowOrder
}

/// The agreement gave 32 zero bytes, so the other side's key contributed nothing.
package struct ZeroSharedSecret: Error, Equatable, Sendable {
    package init() {}
}

/// An X25519 public key in its only accepted encoding.
///
/// Two encodings of one key give one secret, so whoever compares keys by bytes, as every identity
/// check does, may meet canonical ones only. A value of this type is canonical and not of low order.
///
/// - SPEC: §4.2, PR-2, PR-3
package struct X25519PublicKey: Hashable, Sendable {
    /// The encoding, 32 bytes, little-endian.
    package let bytes: FixedBytes<32>

    /// Parses a key.
    ///
    /// - Throws: `length`, `nonCanonical` (PR-2) or `lowOrder` (PR-3).
    package init(parsing raw: RawSpan) throws(PublicKeyError) {
        guard let bytes = FixedBytes<32>(copying: raw) else {
            throw .length(byteCount: raw.byteCount)
        }
        try self.init(parsing: bytes)
    }

    /// Parses a key.
    ///
    /// - Throws: `nonCanonical` (PR-2) or `lowOrder` (PR-3).
    package init(parsing bytes: FixedBytes<32>) throws(PublicKeyError) {
        guard FieldElement.isCanonical(bytes) else { throw .nonCanonical }  // PR-2
        guard !Self.lowOrder.contains(bytes) else { throw .lowOrder }  // PR-3
        self.bytes = bytes
    }

    /// For a key that this module has computed itself.
    fileprivate init(computed bytes: FixedBytes<32>) { self.bytes = bytes }

    /// The encoding, borrowed.
    @_transparent
    package var raw: RawSpan {
        @_lifetime(borrow self)
        get { bytes.raw }
    }

    // u = 0, 1, −1 and the two of order 8; the other known encodings are not canonical.
    private static let lowOrder: [FixedBytes<32>] = FieldElement.list([
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ])
}

extension X25519PublicKey: CustomStringConvertible {
    /// The first four bytes in hexadecimal and an ellipsis.
    package var description: String { "X25519(\(bytes))" }
}

/// An X25519 key pair; the private half lies in locked memory.
package struct X25519KeyPair: ~Copyable, Sendable {
    /// The public half.
    package let publicKey: X25519PublicKey
    private let secret: SecretBytes

    /// A fresh key pair from 32 bytes of `random`.
    package static func generate(
        from random: inout some RandomSource, home: SecretBytes.Home = .slab
    ) -> X25519KeyPair {
        X25519KeyPair(secret: SecretBytes(byteCount: 32, home: home, from: &random))
    }

    /// The key pair of a private key of 32 bytes, which libsodium clamps when it uses it.
    package init(secret: consuming SecretBytes) {
        precondition(secret.byteCount == 32, "an X25519 private key has 32 bytes")
        Sodium.start()
        var bytes = FixedBytes<32>()
        var span = bytes.mutableRaw
        // Safe: 32 bytes each.
        let code = unsafe span.withMutablePointer { output in
            unsafe secret.raw.withPointer { unsafe crypto_scalarmult_curve25519_base(output, $0) }
        }
        precondition(code == 0, "a multiple of the base point is never zero")
        publicKey = X25519PublicKey(computed: bytes)
        self.secret = secret
    }

    /// The shared secret with `peer`, 32 bytes, to be put through a key derivation.
    ///
    /// - Throws: `ZeroSharedSecret` when libsodium refuses the point. A parsed key never leads
    ///   there; the check stands for itself (PR-4).
    package borrowing func agree(
        with peer: X25519PublicKey
    ) throws(ZeroSharedSecret) -> SecretBytes {
        try X25519.agree(secret: secret, point: peer.bytes)
    }

    /// A second key pair with the same bytes, to stage a step that may still fail.
    package borrowing func duplicate() -> X25519KeyPair {
        X25519KeyPair(publicKey: publicKey, secret: secret.duplicate())
    }

    private init(publicKey: X25519PublicKey, secret: consuming SecretBytes) {
        self.publicKey = publicKey
        self.secret = secret
    }

    /// A plain copy of the private key, which nothing wipes: the caller encrypts it at once.
    package borrowing func exposeForStorage() -> [UInt8] { secret.exposeForStorage() }

    /// Lends the private key to `body`; the span cannot leave it.
    package borrowing func withSecretBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try secret.withBytes(body)
    }
}

/// The function itself (RFC 7748 section 5) on any 32 bytes, for public vectors.
package enum X25519 {
    /// Multiplies, and refuses a product of zero.
    ///
    /// - Throws: `ZeroSharedSecret`: low-order points show in libsodium's return code only (PR-4).
    package static func agree(
        secret: borrowing SecretBytes, point: FixedBytes<32>
    ) throws(ZeroSharedSecret) -> SecretBytes {
        precondition(secret.byteCount == 32, "an X25519 private key has 32 bytes")
        let key = secret.raw
        return try SecretBytes(byteCount: 32) { output throws(ZeroSharedSecret) in
            // Safe: 32 bytes each.
            let code = unsafe output.withMutablePointer { target in
                unsafe key.withPointer { scalar in
                    unsafe point.raw.withPointer {
                        unsafe crypto_scalarmult_curve25519(target, scalar, $0)
                    }
                }
            }
            guard code == 0 else { throw ZeroSharedSecret() }  // PR-4
        }
    }
}

/// Encodings of integers modulo p = 2^255 − 19, 32 bytes, little-endian.
enum FieldElement {
    /// True when the value is below p; the top bit counts as part of the value.
    static func isCanonical(_ bytes: FixedBytes<32>) -> Bool {
        if bytes[31] != 0x7f { return bytes[31] < 0x7f }
        for index in 1..<31 where bytes[index] != 0xff { return true }
        return bytes[0] < 0xed
    }

    /// Constants of this module, written in hexadecimal.
    static func list(_ texts: [String]) -> [FixedBytes<32>] {
        texts.map { text in
            guard let bytes = FixedBytes<32>(hex: text) else {
                preconditionFailure("a constant of this module is not 32 bytes")
            }
            return bytes
        }
    }
}
