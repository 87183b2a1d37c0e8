internal import Crypto
internal import Primitives
internal import Wire

/// Which message numbers are missing, and since when it may be said. DR-13, DR-25, EN-19
struct GapTable {
    /// Missing numbers are reported after the mailbox was drained and so much time has passed.
    static let patienceMilliseconds: UInt64 = 60_000

    /// What is to be told of one session.
    struct Report {
        let session: SessionID
        let contact: ContactID
        /// Missing, and not told before.
        var missing: [ClosedRange<UInt64>] = []
        /// Told as missing, and here by now.
        var arrived: [ClosedRange<UInt64>] = []
        /// All that has been told and has neither come nor been given up.
        var told: [ClosedRange<UInt64>] = []
    }

    private struct Gap: Equatable {
        let numbers: ClosedRange<UInt64>
        let sinceHours: UInt32
    }

    private struct Entry {
        let contact: ContactID
        var highest: UInt64 = 0
        var inner: [Gap] = []
        /// When the newest of them was noticed, monotonic ms.
        var since: UInt64 = 0
        /// What frames say of messages behind the last one that came. EN-19
        var tail = TailWatch()
        var hasTail = false
        var told: [ClosedRange<UInt64>]
    }

    private var entries: [SessionID: Entry] = [:]

    /// Notes what a session has received.
    ///
    /// - Parameter told: what the vault says has been told, for the first time in this process.
    mutating func update(
        _ session: SessionID, contact: ContactID, _ received: ReceivedNumbers,
        told: [ClosedRange<UInt64>], now: Moment
    ) {
        let missing = received.gaps.map { Gap(numbers: $0.numbers, sinceHours: $0.sinceHours) }
        guard !missing.isEmpty || !told.isEmpty || entries[session] != nil else { return }
        var entry = entries[session] ?? Entry(contact: contact, told: told)
        if entry.inner != missing { entry.since = now.monotonic }
        entry.inner = missing
        entry.highest = received.highest
        entries[session] = entry
    }

    /// Notes the newest number that a frame of the peer names. EN-19
    mutating func note(
        newest: UInt64, highest: UInt64, _ session: SessionID, contact: ContactID,
        told: [ClosedRange<UInt64>], now: Moment
    ) {
        guard newest > highest else { return }
        var entry = entries[session] ?? Entry(contact: contact, told: told)
        entry.highest = max(entry.highest, highest)
        entry.tail.note(newest: newest, monotonic: now.monotonic)
        if !entry.hasTail { entry.since = now.monotonic }
        entry.hasTail = true
        entries[session] = entry
    }

    /// A gap is given up: what was told of it is not told again, and has not arrived either.
    mutating func close(_ range: ClosedRange<UInt64>, of session: SessionID) {
        guard var entry = entries[session] else { return }
        entry.inner.removeAll { $0.numbers.overlaps(range) }
        entry.told = entry.told.flatMap { told in
            told.overlaps(range)
                ? entry.inner.map(\.numbers).filter { $0.overlaps(told) } : [told]
        }
        entries[session] = entry
    }

    mutating func forget(_ session: SessionID) { entries[session] = nil }

    /// What has been told of a session and has neither come nor been given up.
    func told(in session: SessionID) -> [ClosedRange<UInt64>] { entries[session]?.told ?? [] }

    /// What is to be told now, by session.
    ///
    /// - Parameter isEnding: the last chance in this run.
    mutating func take(now: Moment, isDrained: Bool, isEnding: Bool) -> [Report] {
        var reports: [Report] = []
        for id in entries.keys.sorted() {
            guard var entry = entries[id] else { continue }
            if isDrained { entry.tail.noteDrained() }
            let tail = entry.tail.missing(highest: entry.highest, monotonic: now.monotonic)
            var report = Report(session: id, contact: entry.contact)
            report.arrived = entry.told.filter { range in
                range.upperBound <= entry.highest
                    && !entry.inner.contains { $0.numbers.overlaps(range) }
            }
            entry.told.removeAll { report.arrived.contains($0) }
            if isDrained {
                let isPatient = entry.since + Self.patienceMilliseconds <= now.monotonic
                for gap in entry.inner {
                    // DR-25: what is older than an hour has waited in another process.
                    let isOld = now.hours.count >= gap.sinceHours &+ 2
                    guard isPatient || isEnding || isOld else { continue }
                    report.missing += Self.parts(of: gap.numbers, outside: entry.told)
                }
                // EN-19
                if isPatient, let tail {
                    report.missing += Self.parts(of: tail, outside: entry.told)
                }
            }
            entry.told += report.missing
            report.told = entry.told
            let isOver =
                entry.inner.isEmpty && tail == nil && entry.told.isEmpty && !entry.hasTail
            entries[id] = isOver ? nil : entry
            if !report.missing.isEmpty || !report.arrived.isEmpty { reports.append(report) }
        }
        return reports
    }

    /// The parts of a range that lie in none of the others.
    private static func parts(
        of range: ClosedRange<UInt64>, outside others: [ClosedRange<UInt64>]
    ) -> [ClosedRange<UInt64>] {
        var parts: [ClosedRange<UInt64>] = []
        var next = range.lowerBound
        for other in others.filter({ $0.overlaps(range) })
            .sorted(by: { $0.lowerBound < $1.lowerBound })
        {
            if other.lowerBound > next { parts.append(next...(other.lowerBound - 1)) }
            guard other.upperBound < range.upperBound else { return parts }
            next = max(next, other.upperBound + 1)
        }
        parts.append(next...range.upperBound)
        return parts
    }

    func nextDeadline(after now: UInt64) -> UInt64? {
        entries.values.filter { !$0.inner.isEmpty || $0.hasTail }
            .map { $0.since + Self.patienceMilliseconds }.filter { $0 > now }.min()
    }
}

extension Engine {
    /// Looks at what a session has received so far.
    mutating func noteGaps(of session: borrowing Session, contact: ContactID) {
        gaps.update(
            session.id, contact: contact, session.received,
            told: sessions[session.id]?.toldGaps ?? [], now: now)
    }

    /// DR-13, DR-25
    mutating func reportGaps(isEnding: Bool) {
        for report in gaps.take(now: now, isDrained: isReadingDrained, isEnding: isEnding) {
            let name = contacts[report.contact]?.name ?? ""
            for range in report.arrived {
                tell(.gapFilled(contact: name, first: range.lowerBound, last: range.upperBound))
            }
            for range in report.missing {
                tell(
                    .gap(
                        contact: name, first: range.lowerBound, last: range.upperBound,
                        isClosed: false))
            }
            guard var record = sessions[report.session] else { continue }
            record.toldGaps = report.told
            save(record)
        }
    }

    /// A gap that is given up: told once more, then forgotten.
    mutating func tellClosed(
        _ range: ClosedRange<UInt64>, in session: SessionID, of id: ContactID
    ) {
        gaps.close(range, of: session)
        if var record = sessions[session], record.toldGaps.contains(where: { $0.overlaps(range) }) {
            record.toldGaps = gaps.told(in: session)
            save(record)
        }
        tell(
            .gap(
                contact: contacts[id]?.name ?? "", first: range.lowerBound,
                last: range.upperBound, isClosed: true))
    }
}
