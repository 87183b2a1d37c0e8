import Primitives

extension Session {
    /// Opens an envelope and changes nothing: ``commit(_:)`` takes the step.
    ///
    /// - Parameters:
    ///   - envelope: 1,024, 4,096 or 16,384 bytes.
    ///   - now: hours since 1970, UTC; decides which skipped keys have expired.
    /// - Throws: ``OpenError``; `.notThisSession` when no header key of this session fits.
    /// - SPEC: §6.2, §6.3, §6.4, DR-2 … DR-7, DR-11 … DR-14, DR-24, DR-26, EN-1, EN-3
    package borrowing func open(
        _ envelope: RawSpan, atHours now: UInt32
    ) throws(OpenError) -> OpenedMessage {
        // EN-1
        guard Envelope.byteCounts.contains(envelope.byteCount),
            envelope.byte(at: 0) == Envelope.version
        else { throw .notAnEnvelope }
        return try open(message: envelope.extracting(1..<envelope.byteCount), atHours: now)
    }

    /// Opens what stands behind an envelope's version byte or behind a prefix.
    borrowing func open(
        message: RawSpan, atHours now: UInt32
    ) throws(OpenError) -> OpenedMessage {
        guard message.byteCount > Envelope.messageOverheadByteCount else { throw .notAnEnvelope }
        let parts = MessageParts(message, of: id, from: role.peer, hours: now)
        if let block = openCurrentHeader(parts) {
            return try openInCurrentChain(parts, try parts.header(block))
        }
        if let block = parts.openHeader(receiving.nextHeaderKey) {
            return try openInNewChain(parts, try parts.header(block))
        }
        let current = receiving.chainPlace?.ratchetKey
        for index in receiving.skipped.indices where receiving.skipped[index].ratchetKey != current
        {
            guard let block = parts.openHeader(receiving.skipped[index].headerKey.key) else {
                continue
            }
            return try openSkipped(parts, try parts.header(block), chainIndex: index)
        }
        throw .notThisSession
    }

    private borrowing func openCurrentHeader(_ parts: borrowing MessageParts) -> [UInt8]? {
        guard let key = receiving.chainPlace?.headerKey else { return nil }
        return parts.openHeader(key.key)
    }

    private borrowing func openInCurrentChain(
        _ parts: borrowing MessageParts, _ header: RatchetHeader
    ) throws(OpenError) -> OpenedMessage {
        guard let place = receiving.chainPlace else { throw .notThisSession }
        // DR-3
        guard header.ratchetKey == place.ratchetKey else { throw .ratchetKeyMismatch }
        // DR-26
        guard header.epoch == place.epoch else { throw .wrongEpoch(header.epoch) }
        guard header.messageNumber >= place.count else {
            let index = receiving.skipped.lastIndex { $0.ratchetKey == place.ratchetKey }
            guard let index else {
                throw doubleOrLost(base: place.base, messageNumber: header.messageNumber)
            }
            return try openSkipped(parts, header, chainIndex: index)
        }
        try Self.checkSkip(from: place.count, to: header.messageNumber)
        let advanced = try receiving.advanced(to: header.messageNumber, atHours: parts.hours)
        return try finish(
            parts, header, number: place.base &+ UInt64(header.messageNumber) &+ 1,
            key: advanced.messageKey, step: .current(advanced.advance))
    }

    private borrowing func openInNewChain(
        _ parts: borrowing MessageParts, _ header: RatchetHeader
    ) throws(OpenError) -> OpenedMessage {
        let place = receiving.chainPlace
        // DR-3
        guard header.ratchetKey != place?.ratchetKey else { throw .ratchetKeyMismatch }
        let previous = header.previousChainLength
        // DR-24
        guard previous >= place?.count ?? 0, place != nil || previous == 0 else {
            throw .malformedHeader
        }
        // DR-26
        let begins = header.epoch != kem.epoch
        guard !begins || kem.awaitsNextEpoch && header.epoch == kem.epoch &+ 1 else {
            throw .wrongEpoch(header.epoch)
        }
        // DR-4: before any agreement, so that a refusal costs next to nothing.
        try Self.checkSkip(from: place?.count ?? 0, to: previous)
        try Self.checkSkip(from: 0, to: header.messageNumber)
        let endSkipped = receiving.skippedKeys(to: previous, atHours: parts.hours)
        let agreed = try agree(with: header.ratchetKey)
        let step: RootStep
        if begins, let input = kem.input(agreed: agreed) {
            step = root.step(input, epoch: header.epoch)  // DR-30
        } else {
            step = root.step(agreed, epoch: header.epoch)
        }
        let advanced = step.chain.advanced(
            from: 0, to: header.messageNumber, atHours: parts.hours)
        let base = (place?.base ?? 0) &+ UInt64(previous)
        let turn = Turn(
            root: step.root, nextHeaderKey: step.nextHeader, frameKey: step.frame,
            ratchetKey: header.ratchetKey, epoch: header.epoch, base: base, endSkipped: endSkipped,
            advance: advanced.advance, confirms: receiving.signedPreKey == nil)
        return try finish(
            parts, header, number: base &+ UInt64(header.messageNumber) &+ 1,
            key: advanced.messageKey, step: .turn(turn))
    }

