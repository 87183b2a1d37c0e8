internal import Crypto
internal import Primitives
internal import Wire

/// Which message numbers are missing, and since when it may be said. DR-13, EN-19
struct GapTable {
    /// Missing numbers are reported after the mailbox was drained and so much time has passed.
    static let patienceMilliseconds: UInt64 = 60_000

    private struct Entry {
        let contact: ContactID
        var missing: [ClosedRange<UInt64>]
        /// When the newest of them was noticed, monotonic ms.
        var since: UInt64
        var reported: [ClosedRange<UInt64>] = []
    }

    private var entries: [SessionID: Entry] = [:]

    mutating func update(
        _ session: SessionID, contact: ContactID, _ received: ReceivedNumbers, now: Moment,
        newest: UInt64 = 0
    ) {
        var missing = received.gaps.map(\.numbers)
        if newest > received.highest { missing.append((received.highest + 1)...newest) }
        guard !missing.isEmpty || entries[session] != nil else { return }
        var entry = entries[session] ?? Entry(contact: contact, missing: [], since: now.monotonic)
        if entry.missing != missing { entry.since = now.monotonic }
        entry.missing = missing
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
            let arrived = entry.reported.filter { range in
                !entry.missing.contains { $0.overlaps(range) }
            }
            for range in arrived { result.append((entry.contact, range, true)) }
            entry.reported.removeAll { arrived.contains($0) }
            if isDrained, entry.since + Self.patienceMilliseconds <= now.monotonic {
                for range in entry.missing
                where !entry.reported.contains(where: { $0.overlaps(range) }) {
                    result.append((entry.contact, range, false))
                    entry.reported.append(range)
                }
            }
            entries[id] = entry.missing.isEmpty && entry.reported.isEmpty ? nil : entry
        }
        return result
    }

    func nextDeadline() -> UInt64? {
        entries.values.filter { entry in
            entry.missing.contains { range in
                !entry.reported.contains { $0.overlaps(range) }
            }
        }.map { $0.since + Self.patienceMilliseconds }.min()
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
