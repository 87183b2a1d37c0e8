/// Why bytes are not a key of ML-KEM-768.
package enum MLKEMKeyError: Error, Equatable, Sendable {
    /// The count is not that of such a key.
    case length(byteCount: Int)
    /// A coefficient of the encapsulation key is not below 3329 (FIPS 203 section 7.2).
    case modulus
    /// The hash in the decapsulation key is not that of the encapsulation key in it (section 7.3).
    case hash
}

/// A public key of ML-KEM-768 that passed the modulus check of FIPS 203 section 7.2.
///
/// - SPEC: §4.2, PR-11
package struct MLKEM768PublicKey: Hashable, Sendable {
    /// Bytes of the encoding.
    package static let byteCount = KPKE.publicKeyByteCount

    /// The encoding, ek.
    package let bytes: FixedBytes<1_184>

    /// Parses an encapsulation key, 1184 bytes.
    ///
    /// - Throws: `length` or `modulus`.
    package init(parsing raw: RawSpan) throws(MLKEMKeyError) {
        guard let bytes = FixedBytes<1_184>(copying: raw) else {
            throw .length(byteCount: raw.byteCount)
        }
        var polynomial = Polynomial()
        for index in 0..<3 {
            guard polynomial.decode(raw, at: Polynomial.byteCount * index) else {
                throw .modulus  // PR-11
            }
        }
        self.bytes = bytes
    }

    /// For a key that this module has computed itself.
    fileprivate init(computed bytes: FixedBytes<1_184>) { self.bytes = bytes }

    /// The encoding, borrowed.
    @_transparent
    package var raw: RawSpan {
        @_lifetime(borrow self)
        get { bytes.raw }
    }

    /// Makes a secret that the holder of the private key finds in the ciphertext (ML-KEM.Encaps,
    /// algorithm 20).
    package func encapsulate(from random: inout some RandomSource) -> MLKEM768Encapsulation {
        let message = SecretBytes(byteCount: 32, from: &random)
        return encapsulate(message: message)
    }

    /// ML-KEM.Encaps_internal, algorithm 17: the secret and ciphertext of a 32-byte message.
    package func encapsulate(message: borrowing SecretBytes) -> MLKEM768Encapsulation {
        let g = Keccak(.sha3_512)
        message.withBytes { g.absorb($0) }
        g.absorb(hash.raw)
        let secret = g.squeezeSecret(byteCount: 32)
        let seed = g.squeezeSecret(byteCount: 32)
        var ciphertext = FixedBytes<1_088>()
        var span = ciphertext.mutableRaw
        message.withBytes { message in
            seed.withBytes { KPKE().encrypt(message, to: raw, seed: $0, ciphertext: &span) }
        }
        return MLKEM768Encapsulation(secret: secret, ciphertext: ciphertext)
    }

    /// H(ek).
    fileprivate var hash: FixedBytes<32> {
        let h = Keccak(.sha3_256)
        h.absorb(raw)
        return h.squeeze()
    }
}

/// What an encapsulation gives.
package struct MLKEM768Encapsulation: ~Copyable, Sendable {
    /// The shared secret, 32 bytes.
    package let secret: SecretBytes
    /// What the holder of the private key needs to find it, 1088 bytes.
    package let ciphertext: FixedBytes<1_088>
}

