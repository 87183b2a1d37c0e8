package import Primitives
package import Wire

/// The handshake: PQXDH-shaped, sealed, X25519 and ML-KEM-768 together.
///
/// What is sealed stays closed unless both are broken. The initiator's identity is authenticated by an agreement and not by a signature, so a transcript
/// convinces nobody else.
///
/// - SPEC: §5
package enum Handshake {
    /// Begins a session as its initiator: H1 to H5 and the first root step.
    ///
    /// The session's first ``Session/seal(_:random:)`` gives the first message.
    ///
    /// - Parameters:
    ///   - introduction: what the recipient is told; its certificate is of `identity`.
    ///   - identity: the device's identity key pair.
    ///   - preKeys: the recipient's.
    /// - Throws: `HandshakeError.versionFloor`, `.zeroSharedSecret`, `.ownIdentity`.
    /// - SPEC: §5.3, HS-3
    package static func begin(
        _ introduction: borrowing Introduction, identity: borrowing X25519KeyPair,
        to preKeys: RecipientPreKeys, random: inout some RandomSource
    ) throws(HandshakeError) -> Session {
        precondition(
            introduction.certificate.identity.identityKey == identity.publicKey,
            "the certificate is of another identity key")
        // HS-3
        guard preKeys.versionFloor <= UInt16(Envelope.version) else {
            throw .versionFloor(preKeys.versionFloor)
        }
        guard preKeys.device.identityKey != identity.publicKey else { throw .ownIdentity }
        let ephemeral = X25519KeyPair.generate(from: &random)
        var sentKey = ephemeral.publicKey.bytes
        let coin: FixedBytes<1> = random.bytes()
        sentKey[31] |= coin[0] & 0x80

        let encapsulation = preKeys.kemPreKey.key.encapsulate(from: &random)
        let ciphertext = encapsulation.ciphertext
        let agreed = try agree(ephemeral, encapsulation.secret.duplicate(), with: preKeys)
        let dh4 = try agree(identity, preKeys.signedPreKey)
        // The block holds the write seed of the reply mailbox.
        var block = introduction.encoded()
        defer { block.wipeBytes() }
        var prefix = [Envelope.version]
        prefix.append(copying: sentKey.raw)
        // H1
        let outerKey = HandshakeSchedule.outerKey(
            agreed.dh1, sentKey: sentKey, signedPreKey: preKeys.signedPreKey)
        let outer = outerBlock(
            preKeys, innerByteCount: block.count, kemCiphertext: ciphertext)
        prefix += ChaChaPoly.seal(
            outer.raw, key: outerKey, nonce: .zero, authenticating: prefix.raw)
        // H2, H3
        let innerKey = HandshakeSchedule.innerKey(
            agreed, opening: prefix.raw, preKeys: preKeys, kemCiphertext: ciphertext)
        prefix += ChaChaPoly.seal(
            block.raw, key: innerKey, nonce: .zero, authenticating: prefix.raw)
        // H4, H5
        let transcript = HandshakeSchedule.transcript(
            prefix: prefix.raw, innerBlock: block.raw, preKeys: preKeys,
            kemCiphertext: ciphertext)
        let secrets = HandshakeSchedule.secrets(agreed, dh4: dh4, transcript: transcript)
        // H6
        do throws(ZeroSharedSecret) {
            return try Session(
                initiatorWith: secrets, signedPreKey: preKeys.signedPreKey, prefix: prefix,
                random: &random)
        } catch {
            throw .zeroSharedSecret
        }
    }

    /// Goes through a first message as its recipient: H2 to H5 and the first ratchet message.
    ///
    /// Nothing is stored here. When it returns `accepted`, the caller stores session, known prefix
    /// and content in one transaction in which it erases the one-time prekeys (HS-5, HS-6, HS-14).
    ///
    /// - Parameters:
    ///   - outer: from ``FirstMessage/openOuter(signedPreKeyID:key:)`` of this message.
    ///   - own: who is written to.
    ///   - signedPreKey: the one under which `outer` opened.
    ///   - oneTimePreKey: the private half of `outer.oneTimePreKeyID`, nil when that is 0 or unknown.
    ///   - kemPreKey: the private half of `outer.kemPreKeyID`, nil when that is unknown.
    ///   - now: seconds since 1970, UTC.
    /// - Throws: `HandshakeError`.
    /// - SPEC: §5.3, HS-5 … HS-11
    package static func accept(
        _ message: FirstMessage, outer: borrowing OuterBlock, own: borrowing RecipientKeys,
        signedPreKey: borrowing X25519KeyPair, oneTimePreKey: borrowing X25519KeyPair?,
        kemPreKey: borrowing MLKEM768KeyPair?, secondsSince1970 now: Int64
    ) throws(HandshakeError) -> FirstMessageResult {
        precondition(outer.openingHash == message.openingHash, "the outer block of this message")
        let oneTime = try usedOneTimePreKey(outer, oneTimePreKey)
        let preKeys: RecipientPreKeys
        let agreed: HandshakeSchedule.Agreed
        switch kemPreKey {
        case .some(let kem):
            preKeys = RecipientPreKeys(
                account: own.account, device: own.device, signedPreKeyID: outer.signedPreKeyID,
                signedPreKey: signedPreKey.publicKey, oneTimePreKey: oneTime,
                kemPreKey: KEMPreKey(id: outer.kemPreKeyID, key: kem.publicKey))
            agreed = try agree(own, outer, oneTimePreKey, kem, with: message.ephemeralKey)
        case .none:
            // HS-6
            throw .unknownKEMPreKey(id: outer.kemPreKeyID)
        }
        var block = try openInner(message, outer, agreed, preKeys)
        defer { block.wipeBytes() }
        // HS-7: of an unknown type nothing else is read.
        guard let type = block.first, FirstMessageType(rawValue: type) != nil else {
            return .needsNewerVersion(type: block.first ?? 0)
        }
        let introduction = try introduction(block, version: message.bytes[0], own, now)
        let prefix = message.bytes[..<outer.prefixByteCount]
        let transcript = HandshakeSchedule.transcript(
            prefix: prefix.raw, innerBlock: block.raw, preKeys: preKeys,
            kemCiphertext: outer.kemCiphertext)
        let dh4 = try agree(signedPreKey, introduction.certificate.identity.identityKey)
        let secrets = HandshakeSchedule.secrets(agreed, dh4: dh4, transcript: transcript)
        var session = Session(
            recipientWith: secrets, signedPreKey: signedPreKey.duplicate())
        // HS-11
        let opened = try openFirst(session, message.bytes[outer.prefixByteCount...], now)
        let content = opened.content
        let number = opened.number
        session.commit(opened)
        return .accepted(
            AcceptedFirstMessage(
                introduction: introduction, session: session, content: content, number: number,
                prefix: KnownPrefix(
                    openingHash: message.openingHash, byteCount: UInt16(outer.prefixByteCount),
                    hash: SHA256.hash(prefix.raw))))
    }
}

