import Primitives

/// Chaining key, handshake hash and the key for what a handshake encrypts (Noise section 5.2).
struct NoiseSymmetricState: ~Copyable, Sendable {
    private var chainingKey: SecretBytes
    /// Everything said so far.
    private(set) var hash: FixedBytes<32>
    private var cipher: NoiseCipher?

    /// InitializeSymmetric: a name of more than 32 bytes is hashed.
    init(protocolName: String) {
        let name = [UInt8](protocolName.utf8)
        if name.count <= 32 {
            let padded = name + [UInt8](repeating: 0, count: 32 - name.count)
            hash = FixedBytes(copying: padded.raw) ?? .zero
        } else {
            hash = SHA256.hash(name.raw)
        }
        chainingKey = SecretBytes(copying: hash.raw)
        cipher = nil
    }

    /// True once something has been agreed, so that payloads and static keys are encrypted.
    var hasKey: Bool {
        switch cipher {
        case .some: true
        case .none: false
        }
    }

    /// MixKey.
    mutating func mix(key inputKey: borrowing SecretBytes) {
        let output = HKDFSHA256.derive(
            from: inputKey, salt: chainingKey, info: RawSpan(), byteCount: 64)
        chainingKey = output.part(0..<32)
        cipher = NoiseCipher(key: output.part(32..<64))
    }

    /// MixHash.
    mutating func mix(hash bytes: RawSpan) {
        var next = SHA256()
        next.update(hash.raw)
        next.update(bytes)
        hash = next.finish()
    }

    /// EncryptAndHash, appending to `message`.
    mutating func encrypt(
        _ plaintext: RawSpan, appendingTo message: inout [UInt8]
    ) throws(NoiseError) {
        var sealed = [UInt8](copying: plaintext)
        if hasKey {
            sealed.append(contentsOf: repeatElement(0, count: ChaChaPoly.tagByteCount))
            var span = sealed.mutableRaw
            try cipher?.seal(inPlace: &span, authenticating: hash.raw)
        }
        mix(hash: sealed.raw)
        message.append(contentsOf: sealed)
    }

    /// DecryptAndHash.
    mutating func decrypt(_ sealed: RawSpan) throws(NoiseError) -> [UInt8] {
        var plaintext = [UInt8](copying: sealed)
        if hasKey {
            var span = plaintext.mutableRaw
            let count = try cipher?.open(inPlace: &span, authenticating: hash.raw) ?? 0
            plaintext.removeLast(plaintext.count - count)
        }
        mix(hash: sealed)
        return plaintext
    }

    /// Split: the initiator's cipher first.
    consuming func split() -> NoiseCipherPair {
        let nothing = SecretBytes(copying: RawSpan())
        let output = HKDFSHA256.derive(
            from: nothing, salt: chainingKey, info: RawSpan(), byteCount: 64)
        return NoiseCipherPair(
            fromInitiator: NoiseCipher(key: output.part(0..<32)),
            fromResponder: NoiseCipher(key: output.part(32..<64)))
    }
}

/// What a finished handshake leaves: a cipher for each direction.
struct NoiseCipherPair: ~Copyable, Sendable {
    var fromInitiator: NoiseCipher
    var fromResponder: NoiseCipher

    init(fromInitiator: consuming NoiseCipher, fromResponder: consuming NoiseCipher) {
        self.fromInitiator = fromInitiator
        self.fromResponder = fromResponder
    }
}
