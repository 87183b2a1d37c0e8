import Wire

/// What one reader of one mailbox has been sent and has not acknowledged, and what comes next.
///
/// - SPEC: §10.2, MB-12
struct DeliveryWindow {
    /// How far the pushing has come.
    enum State {
        /// Nobody reads.
        case idle
        /// All that is stored was pushed: what is committed next can be pushed from memory.
        case live
        /// Envelopes wait in the store for credit.
        case behind
        /// A read of the store is under way.
        case reading
    }

    private struct Sent {
        let sequence: UInt64
        let byteCount: UInt32
    }

    var state = State.idle
    /// The lowest sequence that has not been pushed.
    var next: UInt64 = 0
    private(set) var byteCount = 0
    private var sent: [Sent] = []

    /// Unacknowledged envelopes.
    var envelopeCount: Int { sent.count }

    /// Whether an envelope of this size may be pushed now.
    func hasCredit(_ size: Int) -> Bool {
        // MB-12
        sent.count < Limits.windowEnvelopesMax && size <= Limits.windowByteCountMax - byteCount
    }

    /// How many envelopes, and of how many bytes together, may be asked of the store.
    var credit: (envelopes: Int, byteCount: Int) {
        (Limits.windowEnvelopesMax - sent.count, Limits.windowByteCountMax - byteCount)
    }

    /// Notes an envelope that was pushed.
    mutating func push(_ sequence: UInt64, size: Int) {
        sent.append(Sent(sequence: sequence, byteCount: UInt32(clamping: size)))
        byteCount += size
        next = sequence &+ 1
    }

    /// Returns the credit of what was acknowledged, both ends included.
    mutating func acknowledge(_ sequences: ClosedRange<UInt64>) {
        var freed = 0
        sent.removeAll { envelope in
            guard sequences.contains(envelope.sequence) else { return false }
            freed += Int(envelope.byteCount)
            return true
        }
        byteCount -= freed
        // A reader that is up to date holds no memory for its window.
        if sent.isEmpty { sent = [] }
    }
}
