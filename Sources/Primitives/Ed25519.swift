internal import CSodium

/// An Ed25519 signature, 64 bytes. Never an id: dedupe by message, not by signature.
package typealias Ed25519Signature = FixedBytes<64>

/// An Ed25519 public key in its only accepted encoding.
///
/// - SPEC: §4.2, PR-2, PR-3, PR-5
package struct Ed25519PublicKey: Hashable, Comparable, Sendable {
    /// The encoding, 32 bytes (RFC 8032 section 5.1.2).
    package let bytes: FixedBytes<32>

    /// Parses a key. Whether the bytes are a point at all shows when a signature is verified.
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
        // The top bit is the sign of x; what remains is y.
        var y = bytes
        y[31] &= 0x7f
        guard FieldElement.isCanonical(y) else { throw .nonCanonical }  // PR-2
        guard !Self.lowOrder.contains(y) else { throw .lowOrder }  // PR-3
        self.bytes = bytes
    }

    /// For a key that this module has computed itself.
    init(computed bytes: FixedBytes<32>) { self.bytes = bytes }

    /// The encoding, borrowed.
    @_transparent
    package var raw: RawSpan {
        @_lifetime(borrow self)
        get { bytes.raw }
    }

    /// True when `signature` is this key's over `message`.
    ///
    /// libsodium's `verify_detached`, which refuses S not below the group order, R of small order,
    /// and keys that are not canonical or of small order. About 57 µs.
    package func isValid(_ signature: Ed25519Signature, for message: RawSpan) -> Bool {
        let count = UInt64(message.byteCount)
        // Safe: 64 and 32 bytes, and the message with its own count. PR-5
        let code = unsafe signature.raw.withPointer { signaturePointer in
            unsafe message.withPointer { messagePointer in
                unsafe raw.withPointer {
                    unsafe crypto_sign_verify_detached(
                        signaturePointer, messagePointer, count, $0)
                }
            }
        }
        return code == 0
    }

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

    // y of the eight points of small order, in canonical encoding.
    private static let lowOrder: [FixedBytes<32>] = FieldElement.list([
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ])
}

extension Ed25519PublicKey: CustomStringConvertible {
    /// The first four bytes in hexadecimal and an ellipsis.
    package var description: String { "Ed25519(\(bytes))" }
}

/// An Ed25519 key pair; the private half lies in locked memory.
package struct Ed25519KeyPair: ~Copyable, Sendable {
    /// Bytes of the seed from which the pair follows.
    package static let seedByteCount = 32

    /// The public half.
    package let publicKey: Ed25519PublicKey
    // libsodium's form: the seed, then the public key.
    private let secret: SecretBytes

    /// A fresh key pair from 32 bytes of `random`.
    package static func generate(
        from random: inout some RandomSource, home: SecretBytes.Home = .slab
    ) -> Ed25519KeyPair {
        Ed25519KeyPair(seed: SecretBytes(byteCount: seedByteCount, from: &random), home: home)
    }

    /// The key pair of a seed of 32 bytes.
    package init(seed: borrowing SecretBytes, home: SecretBytes.Home = .slab) {
        precondition(seed.byteCount == Self.seedByteCount, "an Ed25519 seed has 32 bytes")
        Sodium.start()
        var bytes = FixedBytes<32>()
        var span = bytes.mutableRaw
        let seedBytes = seed.raw
        secret = SecretBytes(byteCount: 64, home: home) { secretSpan in
            // Safe: 32, 64 and 32 bytes.
            let code = unsafe span.withMutablePointer { publicPointer in
                unsafe secretSpan.withMutablePointer { secretPointer in
                    unsafe seedBytes.withPointer {
                        unsafe crypto_sign_seed_keypair(publicPointer, secretPointer, $0)
                    }
                }
            }
            precondition(code == 0)
        }
        publicKey = Ed25519PublicKey(computed: bytes)
    }

    private init(publicKey: Ed25519PublicKey, secret: consuming SecretBytes) {
        self.publicKey = publicKey
        self.secret = secret
    }

    /// Signs a message; deterministic, about 20 µs.
    package borrowing func sign(_ message: RawSpan) -> Ed25519Signature {
        var signature = Ed25519Signature()
        var span = signature.mutableRaw
        let count = UInt64(message.byteCount)
        let key = secret.raw
        // Safe: 64 and 64 bytes, and the message with its own count.
        let code = unsafe span.withMutablePointer { output in
            unsafe message.withPointer { messagePointer in
                unsafe key.withPointer {
                    unsafe crypto_sign_detached(output, nil, messagePointer, count, $0)
                }
            }
        }
        precondition(code == 0)
        return signature
    }

    /// The seed as a secret of its own, to be handed on inside an encrypted session.
    package borrowing func seed(home: SecretBytes.Home = .slab) -> SecretBytes {
        secret.part(0..<Self.seedByteCount, home: home)
    }

    /// A second key pair with the same bytes.
    package borrowing func duplicate() -> Ed25519KeyPair {
        Ed25519KeyPair(publicKey: publicKey, secret: secret.duplicate())
    }

    /// A plain copy of the seed, which nothing wipes: the caller encrypts it at once.
    package borrowing func exposeForStorage() -> [UInt8] {
        [UInt8](copying: secret.raw.extracting(0..<Self.seedByteCount))
    }
}
