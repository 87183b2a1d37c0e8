import Primitives

/// The KEM step: how the secret of the next epoch comes about, chunk by chunk in the headers of
/// both sides. It heals a session against whoever has every X25519 key.
///
/// One side makes a key, the other encapsulates to it, and the maker's next ratchet key opens the
/// new epoch: the secret goes into that root step on both sides. Then the other side makes the next
/// key. What travels is no secret; the private key and the secret lie in locked memory until the
/// root step that mixes the secret in, which replaces the whole of this value.
///
/// - SPEC: §6.8, DR-26 … DR-30
struct KEMStep: ~Copyable, Sendable {
    /// Secrets mixed into the root key so far; what is collected here is for the next epoch.
    let epoch: UInt32
    private let role: SessionRole

    /// The maker's private key, d ‖ z, from when its first chunk is sent.
    private(set) var seed: SecretBytes?
    /// The maker's key, or what of it has come; of a whole one that came the check fits.
    private(set) var key = KEMChunks()
    /// The other side's secret, from when its first chunk is sent.
    private(set) var secret: SecretBytes?
    /// The other side's ciphertext, or what of it has come; as above.
    private(set) var ciphertext = KEMChunks()
    /// Whether the last field of this epoch that the maker took held a chunk of a ciphertext, so
    /// that the other side has the key.
    private(set) var isAnswered = false
    /// SHA-256(key ‖ ciphertext), when both are whole.
    private(set) var binding = FixedBytes<32>.zero
    /// Index of the chunk sent next.
    private(set) var nextIndex: UInt8 = 0

    /// Nothing of the next epoch is there yet.
    init(epoch: UInt32, role: SessionRole) {
        self.epoch = epoch
        self.role = role
    }

    /// Whether this side makes the next epoch's key.
    var isMaker: Bool { Self.maker(behind: epoch) == role }

    /// Who makes the key of the epoch behind this one, or nil when there is none behind it.
    static func maker(behind epoch: UInt32) -> SessionRole? {
        guard epoch < .max else { return nil }
        return epoch.isMultiple(of: 2) ? .initiator : .recipient
    }

    /// Whether the epoch began with a chain of this side, which had made its key.
    var isBegunHere: Bool { epoch > 0 && Self.maker(behind: epoch - 1) == role }

    // MARK: Sending

    /// The field of the next message's header.
    mutating func nextField(random: inout some RandomSource) -> KEMField {
        // DR-27
        guard epoch < .max else { return .idle }
        if isMaker {
            guard !isAnswered, !ciphertext.isWhole else { return .idle }
            if seed == nil { makeKey(random: &random) }
            return nextField(.key, key.chunk(at: nextIndex))
        }
        guard key.isWhole else { return .idle }
        if secret == nil { encapsulate(random: &random) }
        guard ciphertext.isWhole else { return .idle }
        return nextField(.ciphertext, ciphertext.chunk(at: nextIndex))
    }

    private mutating func nextField(_ kind: KEMKind, _ chunk: FixedBytes<240>) -> KEMField {
        let field = KEMField(kind: kind, index: nextIndex, chunk: chunk)
        nextIndex = (nextIndex + 1) % KEMChunks.count
        return field
    }

    private mutating func makeKey(random: inout some RandomSource) {
        let seed = SecretBytes(byteCount: MLKEM768KeyPair.seedByteCount, from: &random)
        key = Self.chunks(ofKeyFrom: seed)
        self.seed = consume seed
    }

    private static func chunks(ofKeyFrom seed: borrowing SecretBytes) -> KEMChunks {
        let publicKey = MLKEM768KeyPair(seed: seed).publicKey
        return KEMChunks(whole: publicKey.raw, digest: SHA256.hash(publicKey.raw))
    }

    private mutating func encapsulate(random: inout some RandomSource) {
        // The key was checked when its last chunk came, and is whole.
        guard let publicKey = try? MLKEM768PublicKey(parsing: key.key) else { return }
        let made = publicKey.encapsulate(from: &random)
        binding = Self.binding(key: key.key, ciphertext: made.ciphertext.raw)
        ciphertext = KEMChunks(whole: made.ciphertext.raw, digest: binding)
        nextIndex = 0
        secret = made.secret.duplicate()
    }

    private static func binding(key: RawSpan, ciphertext: RawSpan) -> FixedBytes<32> {
        var hash = SHA256()
        hash.update(key)
        hash.update(ciphertext)
        return hash.finish()
    }

    // MARK: Taking

    /// Takes the field of a message that has opened.
    ///
    /// - Parameter chainEpoch: the epoch of the message's header; a chunk belongs to the next one.
    mutating func take(_ field: KEMField, ofEpoch chainEpoch: UInt32) {
        // DR-28: what came too late, or belongs to an epoch that is not begun, is left unread.
        guard chainEpoch == epoch else { return }
        switch field.kind {
        case .idle: isAnswered = false
        case .key: takeKey(field)
        case .ciphertext: takeCiphertext(field)
        }
    }

