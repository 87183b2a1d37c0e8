import Primitives
import Wire

extension Handshake {
    static func outerBlock(
        _ preKeys: RecipientPreKeys, innerByteCount: Int, kemCiphertext: FixedBytes<1_088>
    ) -> [UInt8] {
        var writer = Writer(capacity: FirstMessage.outerByteCount)
        writer.u32(preKeys.oneTimePreKey?.id ?? 0)
        writer.u32(preKeys.kemPreKey.id)
        writer.u16(UInt16(innerByteCount))
        writer.fixed(kemCiphertext)
        return writer.bytes
    }

    /// The initiator's dh1, dh2, dh3, beside the KEM's secret.
    static func agree(
        _ ephemeral: borrowing X25519KeyPair, _ kem: consuming SecretBytes,
        with preKeys: RecipientPreKeys
    ) throws(HandshakeError) -> HandshakeSchedule.Agreed {
        let dh1 = try agree(ephemeral, preKeys.signedPreKey)
        let dh2 = try agree(ephemeral, preKeys.device.identityKey)
        guard let oneTime = preKeys.oneTimePreKey else {
            return HandshakeSchedule.Agreed(dh1: dh1, dh2: dh2, dh3: nil, kem: kem)
        }
        let dh3 = try agree(ephemeral, oneTime.key)
        return HandshakeSchedule.Agreed(dh1: dh1, dh2: dh2, dh3: dh3, kem: kem)
    }

    /// The recipient's dh2 and dh3, beside what the outer block gave and the KEM's secret.
    static func agree(
        _ own: borrowing RecipientKeys, _ outer: borrowing OuterBlock,
        _ oneTimePreKey: borrowing X25519KeyPair?, _ kemPreKey: borrowing MLKEM768KeyPair,
        with ephemeralKey: X25519PublicKey
    ) throws(HandshakeError) -> HandshakeSchedule.Agreed {
        let dh1 = outer.dh1.duplicate()
        let dh2 = try agree(own.identity, ephemeralKey)
        let kem = kemPreKey.decapsulate(outer.kemCiphertext)
        switch oneTimePreKey {
        case .some(let key):
            let dh3 = try agree(key, ephemeralKey)
            return HandshakeSchedule.Agreed(dh1: dh1, dh2: dh2, dh3: dh3, kem: kem)
        case .none: return HandshakeSchedule.Agreed(dh1: dh1, dh2: dh2, dh3: nil, kem: kem)
        }
    }

    static func agree(
        _ own: borrowing X25519KeyPair, _ other: X25519PublicKey
    ) throws(HandshakeError) -> SecretBytes {
        do throws(ZeroSharedSecret) {
            return try own.agree(with: other)
        } catch {
            // HS-2
            throw .zeroSharedSecret
        }
    }

    /// The one-time prekey that the outer block names.
    static func usedOneTimePreKey(
        _ outer: borrowing OuterBlock, _ key: borrowing X25519KeyPair?
    ) throws(HandshakeError) -> OneTimePreKey? {
        let id = outer.oneTimePreKeyID
        switch key {
        case .some(let pair):
            precondition(id != 0, "a one-time prekey that the message does not name")
            return OneTimePreKey(id: id, key: pair.publicKey)
        case .none:
            // HS-5
            guard id == 0 else { throw .unknownOneTimePreKey(id: id) }
            return nil
        }
    }

    static func openInner(
        _ message: FirstMessage, _ outer: borrowing OuterBlock,
        _ agreed: borrowing HandshakeSchedule.Agreed, _ preKeys: RecipientPreKeys
    ) throws(HandshakeError) -> [UInt8] {
        let all = message.bytes.raw
        let opening = all.extracting(0..<FirstMessage.openingByteCount)
        let key = HandshakeSchedule.innerKey(
            agreed, opening: opening, preKeys: preKeys, kemCiphertext: outer.kemCiphertext)
        let sealed = all.extracting(FirstMessage.openingByteCount..<outer.prefixByteCount)
        do throws(AEADError) {
            return try ChaChaPoly.open(
                sealed, key: key, nonce: .zero, authenticating: opening)
        } catch {
            throw .innerRefused
        }
    }

    /// Parses and checks an inner block of a known type.
    static func introduction(
        _ block: [UInt8], version: UInt8, _ own: borrowing RecipientKeys, _ now: Int64
    ) throws(HandshakeError) -> Introduction {
        let introduction = try parse(block)
        // HS-8
        for field in introduction.extensions.fields
        where field.tag & TaggedFields.criticalBit != 0 {
            throw .unknownCritical(tag: field.tag)
        }
        // HS-9
        guard introduction.versions.agrees(on: version, with: .own) else { throw .downgraded }
        // HS-10
        guard introduction.certificate.identity.identityKey != own.identity.publicKey else {
            throw .ownIdentity
        }
        // HS-8
        guard introduction.certificate.isLive(secondsSince1970: now) else {
            throw .certificateExpired
        }
        guard introduction.certificate.isValid(under: introduction.account) else {
            throw .certificate
        }
        return introduction
    }

    private static func parse(_ block: [UInt8]) throws(HandshakeError) -> Introduction {
        do throws(WireError) {
            return try Introduction(parsing: block.raw)
        } catch {
            throw .malformedInner(error)
        }
    }

    static func openFirst(
        _ session: borrowing Session, _ message: ArraySlice<UInt8>, _ now: Int64
    ) throws(HandshakeError) -> OpenedMessage {
        do throws(OpenError) {
            return try session.open(
                message: message.raw, atHours: Hours(secondsSince1970: now).count)
        } catch {
            throw .message(error)
        }
    }
}
