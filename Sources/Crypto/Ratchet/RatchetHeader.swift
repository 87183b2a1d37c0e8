import Primitives

/// The header block of a message: what the reader needs to find its key.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 32 | ratchet key |
/// | 32 | 4 | previous chain length (PN) |
/// | 36 | 4 | message number (N) |
/// | 40 | 4 | KEM epoch |
/// | 44 | 1 | KEM kind |
/// | 45 | 1 | KEM index |
/// | 46 | 240 | KEM chunk |
///
/// - SPEC: §6.2, DR-2
struct RatchetHeader: Equatable, Sendable {
    static let byteCount = 286
    static let sealedByteCount = byteCount + 16
    static let kemChunkByteCount = 240

    let ratchetKey: X25519PublicKey
    let previousChainLength: UInt32
    let messageNumber: UInt32

    /// Writes the block with an idle KEM field.
    func encode(into bytes: inout [UInt8]) {
        bytes.append(copying: ratchetKey.raw)
        bytes.append(bigEndian: previousChainLength)
        bytes.append(bigEndian: messageNumber)
        for _ in 40..<Self.byteCount { bytes.append(0) }
    }

    init(ratchetKey: X25519PublicKey, previousChainLength: UInt32, messageNumber: UInt32) {
        self.ratchetKey = ratchetKey
        self.previousChainLength = previousChainLength
        self.messageNumber = messageNumber
    }

    /// Parses a block that has been opened.
    ///
    /// - Throws: `.malformedHeader`, `.unsupportedKEMEpoch`.
    init(parsing block: RawSpan) throws(OpenError) {
        // DR-2
        guard block.byteCount == Self.byteCount,
            let ratchetKey = try? X25519PublicKey(parsing: block.extracting(0..<32)),
            let previousChainLength: UInt32 = block.bigEndian(at: 32),
            let messageNumber: UInt32 = block.bigEndian(at: 36),
            let epoch: UInt32 = block.bigEndian(at: 40),
            // The count behind it would begin again at 0.
            messageNumber < .max
        else { throw .malformedHeader }
        guard epoch == 0 else { throw .unsupportedKEMEpoch(epoch) }
        switch block.byte(at: 44) {
        case 0:
            guard ConstantTime.isZero(block.extracting(45..<Self.byteCount)) else {
                throw .malformedHeader
            }
        case 1, 2:
            // A chunk of a step that this version takes no part in is left unread.
            guard block.byte(at: 45) <= 4 else { throw .malformedHeader }
        default: throw .malformedHeader
        }
        self.ratchetKey = ratchetKey
        self.previousChainLength = previousChainLength
        self.messageNumber = messageNumber
    }
}
