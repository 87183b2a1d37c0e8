import Primitives
import Wire

/// The forms that fields of built types must have.
///
/// - SPEC: §7.3, EN-7
enum ContentForm {
    static let sessionReportByteCount = 40
    /// Newest sessions a report names.
    static let sessionReportsMax = 18
    static let mailboxesMax = 2

    /// Checks the form of every field of `type` that this version knows; reserved and unknown ones
    /// may hold anything.
    ///
    /// - Throws: `ContentError.badField`, `.missingField`.
    static func check(_ fields: ContentFields, of type: ContentType) throws(ContentError) {
        for field in fields.fields where field.tag >= ContentTag.sessions {
            guard hasForm(commonField: field) else { throw .badField(tag: field.tag) }
        }
        guard let check = ownForm(of: type) else { return }
        guard let value = fields[check.tag] else { throw .missingField(tag: check.tag) }
        // EN-7
        guard check.isValid(value) else { throw .badField(tag: check.tag) }
    }

    private static func hasForm(commonField field: ContentFields.Field) -> Bool {
        let count = field.value.count
        switch field.tag {
        case ContentTag.sessions:
            return count > 0 && count.isMultiple(of: sessionReportByteCount)
                && count / sessionReportByteCount <= sessionReportsMax
        case ContentTag.recoveryBundle: return count == RecoveryBundle.byteCount
        default: return true
        }
    }

    /// The one field that content of a built type must have, and its form.
    private static func ownForm(
        of type: ContentType
    ) -> (tag: UInt8, isValid: ([UInt8]) -> Bool)? {
        switch type {
        case .text: (ContentTag.body, { isText($0) })
        case .attachment: (ContentTag.attachment, { isReference($0) })
        case .deliveryReceipt, .readReceipt, .missing: (ContentTag.ids, { isIDs($0) })
        case .typing, .presence: (ContentTag.state, { $0 == [0] || $0 == [1] })
        case .hello: (ContentTag.mailboxes, { mailboxCount($0) == 1 })
        case .mailboxChange: (ContentTag.mailboxes, { mailboxCount($0) > 0 })
        case .record: (ContentTag.record, { $0.count == Record.byteCount })
        case .recoveryBundle: (ContentTag.recoveryBundle, { _ in true })
        default: nil
        }
    }

    private static func isText(_ value: [UInt8]) -> Bool {
        // EN-8
        !value.isEmpty && String(validating: value, as: UTF8.self) != nil
    }

    private static func isReference(_ value: [UInt8]) -> Bool {
        var reader = Reader(value.raw)
        guard (try? AttachmentReference(from: &reader)) != nil else { return false }
        // EN-30
        return (try? reader.finish()) != nil
    }

    private static func isIDs(_ value: [UInt8]) -> Bool {
        !value.isEmpty && value.count.isMultiple(of: MessageID.byteCount)
    }

    /// How many mailboxes the bytes are, 0 when they are none.
    private static func mailboxCount(_ value: [UInt8]) -> Int {
        let count = value.count / ChatMailbox.byteCount
        guard value.count.isMultiple(of: ChatMailbox.byteCount), (1...mailboxesMax).contains(count)
        else { return 0 }
        var reader = Reader(value.raw)
        for _ in 0..<count {
            guard (try? ChatMailbox(from: &reader)) != nil else { return 0 }
        }
        return count
    }
}
