import Primitives

/// The header block of a message: what the reader needs to find its key.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 32 | ratchet key |
/// | 32 | 4 | previous chain length (PN) |
/// | 36 | 4 | message number (N) |
/// | 40 | 4 | KEM epoch |
/// | 44 | 242 | KEM field: kind, index, chunk |
///
/// - SPEC: §6.2, DR-2
struct RatchetHeader: Equatable, Sendable {
    static let byteCount = 286
    static let sealedByteCount = byteCount + 16

    let ratchetKey: X25519PublicKey
    let previousChainLength: UInt32
    let messageNumber: UInt32
    /// Secrets of the KEM mixed into the chain.
    let epoch: UInt32
    let kem: KEMField

    /// Writes the block.
    func encode(into bytes: inout [UInt8]) {
        bytes.append(copying: ratchetKey.raw)
        bytes.append(bigEndian: previousChainLength)
        bytes.append(bigEndian: messageNumber)
        bytes.append(bigEndian: epoch)
        kem.encode(into: &bytes)
    }

    init(
        ratchetKey: X25519PublicKey, previousChainLength: UInt32, messageNumber: UInt32,
        epoch: UInt32, kem: KEMField
    ) {
        self.ratchetKey = ratchetKey
        self.previousChainLength = previousChainLength
        self.messageNumber = messageNumber
        self.epoch = epoch
        self.kem = kem
    }

    /// Parses a block that has been opened.
    ///
    /// - Parameter sender: whose message it is.
    /// - Throws: `.malformedHeader`.
    init(parsing block: RawSpan, from sender: SessionRole) throws(OpenError) {
        // DR-2
        guard block.byteCount == Self.byteCount,
            let ratchetKey = try? X25519PublicKey(parsing: block.extracting(0..<32)),
            let previousChainLength: UInt32 = block.bigEndian(at: 32),
            let messageNumber: UInt32 = block.bigEndian(at: 36),
            let epoch: UInt32 = block.bigEndian(at: 40),
            // The count behind it would begin again at 0.
            messageNumber < .max,
            let kem = KEMField(
                parsing: block.extracting(44..<Self.byteCount), epoch: epoch, from: sender)
        else { throw .malformedHeader }
        self.ratchetKey = ratchetKey
        self.previousChainLength = previousChainLength
        self.messageNumber = messageNumber
        self.epoch = epoch
        self.kem = kem
    }
}
