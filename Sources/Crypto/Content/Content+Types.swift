package import Primitives
package import Wire

// Content of each built type is made and read here. Readers return nil for content of another type;
// a parsed content has its fields in form, so for its own type they return a value.

extension Content {
    /// A text; an empty one is our own mistake.
    package static func text(_ text: String, id: MessageID, milliseconds: UInt64) -> Content {
        precondition(!text.isEmpty, "a text has at least one byte")
        return single(.text, ContentTag.body, Array(text.utf8), id, milliseconds)
    }

    /// The text of a text.
    package var text: String? {
        guard type == .text, let value = fields[ContentTag.body] else { return nil }
        return String(validating: value, as: UTF8.self)
    }

    /// A file.
    ///
    /// - SPEC: §7.7
    package static func attachment(
        _ reference: borrowing AttachmentReference, id: MessageID, milliseconds: UInt64
    ) -> Content {
        single(
            .attachment, ContentTag.attachment, reference.exposeForStorage(), id, milliseconds)
    }

    /// The reference of a file, nil for other content.
    package var attachment: AttachmentReference? {
        guard type == .attachment, let value = fields[ContentTag.attachment] else { return nil }
        var reader = Reader(value.raw)
        return try? AttachmentReference(from: &reader)
    }

    /// Delivery receipts for messages of the reader; none at all is our own mistake.
    package static func deliveryReceipt(
        _ ids: [MessageID], id: MessageID, milliseconds: UInt64
    ) -> Content {
        receipt(.deliveryReceipt, ids, id, milliseconds)
    }

    /// Read receipts for messages of the reader; none at all is our own mistake.
    package static func readReceipt(
        _ ids: [MessageID], id: MessageID, milliseconds: UInt64
    ) -> Content {
        receipt(.readReceipt, ids, id, milliseconds)
    }

    /// Says which of the writer's messages its reader had confirmed and lost; at most
    /// ``missingIDsMax``, none at all is our own mistake.
    ///
    /// - SPEC: §7.3, DR-41
    package static func missing(
        _ ids: [MessageID], id: MessageID, milliseconds: UInt64
    ) -> Content {
        receipt(.missing, ids, id, milliseconds)
    }

    /// As many ids as the largest envelope holds.
    package static let missingIDsMax =
        (Envelope.room(inEnvelopeOf: 16_384) - 3) / MessageID.byteCount

    private static func receipt(
        _ type: ContentType, _ ids: [MessageID], _ id: MessageID, _ milliseconds: UInt64
    ) -> Content {
        precondition(!ids.isEmpty, "a receipt names at least one message")
        var value: [UInt8] = []
        for message in ids { value.append(copying: message.raw) }
        return single(type, ContentTag.ids, value, id, milliseconds)
    }

    /// The messages that a receipt changes: of those it names, the ones the reader wrote to its
    /// writer.
    ///
    /// - Parameter isOwn: true for a message that the reader wrote to the receipt's writer.
    /// - SPEC: EN-9
    package func receiptIDs(where isOwn: (MessageID) -> Bool) -> [MessageID] {
        // EN-9
        (receiptIDs ?? []).filter(isOwn)
    }

    /// All messages a receipt names, nil for other content. They count only where the reader wrote
    /// them to the writer: ``receiptIDs(where:)``.
    package var receiptIDs: [MessageID]? {
        type == .deliveryReceipt || type == .readReceipt ? ids : nil
    }

    /// The messages of the writer that its reader had confirmed and does not have any
    /// more; nil for other content.
    ///
    /// - SPEC: §7.3, DR-41
    package var missingIDs: [MessageID]? { type == .missing ? ids : nil }

    private var ids: [MessageID]? {
        guard let value = fields[ContentTag.ids] else { return nil }
        return stride(from: 0, to: value.count, by: MessageID.byteCount).compactMap { start in
            let bytes = value[start..<min(start + MessageID.byteCount, value.count)]
            return MessageID(copying: bytes.raw)
        }
    }

    /// A hello: hands over the chat mailbox in which its writer wants to be answered, and perhaps a
    /// recovery bundle.
    ///
    /// - SPEC: §7.4, EN-11
    package static func hello(
        mailbox: borrowing ChatMailbox, recoveryBundle: RecoveryBundle?, id: MessageID,
        milliseconds: UInt64
    ) -> Content {
        let content = single(
            .hello, ContentTag.mailboxes, mailbox.exposeForStorage(), id, milliseconds)
        return recoveryBundle.map { content.adding($0) } ?? content
    }

    /// A mailbox change: one or two mailboxes take the place of those before.
    ///
    /// - SPEC: §7.3, EN-11
    package static func mailboxChange(
        first: borrowing ChatMailbox, second: borrowing ChatMailbox?, id: MessageID,
        milliseconds: UInt64
    ) -> Content {
        var value = first.exposeForStorage()
        switch second {
        case .some(let second): value += second.exposeForStorage()
        case .none: break
        }
        return single(.mailboxChange, ContentTag.mailboxes, value, id, milliseconds)
    }

