import Primitives

/// A frame from server to client, parsed.
///
/// - SPEC: §10.6, §9.8, §11.3
package enum ServerFrame: Equatable, Sendable {
    /// A request has taken effect.
    case done(request: UInt32)
    /// A request has not taken effect.
    case error(ErrorFrame)
    /// An attach was taken.
    case attached(AttachedFrame)
    /// A blob.
    case blob(BlobFrame)
    /// A stored envelope.
    case delivery(DeliveryFrame)
    /// An ephemeral frame.
    case ephemeralDelivery(EphemeralDeliveryFrame)
    /// Another reader has taken over.
    case superseded(mailbox: MailboxID)
    /// The server is about to close; connect again after so many seconds.
    case goingAway(seconds: UInt16)
    /// What a look-up found.
    case record(RecordFrame)
    /// What a prekey fetch found.
    case preKeys(PreKeysFrame)
    /// How many one-time prekeys are left.
    case preKeyStatus(PreKeyStatusAnswerFrame)
    /// The first frame on a channel.
    case hello(HelloFrame)
    /// A type of a newer version, to be skipped.
    case unknown(type: UInt8)

    /// Parses one frame.
    ///
    /// - Parameters:
    ///   - raw: from a `FrameReader` over `message`.
    ///   - message: the whole message.
    /// - Throws: `WireError`; the client closes the connection.
    package static func decode(
        _ raw: RawFrame, in message: RawSpan
    ) throws(WireError) -> ServerFrame {
        // MB-25
        guard let type = ServerFrameType(rawValue: raw.type) else {
            return .unknown(type: raw.type)
        }
        var reader = Reader(message, in: raw.body)
        let frame = try decode(type, from: &reader)
        try reader.finish()
        return frame
    }

    private static func decode(
        _ type: ServerFrameType, from reader: inout Reader
    ) throws(WireError) -> ServerFrame {
        switch type {
        case .done: .done(request: try reader.u32())
        case .error: .error(try ErrorFrame(from: &reader))
        case .attached: .attached(try AttachedFrame(from: &reader))
        case .blob: .blob(try BlobFrame(from: &reader))
        case .delivery: .delivery(try DeliveryFrame(from: &reader))
        case .ephemeralDelivery: .ephemeralDelivery(try EphemeralDeliveryFrame(from: &reader))
        case .superseded: .superseded(mailbox: try reader.fixed())
        case .goingAway: .goingAway(seconds: try reader.u16())
        case .record: .record(try RecordFrame(from: &reader))
        case .preKeys: .preKeys(try PreKeysFrame(from: &reader))
        case .preKeyStatus: .preKeyStatus(try PreKeyStatusAnswerFrame(from: &reader))
        case .hello: .hello(try HelloFrame(from: &reader))
        }
    }
}

/// A frame from server to client that is written from its values alone. Deliveries, blobs and the
/// answers of the directory have an `encode` of their own.
///
/// - SPEC: §10.6, §9.8, §11.3
package enum ServerAnswer: Equatable, Sendable {
    /// A request has taken effect.
    case done(request: UInt32)
    /// A request has not taken effect.
    case error(ErrorFrame)
    /// An attach was taken.
    case attached(AttachedFrame)
    /// Another reader has taken over.
    case superseded(mailbox: MailboxID)
    /// The server is about to close; connect again after so many seconds.
    case goingAway(seconds: UInt16)
    /// How many one-time prekeys are left.
    case preKeyStatus(PreKeyStatusAnswerFrame)
    /// The first frame on a channel.
    case hello(HelloFrame)

    /// Encoded size in bytes, head included.
    package var byteCount: Int {
        switch self {
        case .done: Framing.headByteCount + 4
        case .error(let frame): frame.byteCount
        case .attached: AttachedFrame.byteCount
        case .superseded: Framing.headByteCount + 32
        case .goingAway: Framing.headByteCount + 2
        case .preKeyStatus: PreKeyStatusAnswerFrame.byteCount
        case .hello(let frame): frame.byteCount
        }
    }

    /// Writes the frame with its head.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        switch self {
        case .done(let request):
            sink.head(.done, bodyByteCount: 4)
            sink.u32(request)
        case .error(let frame): frame.encode(into: &sink)
        case .attached(let frame): frame.encode(into: &sink)
        case .superseded(let mailbox):
            sink.head(.superseded, bodyByteCount: 32)
            sink.fixed(mailbox)
        case .goingAway(let seconds):
            sink.head(.goingAway, bodyByteCount: 2)
            sink.u16(seconds)
        case .preKeyStatus(let frame): frame.encode(into: &sink)
        case .hello(let frame): frame.encode(into: &sink)
        }
    }
}
