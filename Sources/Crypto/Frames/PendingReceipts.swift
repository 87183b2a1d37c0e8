import Primitives

/// Receipts that the peer is not yet known to have: they ride on every frame until an echo confirms
/// them, or go in a stored envelope.
///
/// A read receipt is a delivery receipt too, so a message waits with one of them at most.
///
/// - SPEC: §7.5, EN-17
package struct PendingReceipts: Hashable, Sendable {
    /// Older ones go in a stored envelope, in ms.
    static let frameMilliseconds: UInt64 = 30_000

    /// Delivered or read.
    package enum Kind: Hashable, Sendable {
        /// It has arrived.
        case delivered
        /// It has been seen.
        case read
    }

    /// A receipt.
    package struct Receipt: Hashable, Sendable {
        /// The peer's message.
        package let id: MessageID
        /// What is said about it.
        package let kind: Kind
    }

    private struct Entry: Hashable, Sendable {
        let receipt: Receipt
        let since: UInt64
        // The session and the first counter of a frame that carried it.
        var sessionID: SessionID?
        var firstCounter: UInt64 = 0
    }

    private var entries: [Entry] = []

    /// No receipts.
    package init() {}

    /// Receipts that wait.
    package var count: Int { entries.count }

    /// What waits, oldest first; who keeps it on disk compares it before and after a change.
    package var waiting: [Receipt] { entries.map(\.receipt) }

    /// Adds a receipt.
    ///
    /// - Parameter monotonic: ms of a monotonic clock.
    package mutating func add(_ id: MessageID, _ kind: Kind, monotonic: UInt64) {
        if let index = entries.firstIndex(where: { $0.receipt.id == id }) {
            guard kind == .read, entries[index].receipt.kind == .delivered else { return }
            entries.remove(at: index)
        }
        entries.append(Entry(receipt: Receipt(id: id, kind: kind), since: monotonic))
    }

    /// The receipts of the frame with this counter: the oldest sixteen that wait.
    package mutating func carry(
        in sessionID: SessionID, counter: UInt64
    ) -> (delivered: [MessageID], read: [MessageID]) {
        // EN-17: the oldest go first, so whatever was carried once is in every later frame.
        for index in entries.indices.prefix(Frame.receiptsMax)
        where entries[index].sessionID != sessionID {
            entries[index].sessionID = sessionID
            entries[index].firstCounter = counter
        }
        let carried = entries.prefix(Frame.receiptsMax).map(\.receipt)
        return (
            carried.filter { $0.kind == .delivered }.map(\.id),
            carried.filter { $0.kind == .read }.map(\.id)
        )
    }

    /// Takes out what an echo of the peer confirms.
    package mutating func confirm(echo: UInt64, in sessionID: SessionID) {
        // EN-17
        entries.removeAll { $0.sessionID == sessionID && $0.firstCounter <= echo }
    }

    /// Takes out what has to go in a stored envelope now: all, when there are more than sixteen or
    /// one is older than 30 s, so that one envelope does for them.
    package mutating func takeStored(monotonic: UInt64) -> [Receipt] {
        // EN-17
        let isOverdue = entries.contains {
            monotonic >= $0.since && monotonic - $0.since > Self.frameMilliseconds
        }
        guard isOverdue || entries.count > Frame.receiptsMax else { return [] }
        return takeAll()
    }

    /// Takes out all, for an envelope that goes anyway or must go (``mustBeStored(_:_:)``).
    package mutating func takeAll() -> [Receipt] {
        let all = entries.map(\.receipt)
        entries = []
        return all
    }

    /// True when the next receipt has to go in a stored envelope, so that the ratchet turns for
    /// people who only read.
    ///
    /// - Parameters:
    ///   - received: messages received since this side's last stored envelope in the session.
    ///   - milliseconds: time since that envelope, or since the session began.
    /// - SPEC: EN-18
    package static func mustBeStored(received: Int, milliseconds: UInt64) -> Bool {
        // EN-18
        received >= 50 || milliseconds >= 24 * 3600 * 1000
    }
}

/// Finds messages that the peer has sent and the server keeps back at the end of what came, where no
/// later message shows the gap (C1).
///
/// - SPEC: §7.5, EN-19
package struct TailWatch: Hashable, Sendable {
    static let waitMilliseconds: UInt64 = 60_000

    private var newest: UInt64 = 0
    private var since: UInt64 = 0
    private var isDrained = false

    /// Nothing claimed yet.
    package init() {}

    /// Notes what a frame that was not ignored says.
    ///
    /// - Parameter monotonic: ms of a monotonic clock.
    package mutating func note(newest claimed: UInt64, monotonic: UInt64) {
        guard claimed > newest else { return }
        newest = claimed
        since = monotonic
        isDrained = false
    }

    /// Notes that the mailbox has been emptied.
    package mutating func noteDrained() { isDrained = true }

    /// The numbers that are missing behind the highest one received, or nil.
    package func missing(highest: UInt64, monotonic: UInt64) -> ClosedRange<UInt64>? {
        // EN-19: stored envelopes may be slower than frames.
        guard newest > highest, isDrained, monotonic >= since,
            monotonic - since >= Self.waitMilliseconds
        else { return nil }
        return highest + 1...newest
    }
}
