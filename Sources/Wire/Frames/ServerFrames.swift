import Primitives

/// A request has not taken effect.
///
/// - SPEC: §10.6 type 0x81, §12, ER-1, ER-2
package struct ErrorFrame: Equatable, Sendable {
    /// Which request, or 0.
    package let request: UInt32
    /// The code as sent; a newer server may send one that is not in ``ErrorCode``.
    package let rawCode: UInt16
    /// Goes with `counterGap`: the counter that is next.
    package let nextCounter: UInt64?
    /// Goes with `rateLimited`: seconds to wait.
    package let seconds: UInt32?

    /// The code, or nil for one that this version does not know: a permanent refusal (ER-1).
    package var code: ErrorCode? { ErrorCode(rawValue: rawCode) }

    /// An error.
    package init(
        request: UInt32, code: ErrorCode, nextCounter: UInt64? = nil, seconds: UInt32? = nil
    ) {
        self.request = request
        self.rawCode = code.rawValue
        self.nextCounter = nextCounter
        self.seconds = seconds
    }

    private static let nextCounterTag: UInt16 = 1
    private static let secondsTag: UInt16 = 2

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        rawCode = try reader.u16()
        // ER-2: order is checked, unknown tags are not asked for.
        let fields = try TaggedFields(parsing: try reader.span(reader.remainingByteCount))
        nextCounter = try fields.integer(Self.nextCounterTag)
        seconds = try fields.integer(Self.secondsTag)
    }

    /// Encoded size in bytes, head included.
    package var byteCount: Int {
        Framing.headByteCount + 6 + (nextCounter == nil ? 0 : 12) + (seconds == nil ? 0 : 8)
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.error, bodyByteCount: byteCount - Framing.headByteCount)
        sink.u32(request)
        sink.u16(rawCode)
        if let nextCounter {
            sink.u16(Self.nextCounterTag)
            sink.u16(8)
            sink.u64(nextCounter)
        }
        if let seconds {
            sink.u16(Self.secondsTag)
            sink.u16(4)
            sink.u32(seconds)
        }
    }
}

extension TaggedFields {
    /// The integer under a tag, or nil when there is no such field.
    ///
    /// - Throws: `WireError.truncated` or `.trailing` for a field of another size.
    fileprivate func integer<Integer: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ tag: UInt16
    ) throws(WireError) -> Integer? {
        guard let value = self[tag] else { return nil }
        let size = MemoryLayout<Integer>.size
        guard value.count <= size else { throw .trailing(byteCount: value.count - size) }
        guard let integer = value.raw.bigEndian(at: 0, as: Integer.self) else {
            throw .truncated(needed: size, available: value.count)
        }
        return integer
    }
}

/// An attach was taken.
///
/// - SPEC: §10.6 type 0x82, MB-5, MB-9
package struct AttachedFrame: Equatable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = Framing.headByteCount + 20

    /// Which request.
    package let request: UInt32
    /// How often the mailbox has been attached for reading, this time included; 0 for a write
    /// attach.
    package let readAttaches: UInt32
    /// The counter of the next deposit.
    package let nextCounter: UInt64
    /// Envelopes stored now; 0 for a write attach.
    package let waiting: UInt32

    /// An attach taken.
    package init(request: UInt32, readAttaches: UInt32, nextCounter: UInt64, waiting: UInt32) {
        self.request = request
        self.readAttaches = readAttaches
        self.nextCounter = nextCounter
        self.waiting = waiting
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        readAttaches = try reader.u32()
        nextCounter = try reader.u64()
        waiting = try reader.u32()
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.attached, bodyByteCount: Self.byteCount - Framing.headByteCount)
        sink.u32(request)
        sink.u32(readAttaches)
        sink.u64(nextCounter)
        sink.u32(waiting)
    }
}

/// A blob.
///
/// - SPEC: §10.6 type 0x83
package struct BlobFrame: Equatable, Sendable {
    /// Bytes besides the blob, head included.
    package static let overheadByteCount = Framing.headByteCount + 6

    /// Which request.
    package let request: UInt32
    /// Where the blob stands in the message; at most 32,768 bytes.
    package let blob: Range<Int>

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        let length = Int(try reader.u16(in: 0...UInt16(Limits.blobByteCountMax)))
        blob = try reader.range(length)
    }

    /// Writes a blob.
    ///
    /// - Parameter blob: at most 32,768 bytes; more is our own mistake.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        request: UInt32, blob: RawSpan, into sink: inout Sink
    ) {
        precondition(blob.byteCount <= Limits.blobByteCountMax, "size of a blob")
        sink.head(.blob, bodyByteCount: 6 + blob.byteCount)
        sink.u32(request)
        sink.u16(UInt16(blob.byteCount))
        sink.append(bytes: blob)
    }
}

/// A stored envelope. Decoding allocates nothing.
///
/// - SPEC: §10.6 type 0x90, MB-12
package struct DeliveryFrame: Equatable, Sendable {
    /// Bytes besides the envelope, head included.
    package static let overheadByteCount = Framing.headByteCount + 32 + 8

    /// The mailbox.
    package let mailbox: MailboxID
    /// In a chat mailbox the writer's counter.
    package let sequence: UInt64
    /// Where the envelope stands in the message; of one of the three sizes.
    package let envelope: Range<Int>

    init(from reader: inout Reader) throws(WireError) {
        mailbox = try reader.fixed()
        sequence = try reader.u64()
        guard EnvelopeSize(rawValue: reader.remainingByteCount) != nil else {
            throw .wrongSize(byteCount: reader.remainingByteCount)
        }
        envelope = try reader.range(reader.remainingByteCount)
    }

    /// Writes a delivery.
    ///
    /// - Parameter envelope: of one of the three sizes; others are our own mistake.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        mailbox: MailboxID, sequence: UInt64, envelope: RawSpan, into sink: inout Sink
    ) {
        precondition(EnvelopeSize(rawValue: envelope.byteCount) != nil, "size of an envelope")
        sink.head(.delivery, bodyByteCount: 32 + 8 + envelope.byteCount)
        sink.fixed(mailbox)
        sink.u64(sequence)
        sink.append(bytes: envelope)
    }
}

/// An ephemeral frame.
///
/// - SPEC: §10.6 type 0x91, MB-19
package struct EphemeralDeliveryFrame: Equatable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = EphemeralFrame.byteCount

    /// The mailbox.
    package let mailbox: MailboxID
    /// Where the 1,024 bytes stand in the message.
    package let frame: Range<Int>

    init(from reader: inout Reader) throws(WireError) {
        mailbox = try reader.fixed()
        frame = try reader.range(EnvelopeSize.ephemeral.rawValue)
    }

    /// Writes an ephemeral frame to the client.
    ///
    /// - Parameter frame: 1,024 bytes; another size is our own mistake.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        mailbox: MailboxID, frame: RawSpan, into sink: inout Sink
    ) {
        precondition(frame.byteCount == EnvelopeSize.ephemeral.rawValue, "size of a frame")
        sink.head(.ephemeralDelivery, bodyByteCount: 32 + frame.byteCount)
        sink.fixed(mailbox)
        sink.append(bytes: frame)
    }
}
