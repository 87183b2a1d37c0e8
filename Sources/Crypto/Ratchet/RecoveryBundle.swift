package import Primitives
package import Wire

/// Prekeys that one side gives the other inside a session, from which the other can begin anew when
/// ratchet state is lost. 1,292 bytes.
///
/// The device key signs it although the session authenticates it already: it outlives the session's
/// healing, and who stole ratchet state alone could otherwise plant prekeys of its own. It names no
/// peer and no session.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 4 | signed prekey id |
/// | 4 | 32 | signed prekey |
/// | 36 | 4 | KEM prekey id |
/// | 40 | 1184 | KEM prekey |
/// | 1224 | 4 | made, hours |
/// | 1228 | 64 | signature |
///
/// - SPEC: §6.7, DR-22, DR-23
package struct RecoveryBundle: Hashable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = 1292
    /// After how long a bundle is renewed.
    package static let renewalHours: UInt32 = 30 * 24
    /// How long the private half is kept behind the peer's confirmation of a newer one, so that an
    /// older backup of the peer can still reach this side.
    package static let retentionHours: UInt32 = 180 * 24
    static let signedByteCount = byteCount - 64

    /// Random, never 0.
    package let signedPreKeyID: UInt32
    /// The public half.
    package let signedPreKey: X25519PublicKey
    /// The KEM prekey.
    package let kemPreKey: KEMPreKey
    /// When it was made, hours since 1970.
    package let madeHours: UInt32
    /// The 1,292 bytes.
    package let bytes: [UInt8]

    /// Makes and signs a bundle; id 0 is our own mistake.
    package init(
        signedPreKeyID: UInt32, signedPreKey: X25519PublicKey, kemPreKey: KEMPreKey,
        madeHours: UInt32, signedBy device: borrowing Ed25519KeyPair
    ) {
        precondition(signedPreKeyID != 0, "prekey ids are not 0")
        self.signedPreKeyID = signedPreKeyID
        self.signedPreKey = signedPreKey
        self.kemPreKey = kemPreKey
        self.madeHours = madeHours
        var writer = Writer(capacity: Self.byteCount)
        writer.u32(signedPreKeyID)
        writer.fixed(signedPreKey.bytes)
        kemPreKey.encode(into: &writer)
        writer.u32(madeHours)
        writer.fixed(device.sign(Self.signedBytes(writer.bytes).raw))
        bytes = writer.bytes
    }

    /// Parses a bundle and nothing else; ``isValid(by:)`` checks the signature.
    ///
    /// - Throws: ``Refusal``.
    package init(parsing raw: RawSpan) throws(Refusal) {
        // DR-22
        guard raw.byteCount == Self.byteCount else { throw .malformed }
        var reader = Reader(raw)
        do throws(WireError) {
            signedPreKeyID = try reader.nonZeroU32()
            signedPreKey = try reader.x25519Key()
        } catch {
            throw .malformed
        }
        do throws(WireError) {
            kemPreKey = try KEMPreKey(from: &reader)
            madeHours = try reader.u32()
        } catch {
            throw .badKEM
        }
        bytes = [UInt8](copying: raw)
    }

    /// True unless the bundle held, if any, was made later: bundles may arrive in another order.
    ///
    /// - Parameter held: its bytes, empty for none.
    package func isNewer(than held: [UInt8]) -> Bool {
        // DR-22
        guard let held = try? RecoveryBundle(parsing: held.raw) else { return true }
        return madeHours >= held.madeHours
    }

    /// Why bytes are not taken as a recovery bundle.
    package enum Refusal: Error, Equatable, Sendable {
        /// They do not parse.
        case malformed
        /// They hold no KEM prekey, or none that can be one.
        case badKEM
    }

    /// True when a device made it.
    ///
    /// - Parameter deviceKey: the device key of the session's peer.
    package func isValid(by deviceKey: Ed25519PublicKey) -> Bool {
        // DR-22
        let tail = bytes[Self.signedByteCount...]
        guard let signature = Ed25519Signature(copying: tail.raw) else { return false }
        return deviceKey.isValid(
            signature, for: Self.signedBytes(bytes.dropLast(64)).raw)
    }

    /// True when a bundle that was made and confirmed is due for renewal.
    ///
    /// - Parameters:
    ///   - isConfirmed: a delivery receipt of the message that carried it has come.
    ///   - now: hours since 1970.
    /// - SPEC: DR-23
    package static func isDue(madeHours: UInt32, isConfirmed: Bool, atHours now: UInt32) -> Bool {
        // DR-23
        isConfirmed && now >= madeHours && now - madeHours >= renewalHours
    }

    private static func signedBytes(_ body: some Sequence<UInt8>) -> [UInt8] {
        var message = [UInt8](copying: RatchetLabels.recoveryBundle.raw)
        message.append(contentsOf: body)
        return message
    }
}
