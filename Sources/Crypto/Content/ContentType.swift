import Primitives

/// What a content is: the first two bytes inside a message, or the type of an ephemeral frame.
///
/// Values below 0x8000 are shown to a person even when this version does not know them; from 0x8000
/// on they are *control* and unknown ones are kept in silence.
///
/// - SPEC: §7.3, EN-6
package struct ContentType: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt16

    /// Any number; unknown ones are values like all others.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// A text, with what belongs to it.
    package static let text = ContentType(rawValue: 0x0001)
    /// Reserved: a new version of one of the writer's own messages.
    package static let edit = ContentType(rawValue: 0x0002)
    /// Reserved: takes back one of the writer's own messages.
    package static let delete = ContentType(rawValue: 0x0003)
    /// Reserved.
    package static let sticker = ContentType(rawValue: 0x0004)
    /// A file; kept, and shown as a message of a newer version until there are commands for files.
    package static let attachment = ContentType(rawValue: 0x0005)
    /// Reserved.
    package static let poll = ContentType(rawValue: 0x0006)
    /// Reserved.
    package static let callOffer = ContentType(rawValue: 0x0007)

    /// Carries nothing of its own: receipts, echo and newest number of a frame.
    package static let echo = ContentType(rawValue: 0x8000)
    /// Names messages that have arrived on the writer's device.
    package static let deliveryReceipt = ContentType(rawValue: 0x8001)
    /// Names messages that the writer has seen.
    package static let readReceipt = ContentType(rawValue: 0x8002)
    /// Whether the writer is typing; in frames.
    package static let typing = ContentType(rawValue: 0x8003)
    /// Whether the writer is here; in frames.
    package static let presence = ContentType(rawValue: 0x8004)
    /// Hands over the chat mailbox the writer wants to be answered in.
    package static let hello = ContentType(rawValue: 0x8005)
    /// Replaces the chat mailboxes the writer wants to be answered in.
    package static let mailboxChange = ContentType(rawValue: 0x8006)
    /// The writer's whole signed record.
    package static let record = ContentType(rawValue: 0x8007)
    /// Carries a renewed recovery bundle in its common field.
    package static let recoveryBundle = ContentType(rawValue: 0x8008)
    /// Reserved.
    package static let reaction = ContentType(rawValue: 0x8009)
    /// Reserved.
    package static let pin = ContentType(rawValue: 0x800a)
    /// Reserved: mute and other state of a chat, among the devices of one person.
    package static let chatState = ContentType(rawValue: 0x800b)
    /// Reserved.
    package static let profile = ContentType(rawValue: 0x800c)
    /// Reserved.
    package static let disappearingTimer = ContentType(rawValue: 0x800d)
    /// Reserved.
    package static let callAnswer = ContentType(rawValue: 0x800e)
    /// Reserved.
    package static let callCandidates = ContentType(rawValue: 0x800f)
    /// Reserved.
    package static let callHangUp = ContentType(rawValue: 0x8010)
    /// Reserved.
    package static let groupOperation = ContentType(rawValue: 0x8011)
    /// Reserved.
    package static let pollVote = ContentType(rawValue: 0x8012)
    /// Reserved.
    package static let keyLogHead = ContentType(rawValue: 0x8013)
    /// Messages that its reader had confirmed and does not have any more.
    package static let missing = ContentType(rawValue: 0x8014)

    /// The types this version acts on.
    package static let built: [ContentType] = [
        .text, .echo, .deliveryReceipt, .readReceipt, .typing, .presence, .hello, .mailboxChange,
        .record, .recoveryBundle, .missing,
    ]

    /// True from 0x8000 on: nothing is shown for it when it is unknown.
    package var isControl: Bool { rawValue >= 0x8000 }

    /// What a client does with content of this type.
    package var handling: Handling {
        if Self.built.contains(self) { return .act }
        // EN-6
        return isControl ? .keepSilently : .showAsUnknown
    }

    /// What a client does with content.
    package enum Handling: Hashable, Sendable {
        /// This version knows the type.
        case act
        /// Keep it and show that a newer version is needed to read it.
        case showAsUnknown
        /// Keep it and show nothing.
        case keepSilently
    }
}