    /// The own half: the drawn ratchet key of the sending chain, or the signed prekey.
    private borrowing func agree(
        with peerKey: X25519PublicKey
    ) throws(OpenError) -> SecretBytes {
        do throws(ZeroSharedSecret) {
            switch receiving.signedPreKey {
            case .some(let signedPreKey): return try signedPreKey.agree(with: peerKey)
            case .none: break
            }
            switch sending.chain {
            case .some(let chain): return try chain.ratchetKey.agree(with: peerKey)
            case .none: break
            }
        } catch {
            // HS-2
            throw .lowOrderRatchetKey
        }
        // DR-24: the peer turned twice without a message of ours in between.
        throw .malformedHeader
    }

    private borrowing func openSkipped(
        _ parts: borrowing MessageParts, _ header: RatchetHeader, chainIndex: Int
    ) throws(OpenError) -> OpenedMessage {
        let chain = receiving.skipped[chainIndex]
        // DR-3
        guard header.ratchetKey == chain.ratchetKey else { throw .ratchetKeyMismatch }
        // DR-26
        guard header.epoch == chain.epoch else { throw .wrongEpoch(header.epoch) }
        guard let keyIndex = chain.index(of: header.messageNumber),
            !chain.keys[keyIndex].isExpired(atHours: parts.hours)
        else { throw doubleOrLost(base: chain.base, messageNumber: header.messageNumber) }
        return try finish(
            parts, header, number: chain.base &+ UInt64(header.messageNumber) &+ 1,
            key: chain.keys[keyIndex].key.duplicate(),
            step: .skipped(chainIndex: chainIndex, keyIndex: keyIndex))
    }

    /// Opens the body and checks what the chain of numbers and links says about it.
    private borrowing func finish(
        _ parts: borrowing MessageParts, _ header: RatchetHeader, number: UInt64,
        key: consuming MessageKey, step: consuming OpeningStep
    ) throws(OpenError) -> OpenedMessage {
        guard var block = parts.openBody(key),
            let end = Envelope.unpaddedByteCount(block.raw), end >= Envelope.bodyHeadByteCount,
            let claimed: UInt64 = block.raw.bigEndian(at: 0),
            let link = ReceivedNumbers.Link(copying: block.raw.extracting(8..<40))
        else { throw .bodyRefused }
        // DR-11
        guard claimed == number else { throw .numberMismatch }
        var numbers = receiving.numbers
        let closedGap: ReceivedNumbers.Gap?
        do throws(ReceivedNumbers.Refusal) {
            closedGap = try numbers.insert(
                number: number, link: link, tag: parts.tag, hours: parts.hours)
        } catch {
            // DR-12, DR-14
            throw error == .double ? .double : .linkMismatch
        }
        block.removeLast(block.count - end)
        block.removeFirst(Envelope.bodyHeadByteCount)
        return OpenedMessage(
            content: block,
            number: number, sessionID: id, closedGap: closedGap, changeCount: changeCount,
            hours: parts.hours, numbers: numbers, epoch: header.epoch, kem: header.kem, step: step)
    }

    private borrowing func doubleOrLost(base: UInt64, messageNumber: UInt32) -> OpenError {
        // DR-14
        let number = base &+ UInt64(messageNumber) &+ 1
        return receiving.numbers.isMissing(number) ? .lost(number: number) : .double
    }

    private static func checkSkip(from count: UInt32, to number: UInt32) throws(OpenError) {
        // DR-4
        let requested = UInt64(number) - UInt64(min(count, number))
        guard requested <= UInt64(RatchetLimits.skipMax) else {
            throw .tooManySkipped(requested: requested, limit: RatchetLimits.skipMax)
        }
    }
}

/// A message cut into its parts, borrowed, with what goes into its associated data.
struct MessageParts: ~Escapable {
    let nonce: FixedBytes<24>
    let tag: ReceivedNumbers.Tag
    let hours: UInt32
    private let sender: SessionRole
    private let header: RawSpan
    private let body: RawSpan
    // The header's data, and behind it the rest of the body's: nonce and sealed header.
    private let data: [UInt8]
    private let headerDataByteCount: Int

    /// - Parameter message: longer than `Envelope.messageOverheadByteCount`.
    @_lifetime(copy message)
    init(_ message: RawSpan, of id: SessionID, from sender: SessionRole, hours: UInt32) {
        let bodyStart = Envelope.headerNonceByteCount + RatchetHeader.sealedByteCount
        nonce =
            FixedBytes<24>(copying: message.extracting(0..<Envelope.headerNonceByteCount)) ?? .zero
        tag = Session.tag(of: message)
        header = message.extracting(Envelope.headerNonceByteCount..<bodyStart)
        body = message.extracting(bodyStart..<message.byteCount)
        self.sender = sender
        var data = Session.associatedData(id: id, from: sender)
        headerDataByteCount = data.count
        // B5: the sealed header stands in the body's associated data.
        data.append(copying: message.extracting(0..<bodyStart))
        self.data = data
        self.hours = hours
    }

    func openHeader(_ key: borrowing HeaderKey) -> [UInt8]? {
        key.open(
            header, nonce: nonce, authenticating: data.raw.extracting(0..<headerDataByteCount))
    }

    /// Parses a header block that has been opened.
    func header(_ block: [UInt8]) throws(OpenError) -> RatchetHeader {
        try RatchetHeader(parsing: block.raw, from: sender)
    }

    func openBody(_ key: consuming MessageKey) -> [UInt8]? {
        key.open(body, nonce: Session.bodyNonce(nonce.raw), authenticating: data.raw)
    }
}
