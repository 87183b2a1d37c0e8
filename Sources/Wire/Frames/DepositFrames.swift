import Primitives

/// Stores an envelope in a chat mailbox. Decoding allocates nothing: the envelope stays where it
/// is.
///
/// - SPEC: §10.6 type 0x04, MB-9
package struct DepositFrame: Equatable, Sendable {
    /// Bytes besides the envelope, head included.
    package static let overheadByteCount = Framing.headByteCount + 4 + 32 + 8

    /// Chosen by the client.
    package let request: UInt32
    /// The mailbox.
    package let mailbox: MailboxID
    /// The writer's counter.
    package let counter: UInt64
    /// Where the envelope stands in the message; of one of the three sizes.
    package let envelope: Range<Int>

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        mailbox = try reader.fixed()
        counter = try reader.u64()
        guard EnvelopeSize(rawValue: reader.remainingByteCount) != nil else {
            throw .wrongSize(byteCount: reader.remainingByteCount)
        }
        envelope = try reader.range(reader.remainingByteCount)
    }

    /// Writes a deposit.
    ///
    /// - Parameter envelope: of one of the three sizes; others are our own mistake.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        request: UInt32, mailbox: MailboxID, counter: UInt64, envelope: RawSpan,
        into sink: inout Sink
    ) {
        precondition(EnvelopeSize(rawValue: envelope.byteCount) != nil, "size of an envelope")
        sink.head(.deposit, bodyByteCount: 4 + 32 + 8 + envelope.byteCount)
        sink.u32(request)
        sink.fixed(mailbox)
        sink.u64(counter)
        sink.append(bytes: envelope)
    }
}

/// Stores a first message in a contact mailbox.
///
/// - SPEC: §10.6 type 0x05, MB-11
package struct ContactDepositFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// The mailbox.
    package let mailbox: MailboxID
    /// Whether the server takes it.
    package let admission: Admission
    /// Where the envelope of 4,096 bytes stands in the message.
    package let envelope: Range<Int>

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        mailbox = try reader.fixed()
        admission = try Admission(from: &reader)
        // MB-11
        guard reader.remainingByteCount == EnvelopeSize.contact.rawValue else {
            throw .wrongSize(byteCount: reader.remainingByteCount)
        }
        envelope = try reader.range(reader.remainingByteCount)
    }

    /// Writes a deposit into a contact mailbox.
    ///
    /// - Parameter envelope: of 4,096 bytes; another size is our own mistake.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        request: UInt32, mailbox: MailboxID, admission: Admission = .open, envelope: RawSpan,
        into sink: inout Sink
    ) {
        precondition(envelope.byteCount == EnvelopeSize.contact.rawValue, "size of an envelope")
        sink.head(
            .contactDeposit, bodyByteCount: 4 + 32 + admission.byteCount + envelope.byteCount)
        sink.u32(request)
        sink.fixed(mailbox)
        admission.encode(into: &sink)
        sink.append(bytes: envelope)
    }
}

/// Passes a frame to an attached reader; it has no request id, since nothing answers it.
///
/// - SPEC: §10.6 type 0x07, MB-19
package struct EphemeralFrame: Equatable, Sendable {
    /// Encoded size in bytes, in either direction.
    package static let byteCount =
        Framing.headByteCount + 32 + EnvelopeSize.ephemeral.rawValue

    /// The mailbox.
    package let mailbox: MailboxID
    /// Where the 1,024 bytes stand in the message.
    package let frame: Range<Int>

    init(from reader: inout Reader) throws(WireError) {
        mailbox = try reader.fixed()
        frame = try reader.range(EnvelopeSize.ephemeral.rawValue)
    }

    /// Writes an ephemeral frame to the server.
    ///
    /// - Parameter frame: 1,024 bytes; another size is our own mistake.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        mailbox: MailboxID, frame: RawSpan, into sink: inout Sink
    ) {
        precondition(frame.byteCount == EnvelopeSize.ephemeral.rawValue, "size of a frame")
        sink.head(.ephemeral, bodyByteCount: 32 + frame.byteCount)
        sink.fixed(mailbox)
        sink.append(bytes: frame)
    }
}
