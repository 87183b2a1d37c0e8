package import Primitives

/// Why a Noise handshake or transport ended. Every case is terminal: the keys are gone.
///
/// - SPEC: §11.2, CH-23
package enum NoiseError: Error, Equatable, Sendable {
    /// A message does not have the length that the pattern gives it, or more than 65,535 bytes.
    case messageLength(byteCount: Int)
    /// A public key in a message, or a pinned one, is no acceptable key.
    case publicKey(PublicKeyError)
    /// What was sent as a public key of the KEM is none.
    case encapsulationKey(MLKEMKeyError)
    /// An agreement gave zero.
    case zeroSharedSecret
    /// A ciphertext does not open: another key, another prologue, or changed on the way.
    case authentication
    /// The message carries a payload where the channel has none.
    case unexpectedPayload(byteCount: Int)
    /// It is the other side's turn, or the handshake is over, or not yet.
    case outOfTurn
    /// The pattern needs a key that was not given.
    case missingKey
    /// The counter has reached its end.
    case nonceExhausted
    /// Something failed earlier.
    case dead
}