    private mutating func takeKey(_ field: KEMField) {
        switch key.take(field.chunk, at: field.index) {
        case .known: return
        case .added: break
        case .begunAgain:
            // What was encapsulated to the other key is of no use to its maker.
            secret = nil
            ciphertext = KEMChunks()
        }
        if key.isWhole, !Self.isGood(key) { key = KEMChunks() }
    }

    /// Whether a whole key has its check and is a key of ML-KEM-768.
    private static func isGood(_ key: KEMChunks) -> Bool {
        // DR-29
        key.isChecked(by: SHA256.hash(key.key), behind: KEMChunks.keyByteCount)
            && (try? MLKEM768PublicKey(parsing: key.key)) != nil
    }

    private mutating func takeCiphertext(_ field: KEMField) {
        // Without a key there is nothing that it could belong to: this side's state went back.
        guard seed != nil else { return }
        isAnswered = true
        guard ciphertext.take(field.chunk, at: field.index) != .known, ciphertext.isWhole,
            !isGoodCiphertext()
        else { return }
        ciphertext = KEMChunks()
        isAnswered = false
    }

    /// Whether a whole ciphertext has the check of one made for the key.
    private mutating func isGoodCiphertext() -> Bool {
        // DR-29
        binding = Self.binding(key: key.key, ciphertext: ciphertext.ciphertext)
        return ciphertext.isChecked(by: binding, behind: KEMChunks.ciphertextByteCount)
    }

    // MARK: Restoring

    /// A maker's key with what has come of the ciphertext; false when that cannot be so, above all
    /// when a whole one does not fit.
    mutating func restore(
        seed: consuming SecretBytes, nextIndex: UInt8, isAnswered: Bool, ciphertext: KEMChunks
    ) -> Bool {
        guard !isAnswered || !ciphertext.isEmpty else { return false }
        key = Self.chunks(ofKeyFrom: seed)
        self.seed = consume seed
        self.nextIndex = nextIndex
        self.isAnswered = isAnswered
        self.ciphertext = ciphertext
        return !ciphertext.isWhole || isGoodCiphertext()
    }

    /// What has come of the other side's key; false when it cannot have.
    mutating func restore(key: KEMChunks) -> Bool {
        self.key = key
        // Behind the last epoch there is nothing to collect.
        guard epoch < .max else { return key.isEmpty }
        return !key.isWhole || Self.isGood(key)
    }

    /// An encapsulation to a whole key.
    mutating func restore(
        secret: consuming SecretBytes, nextIndex: UInt8, ciphertext: FixedBytes<1_088>
    ) {
        self.secret = consume secret
        self.nextIndex = nextIndex
        binding = Self.binding(key: key.key, ciphertext: ciphertext.raw)
        self.ciphertext = KEMChunks(whole: ciphertext.raw, digest: binding)
    }

    // MARK: Mixing

    /// What the maker's next root step takes in besides the agreement: the secret of a ciphertext
    /// that has come whole, or nil.
    borrowing func decapsulated() -> SecretBytes? {
        // DR-30
        guard isMaker, ciphertext.isWhole,
            let ciphertext = FixedBytes<1_088>(copying: ciphertext.ciphertext)
        else { return nil }
        switch seed {
        case .some(let seed): return MLKEM768KeyPair(seed: seed).decapsulate(ciphertext)
        case .none: return nil
        }
    }

    /// Whether a chain of the next epoch can come: this side has encapsulated.
    var awaitsNextEpoch: Bool { secret != nil }

    /// The input of a root step that begins the next epoch: agreement, secret, binding.
    borrowing func input(
        agreed: borrowing SecretBytes, secret: borrowing SecretBytes
    ) -> SecretBytes {
        SecretBytes(byteCount: 96) { input in
            agreed.withBytes { input.copy($0, to: 0) }
            secret.withBytes { input.copy($0, to: 32) }
            input.copy(binding.raw, to: 64)
        }
    }

    /// The input of the root step with which a chain of the next epoch opens here, or nil when this
    /// side has not encapsulated.
    borrowing func input(agreed: borrowing SecretBytes) -> SecretBytes? {
        switch secret {
        case .some(let secret): input(agreed: agreed, secret: secret)
        case .none: nil
        }
    }
}

extension MutableRawSpan {
    /// Copies bytes to an offset.
    fileprivate mutating func copy(_ source: RawSpan, to offset: Int) {
        for index in 0..<source.byteCount {
            storeBytes(of: source.byte(at: index), toByteOffset: offset + index, as: UInt8.self)
        }
    }
}
