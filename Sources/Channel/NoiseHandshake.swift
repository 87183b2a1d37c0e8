package import Primitives

/// Who spoke first.
package enum NoiseRole: Sendable {
    case initiator
    case responder
}

/// A handshake of any pattern of `NoisePattern` (Noise section 5.3, HandshakeState), as a state
/// machine without I/O.
///
/// After a failure it is dead and its keys are wiped: no message of it can be tried again.
///
/// - SPEC: §11.2, CH-22, CH-23
package struct NoiseHandshake: ~Copyable, Sendable {
    /// The most bytes a Noise message may have.
    package static let messageByteCountMax = 65_535

    private let role: NoiseRole
    private let pattern: NoisePattern
    private var messageIndex = 0
    // Nil once the handshake has failed or has been split.
    private var symmetric: NoiseSymmetricState?
    private var staticKey: X25519KeyPair?
    private var ephemeralKey: X25519KeyPair?
    private var remoteStaticKey: X25519PublicKey?
    private var remoteEphemeralKey: X25519PublicKey?
    // One of these two, where the pattern has a KEM, from the message with the key to the one with
    // the ciphertext.
    private var decapsulationKey: MLKEM768KeyPair?
    private var remoteEncapsulationKey: MLKEM768PublicKey?

    /// Initialize.
    ///
    /// - Parameters:
    ///   - staticKey: this side's static key pair, where the pattern has one.
    ///   - remoteStaticKey: the other side's, where the pattern has it as a pre-message.
    /// - Throws: `missingKey` when a pre-message names a key that is not given.
    package init(
        _ pattern: NoisePattern, role: NoiseRole, prologue: RawSpan,
        staticKey: consuming X25519KeyPair? = nil, remoteStaticKey: X25519PublicKey? = nil
    ) throws(NoiseError) {
        var symmetric = NoiseSymmetricState(protocolName: pattern.protocolName)
        symmetric.mix(hash: prologue)
        let ownStatic = staticKey?.publicKey
        let initiatorStatic = role == .initiator ? ownStatic : remoteStaticKey
        let responderStatic = role == .initiator ? remoteStaticKey : ownStatic
        if pattern.initiatorStaticIsKnown {
            guard let initiatorStatic else { throw .missingKey }
            symmetric.mix(hash: initiatorStatic.raw)
        }
        if pattern.responderStaticIsKnown {
            guard let responderStatic else { throw .missingKey }
            symmetric.mix(hash: responderStatic.raw)
        }
        self.role = role
        self.pattern = pattern
        self.symmetric = consume symmetric
        self.staticKey = staticKey
        self.remoteStaticKey = remoteStaticKey
    }

    /// True when all messages have been exchanged and `finish` may be called.
    package var isFinished: Bool { messageIndex == pattern.messages.count }

    /// True when it is this side's turn to write.
    package var isMyTurn: Bool {
        !isFinished && (messageIndex.isMultiple(of: 2)) == (role == .initiator)
    }

    /// The other side's static key, once it is known. Authenticated when the handshake is over.
    package var remoteStatic: X25519PublicKey? { remoteStaticKey }

    /// WriteMessage. Draws, in the order of the tokens, 32 bytes of `random` for an ephemeral key,
    /// 64 for a key of the KEM and 32 for an encapsulation.
    ///
    /// - Throws: any `NoiseError`; the handshake is dead then.
    package mutating func write(
        payload: RawSpan, from random: inout some RandomSource
    ) throws(NoiseError) -> [UInt8] {
        guard isAlive else { throw .dead }  // CH-23
        guard isMyTurn else { throw fail(.outOfTurn) }
        var message: [UInt8] = []
        do throws(NoiseError) {
            for token in pattern.messages[messageIndex] {
                try write(token, to: &message, from: &random)
            }
            try withSymmetric { (state) throws(NoiseError) in
                try state.encrypt(payload, appendingTo: &message)
            }
            guard message.count <= Self.messageByteCountMax else {
                throw .messageLength(byteCount: message.count)
            }
        } catch {
            throw fail(error)
        }
        messageIndex += 1
        return message
    }

    /// ReadMessage.
    ///
    /// - Returns: the payload.
    /// - Throws: any `NoiseError`; the handshake is dead then.
    package mutating func read(_ message: RawSpan) throws(NoiseError) -> [UInt8] {
        guard isAlive else { throw .dead }  // CH-23
        guard !isFinished, !isMyTurn else { throw fail(.outOfTurn) }
        let payload: [UInt8]
        do throws(NoiseError) {
            guard message.byteCount <= Self.messageByteCountMax else {
                throw .messageLength(byteCount: message.byteCount)
            }
            var rest = message
            for token in pattern.messages[messageIndex] {
                try read(token, from: &rest)
            }
            payload = try withSymmetric { (state) throws(NoiseError) in
                try state.decrypt(rest)
            }
        } catch {
            throw fail(error)
        }
        messageIndex += 1
        return payload
    }

    /// Split, and the handshake hash, which binds whatever is said inside the channel to it.
    ///
    /// - Throws: `outOfTurn` before the last message, `dead` after a failure.
    package consuming func finish() throws(NoiseError) -> NoiseTransport {
        // The whole state is consumed here; what is not used is wiped by its own `deinit`.
        guard let symmetric = symmetric.take() else { throw .dead }
        guard isFinished else { throw .outOfTurn }
        let hash = symmetric.hash
        let pair = symmetric.split()
        return NoiseTransport(handshakeHash: hash, role: role, pair: pair)
    }

    private mutating func write(
        _ token: NoiseToken, to message: inout [UInt8], from random: inout some RandomSource
    ) throws(NoiseError) {
        switch token {
        case .e:
            let pair = X25519KeyPair.generate(from: &random)
            let publicKey = pair.publicKey
            message.append(copying: publicKey.raw)
            ephemeralKey = consume pair
            try withSymmetric { $0.mix(hash: publicKey.raw) }
        case .s:
            guard let publicKey = staticKey?.publicKey else { throw .missingKey }
            try withSymmetric { (state) throws(NoiseError) in
                try state.encrypt(publicKey.raw, appendingTo: &message)
            }
        case .ee, .es, .se, .ss:
            try agree(token)
        case .e1:
            let pair = MLKEM768KeyPair.generate(from: &random)
            let publicKey = pair.publicKey
            decapsulationKey = consume pair
            try withSymmetric { (state) throws(NoiseError) in
                try state.encrypt(publicKey.raw, appendingTo: &message)
            }
        case .ekem1:
            guard let publicKey = remoteEncapsulationKey.take() else { throw .missingKey }
            let made = publicKey.encapsulate(from: &random)
            let ciphertext = made.ciphertext
            try withSymmetric { (state) throws(NoiseError) in
                try state.encrypt(ciphertext.raw, appendingTo: &message)
            }
            try withSymmetric { $0.mix(key: made.secret) }
        }
    }

    private mutating func read(
        _ token: NoiseToken, from rest: inout RawSpan
    ) throws(NoiseError) {
        switch token {
        case .e:
            let field = try Self.take(32, from: &rest)
            remoteEphemeralKey = try Self.parse(field)
            try withSymmetric { $0.mix(hash: field) }
        case .s:
            let plain = try decrypt(byteCount: 32, from: &rest)
            remoteStaticKey = try Self.parse(plain.raw)
        case .ee, .es, .se, .ss:
            try agree(token)
        case .e1:
            let plain = try decrypt(byteCount: MLKEM768PublicKey.byteCount, from: &rest)
            do throws(MLKEMKeyError) {
                remoteEncapsulationKey = try MLKEM768PublicKey(parsing: plain.raw)
            } catch {
                throw .encapsulationKey(error)  // CH-28
            }
        case .ekem1:
            let plain = try decrypt(byteCount: MLKEM768KeyPair.ciphertextByteCount, from: &rest)
            // Taken, so that the private key is gone whatever comes next.
            guard let pair = decapsulationKey.take(),
                let ciphertext = FixedBytes<1_088>(copying: plain.raw)
            else { throw .missingKey }
            // A ciphertext that was not made for the key gives a secret that nobody has, and the
            // next thing to be opened does not open. CH-28
            let secret = pair.decapsulate(ciphertext)
            try withSymmetric { $0.mix(key: secret) }
        }
    }

    /// DecryptAndHash of a field of so many bytes, which has a tag once there is a key.
    private mutating func decrypt(
        byteCount: Int, from rest: inout RawSpan
    ) throws(NoiseError) -> [UInt8] {
        let overhead = try withSymmetric { $0.hasKey ? ChaChaPoly.tagByteCount : 0 }
        let field = try Self.take(byteCount + overhead, from: &rest)
        return try withSymmetric { (state) throws(NoiseError) in
            try state.decrypt(field)
        }
    }

    /// MixKey of one agreement.
    private mutating func agree(_ token: NoiseToken) throws(NoiseError) {
        let usesOwnStatic: Bool
        let usesRemoteStatic: Bool
        switch token {
        case .es: (usesOwnStatic, usesRemoteStatic) = (role == .responder, role == .initiator)
        case .se: (usesOwnStatic, usesRemoteStatic) = (role == .initiator, role == .responder)
        case .ss: (usesOwnStatic, usesRemoteStatic) = (true, true)
        default: (usesOwnStatic, usesRemoteStatic) = (false, false)
        }
        guard let remote = usesRemoteStatic ? remoteStaticKey : remoteEphemeralKey else {
            throw .missingKey
        }
        let shared: SecretBytes?
        do throws(ZeroSharedSecret) {
            shared =
                usesOwnStatic
                ? try staticKey?.agree(with: remote) : try ephemeralKey?.agree(with: remote)
        } catch {
            throw .zeroSharedSecret  // CH-22
        }
        guard let shared else { throw .missingKey }
        try withSymmetric { $0.mix(key: shared) }
    }

    private mutating func withSymmetric<Result>(
        _ body: (inout NoiseSymmetricState) throws(NoiseError) -> Result
    ) throws(NoiseError) -> Result {
        guard var state = symmetric.take() else { throw .dead }
        // Not put back when `body` throws: the handshake is dead then.
        let result = try body(&state)
        symmetric = consume state
        return result
    }

    /// Wipes all keys and returns what happened.
    private mutating func fail(_ error: NoiseError) -> NoiseError {
        symmetric = nil
        staticKey = nil
        ephemeralKey = nil
        decapsulationKey = nil
        return error  // CH-23
    }

    private var isAlive: Bool {
        switch symmetric {
        case .some: true
        case .none: false
        }
    }

    @_lifetime(copy rest)
    private static func take(
        _ count: Int, from rest: inout RawSpan
    ) throws(NoiseError) -> RawSpan {
        guard rest.byteCount >= count else { throw .messageLength(byteCount: rest.byteCount) }
        let field = rest.extracting(first: count)
        rest = rest.extracting(droppingFirst: count)
        return field
    }

    private static func parse(_ raw: RawSpan) throws(NoiseError) -> X25519PublicKey {
        do throws(PublicKeyError) {
            return try X25519PublicKey(parsing: raw)
        } catch {
            throw .publicKey(error)  // CH-22
        }
    }
}
