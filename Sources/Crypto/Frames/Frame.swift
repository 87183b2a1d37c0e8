import Primitives
import Wire

/// What an ephemeral frame says: presence, typing, live receipts.
///
/// Every frame has 1,024 bytes, whatever it says.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 8 | counter |
/// | 8 | 2 | type |
/// | 10 | 8 | echo |
/// | 18 | 8 | newest |
/// | 26 | 1 | delivered count |
/// | 27 | 1 | read count |
/// | 28 | 16 each | receipts |
/// | – | – | fields, then zeros to offset 919 |
/// | 919 | 64 | signature |
///
/// - SPEC: §7.5, EN-12, EN-17
package struct Frame: Hashable, Sendable {
    /// Size of a sealed frame.
    package static let byteCount = 1024
    /// Most receipts in a frame.
    package static let receiptsMax = 16
    /// Counters are below this, so that no arithmetic on them overflows.
    package static let counterEnd: UInt64 = 1 << 62
    static let nonceByteCount = 24
    static let blockByteCount = 983
    static let signedByteCount = 919
    static let receiptsOffset = 28

    /// Strictly ascending in a session and direction.
    package let counter: UInt64
    /// What it is; `.echo` when receipts, echo and newest are all.
    package let type: ContentType
    /// The highest counter received from the peer in this session, 0 for none.
    package let echo: UInt64
    /// The number of the newest message sealed in this session, 0 for none.
    package let newest: UInt64
    /// Messages of the reader that have arrived.
    package let delivered: [MessageID]
    /// Messages of the reader that have been seen.
    package let read: [MessageID]
    /// What belongs to the type.
    package let fields: ContentFields

    /// A frame to be sent.
    package init(
        counter: UInt64, type: ContentType, echo: UInt64, newest: UInt64,
        delivered: [MessageID] = [], read: [MessageID] = [], fields: ContentFields = .none
    ) {
        self.counter = counter
        self.type = type
        self.echo = echo
        self.newest = newest
        self.delivered = delivered
        self.read = read
        self.fields = fields
    }

    /// Whether the writer is typing; nil for other frames.
    package var isTyping: Bool? { state(of: .typing) }

    /// Whether the writer is here; nil for other frames.
    package var isHere: Bool? { state(of: .presence) }

    private func state(of wanted: ContentType) -> Bool? {
        guard type == wanted, let value = fields[ContentTag.state] else { return nil }
        return value == [1]
    }

    /// The field of a typing or presence frame.
    package static func stateField(_ isOn: Bool) -> ContentFields {
        ContentFields([ContentFields.Field(tag: ContentTag.state, value: [isOn ? 1 : 0])])
    }

    /// The 919 bytes that are signed, or nil when the content does not fit.
    func signedBytes() -> [UInt8]? {
        guard (1..<Self.counterEnd).contains(counter), echo < Self.counterEnd,
            delivered.count + read.count <= Self.receiptsMax
        else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.blockByteCount + Envelope.tagByteCount)
        bytes.append(bigEndian: counter)
        bytes.append(bigEndian: type.rawValue)
        bytes.append(bigEndian: echo)
        bytes.append(bigEndian: newest)
        bytes.append(UInt8(delivered.count))
        bytes.append(UInt8(read.count))
        for id in delivered { bytes.append(copying: id.raw) }
        for id in read { bytes.append(copying: id.raw) }
        fields.encode(into: &bytes)
        guard bytes.count <= Self.signedByteCount else { return nil }
        bytes.append(contentsOf: repeatElement(0, count: Self.signedByteCount - bytes.count))
        return bytes
    }

    /// Parses the 919 bytes that were signed.
    ///
    /// - Throws: `.malformed`.
    init(parsing bytes: RawSpan) throws(FrameError) {
        // EN-12
        guard bytes.byteCount == Self.signedByteCount,
            let counter: UInt64 = bytes.bigEndian(at: 0),
            let type: UInt16 = bytes.bigEndian(at: 8), let echo: UInt64 = bytes.bigEndian(at: 10),
            let newest: UInt64 = bytes.bigEndian(at: 18),
            (1..<Self.counterEnd).contains(counter), echo < Self.counterEnd
        else { throw .malformed }
        let deliveredCount = Int(bytes.byte(at: 26))
        let readCount = Int(bytes.byte(at: 27))
        // EN-17
        guard deliveredCount + readCount <= Self.receiptsMax else { throw .malformed }
        var ids: [MessageID] = []
        for index in 0..<deliveredCount + readCount {
            let start = Self.receiptsOffset + MessageID.byteCount * index
            guard let id = MessageID(copying: bytes.extracting(start..<start + MessageID.byteCount))
            else { throw .malformed }
            ids.append(id)
        }
        let end = Self.receiptsOffset + MessageID.byteCount * ids.count
        self.counter = counter
        self.type = ContentType(rawValue: type)
        self.echo = echo
        self.newest = newest
        delivered = Array(ids[..<deliveredCount])
        read = Array(ids[deliveredCount...])
        fields = try Self.fields(bytes.extracting(end..<bytes.byteCount), of: self.type)
    }

    private static func fields(
        _ bytes: RawSpan, of type: ContentType
    ) throws(FrameError) -> ContentFields {
        do throws(ContentError) {
            let fields = try ContentFields(parsingPadded: bytes)
            try ContentForm.check(fields, of: type)
            return fields
        } catch {
            throw .malformed
        }
    }
}

/// Why a frame is not sealed or not taken. Frames change no session.
///
/// - SPEC: §7.5, EN-12, EN-20
package enum FrameError: Error, Equatable, Sendable {
    /// Not 1,024 bytes of a known version.
    case notAFrame
    /// It opens under no frame key of this session: try another one.
    case notThisSession
    /// It was not signed with the mailbox's write key.
    case signature
    /// Its block does not parse.
    case malformed
    /// What it should say does not fit.
    case tooLong
    /// Nothing of the peer has opened in this session, so there is no key.
    case nothingReceived
}
