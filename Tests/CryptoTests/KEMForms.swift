import Primitives

@testable import Crypto

extension RatchetHeader {
    /// A header of the first epoch with an idle KEM field.
    init(ratchetKey: X25519PublicKey, previousChainLength: UInt32, messageNumber: UInt32) {
        self.init(
            ratchetKey: ratchetKey, previousChainLength: previousChainLength,
            messageNumber: messageNumber, epoch: 0, kem: .idle)
    }
}
