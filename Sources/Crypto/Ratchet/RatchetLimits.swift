/// Bounds of a session, all parts of the specification.
///
/// - SPEC: §6.1
package enum RatchetLimits {
    /// Messages of one chain that one message may skip. Each costs two HMACs, so this is 2 ms; more
    /// would let a peer burn more, less would break a chat whose mailbox overflowed (B3).
    package static let skipMax = 1000
    /// Skipped message keys kept of one chain; above it the oldest go.
    package static let skippedKeysPerChainMax = 1000
    /// Skipped message keys kept of one session, 64 KB of locked memory; above it the oldest go.
    package static let skippedKeysMax = 2000
    /// Hours a skipped message key is kept: no mailbox keeps an envelope for longer (B13).
    package static let skippedKeyHours: UInt32 = 720
    /// Hours after which a gap is shown as lost and closed.
    package static let gapHours: UInt32 = 720
    /// Gaps remembered: as many as there can be skipped keys.
    package static let gapsMax = 2000
    /// Messages an initiator sends before the reply; each costs an admission.
    package static let unansweredMax = 5
    /// Frame keys of own ratchet keys that are kept: a frame may be so many turns late.
    package static let frameKeysMax = 3
    /// Sessions kept of one contact device.
    package static let sessionsMax = 6
    /// Ids of sessions named as ended that are remembered of one contact device: three reports full,
    /// so that a peer who names more wears out its own word only.
    package static let endedIDsMax = 64
    /// Hours an old session is read for.
    package static let sessionHours: UInt32 = 720
}