/// Who a first message is for.
///
/// - SPEC: §5.1
package struct RecipientKeys: ~Copyable, Sendable {
    /// The own account key.
    package let account: Ed25519PublicKey
    /// The own device.
    package let device: DeviceIdentity
    let identity: X25519KeyPair

    /// The device must be the one of the identity key.
    package init(
        account: Ed25519PublicKey, device: DeviceIdentity, identity: consuming X25519KeyPair
    ) {
        precondition(device.identityKey == identity.publicKey, "another identity key")
        self.account = account
        self.device = device
        self.identity = identity
    }
}

/// What came of a first message whose blocks opened.
package enum FirstMessageResult: ~Copyable, Sendable {
    /// A new session, authenticated.
    case accepted(AcceptedFirstMessage)
    /// A type of a newer version: the envelope is kept as a request that says so (HS-7).
    case needsNewerVersion(type: UInt8)
}

/// A new session on the recipient's side and what came with it. Its first message is committed.
package struct AcceptedFirstMessage: ~Copyable, Sendable {
    /// Who writes, now authenticated.
    package let introduction: Introduction
    /// The session.
    package let session: Session
    /// The first message's content, to be parsed.
    package let content: [UInt8]
    /// The first message's number: 1 unless earlier ones are late.
    package let number: UInt64
    /// To be kept with the session.
    package let prefix: KnownPrefix

    /// The session, once everything else has been read.
    package consuming func takeSession() -> Session { session }
}
