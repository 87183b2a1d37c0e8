import Primitives
import Wire

extension Handshake {
    static func outerBlock(_ oneTimePreKeyID: UInt32, innerByteCount: Int) -> [UInt8] {
        var writer = Writer(capacity: FirstMessage.outerByteCount)
        writer.u32(oneTimePreKeyID)
        writer.u32(0)
        writer.u16(UInt16(innerByteCount))
        writer.zeros(HandshakeSchedule.kemCiphertextByteCount)
        return writer.bytes
    }

    /// The initiator's dh1, dh2, dh3.
    static func agree(
        _ ephemeral: borrowing X25519KeyPair, with preKeys: RecipientPreKeys
    ) throws(HandshakeError) -> HandshakeSchedule.Agreed {
        let dh1 = try agree(ephemeral, preKeys.signedPreKey)
        let dh2 = try agree(ephemeral, preKeys.device.identityKey)
        guard let oneTime = preKeys.oneTimePreKey else {
            return HandshakeSchedule.Agreed(dh1: dh1, dh2: dh2, dh3: nil)
        }
        return HandshakeSchedule.Agreed(
            dh1: dh1, dh2: dh2, dh3: try agree(ephemeral, oneTime.key))
    }

    /// The recipient's dh1, dh2, dh3.
    static func agree(
        _ own: borrowing RecipientKeys, _ dh1: consuming SecretBytes,
        _ oneTimePreKey: borrowing X25519KeyPair?, with ephemeralKey: X25519PublicKey
    ) throws(HandshakeError) -> HandshakeSchedule.Agreed {
        let dh2 = try agree(own.identity, ephemeralKey)
        switch oneTimePreKey {
        case .some(let key):
            return HandshakeSchedule.Agreed(
                dh1: dh1, dh2: dh2, dh3: try agree(key, ephemeralKey))
        case .none: return HandshakeSchedule.Agreed(dh1: dh1, dh2: dh2, dh3: nil)
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
        let key = HandshakeSchedule.innerKey(agreed, opening: opening, preKeys: preKeys)
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
