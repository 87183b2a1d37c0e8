internal import Crypto
internal import Primitives
internal import Wire

/// A receipt that is due and not confirmed. Row of `receipt`, group: contact.
struct ReceiptRecord: VaultRecord {
    static let format: UInt8 = 1

    enum Kind: UInt8 {
        case delivered = 0
        case read = 1
    }

    let contact: ContactID
    let kind: Kind
    let message: FixedBytes<16>

    init(contact: ContactID, kind: Kind, message: FixedBytes<16>) {
        self.contact = contact
        self.kind = kind
        self.message = message
    }

    init(from reader: inout Reader) throws(WireError) {
        contact = try reader.fixed()
        kind = try reader.choice(of: Kind.self)
        message = try reader.fixed()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(contact)
        writer.u8(kind.rawValue)
        writer.fixed(message)
    }

    var key: [UInt8] { contact.array + [kind.rawValue] + message.array }
}

/// Receipts that are due, by contact, oldest first.
struct ReceiptBook {
    struct Due {
        let record: ReceiptRecord
        /// When it may go, so that several go together. Monotonic ms.
        let from: UInt64
        /// Counter of the first ephemeral frame that carried it, 0 before. EN-17
        var firstCounter: UInt64 = 0
        /// When it was due first in this process.
        let since: UInt64
    }

    private(set) var due: [ContactID: [Due]] = [:]

    mutating func load(from store: any VaultReading) throws(ClientError) {
        for row in try store.rows(.receipt) {
            let record = try ReceiptRecord.decode(row.value)
            // Due since an earlier run: it goes stored.
            due[record.contact, default: []].append(Due(record: record, from: 0, since: 0))
        }
    }

    mutating func add(_ record: ReceiptRecord, from: UInt64, since: UInt64) {
        guard due[record.contact]?.contains(where: { $0.record.key == record.key }) != true else {
            return
        }
        due[record.contact, default: []].append(Due(record: record, from: from, since: since))
    }

    mutating func remove(_ records: [ReceiptRecord], of contact: ContactID) {
        let keys = Set(records.map(\.key))
        due[contact]?.removeAll { keys.contains($0.record.key) }
        if due[contact]?.isEmpty == true { due[contact] = nil }
    }

    mutating func carried(_ records: [ReceiptRecord], of contact: ContactID, by counter: UInt64) {
        let keys = Set(records.map(\.key))
        for index in (due[contact] ?? []).indices {
            guard let entry = due[contact]?[index], keys.contains(entry.record.key),
                entry.firstCounter == 0
            else { continue }
            due[contact]?[index].firstCounter = counter
        }
    }

    /// True when nothing has to be sent before a run may end.
    func isQuiet(isClosing: Bool) -> Bool { !isClosing || due.isEmpty }

    func nextDeadline(after now: UInt64) -> UInt64? {
        due.values.flatMap { $0 }.flatMap { [$0.from, $0.since + 30_000] }
            .filter { $0 > now }.min()
    }
}

extension Engine {
    /// Receipts go together when they fall due within such a time; the random part hides when
    /// exactly a message was read.
    static let receiptDelayMilliseconds: ClosedRange<UInt64> = 150...900
    /// Receipts in one stored envelope of 1,024 bytes.
    static let storedReceiptsMax = 38
    /// An unconfirmed receipt goes stored after so long. EN-17
    static let receiptMilliseconds: UInt64 = 30_000

    func sendsReceipts(to contact: ContactRecord) -> Bool {
        // EN-20, CL-16
        contact.state == .accepted && (contact.sendsReceipts ?? settings.sendsReceipts)
    }

    mutating func receiptDue(
        _ kind: ReceiptRecord.Kind, _ message: FixedBytes<16>, of id: ContactID
    ) throws(ClientError) {
        guard let contact = contacts[id], sendsReceipts(to: contact) else { return }
        let record = ReceiptRecord(contact: id, kind: kind, message: message)
        let range = Self.receiptDelayMilliseconds
        let delay = range.lowerBound + random.integer(below: range.upperBound - range.lowerBound)
        receipts.add(record, from: now.monotonic + delay, since: now.monotonic)
        transaction.put(.receipt, key: record.key, group: id.array, value: record.encoded)
    }

    /// Delivery receipts for what came while the contact was a request.
    mutating func receiptsForRequest(_ id: ContactID) throws(ClientError) {
        for row in try transaction.committedRows(.message, group: id.array) {
            var message = try MessageRecord.decode(row.value)
            guard message.author == .peer, message.isRequest else { continue }
            message.isRequest = false
            transaction.put(
                .message, key: message.key, group: message.group, value: message.encoded)
            try receiptDue(.delivered, message.id, of: id)
        }
    }

    /// Sends what is due: in ephemeral frames to who seems reachable, else stored.
    mutating func pumpReceipts() throws(ClientError) {
        for id in receipts.due.keys.sorted() {
            guard let contact = contacts[id], let due = receipts.due[id] else { continue }
            guard sendsReceipts(to: contact) else {
                drop(due.map(\.record), of: id)
                continue
            }
            let ripe = due.filter { isClosing || $0.from <= now.monotonic }
            guard !ripe.isEmpty, let session = sessions.written(of: id),
                contact.peerMailbox != nil, sessions.hasReceived(in: session.id)
            else { continue }
            if goesStored(ripe, in: session) {
                try sendStored(ripe, to: id)
            } else if ripe.contains(where: { $0.firstCounter == 0 }) {
                try sendFrame(to: id, type: .deliveryReceipt)
            }
        }
    }

    /// CL-17, EN-17, EN-18
    private func goesStored(_ due: [ReceiptBook.Due], in session: SessionRecord) -> Bool {
        if isClosing || due.count > EphemeralLimits.receiptsMax { return true }
        if due.contains(where: { $0.since + Self.receiptMilliseconds <= now.monotonic }) {
            return true
        }
        if session.receivedSinceStored >= 50 { return true }
        if session.lastStoredMilliseconds + 24 * 3_600_000 <= now.wall { return true }
        return !seemsReachable(session.contact)
    }

    private mutating func sendStored(
        _ due: [ReceiptBook.Due], to id: ContactID
    ) throws(ClientError) {
        for kind in [ReceiptRecord.Kind.delivered, .read] {
            let records = due.map(\.record).filter { $0.kind == kind }
            for start in stride(from: 0, to: records.count, by: Self.storedReceiptsMax) {
                let part = records[start..<min(start + Self.storedReceiptsMax, records.count)]
                let ids = part.map(\.message)
                let content =
                    kind == .delivered
                    ? Content.deliveryReceipt(ids, id: random.bytes(), milliseconds: now.wall)
                    : Content.readReceipt(ids, id: random.bytes(), milliseconds: now.wall)
                try enqueueSealing(content, to: id)
            }
            drop(records, of: id)
        }
    }

    /// Forgets receipts that are sealed, confirmed or not wanted.
    mutating func drop(_ records: [ReceiptRecord], of id: ContactID) {
        receipts.remove(records, of: id)
        for record in records { transaction.remove(.receipt, key: record.key) }
    }
}
