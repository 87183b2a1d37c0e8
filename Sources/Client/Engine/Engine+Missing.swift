internal import Crypto
internal import Primitives
internal import Wire

// What resets and their answers report, and what was confirmed and is no longer there.

extension Engine {
    // MARK: Reports

    /// What this side has read of each session, newest last. DR-39
    mutating func sessionReports(of id: ContactID) throws(ClientError) -> [SessionReport] {
        let set = sessions.set(of: id)
        return try knownReports(of: id).filter { known in
            set[known.id].map { $0.hasReceived || $0.isEnded } ?? true
        }
    }

    /// All known sessions, with what has been read of those that are kept as it is now.
    mutating func knownReports(of id: ContactID) throws(ClientError) -> [SessionReport] {
        let set = sessions.set(of: id)
        var reports = recovery(of: id).known
        for index in reports.indices where set[reports[index].id] != nil {
            let session = reports[index].id
            reports[index] = SessionReport(
                id: session, completeThrough: try ratchet(session).received.completeThrough)
        }
        return reports
    }

    /// Adds them to content, if there are any.
    mutating func adding(
        reportsOf id: ContactID, to content: Content
    ) throws(ClientError) -> Content {
        let reports = try sessionReports(of: id)
        return reports.isEmpty ? content : content.adding(reports)
    }

    // MARK: Confirmed messages

    /// A receipt has confirmed an own message: in which envelopes it went is kept for reports.
    mutating func keepConfirmed(_ unconfirmed: UnconfirmedRecord) {
        guard unconfirmed.isShown else { return }
        let record = ConfirmedRecord(
            contact: unconfirmed.contact, message: unconfirmed.message,
            sealings: unconfirmed.sealings)
        save(record)
    }

    private mutating func save(_ record: ConfirmedRecord) {
        let month = ConfirmedRecord.month(atDay: now.day)
        transaction.put(
            .confirmed, key: UnconfirmedRecord.key(record.contact, record.message),
            group: ConfirmedRecord.group(record.contact, month: month), value: record.encoded)
    }

    /// Old ones go. DR-41
    mutating func forgetConfirmed() {
        let month = ConfirmedRecord.month(atDay: now.day)
        // One who was away for long has left no more months than these behind.
        let first = month &- min(month, 2 * ConfirmedRecord.monthsKept)
        let last = month &- min(month, ConfirmedRecord.monthsKept)
        for contact in contacts.keys.sorted() {
            for month in first..<last {
                transaction.removeGroup(
                    .confirmed, group: ConfirmedRecord.group(contact, month: month))
            }
        }
    }

    /// Tells both sides which own messages the other side had confirmed and, as its reports say,
    /// does not have any more. DR-41
    mutating func nameMissing(
        _ reports: [SessionReport], of id: ContactID
    ) throws(ClientError) {
        guard !reports.isEmpty, !isSilent(to: id) else { return }
        let known = recovery(of: id).known.map(\.id)
        var missing: [MessageID] = []
        var news: [MessageID] = []
        let month = ConfirmedRecord.month(atDay: now.day)
        for month in (month &- min(month, ConfirmedRecord.monthsKept))...month {
            let group = ConfirmedRecord.group(id, month: month)
            for row in try transaction.committedRows(.confirmed, group: group) {
                // What this step has confirmed or named stands in no committed row.
                guard let value = try transaction.value(.confirmed, key: row.key) else { continue }
                var record = try ConfirmedRecord.decode(value)
                guard
                    record.sealings.allSatisfy({ Self.isPast($0, reports, known: known) })
                else { continue }
                guard let message = MessageID(record.message.array) else { continue }
                missing.append(message)
                guard !record.isNamed else { continue }
                news.append(message)
                record.isNamed = true
                save(record)
            }
        }
        let name = contacts[id]?.name ?? ""
        if !news.isEmpty { tell(.missing(contact: name, ids: news, author: .me)) }
        for start in stride(from: 0, to: missing.count, by: Content.missingIDsMax) {
            let part = missing[start..<min(start + Content.missingIDsMax, missing.count)]
            let ids = part.compactMap { FixedBytes<16>(copying: $0.bytes.raw) }
            try enqueue(
                Content.missing(ids, id: random.bytes(), milliseconds: now.wall), to: id)
        }
    }

    /// True when who made the reports has not read a message that went as this number.
    private static func isPast(
        _ sealing: SessionReport, _ reports: [SessionReport], known: [SessionID]
    ) -> Bool {
        if let report = reports.first(where: { $0.id == sealing.id }) {
            return sealing.completeThrough > report.completeThrough
        }
        // A session that is not named began after the state was kept, if it is not one of those
        // that fell out of the list for their age.
        guard let index = known.firstIndex(of: sealing.id) else { return false }
        return reports.count < SessionReport.countMax
            || known[..<index].contains { older in reports.contains { $0.id == older } }
    }

    /// The other side names what this one had confirmed. What is here after all is confirmed
    /// again, the rest is told once. DR-42
    mutating func receivedMissing(
        _ ids: [FixedBytes<16>], of id: ContactID
    ) throws(ClientError) {
        var news: [MessageID] = []
        for message in ids {
            if try transaction.value(.message, key: MessageRecord.key(id, .peer, message)) != nil {
                receiptDue(.delivered, message, of: id)
                continue
            }
            let key = Self.missingKey + id.array + message.array
            guard try transaction.value(.kept, key: key) == nil else { continue }
            transaction.put(.kept, key: key, group: id.array, value: [])
            if let shown = MessageID(message.array) { news.append(shown) }
        }
        guard !news.isEmpty else { return }
        tell(.missing(contact: contacts[id]?.name ?? "", ids: news, author: .peer))
    }

    private static let missingKey = Array("missing".utf8)

    /// A receipt for a message that was named as missing: it is there.
    mutating func unname(_ message: FixedBytes<16>, of id: ContactID) throws(ClientError) {
        let key = UnconfirmedRecord.key(id, message)
        guard let bytes = try transaction.value(.confirmed, key: key) else { return }
        var record = try ConfirmedRecord.decode(bytes)
        guard record.isNamed else { return }
        record.isNamed = false
        save(record)
    }
}
