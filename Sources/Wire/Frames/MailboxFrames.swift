package import Primitives

/// Makes a mailbox.
///
/// - SPEC: §10.6 type 0x01, MB-1, MB-3
package struct CreateFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// Chat or contact in version 0.
    package let kind: MailboxKind
    /// As many as the kind has, in its order.
    package let keys: [Ed25519PublicKey]
    /// Whether the server takes it.
    package let admission: Admission

    /// A number of keys that is not the kind's is our own mistake.
    package init(
        request: UInt32, kind: MailboxKind, keys: [Ed25519PublicKey], admission: Admission = .open
    ) {
        precondition(keys.count == kind.keyCount, "keys of a mailbox")
        self.request = request
        self.kind = kind
        self.keys = keys
        self.admission = admission
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        let kindValue = try reader.u8()
        // MB-25; a log is reserved.
        guard let kind = MailboxKind(rawValue: kindValue), kind != .log else {
            throw .unsupported(value: UInt64(kindValue))
        }
        self.kind = kind
        // MB-3
        let count = UInt8(kind.keyCount)
        _ = try reader.u8(in: count...count)
        var keys: [Ed25519PublicKey] = []
        for _ in 0..<count { keys.append(try reader.ed25519Key()) }
        self.keys = keys
        admission = try Admission(from: &reader)
    }

    /// The id of the mailbox it makes.
    package var mailbox: MailboxID { kind.mailboxID(keys: keys) ?? .zero }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.create, bodyByteCount: 6 + 32 * keys.count + admission.byteCount)
        sink.u32(request)
        sink.u8(kind.rawValue)
        sink.u8(UInt8(keys.count))
        for key in keys { sink.fixed(key.bytes) }
        admission.encode(into: &sink)
    }
}

/// Proves on this channel the possession of a key of a mailbox.
///
/// - SPEC: §10.6 type 0x02, MB-4
package struct AttachFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// Read or write in version 0.
    package let role: AttachRole
    /// The mailbox.
    package let id: MailboxID
    /// Over `AttachRole.signedBytes(id:handshakeHash:)`.
    package let signature: Ed25519Signature

    /// An attach.
    package init(request: UInt32, role: AttachRole, id: MailboxID, signature: Ed25519Signature) {
        self.request = request
        self.role = role
        self.id = id
        self.signature = signature
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        role = try reader.role()
        id = try reader.fixed()
        // The cursor is for logs.
        try reader.zeros(8)
        signature = try reader.fixed()
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.attach, bodyByteCount: 4 + 1 + 32 + 8 + 64)
        sink.u32(request)
        sink.u8(role.rawValue)
        sink.fixed(id)
        sink.u64(0)
        sink.fixed(signature)
    }
}

/// Ends an attach.
///
/// - SPEC: §10.6 type 0x03
package struct DetachFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// Which attach of the mailbox.
    package let role: AttachRole
    /// The mailbox.
    package let mailbox: MailboxID

    /// The end of an attach.
    package init(request: UInt32, role: AttachRole, mailbox: MailboxID) {
        self.request = request
        self.role = role
        self.mailbox = mailbox
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        role = try reader.role()
        mailbox = try reader.fixed()
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.detach, bodyByteCount: 4 + 1 + 32)
        sink.u32(request)
        sink.u8(role.rawValue)
        sink.fixed(mailbox)
    }
}

extension Reader {
    fileprivate mutating func role() throws(WireError) -> AttachRole {
        let value = try u8()
        // MB-25; notify and owner are reserved.
        switch AttachRole(rawValue: value) {
        case .read: return .read
        case .write: return .write
        default: throw .unsupported(value: UInt64(value))
        }
    }
}

/// Erases delivered envelopes, which returns credit.
///
/// - SPEC: §10.6 type 0x06, MB-13
package struct AcknowledgeFrame: Equatable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = Framing.headByteCount + 4 + 32 + 16

    /// Chosen by the client.
    package let request: UInt32
    /// The mailbox.
    package let mailbox: MailboxID
    /// First and last sequence, both included.
    package let sequences: ClosedRange<UInt64>

    /// An acknowledge.
    package init(request: UInt32, mailbox: MailboxID, sequences: ClosedRange<UInt64>) {
        self.request = request
        self.mailbox = mailbox
        self.sequences = sequences
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        mailbox = try reader.fixed()
        let first = try reader.u64()
        let last = try reader.u64()
        guard first <= last else { throw .outOfRange(value: first, minimum: 0, maximum: last) }
        sequences = first...last
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.acknowledge, bodyByteCount: Self.byteCount - Framing.headByteCount)
        sink.u32(request)
        sink.fixed(mailbox)
        sink.u64(sequences.lowerBound)
        sink.u64(sequences.upperBound)
    }
}

/// Changes a mailbox's settings.
///
/// - SPEC: §10.6 type 0x08, MB-14
package struct SettingsFrame: Equatable, Sendable {
    /// The lives an envelope can have.
    package enum TimeToLive: UInt8, CaseIterable, Sendable {
        /// One day.
        case day = 1
        /// Seven days.
        case week = 7
        /// Thirty days.
        case month = 30
    }

    /// Chosen by the client.
    package let request: UInt32
    /// The mailbox.
    package let mailbox: MailboxID
    /// Nil leaves it as it is.
    package let timeToLive: TimeToLive?

    /// New settings.
    package init(request: UInt32, mailbox: MailboxID, timeToLive: TimeToLive?) {
        self.request = request
        self.mailbox = mailbox
        self.timeToLive = timeToLive
    }

    private static let timeToLiveTag: UInt16 = 1

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        mailbox = try reader.fixed()
        let fields = try TaggedFields(parsing: try reader.span(reader.remainingByteCount))
        var timeToLive: TimeToLive?
        for field in fields.fields {
            // MB-25; the notify key is reserved.
            guard field.tag == Self.timeToLiveTag else {
                throw .unsupported(value: UInt64(field.tag))
            }
            guard field.value.count == 1, let value = TimeToLive(rawValue: field.value[0]) else {
                throw .outOfRange(value: UInt64(field.value.first ?? 0), minimum: 1, maximum: 30)
            }
            timeToLive = value
        }
        self.timeToLive = timeToLive
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.settings, bodyByteCount: 4 + 32 + (timeToLive == nil ? 0 : 5))
        sink.u32(request)
        sink.fixed(mailbox)
        if let timeToLive {
            sink.u16(Self.timeToLiveTag)
            sink.u16(1)
            sink.u8(timeToLive.rawValue)
        }
    }
}

/// A request that names a mailbox and nothing else: close, open, delete.
///
/// - SPEC: §10.6 types 0x09 to 0x0b
package struct MailboxFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// The mailbox.
    package let mailbox: MailboxID

    /// A request about a mailbox.
    package init(request: UInt32, mailbox: MailboxID) {
        self.request = request
        self.mailbox = mailbox
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        mailbox = try reader.fixed()
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        as type: ClientFrameType, into sink: inout Sink
    ) {
        sink.head(type, bodyByteCount: 4 + 32)
        sink.u32(request)
        sink.fixed(mailbox)
    }
}
