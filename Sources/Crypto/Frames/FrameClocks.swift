/// The counter of the frames that this side sends in one session, and which of them are recent.
///
/// Kept in memory. After a restart it begins again from the clock, which is past the last counter
/// unless somebody set it back; ``lastCounter`` may be stored to be safe from that too.
///
/// - SPEC: §7.5, EN-14, EN-16
package struct FrameSender: Hashable, Sendable {
    /// How long a counter sent counts as recent, in ms.
    static let recentMilliseconds: UInt64 = 60_000
    static let slotMilliseconds: UInt64 = 1_000

    /// The last counter used, 0 for none.
    package private(set) var lastCounter: UInt64
    private var lastMonotonic: UInt64?
    // The first counter of each second of the last minute, oldest first: at most 61 entries.
    private var recent: [Sent] = []

    private struct Sent: Hashable, Sendable {
        let counter: UInt64
        let monotonic: UInt64
    }

    /// A sender that has used counters up to `lastCounter`.
    package init(lastCounter: UInt64 = 0) {
        self.lastCounter = min(lastCounter, Frame.counterEnd - 1)
    }

    /// The counter of the next frame, which must be sent now or never.
    ///
    /// - Parameters:
    ///   - unixMilliseconds: the wall clock.
    ///   - monotonic: ms of a clock that nobody sets.
    /// - Returns: nil when there is no counter left, in some 146 million years.
    package mutating func next(unixMilliseconds: UInt64, monotonic: UInt64) -> UInt64? {
        // EN-14
        let elapsed = lastMonotonic.map { monotonic >= $0 ? monotonic - $0 : 0 } ?? 0
        let (ahead, overflow) = lastCounter.addingReportingOverflow(elapsed)
        let counter = max(lastCounter + 1, unixMilliseconds, overflow ? .max : ahead)
        guard counter < Frame.counterEnd else { return nil }
        lastCounter = counter
        lastMonotonic = monotonic
        recent.removeAll { !Self.isRecent($0.monotonic, at: monotonic) }
        if let last = recent.last, monotonic < last.monotonic + Self.slotMilliseconds {
            return counter
        }
        recent.append(Sent(counter: counter, monotonic: monotonic))
        return counter
    }

    /// True when an echo names a counter this side sent in the last 60 s.
    package func isRecent(echo: UInt64, monotonic: UInt64) -> Bool {
        // EN-16
        guard echo <= lastCounter else { return false }
        let oldest = recent.first { Self.isRecent($0.monotonic, at: monotonic) }
        return oldest.map { echo >= $0.counter } ?? false
    }

    private static func isRecent(_ moment: UInt64, at now: UInt64) -> Bool {
        now < moment || now - moment <= recentMilliseconds
    }
}

/// What is known of the frames of one peer in one session: which are new, which are stale, whether
/// the peer is online.
///
/// ``highestCounter`` may be stored, so that a restart takes no old frame; the rest lives in memory.
///
/// - SPEC: §7.5, EN-13, EN-15, EN-16
package struct FrameReceiver: Hashable, Sendable {
    /// A frame that comes so much later than the promptest of the window is stale, in ms.
    static let staleMilliseconds: Int64 = 60_000
    /// Length of the window, in ms.
    static let windowMilliseconds: UInt64 = 600_000
    static let slotMilliseconds: UInt64 = 10_000
    /// How long a peer counts as online after a fresh frame, in ms.
    static let onlineMilliseconds: UInt64 = 30_000

    /// What to do with a frame.
    package enum Verdict: Hashable, Sendable {
        /// A replay, or one that was overtaken: do nothing.
        case ignored
        /// Late: take receipts, echo and newest, and nothing else.
        case stale
        /// Take all of it.
        case fresh
    }

    /// The highest counter taken, 0 for none.
    package private(set) var highestCounter: UInt64
    // The smallest delay of each slot of the window, oldest first: at most 61 entries.
    private var delays: [Delay] = []
    private var lastFresh: Fresh?

    private struct Delay: Hashable, Sendable {
        let slotStart: UInt64
        var smallest: Int64
    }

    private struct Fresh: Hashable, Sendable {
        let arrival: UInt64
        let echo: UInt64
    }

    /// A receiver that has taken counters up to `highestCounter`.
    package init(highestCounter: UInt64 = 0) { self.highestCounter = highestCounter }

    /// Judges a frame that has opened and verified, and remembers it.
    ///
    /// - Parameter arrival: ms of a monotonic clock.
    package mutating func take(_ frame: Frame, arrival: UInt64) -> Verdict {
        // EN-13
        guard frame.counter > highestCounter else { return .ignored }
        highestCounter = frame.counter
        // EN-15: both are below 2^62 or are cut to it, so the difference does not overflow.
        let delay = Int64(clamping: min(arrival, Frame.counterEnd)) - Int64(frame.counter)
        delays.removeAll { arrival > $0.slotStart + Self.windowMilliseconds }
        if let last = delays.indices.last,
            arrival < delays[last].slotStart + Self.slotMilliseconds
        {
            delays[last].smallest = min(delays[last].smallest, delay)
        } else {
            delays.append(Delay(slotStart: arrival, smallest: delay))
        }
        let smallest = delays.map(\.smallest).min() ?? delay
        guard delay - smallest <= Self.staleMilliseconds else { return .stale }
        lastFresh = Fresh(arrival: arrival, echo: frame.echo)
        return .fresh
    }

    /// True while the peer's last fresh frame is at most 30 s old and echoes what this side sent in
    /// the last 60 s. Shown only where presence is shared.
    ///
    /// - Parameter now: ms of the same monotonic clock.
    package func isOnline(at now: UInt64, sender: FrameSender) -> Bool {
        // EN-16
        guard let lastFresh, now >= lastFresh.arrival,
            now - lastFresh.arrival <= Self.onlineMilliseconds
        else { return false }
        return sender.isRecent(echo: lastFresh.echo, monotonic: now)
    }
}
