/// The constants of the protocol, by the names SPEC.md gives them; it also says why each has its
/// value. A test compares the two.
///
/// - SPEC: §4.9
package enum Limits {
    /// Bytes of a channel message's plaintext (CH-40).
    package static let messageByteCountMax = 65_280
    /// Channel messages are padded to multiples of so many bytes (CH-40).
    package static let paddingByteCount = 256
    /// Bytes of a WebSocket message.
    package static let webSocketMessageByteCountMax = 65_535
    /// Bytes of an HTTP head.
    package static let headByteCountMax = 8_192
    /// Fields of an HTTP head.
    package static let headFieldsMax = 64
    /// Seconds until the HTTP head is whole (CH-45).
    package static let headSeconds = 10
    /// Seconds until the channel handshake is through (CH-45).
    package static let handshakeSeconds = 30
    /// Seconds without a byte after which the server closes (CH-44).
    package static let idleSeconds = 180
    /// Fewest seconds between keep-alives (CH-44).
    package static let keepAliveSecondsMin = 40
    /// Most seconds between keep-alives (CH-44).
    package static let keepAliveSecondsMax = 55
    /// Unread output bytes of one connection (CH-46).
    package static let outputByteCountMax = 262_144
    /// Output bytes behind which an ephemeral frame is dropped (MB-19).
    package static let ephemeralBacklogByteCountMax = 65_536
    /// Unanswered requests of one connection.
    package static let requestsInFlightMax = 256
    /// Attaches of one connection.
    package static let attachmentsMax = 1_024
    /// Attaches of one connection that are being verified.
    package static let attachesPendingMax = 64
    /// Write attaches of one mailbox (MB-28).
    package static let writersMax = 16
    /// Unacknowledged envelopes at one reader of one mailbox (MB-12).
    package static let windowEnvelopesMax = 64
    /// Unacknowledged bytes at one reader of one mailbox (MB-12).
    package static let windowByteCountMax = 131_072
    /// Envelopes waiting in one chat mailbox.
    package static let mailboxEnvelopesMax = 10_000
    /// Bytes waiting in one chat mailbox.
    package static let mailboxByteCountMax = 67_108_864
    /// Envelopes waiting in one contact mailbox (MB-11).
    package static let contactEnvelopesMax = 200
    /// Days an envelope is kept by default (MB-14).
    package static let timeToLiveDaysDefault = 30
    /// Days after which an unread mailbox is removed (MB-15).
    package static let leaseDays = 180
    /// Bytes of a blob (MB-20).
    package static let blobByteCountMax = 32_768
    /// Days a blob is kept at most (MB-20).
    package static let blobDaysMax = 30
    /// Bytes of an admission field.
    package static let admissionByteCountMax = 256
    /// Mailboxes created from one address in an hour, method open (MB-23).
    package static let createsPerAddressHour = 2_000
    /// Contact deposits from one address in an hour, method open (MB-23).
    package static let contactDepositsPerAddressHour = 2_000
    /// Prekey fetches and look-ups from one address in an hour, method open (MB-23).
    package static let fetchesPerAddressHour = 2_000
    /// Records published from one address in an hour, method open (MB-23).
    package static let registrationsPerAddressHour = 200
    /// Prekey statuses, handle releases and refused attaches, each a signature to check, of one
    /// address in an hour (MB-23).
    package static let signedRequestsPerAddressHour = 20_000
    /// One-time prekeys of one device handed out in an hour (KD-20).
    package static let oneTimePreKeysPerDeviceHour = 5
    /// Hours for which a freed handle is given to nobody (KD-18).
    package static let handleRestHours = 8_784
    /// Blob bytes put from one address in an hour, method open (MB-23).
    package static let blobByteCountPerAddressHour = 268_435_456
}

/// The sizes an envelope can have.
///
/// - SPEC: §10.2
package enum EnvelopeSize: Int, CaseIterable, Sendable {
    /// Most messages.
    case small = 1024
    /// First messages and longer text.
    case medium = 4096
    /// The longest text and call offers.
    case large = 16384

    /// Every envelope of a contact mailbox has this size (MB-11).
    package static let contact = EnvelopeSize.medium
    /// Every ephemeral frame has this size.
    package static let ephemeral = EnvelopeSize.small
}
