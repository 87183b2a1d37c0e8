package import Primitives

extension Session {
    /// True when frames can be sealed in this session: a message of the peer has opened in it.
    package var canSealFrames: Bool {
        switch receiving.frameKey {
        case .some: true
        case .none: false
        }
    }

    /// Seals and signs a frame. The session does not change.
    ///
    /// - Parameter writeKey: of the peer's mailbox, into which the frame goes, and no other key, so
    ///   that no key of the directory verifies it (E3).
    /// - Throws: `FrameError.nothingReceived`, `.tooLong`.
    /// - SPEC: §7.5, DR-10, EN-20
    package borrowing func seal(
        _ frame: Frame, writeKey: borrowing Ed25519KeyPair, random: inout some RandomSource
    ) throws(FrameError) -> [UInt8] {
        guard var block = frame.signedBytes() else { throw .tooLong }
        let signed = Self.signedMessage(block.raw, id: id, from: role)
        block.append(copying: writeKey.sign(signed.raw).raw)
        let nonce: FixedBytes<24> = random.bytes()
        let data = Self.frameData(id: id, from: role)
        var sealed = [Envelope.version]
        sealed.reserveCapacity(Frame.byteCount)
        sealed.append(copying: nonce.raw)
        switch receiving.frameKey {
        case .some(let key):
            sealed += XChaChaPoly.seal(
                block.raw, key: key.secret, nonce: nonce, authenticating: data.raw)
        case .none:
            // EN-20: before the peer's first message there is no key to seal under.
            throw .nothingReceived
        }
        return sealed
    }

    /// Opens and verifies a frame. The session does not change.
    ///
    /// - Parameter writeKey: of the own mailbox in which the frame came.
    /// - Throws: ``FrameError``; `.notThisSession` when it opens under none of the last three keys.
    /// - SPEC: §7.5, DR-10, EN-12
    package borrowing func openFrame(
        _ bytes: RawSpan, writeKey: Ed25519PublicKey
    ) throws(FrameError) -> Frame {
        // EN-12
        guard bytes.byteCount == Frame.byteCount, bytes.byte(at: 0) == Envelope.version,
            let nonce = FixedBytes<24>(copying: bytes.extracting(1..<25))
        else { throw .notAFrame }
        let data = Self.frameData(id: id, from: role.peer)
        let sealed = bytes.extracting(25..<Frame.byteCount)
        // DR-10: the newest key first, it fits nearly always.
        for box in sending.frameKeys.reversed() {
            guard
                let block = try? XChaChaPoly.open(
                    sealed, key: box.key.secret, nonce: nonce, authenticating: data.raw)
            else { continue }
            let body = block.raw.extracting(0..<Frame.signedByteCount)
            let tail = block.raw.extracting(Frame.signedByteCount..<block.count)
            let signed = Self.signedMessage(body, id: id, from: role.peer)
            guard let signature = Ed25519Signature(copying: tail),
                writeKey.isValid(signature, for: signed.raw)
            else { throw .signature }
            return try Frame(parsing: body)
        }
        throw .notThisSession
    }

    private static func frameData(id: SessionID, from sender: SessionRole) -> [UInt8] {
        [Envelope.version] + associatedData(id: id, from: sender)
    }

    private static func signedMessage(
        _ body: RawSpan, id: SessionID, from sender: SessionRole
    ) -> [UInt8] {
        var message = [UInt8](copying: FrameLabels.signature.raw)
        message.append(copying: id.raw)
        message.append(sender.direction)
        message.append(copying: body)
        return message
    }
}
