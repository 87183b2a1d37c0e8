internal import Crypto
internal import Primitives
internal import Wire

/// A receipt that is due and not confirmed. Row of `receipt`, by contact and message; group:
/// contact.
struct ReceiptRecord: VaultRecord {
    static let format: UInt8 = 1

    let contact: ContactID
    let message: FixedBytes<16>
    let isRead: Bool

    init(contact: ContactID, message: FixedBytes<16>, isRead: Bool) {
        self.contact = contact
        self.message = message
        self.isRead = isRead
    }

    init(from reader: inout Reader) throws(WireError) {
        contact = try reader.fixed()
        message = try reader.fixed()
        isRead = try reader.bool()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(contact)
        writer.fixed(message)
        writer.bool(isRead)
    }

    static func key(_ contact: ContactID, _ message: FixedBytes<16>) -> [UInt8] {
        contact.array + message.array
    }
}

/// Receipts that are due, by contact.
struct ReceiptBook {
    struct Page {
        var pending = PendingReceipts()
        /// Nothing goes before then, so that several go together. Monotonic ms.
        var nextSend: UInt64 = 0
        /// When the oldest may have waited for too long to ride on frames.
        var overdueAt: UInt64 = 0
        /// One of them has been on no frame yet.
        var isNew = true
    }

    var pages: [ContactID: Page] = [:]

    mutating func load(from store: any VaultReading) throws(ClientError) {
        for row in try store.rows(.receipt) {
            let record = try ReceiptRecord.decode(row.value)
            pages[record.contact, default: Page()].pending.add(
                record.message, record.isRead ? .read : .delivered, monotonic: 0)
        }
    }

    func nextDeadline(after now: UInt64) -> UInt64? {
        pages.values.flatMap { [$0.nextSend, $0.overdueAt] }.filter { $0 > now }.min()
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

    /// True when no receipt has to be sent before a run may end.
    var hasNoReceiptsToSend: Bool {
        guard isClosing else { return true }
        return receipts.pages.keys.allSatisfy { contacts[$0]?.state != .accepted }
    }

    mutating func receiptDue(
        _ kind: PendingReceipts.Kind, _ message: FixedBytes<16>, of id: ContactID
    ) {
        // Those for a stranger wait for the user's consent, others for the contact's hello.
        guard let contact = contacts[id], contact.state != .accepted || sendsReceipts(to: contact)
        else { return }
        let range = Self.receiptDelayMilliseconds
        let delay = range.lowerBound + random.integer(below: range.upperBound - range.lowerBound)
        changeReceipts(of: id) { page, now in
            if page.pending.count == 0 { page.overdueAt = now + Self.receiptMilliseconds + 1 }
            page.pending.add(message, kind, monotonic: now)
            page.isNew = true
            if page.nextSend <= now { page.nextSend = now + delay }
        }
    }

    /// Changes the receipts of a contact, and their rows with them.
    mutating func changeReceipts(
        of id: ContactID, _ body: (inout ReceiptBook.Page, UInt64) -> Void
    ) {
        var page = receipts.pages[id] ?? ReceiptBook.Page()
        let before = Set(page.pending.waiting)
        body(&page, now.monotonic)
        let after = Set(page.pending.waiting)
        receipts.pages[id] = after.isEmpty ? nil : page
        for gone in before.subtracting(after)
        where !after.contains(where: { $0.id == gone.id }) {
            transaction.remove(.receipt, key: ReceiptRecord.key(id, gone.id))
        }
        for new in after.subtracting(before) {
            let record = ReceiptRecord(contact: id, message: new.id, isRead: new.kind == .read)
            transaction.put(
                .receipt, key: ReceiptRecord.key(id, new.id), group: id.array,
                value: record.encoded)
        }
    }

    /// Delivery receipts for what came while the contact was a request.
    mutating func receiptsForRequest(_ id: ContactID) throws(ClientError) {
        for row in try transaction.committedRows(.message, group: id.array) {
            var message = try MessageRecord.decode(row.value)
            guard message.author == .peer, message.isRequest else { continue }
            message.isRequest = false
            transaction.put(
                .message, key: message.key, group: message.group, value: message.encoded)
            receiptDue(.delivered, message.id, of: id)
        }
    }

    /// Sends what is due: on frames to who seems reachable, else stored. CL-17
    mutating func pumpReceipts() throws(ClientError) {
        for id in receipts.pages.keys.sorted() {
            guard let contact = contacts[id], let page = receipts.pages[id],
                contact.state == .accepted, !isSilent(to: id)
            else { continue }
            guard sendsReceipts(to: contact) else {
                changeReceipts(of: id) { page, _ in _ = page.pending.takeAll() }
                continue
            }
            guard isClosing || page.nextSend <= now.monotonic,
                let session = sessions.written(of: id), contact.peerMailbox != nil,
                sessions.hasReceived(in: session.id),
                // Receipts have no row of their own to be sealed from later.
                !outbox.contains(where: { $0.contact == id && $0.form == .waiting })
            else { continue }
            var stored: [PendingReceipts.Receipt] = []
            let all = isClosing || mustStoreReceipts(in: session) || !seemsReachable(id)
            changeReceipts(of: id) { page, now in
                stored = all ? page.pending.takeAll() : page.pending.takeStored(monotonic: now)
            }
            if !stored.isEmpty {
                try sendStored(stored, to: id)
            } else if page.isNew {
                receipts.pages[id]?.isNew = false
                live[id, default: LiveState()].wants.echo = now.monotonic
            }
        }
    }

    /// EN-18
    private func mustStoreReceipts(in session: SessionRecord) -> Bool {
        let last = session.lastStoredMilliseconds
        return PendingReceipts.mustBeStored(
            received: Int(session.receivedSinceStored),
            milliseconds: now.wall > last ? now.wall - last : 0)
    }

    private mutating func sendStored(
        _ stored: [PendingReceipts.Receipt], to id: ContactID
    ) throws(ClientError) {
        for kind in [PendingReceipts.Kind.delivered, .read] {
            let ids = stored.filter { $0.kind == kind }.map(\.id)
            for start in stride(from: 0, to: ids.count, by: Self.storedReceiptsMax) {
                let part = Array(ids[start..<min(start + Self.storedReceiptsMax, ids.count)])
                let content =
                    kind == .delivered
                    ? Content.deliveryReceipt(part, id: random.bytes(), milliseconds: now.wall)
                    : Content.readReceipt(part, id: random.bytes(), milliseconds: now.wall)
                try enqueueSealing(content, to: id)
            }
        }
    }
}
