internal import Primitives

/// A message's id: 16 random bytes, unique per author.
///
/// Printed as 32 hexadecimal digits; commands take any unique prefix of six or more of them.
public struct MessageID: Hashable, Sendable, CustomStringConvertible {
    /// The 16 bytes.
    public let bytes: [UInt8]

    /// Makes an id from exactly 16 bytes, nil for any other count.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// The id as 32 lower-case hexadecimal digits.
    public var description: String { Hex.encode(bytes.raw) }
}

/// What names one running request of the user, such as a registration: valid in this process only.
public struct OperationID: Hashable, Sendable {
    let value: UInt64
}

/// Who wrote a message.
public enum MessageAuthor: UInt8, Sendable {
    /// The owner of this vault.
    case me = 0
    /// The other side of the chat.
    case peer = 1
}

/// How far a message has come. Later cases include the earlier ones.
public enum MessageState: UInt8, Sendable, Comparable {
    /// Received and committed here (for messages of the other side).
    case received = 0
    /// Kept in the outbox; the server has not accepted it yet.
    case queued = 1
    /// The server holds it on disk.
    case sent = 2
    /// A receipt of the other side says that its client has it.
    case delivered = 3
    /// A receipt of the other side says that it was shown.
    case read = 4
    /// Given up; the reason stands in the outbox.
    case failed = 5

    /// Orders by progress.
    public static func < (left: MessageState, right: MessageState) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// What a message says.
public enum MessageBody: Sendable, Equatable {
    /// Plain text, as the author wrote it: untrusted, print it as safe text only.
    case text(String)
    /// A type this version does not know; its bytes are kept in the vault.
    case unknown(type: UInt16)
}

/// One message of a chat, as history and events show it.
public struct MessageSummary: Sendable, Equatable {
    /// The author's id of the message.
    public let id: MessageID
    /// Local name of the chat it belongs to.
    public let contact: String
    /// Who wrote it.
    public let author: MessageAuthor
    /// When the author says it was written, milliseconds since 1970, UTC.
    public let timeMilliseconds: UInt64
    /// When it was committed to this vault, milliseconds since 1970, UTC.
    public let storedMilliseconds: UInt64
    /// How far it has come.
    public let state: MessageState
    /// True for the text of somebody who is not an accepted contact.
    public let isRequest: Bool
    /// What it says.
    public let body: MessageBody
}

/// How far the two sides of a contact are.
public enum ContactState: UInt8, Sendable {
    /// Our first message is on its way or unanswered.
    case invited = 0
    /// A first message of theirs waits for `accept`.
    case request = 1
    /// Both sides have each other's mailbox, or this side has accepted.
    case accepted = 2
}

/// One contact, as `contacts` lists it.
public struct ContactSummary: Sendable, Equatable {
    /// Local name, unique in this vault.
    public let name: String
    /// Account key in base32, 52 characters.
    public let account: String
    /// Handle and server as claimed by the contact, if any (`alice@host:port`).
    public let handle: String?
    /// True once a look-up at that server returned this account key.
    public let isHandleConfirmed: Bool
    /// How far the two sides are.
    public let state: ContactState
    /// True once the user has compared the safety number of the present keys.
    public let isVerified: Bool
    /// True when presence is shown to this contact.
    public let isPresenceShared: Bool
    /// True while the contact is known to be online: a fresh frame came in the last 30 s.
    public let isOnline: Bool
    /// Messages of the contact that were not marked read.
    public let unreadCount: Int
}

/// A first message that waits for the user's consent, as `requests` lists it.
public struct RequestSummary: Sendable, Equatable {
    /// Local name under which `accept` takes it.
    public let name: String
    /// Account key in base32, 52 characters.
    public let account: String
    /// Handle and server as claimed, if any; not confirmed unless `isHandleConfirmed`.
    public let handle: String?
    /// True once a look-up returned this account key for that handle.
    public let isHandleConfirmed: Bool
    /// When it was received, milliseconds since 1970, UTC.
    public let receivedMilliseconds: UInt64
    /// Its texts so far.
    public let messages: [MessageSummary]
}

/// An invite of this vault, as `invite --list` shows it.
public struct InviteSummary: Sendable, Equatable {
    /// First 16 hexadecimal digits of the blob's id hash: names the invite in commands.
    public let id: String
    /// Name the contact will get, if the user gave one.
    public let name: String?
    /// When the link ends, seconds since 1970, UTC.
    public let expirySeconds: UInt64
    /// What became of it.
    public let state: InviteState
}

/// What became of an invite.
public enum InviteState: UInt8, Sendable {
    /// Being put on the server.
    case making = 0
    /// Can be accepted.
    case open = 1
    /// Somebody accepted it; the blob is erased.
    case used = 2
    /// Withdrawn by the owner.
    case withdrawn = 3
}

/// A message, receipt or other content that the server has not accepted yet.
public struct OutboxSummary: Sendable, Equatable {
    /// The message, nil for what the client sends by itself (receipts, mailbox changes).
    public let id: MessageID?
    /// Local name of the chat.
    public let contact: String
    /// When it was written, milliseconds since 1970, UTC.
    public let timeMilliseconds: UInt64
    /// Why it is still here.
    public let reason: OutboxReason
}

/// Why something lies in the outbox.
public enum OutboxReason: UInt8, Sendable {
    /// Not tried yet, or the server was not reachable.
    case waitingForServer = 0
    /// Five first messages are out; the rest waits for the contact's reply.
    case waitingForReply = 1
    /// The other side's mailbox is full; it is tried again.
    case mailboxFull = 2
    /// The server limits this address for now; it is tried again.
    case rateLimited = 3
    /// The server's disk is full; it is tried again.
    case serverStorageFull = 4
    /// The mailbox is gone or refuses this key; not tried again by itself.
    case mailboxGone = 5
    /// This vault was copied or restored: another copy has sent under its counters. Not tried again by itself.
    case copiedVault = 6
    /// The server refused it for good.
    case refused = 7
}

/// Who this vault is.
public struct IdentitySummary: Sendable, Equatable {
    /// Account key in base32, 52 characters.
    public let account: String
    /// This device's id in hexadecimal.
    public let device: String
    /// The registered handle, nil if there is none.
    public let handle: String?
    /// True once the server has accepted the record with that handle.
    public let isRegistered: Bool
    /// Address of the own server.
    public let server: String
    /// Address to give to others (`postern://…/u/HANDLE`), nil without a registered handle.
    public let address: String?
    /// True when the vault opens without a passphrase.
    public let isWithoutPassphrase: Bool
}

/// A safety number to compare over another way.
public struct SafetyNumberSummary: Sendable, Equatable {
    /// All digits, grouped by spaces as both sides see them.
    public let text: String
    /// True when the user has confirmed this very number before.
    public let isVerified: Bool
}

/// One line of `settings`.
public struct SettingSummary: Sendable, Equatable {
    /// The name the command takes; with a contact's setting `NAME.key`.
    public let key: String
    /// The present value.
    public let value: String
    /// The values that are allowed, in words.
    public let allowed: String
}

/// One finding of `doctor`.
public struct DoctorFinding: Sendable, Equatable {
    /// What was looked at, one short noun phrase.
    public let subject: String
    /// True if it is as it should be, nil if that could not be found out now.
    public let isGood: Bool?
    /// One sentence on what was found and what to do.
    public let sentence: String

    /// Makes a finding.
    public init(subject: String, isGood: Bool?, sentence: String) {
        self.subject = subject
        self.isGood = isGood
        self.sentence = sentence
    }
}