/// A key pair of ML-KEM-768.
///
/// In memory it is the expanded form of 2400 bytes, in guarded pages; the 64 bytes it is made from,
/// d and z of FIPS 203 algorithm 16, are the other form that section 3.3 lets one keep.
package struct MLKEM768KeyPair: ~Copyable, Sendable {
    /// Bytes of the seed, d then z.
    package static let seedByteCount = 64
    /// Bytes of a ciphertext.
    package static let ciphertextByteCount = KPKE.ciphertextByteCount
    /// Bytes of the expanded private key.
    static let expandedByteCount = 2_400

    /// The encapsulation key.
    package let publicKey: MLKEM768PublicKey
    /// dk of the inner encryption ‖ ek ‖ H(ek) ‖ z.
    private let expanded: SecretBytes

    /// ML-KEM.KeyGen, algorithm 19.
    package static func generate(from random: inout some RandomSource) -> MLKEM768KeyPair {
        MLKEM768KeyPair(seed: SecretBytes(byteCount: seedByteCount, from: &random))
    }

    /// ML-KEM.KeyGen_internal, algorithm 16.
    ///
    /// - Parameter seed: d ‖ z, 64 bytes.
    package init(seed: borrowing SecretBytes) {
        precondition(seed.byteCount == Self.seedByteCount)
        var encoded = FixedBytes<1_184>()
        var span = encoded.mutableRaw
        expanded = SecretBytes(byteCount: Self.expandedByteCount) { expanded in
            seed.withBytes { seed in
                KPKE().generate(
                    seed: seed.extracting(0..<32), publicKey: &span, privateKey: &expanded)
                for offset in 0..<32 {
                    expanded.storeBytes(
                        of: seed.byte(at: 32 + offset), toByteOffset: 2_368 + offset,
                        as: UInt8.self)
                }
            }
            for offset in 0..<Self.publicKeyRange.count {
                expanded.storeBytes(
                    of: span.bytes.byte(at: offset),
                    toByteOffset: Self.publicKeyRange.lowerBound + offset, as: UInt8.self)
            }
            let h = Keccak(.sha3_256)
            h.absorb(span.bytes)
            let hash: FixedBytes<32> = h.squeeze()
            for offset in 0..<32 {
                expanded.storeBytes(
                    of: hash[offset], toByteOffset: 2_336 + offset, as: UInt8.self)
            }
        }
        publicKey = MLKEM768PublicKey(computed: encoded)
    }

    private static let publicKeyRange = 1_152..<2_336

    /// Takes an expanded private key, 2400 bytes, with the checks of FIPS 203 section 7.3.
    ///
    /// - Throws: `length`, `hash`, or `modulus` for the public key in it.
    package init(parsing raw: RawSpan) throws(MLKEMKeyError) {
        guard raw.byteCount == Self.expandedByteCount else {
            throw .length(byteCount: raw.byteCount)
        }
        let key = try MLKEM768PublicKey(parsing: raw.extracting(Self.publicKeyRange))
        let hash = key.hash
        guard ConstantTime.isEqual(hash.raw, raw.extracting(2_336..<2_368)) else {
            throw .hash  // PR-12
        }
        publicKey = key
        expanded = SecretBytes(copying: raw)
    }

    /// The expanded private key, 2400 bytes, which nothing wipes; for tests.
    func expandedBytes() -> [UInt8] { expanded.exposeForStorage() }

    /// Whether the expanded private key, 2400 bytes, is this one; for vectors.
    package func isExpanded(as other: RawSpan) -> Bool { expanded.isEqual(to: other) }

    /// The secret of a ciphertext: ML-KEM.Decaps, algorithm 21.
    ///
    /// A ciphertext that was not made for this key gives a secret that nobody else has, in the
    /// same time: there is no error.
    package func decapsulate(_ ciphertext: FixedBytes<1_088>) -> SecretBytes {
        // ML-KEM.Decaps_internal, algorithm 18.
        expanded.withBytes { expanded in
            let pke = KPKE()
            let message = SecretBytes(byteCount: 32) {
                pke.decrypt(ciphertext.raw, with: expanded, message: &$0)
            }
            let again = publicKey.encapsulate(message: message)
            let rejected = Keccak(.shake256)
            rejected.absorb(expanded.extracting(2_368..<2_400))
            rejected.absorb(ciphertext.raw)
            let other = rejected.squeezeSecret(byteCount: 32)
            // PR-13
            return ConstantTime.choose(
                again.secret, over: other, ifEqual: again.ciphertext.raw, ciphertext.raw)
        }
    }
}
