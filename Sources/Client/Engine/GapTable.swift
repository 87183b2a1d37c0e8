internal import Crypto
internal import Primitives
internal import Wire

/// Which message numbers are missing, and since when it may be said. DR-13, EN-19
struct GapTable {
    /// Missing numbers are reported after the mailbox was drained and so much time has passed.
    static let patienceMilliseconds: UInt64 = 60_000

    private struct Entry {
        let contact: ContactID
        var highest: UInt64 = 0
        var inner: [ClosedRange<UInt64>] = []
        /// When the newest of them was noticed, monotonic ms.
        var since: UInt64 = 0
        /// What frames say of messages behind the last one that came. EN-19
        var tail = TailWatch()
        var hasTail = false
        var reported: [ClosedRange<UInt64>] = []
    }

    private var entries: [SessionID: Entry] = [:]

    /// Notes what a session has received.
    mutating func update(
        _ session: SessionID, contact: ContactID, _ received: ReceivedNumbers, now: Moment
    ) {
        let missing = received.gaps.map(\.numbers)
        guard !missing.isEmpty || entries[session] != nil else { return }
        var entry = entries[session] ?? Entry(contact: contact)
        if entry.inner != missing { entry.since = now.monotonic }
        entry.inner = missing
        entry.highest = received.highest
        entries[session] = entry
    }

    /// Notes the newest number that a frame of the peer names. EN-19
    mutating func note(
        newest: UInt64, highest: UInt64, _ session: SessionID, contact: ContactID, now: Moment
    ) {
        guard newest > highest else { return }
        var entry = entries[session] ?? Entry(contact: contact)
        entry.highest = max(entry.highest, highest)
        entry.tail.note(newest: newest, monotonic: now.monotonic)
        if !entry.hasTail { entry.since = now.monotonic }
        entry.hasTail = true
        entries[session] = entry
    }

    mutating func forget(_ session: SessionID) { entries[session] = nil }

    /// What is to be told now: newly missing, and arrived after it was told.
    mutating func take(
        now: Moment, isDrained: Bool
    ) -> [(contact: ContactID, range: ClosedRange<UInt64>, isFilled: Bool)] {
        var result: [(ContactID, ClosedRange<UInt64>, Bool)] = []
        for id in entries.keys.sorted() {
            guard var entry = entries[id] else { continue }
            if isDrained { entry.tail.noteDrained() }
            let tail = entry.tail.missing(highest: entry.highest, monotonic: now.monotonic)
            let missing = entry.inner + [tail].compactMap { $0 }
            let arrived = entry.reported.filter { range in
                range.upperBound <= entry.highest && !entry.inner.contains { $0.overlaps(range) }
            }
            for range in arrived { result.append((entry.contact, range, true)) }
            entry.reported.removeAll { arrived.contains($0) }
            if isDrained, entry.since + Self.patienceMilliseconds <= now.monotonic {
                for range in missing
                where !entry.reported.contains(where: { $0.overlaps(range) }) {
                    result.append((entry.contact, range, false))
                    entry.reported.append(range)
                }
            }
            let isOver = missing.isEmpty && entry.reported.isEmpty && !entry.hasTail
            entries[id] = isOver ? nil : entry
        }
        return result
    }

    func nextDeadline(after now: UInt64) -> UInt64? {
        entries.values.filter { !$0.inner.isEmpty || $0.hasTail }
            .map { $0.since + Self.patienceMilliseconds }.filter { $0 > now }.min()
    }
}

extension Engine {
    mutating func reportGaps() throws(ClientError) {
        for (id, range, isFilled) in gaps.take(now: now, isDrained: isReadingDrained) {
            let name = contacts[id]?.name ?? ""
            tell(
                isFilled
                    ? .gapFilled(contact: name, first: range.lowerBound, last: range.upperBound)
                    : .gap(
                        contact: name, first: range.lowerBound, last: range.upperBound,
                        isClosed: false))
        }
    }

    /// A gap that is given up: told once more, then forgotten.
    mutating func tellClosed(_ range: ClosedRange<UInt64>, of id: ContactID) {
        tell(
            .gap(
                contact: contacts[id]?.name ?? "", first: range.lowerBound,
                last: range.upperBound, isClosed: true))
    }
}