    /// Number of mailboxes in a hello or a mailbox change, 0 for other content.
    package var mailboxCount: Int {
        guard type == .hello || type == .mailboxChange else { return 0 }
        return (fields[ContentTag.mailboxes]?.count ?? 0) / ChatMailbox.byteCount
    }

    /// A mailbox of a hello or a mailbox change.
    ///
    /// - Parameter index: 0, or 1 when ``mailboxCount`` is 2; nil for any other.
    package func mailbox(_ index: Int) -> ChatMailbox? {
        guard (0..<mailboxCount).contains(index), let value = fields[ContentTag.mailboxes] else {
            return nil
        }
        let start = index * ChatMailbox.byteCount
        let bytes = value[start..<start + ChatMailbox.byteCount]
        var reader = Reader(bytes.raw)
        return try? ChatMailbox(from: &reader)
    }

    /// The writer's record, 2,048 bytes; the reader verifies it (EN-10).
    package static func record(_ bytes: [UInt8], id: MessageID, milliseconds: UInt64) -> Content {
        precondition(bytes.count == Record.byteCount, "a whole record")
        return single(.record, ContentTag.record, bytes, id, milliseconds)
    }

    /// The record in a content of that type, when it verifies, is of the contact's account and needs
    /// no newer version.
    ///
    /// - Parameter account: the contact's account key.
    /// - SPEC: EN-10
    package func verifiedRecord(of account: Ed25519PublicKey) -> Verified<Record>? {
        // EN-10
        guard type == .record, let value = fields[ContentTag.record],
            let record = try? Record(parsing: value.raw), record.account == account,
            // KD-6
            (try? record.refuseUnknownCritical()) != nil
        else { return nil }
        return try? record.verify()
    }

    /// A renewed recovery bundle.
    package static func recoveryBundle(
        _ bundle: RecoveryBundle, id: MessageID, milliseconds: UInt64
    ) -> Content {
        Content(type: .recoveryBundle, id: id, milliseconds: milliseconds).adding(bundle)
    }

    /// The recovery bundle that content of any type may carry, checked.
    ///
    /// - Parameter deviceKey: the device key of the session's peer.
    /// - SPEC: DR-22
    package func verifiedRecoveryBundle(by deviceKey: Ed25519PublicKey) -> RecoveryBundle? {
        guard let value = fields[ContentTag.recoveryBundle],
            let bundle = try? RecoveryBundle(parsing: value.raw), bundle.isValid(by: deviceKey)
        else { return nil }
        return bundle
    }

    /// The same content with a recovery bundle.
    package func adding(_ bundle: RecoveryBundle) -> Content {
        adding(ContentFields.Field(tag: ContentTag.recoveryBundle, value: bundle.bytes))
    }

    /// What the writer says about sessions: ids, and the numbers up to which it misses nothing.
    package var sessionReports: [SessionReport] {
        let value = fields[ContentTag.sessions] ?? []
        let size = ContentForm.sessionReportByteCount
        return stride(from: 0, to: value.count, by: size).compactMap { start in
            let bytes = value[start..<min(start + 32, value.count)]
            guard let id = SessionID(copying: bytes.raw),
                let number: UInt64 = value.raw.bigEndian(at: start + 32)
            else { return nil }
            return SessionReport(id: id, completeThrough: number)
        }
    }

    /// The same content with session reports, at most 18, at least one.
    package func adding(_ reports: [SessionReport]) -> Content {
        precondition((1...ContentForm.sessionReportsMax).contains(reports.count), "1 to 18 reports")
        var value: [UInt8] = []
        for report in reports {
            value.append(copying: report.id.raw)
            value.append(bigEndian: report.completeThrough)
        }
        return adding(ContentFields.Field(tag: ContentTag.sessions, value: value))
    }

    private static func single(
        _ type: ContentType, _ tag: UInt8, _ value: [UInt8], _ id: MessageID, _ milliseconds: UInt64
    ) -> Content {
        Content(
            type: type, id: id, milliseconds: milliseconds,
            fields: ContentFields([ContentFields.Field(tag: tag, value: value)]))
    }
}

/// What one side says about a session: up to which number nothing of it is missing. 40 bytes.
///
/// - SPEC: §7.3, DR-16
package struct SessionReport: Hashable, Sendable {
    /// As many as a first message holds beside a hello and a recovery bundle.
    package static let countMax = 14

    /// The session.
    package let id: SessionID
    /// 0 when nothing was read in it.
    package let completeThrough: UInt64

    /// A report.
    package init(id: SessionID, completeThrough: UInt64) {
        self.id = id
        self.completeThrough = completeThrough
    }
}
