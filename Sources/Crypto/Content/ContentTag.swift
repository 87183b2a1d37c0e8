/// Tags of content fields.
///
/// - SPEC: §7.3
package enum ContentTag {
    /// Text: UTF-8.
    package static let body: UInt8 = 1
    /// Text, reserved: the message it answers.
    package static let replyTo: UInt8 = 2
    /// Text, reserved: the message whose thread it is in.
    package static let thread: UInt8 = 3
    /// Text, reserved: it was forwarded.
    package static let forwarded: UInt8 = 4
    /// Text, reserved.
    package static let mentions: UInt8 = 5
    /// Text, reserved.
    package static let styles: UInt8 = 6

    /// Attachment: the reference, 205 bytes.
    package static let attachment: UInt8 = 1
    /// Attachment, reserved: the file's name.
    package static let fileName: UInt8 = 2
    /// Attachment, reserved.
    package static let mediaType: UInt8 = 3
    /// Attachment, reserved: whether it is a voice note or to be shown at once.
    package static let attachmentFlags: UInt8 = 4
    /// Attachment, reserved: a small picture.
    package static let preview: UInt8 = 5

    /// Receipts: message ids, 16 bytes each.
    package static let ids: UInt8 = 1
    /// Typing and presence: one byte.
    package static let state: UInt8 = 1
    /// Hello and mailbox change: 161 bytes each.
    package static let mailboxes: UInt8 = 1
    /// Record: 2,048 bytes.
    package static let record: UInt8 = 1

    /// Every type: session reports, 40 bytes each.
    package static let sessions: UInt8 = 0xc0
    /// Every type: a recovery bundle, 1,292 bytes.
    package static let recoveryBundle: UInt8 = 0xc1
    /// Every type, reserved.
    package static let keyLogHead: UInt8 = 0xc2
    /// Every type, reserved: seconds.
    package static let disappearsAfter: UInt8 = 0xc3
}
