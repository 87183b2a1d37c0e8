import Primitives

/// What a look-up found. 8,192 bytes with its head, found or not.
///
/// - SPEC: §9.8 type 0xa0, KD-15
package struct RecordFrame: Equatable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = 8192

    /// Which request.
    package let request: UInt32
    /// Nil when nobody has the handle.
    package let record: Record?

    /// An answer.
    package init(request: UInt32, record: Record?) {
        self.request = request
        self.record = record
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        if try reader.u8(in: 0...1) == 1 {
            record = try Record(parsing: try reader.span(Record.byteCount))
        } else {
            try reader.zeros(Record.byteCount)
            record = nil
        }
        // Proofs come with the transparency log.
        _ = try reader.u16(in: 0...0)
        try reader.zeros(
            Self.byteCount - Framing.headByteCount - 4 - 1 - Record.byteCount - 2)
    }

    /// Writes an answer from a stored encoding, which is not parsed again.
    ///
    /// - Parameter record: 2,048 bytes, or empty for none; another size is our own mistake.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        request: UInt32, record: [UInt8], into sink: inout Sink
    ) {
        precondition(record.isEmpty || record.count == Record.byteCount, "size of a record")
        sink.head(.record, bodyByteCount: byteCount - Framing.headByteCount)
        sink.u32(request)
        sink.u8(record.isEmpty ? 0 : 1)
        sink.array(record)
        // KD-15
        sink.zeros(byteCount - Framing.headByteCount - 5 - record.count)
    }
}

/// What a prekey fetch found. 4,096 bytes with its head, found or not.
///
/// - SPEC: §9.8 type 0xa1, KD-15
package struct PreKeysFrame: Equatable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = 4096

    /// Which request.
    package let request: UInt32
    /// Nil when there is no such handle, device or bundle.
    package let preKeys: FetchedPreKeys?

    /// An answer.
    package init(request: UInt32, preKeys: FetchedPreKeys?) {
        self.request = request
        self.preKeys = preKeys
    }

    init(from reader: inout Reader) throws(WireError) {
        // KD-15: the size is one, whatever was found.
        let bodyByteCount = Self.byteCount - Framing.headByteCount
        guard reader.remainingByteCount >= bodyByteCount else {
            throw .truncated(needed: bodyByteCount, available: reader.remainingByteCount)
        }
        guard reader.remainingByteCount == bodyByteCount else {
            throw .trailing(byteCount: reader.remainingByteCount - bodyByteCount)
        }
        request = try reader.u32()
        preKeys =
            try reader.u8(in: 0...1) == 1 ? try FetchedPreKeys(from: &reader) : nil
        try reader.zeros(reader.remainingByteCount)
    }

    /// Writes an answer from stored encodings, which are not parsed again.
    ///
    /// - Parameters:
    ///   - issued: 198 bytes, or empty for none.
    ///   - issuedKEM: 1,350 bytes, or empty for none.
    ///   - bundle: the bundle, or empty for an answer that nothing was found.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        request: UInt32, issued: [UInt8], issuedKEM: [UInt8], bundle: [UInt8],
        into sink: inout Sink
    ) {
        precondition(issued.isEmpty || issued.count == IssuedPreKey.byteCount, "issued prekey")
        precondition(
            issuedKEM.isEmpty || issuedKEM.count == IssuedKEMPreKey.byteCount, "issued KEM prekey")
        precondition(bundle.count <= PreKeyBundle.byteCountMax, "size of a bundle")
        sink.head(.preKeys, bodyByteCount: byteCount - Framing.headByteCount)
        sink.u32(request)
        sink.u8(bundle.isEmpty ? 0 : 1)
        sink.array(issued)
        sink.zeros(IssuedPreKey.byteCount - issued.count)
        sink.array(issuedKEM)
        sink.zeros(IssuedKEMPreKey.byteCount - issuedKEM.count)
        sink.u16(UInt16(bundle.count))
        sink.array(bundle)
        // KD-15
        sink.zeros(
            byteCount - Framing.headByteCount - 5 - IssuedPreKey.byteCount
                - IssuedKEMPreKey.byteCount - 2 - bundle.count)
    }
}

/// How the directory holds one's own device.
///
/// - SPEC: §9.8 type 0xa2
package struct PreKeyStatusAnswerFrame: Equatable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = Framing.headByteCount + 28

    /// Which request.
    package let request: UInt32
    /// Of the record it has.
    package let recordNumber: UInt64
    /// Of the bundle it has; 0 when it has none.
    package let bundleNumber: UInt64
    /// Of the bundle it has; 0 when it has none.
    package let bundleExpiry: Hours
    /// One-time prekeys in the bundle.
    package let published: UInt8
    /// Of these, not handed out yet.
    package let left: UInt8
    /// One-time KEM prekeys in the bundle.
    package let publishedKEM: UInt8
    /// Of these, not handed out yet.
    package let leftKEM: UInt8

    /// An answer.
    package init(
        request: UInt32, recordNumber: UInt64, bundleNumber: UInt64, bundleExpiry: Hours,
        published: UInt8, left: UInt8, publishedKEM: UInt8, leftKEM: UInt8
    ) {
        self.request = request
        self.recordNumber = recordNumber
        self.bundleNumber = bundleNumber
        self.bundleExpiry = bundleExpiry
        self.published = published
        self.left = left
        self.publishedKEM = publishedKEM
        self.leftKEM = leftKEM
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        recordNumber = try reader.u64()
        bundleNumber = try reader.u64()
        bundleExpiry = Hours(try reader.u32())
        published = try reader.u8(in: 0...UInt8(MerkleTree.leafCountMax))
        left = try reader.u8(in: 0...published)
        publishedKEM = try reader.u8(in: 0...UInt8(MerkleTree.leafCountMax))
        leftKEM = try reader.u8(in: 0...publishedKEM)
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(
            ServerFrameType.preKeyStatus, bodyByteCount: Self.byteCount - Framing.headByteCount)
        sink.u32(request)
        sink.u64(recordNumber)
        sink.u64(bundleNumber)
        sink.u32(bundleExpiry.count)
        sink.u8(published)
        sink.u8(left)
        sink.u8(publishedKEM)
        sink.u8(leftKEM)
    }
}
