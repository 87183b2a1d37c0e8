import Primitives

/// A message that has opened in a session, and the step the session takes with it once the caller
/// commits it.
///
/// Dropping it instead leaves the session as it was.
///
/// - SPEC: §6, DR-6
package struct OpenedMessage: ~Copyable, Sendable {
    /// The content's bytes, padding removed; parse them with `Content(parsing:)`. They are
    /// authenticated whether or not they parse (EN-4).
    package let content: [UInt8]
    /// The number n of the message in the session, from 1.
    package let number: UInt64
    /// The session it opened in.
    package let sessionID: SessionID
    /// A gap that is closed by this step because there are too many: shown once as lost.
    package let closedGap: ReceivedNumbers.Gap?

    let changeCount: UInt64
    let hours: UInt32
    let numbers: ReceivedNumbers
    /// The KEM epoch and field of its header.
    let epoch: UInt32
    let kem: KEMField
    let step: OpeningStep
}

/// How a session goes on when a message is committed.
enum OpeningStep: ~Copyable, Sendable {
    /// A skipped message has come: its key goes.
    case skipped(chainIndex: Int, keyIndex: Int)
    /// The current chain goes on.
    case current(ChainAdvance)
    /// A new chain begins.
    case turn(Turn)
}

/// A receiving chain behind a message: its next chain key and the keys skipped on the way.
struct ChainAdvance: ~Copyable, Sendable {
    let chainKey: ChainKey
    let count: UInt32
    let skipped: [SkippedMessageKey]
}

/// A receiving root step.
struct Turn: ~Copyable, Sendable {
    let root: RootKey
    let nextHeaderKey: HeaderKey
    let frameKey: FrameKey
    let ratchetKey: X25519PublicKey
    /// Secrets of the KEM mixed into the new chain.
    let epoch: UInt32
    /// Messages of all chains before the new one.
    let base: UInt64
    /// Keys of the rest of the old chain.
    let endSkipped: [SkippedMessageKey]
    let advance: ChainAdvance
    /// True when the own half of the agreement was a drawn ratchet key (DR-9).
    let confirms: Bool
}
