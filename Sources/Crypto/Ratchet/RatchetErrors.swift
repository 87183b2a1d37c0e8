/// Why a message does not open in a session. The session is unchanged, byte for byte.
///
/// - SPEC: §6, DR-6, DR-15
package enum OpenError: Error, Equatable, Sendable {
    /// Not the size or version of an envelope.
    case notAnEnvelope
    /// The prefix of a first message is not the one its session began with, byte for byte.
    case prefixMismatch
    /// Its header opens under no header key of this session: try another one.
    case notThisSession
    /// The header opened and does not have its form, or contradicts the chain it is in.
    case malformedHeader
    /// The header names a KEM epoch that its chain does not have, or cannot.
    case wrongEpoch(UInt32)
    /// The ratchet key is not the one that belongs to this header key.
    case ratchetKeyMismatch
    /// The message skips more of a chain than is allowed.
    case tooManySkipped(requested: UInt64, limit: Int)
    /// Agreement with the header's ratchet key gives zero.
    case lowOrderRatchetKey
    /// The body is not what was sealed for this header, or its padding is not as it must be.
    case bodyRefused
    /// The number inside contradicts the header.
    case numberMismatch
    /// The link inside does not fit a neighbour that has come.
    case linkMismatch
    /// A message of this number has come before.
    case double
    /// The key of this message is gone: it came too late.
    case lost(number: UInt64)

    /// True when it shows, on an envelope that is new by its hash, that the session is broken.
    package var breaksSession: Bool {
        // DR-15
        switch self {
        case .notAnEnvelope, .prefixMismatch, .notThisSession, .lost: false
        case .malformedHeader, .wrongEpoch, .ratchetKeyMismatch, .tooManySkipped,
            .lowOrderRatchetKey, .bodyRefused, .numberMismatch, .linkMismatch, .double:
            true
        }
    }
}

/// Why a message is not sealed. The session is unchanged.
///
/// - SPEC: §5.4, §6, EN-2, HS-13
package enum SealError: Error, Equatable, Sendable {
    /// The content's fields do not fit: into any envelope, or into a first message.
    case tooLong(fieldsByteCount: Int, room: Int)
    /// The limit of messages before the reply is reached; wait for the reply.
    case awaitingReply(limit: Int)
    /// The recipient of a session has not opened a message in it yet.
    case nothingReceived
    /// The chain has as many messages as its counter holds.
    case chainExhausted
}

/// Why stored bytes are not a session.
package enum StoredSessionError: Error, Equatable, Sendable {
    /// A version this program does not know.
    case version(UInt8)
    /// Anything else.
    case malformed
}
