package import Primitives

/// A message that has been sealed.
package struct SealedMessage: Hashable, Sendable {
    /// The envelope, 1,024, 4,096 or 16,384 bytes.
    package let envelope: [UInt8]
    /// Its number n in the session, from 1.
    package let number: UInt64
}

extension Session {
    /// Seals content into the smallest envelope that holds it, or behind the handshake's prefix
    /// until the reply has come.
    ///
    /// Advances the session: the caller stores the new state and the envelope in one transaction
    /// before a byte is sent (DR-8), and sends that envelope again rather than sealing again.
    ///
    /// - Throws: ``SealError``; the session is unchanged then, and `random` unused.
    /// - SPEC: §6.2, DR-1, DR-7, DR-8, EN-2, HS-12, HS-13
    package mutating func seal(
        _ content: Content, random: inout some RandomSource
    ) throws(SealError) -> SealedMessage {
        let envelopeByteCount = try envelopeByteCount(for: content)
        if sending.chain == nil { try beginChain(random: &random) }
        guard var chain = sending.chain.take() else { throw .nothingReceived }
        guard chain.count < .max else {
            sending.chain = consume chain
            throw .chainExhausted
        }
        sending.number += 1
        sending.link = ReceivedNumbers.link(
            after: sending.link, tag: sending.tag, number: sending.number)

        var envelope: [UInt8] = []
        envelope.reserveCapacity(envelopeByteCount)
        if prefix.isEmpty { envelope.append(Envelope.version) } else { envelope += prefix }
        let start = envelope.count
        // The header's, and the beginning of the body's.
        var data = Self.associatedData(id: id, from: role)
        appendHeader(
            of: chain, kem.nextField(random: &random), data, to: &envelope, random: &random)
        let bodyStart = envelope.count
        envelope.append(bigEndian: sending.number)
        envelope.append(copying: sending.link.raw)
        content.encode(into: &envelope)
        envelope.append(0x80)
        envelope.append(
            contentsOf: repeatElement(0, count: envelopeByteCount - envelope.count))

        // DR-1: the body's nonce is part of the header's random one.
        let nonce = Self.bodyNonce(envelope.raw.extracting(start..<start + 24))
        data.append(copying: envelope.raw.extracting(start..<bodyStart))
        sealBody(of: &envelope, from: bodyStart, with: chain.chainKey.messageKey(), nonce, data)
        sending.tag = Self.tag(of: envelope.raw)
        chain.chainKey = chain.chainKey.next()
        chain.count += 1
        sending.chain = consume chain
        changeCount += 1
        return SealedMessage(envelope: envelope, number: sending.number)
    }

    private borrowing func envelopeByteCount(for content: Content) throws(SealError) -> Int {
        let count = content.fields.byteCount
        guard awaitsReply else {
            guard let byteCount = Envelope.byteCount(forFieldsByteCount: count) else {
                throw .tooLong(fieldsByteCount: count, room: room)
            }
            return byteCount
        }
        // HS-12, HS-13
        guard count <= room else { throw .tooLong(fieldsByteCount: count, room: room) }
        guard sending.number < RatchetLimits.unansweredMax else {
            throw .awaitingReply(limit: RatchetLimits.unansweredMax)
        }
        return Envelope.firstMessageByteCount
    }

    /// The sending root step: a fresh ratchet key against the peer's last one, and the secret of
    /// the KEM when this side made its key and the ciphertext has come.
    private mutating func beginChain(random: inout some RandomSource) throws(SealError) {
        guard let peerKey = receiving.chain?.ratchetKey else { throw .nothingReceived }
        let ratchetKey = X25519KeyPair.generate(from: &random)
        // The peer's key passed the same agreement when its chain was opened and is of no low
        // order, so this does not fail; were it to, there would be nothing to seal under.
        guard let agreed = try? ratchetKey.agree(with: peerKey) else { throw .nothingReceived }
        let step: RootStep
        if let secret = kem.decapsulated() {
            // DR-30
            let epoch = kem.epoch + 1
            step = root.step(kem.input(agreed: agreed, secret: secret), epoch: epoch)
            kem = KEMStep(epoch: epoch, role: role)
        } else {
            step = root.step(agreed, epoch: kem.epoch)
        }
        root = step.root
        sending.chain = SendingChain(
            chainKey: step.chain, headerKey: sending.nextHeaderKey.duplicate(),
            ratchetKey: ratchetKey, previousChainLength: sending.endedChainLength, count: 0)
        sending.nextHeaderKey = step.nextHeader
        sending.keep(step.frame)
    }

    private borrowing func appendHeader(
        of chain: borrowing SendingChain, _ field: KEMField, _ data: [UInt8],
        to envelope: inout [UInt8], random: inout some RandomSource
    ) {
        let nonce: FixedBytes<24> = random.bytes()
        envelope.append(copying: nonce.raw)
        let start = envelope.count
        RatchetHeader(
            ratchetKey: chain.ratchetKey.publicKey,
            previousChainLength: chain.previousChainLength, messageNumber: chain.count,
            epoch: kem.epoch, kem: field
        ).encode(into: &envelope)
        envelope.append(contentsOf: repeatElement(0, count: Envelope.tagByteCount))
        let end = envelope.count
        var all = envelope.mutableRaw
        var box = all._mutatingExtracting(start..<end)
        chain.headerKey.seal(&box, nonce: nonce, authenticating: data.raw)
    }

    private borrowing func sealBody(
        of envelope: inout [UInt8], from start: Int, with key: consuming MessageKey,
        _ nonce: FixedBytes<12>, _ data: [UInt8]
    ) {
        let end = envelope.count
        var all = envelope.mutableRaw
        var box = all._mutatingExtracting(start..<end)
        key.seal(&box, nonce: nonce, authenticating: data.raw)
    }

    /// The first half of a header nonce.
    static func bodyNonce(_ headerNonce: RawSpan) -> FixedBytes<12> {
        FixedBytes<12>(copying: headerNonce.extracting(0..<12)) ?? .zero
    }

    /// The last 16 bytes of an envelope.
    static func tag(of envelope: RawSpan) -> ReceivedNumbers.Tag {
        let count = envelope.byteCount
        return ReceivedNumbers.Tag(
            copying: envelope.extracting(count - Envelope.tagByteCount..<count)) ?? .zero
    }
}
