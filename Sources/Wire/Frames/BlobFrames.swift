package import Primitives

/// Stores a blob.
///
/// - SPEC: §10.6 type 0x10, MB-20
package struct PutBlobFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// SHA-256 of the secret id.
    package let idHash: FixedBytes<32>
    /// SHA-256 of the erase key.
    package let eraseHash: FixedBytes<32>
    /// When the server removes it.
    package let expiry: Hours
    /// Whether the server takes it.
    package let admission: Admission
    /// Where the blob stands in the message; 1 to 32,768 bytes.
    package let blob: Range<Int>

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        idHash = try reader.fixed()
        eraseHash = try reader.fixed()
        expiry = Hours(try reader.u32())
        admission = try Admission(from: &reader)
        let length = Int(try reader.u16())
        // MB-20
        guard (1...Limits.blobByteCountMax).contains(length) else {
            throw .wrongSize(byteCount: length)
        }
        blob = try reader.range(length)
    }

    /// Writes a put.
    ///
    /// - Parameter blob: 1 to 32,768 bytes; anything else is our own mistake.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        request: UInt32, idHash: FixedBytes<32>, eraseHash: FixedBytes<32>, expiry: Hours,
        admission: Admission = .open, blob: RawSpan, into sink: inout Sink
    ) {
        precondition((1...Limits.blobByteCountMax).contains(blob.byteCount), "size of a blob")
        sink.head(
            .putBlob,
            bodyByteCount: 4 + 32 + 32 + 4 + admission.byteCount + 2 + blob.byteCount)
        sink.u32(request)
        sink.fixed(idHash)
        sink.fixed(eraseHash)
        sink.u32(expiry.count)
        admission.encode(into: &sink)
        sink.u16(UInt16(blob.byteCount))
        sink.append(bytes: blob)
    }
}

/// Fetches a blob.
///
/// - SPEC: §10.6 type 0x11, MB-21
package struct GetBlobFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// The secret id.
    package let id: FixedBytes<32>

    /// A fetch.
    package init(request: UInt32, id: FixedBytes<32>) {
        self.request = request
        self.id = id
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        id = try reader.fixed()
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.getBlob, bodyByteCount: 36)
        sink.u32(request)
        sink.fixed(id)
    }
}

/// Erases a blob.
///
/// - SPEC: §10.6 type 0x12, MB-21
package struct EraseBlobFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// SHA-256 of the secret id.
    package let idHash: FixedBytes<32>
    /// Proves the right to erase.
    package let eraseKey: FixedBytes<32>

    /// An erasure.
    package init(request: UInt32, idHash: FixedBytes<32>, eraseKey: FixedBytes<32>) {
        self.request = request
        self.idHash = idHash
        self.eraseKey = eraseKey
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        idHash = try reader.fixed()
        eraseKey = try reader.fixed()
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.eraseBlob, bodyByteCount: 68)
        sink.u32(request)
        sink.fixed(idHash)
        sink.fixed(eraseKey)
    }
}
