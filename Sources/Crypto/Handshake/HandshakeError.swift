package import Wire

/// Why a handshake is not begun or a first message not taken. Nothing has changed.
///
/// - SPEC: §5, HS-1 … HS-11
package enum HandshakeError: Error, Equatable, Sendable {
    /// Not 4,096 bytes.
    case size(byteCount: Int)
    /// A version this program does not speak.
    case version(UInt8)
    /// The recipient takes no version that this program speaks.
    case versionFloor(UInt16)
    /// A key is not canonical or of low order.
    case badKey
    /// An agreement gives zero.
    case zeroSharedSecret
    /// The outer block does not parse.
    case malformedOuter
    /// It names no KEM prekey.
    case missingKEM
    /// It names a one-time prekey that is not held any more, or never was.
    case unknownOneTimePreKey(id: UInt32)
    /// It names a KEM prekey that is not held any more, or never was.
    case unknownKEMPreKey(id: UInt32)
    /// The inner block does not open.
    case innerRefused
    /// The inner block does not parse.
    case malformedInner(WireError)
    /// The certificate does not verify under the account key.
    case certificate
    /// The certificate's time is over.
    case certificateExpired
    /// A critical extension of a newer version.
    case unknownCritical(tag: UInt16)
    /// Both sides could have spoken another version.
    case downgraded
    /// The identity key of the initiator is the recipient's own.
    case ownIdentity
    /// The first message behind the prefix does not open.
    case message(OpenError)
}
