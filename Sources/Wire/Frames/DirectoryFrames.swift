package import Primitives

/// Publishes a record. The record is parsed where its signatures are checked.
///
/// - SPEC: §9.8 type 0x20
package struct PublishRecordFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// Whether the server takes it.
    package let admission: Admission
    /// Where the 2,048 bytes stand in the message.
    package let record: Range<Int>

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        admission = try Admission(from: &reader)
        record = try reader.range(Record.byteCount)
    }

    /// Writes a publication.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        request: UInt32, admission: Admission = .open, record: Record, into sink: inout Sink
    ) {
        sink.head(.publishRecord, bodyByteCount: 4 + admission.byteCount + Record.byteCount)
        sink.u32(request)
        admission.encode(into: &sink)
        sink.array(record.bytes)
    }
}

/// Publishes a bundle with its one-time prekeys. Both are parsed where the signature is checked.
///
/// - SPEC: §9.8 type 0x21
package struct PublishBundleFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// Whose bundle it is.
    package let handle: Handle
    /// Where the bundle stands in the message, at most 2,189 bytes.
    package let bundle: Range<Int>
    /// Where its one-time prekeys stand: at most 32 of 36 bytes.
    package let preKeys: Range<Int>
    /// Where its one-time KEM prekeys stand: at most 32 of 1,188 bytes.
    package let kemPreKeys: Range<Int>

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        handle = try Handle(from: &reader)
        let length = try reader.u16(
            in: UInt16(PreKeyBundle.byteCountMin)...UInt16(PreKeyBundle.byteCountMax))
        bundle = try reader.range(Int(length))
        let counts = 0...UInt8(MerkleTree.leafCountMax)
        preKeys = try reader.range(Int(try reader.u8(in: counts)) * OneTimePreKey.byteCount)
        kemPreKeys = try reader.range(Int(try reader.u8(in: counts)) * KEMPreKey.byteCount)
    }

    /// Writes a publication.
    ///
    /// - Parameters:
    ///   - preKeys: the bundle's, in the order of its tree.
    ///   - kemPreKeys: the same of the KEM.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        request: UInt32, handle: Handle, bundle: PreKeyBundle, preKeys: [OneTimePreKey],
        kemPreKeys: [KEMPreKey], into sink: inout Sink
    ) {
        precondition(
            preKeys.count == bundle.oneTimeCount
                && kemPreKeys.count == bundle.contents.oneTimeKEMCount,
            "as many keys as the bundle counts")
        sink.head(
            .publishBundle,
            bodyByteCount: 4 + Handle.fieldByteCount + 2 + bundle.bytes.count
                + 1 + OneTimePreKey.byteCount * preKeys.count
                + 1 + KEMPreKey.byteCount * kemPreKeys.count)
        sink.u32(request)
        Handle.encode(handle, into: &sink)
        sink.u16(UInt16(bundle.bytes.count))
        sink.array(bundle.bytes)
        sink.u8(UInt8(preKeys.count))
        for preKey in preKeys { preKey.encode(into: &sink) }
        sink.u8(UInt8(kemPreKeys.count))
        for preKey in kemPreKeys { preKey.encode(into: &sink) }
    }
}

/// Looks a handle up. One size for every handle.
///
/// - SPEC: §9.8 type 0x22
package struct LookUpFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// Who is looked for.
    package let handle: Handle
    /// Whether the server takes it.
    package let admission: Admission

    /// A look-up.
    package init(request: UInt32, handle: Handle, admission: Admission = .open) {
        self.request = request
        self.handle = handle
        self.admission = admission
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        handle = try Handle(from: &reader)
        admission = try Admission(from: &reader)
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.lookUp, bodyByteCount: 4 + Handle.fieldByteCount + admission.byteCount)
        sink.u32(request)
        Handle.encode(handle, into: &sink)
        admission.encode(into: &sink)
    }
}

/// Fetches the prekeys of a device.
///
/// - SPEC: §9.8 type 0x23
package struct FetchPreKeysFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// Whose device it is.
    package let handle: Handle
    /// 0: the record's first.
    package let deviceID: UInt32
    /// Whether the server takes it.
    package let admission: Admission

    /// A fetch.
    package init(
        request: UInt32, handle: Handle, deviceID: UInt32, admission: Admission = .open
    ) {
        self.request = request
        self.handle = handle
        self.deviceID = deviceID
        self.admission = admission
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        handle = try Handle(from: &reader)
        deviceID = try reader.u32()
        admission = try Admission(from: &reader)
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(
            .fetchPreKeys, bodyByteCount: 4 + Handle.fieldByteCount + 4 + admission.byteCount)
        sink.u32(request)
        Handle.encode(handle, into: &sink)
        sink.u32(deviceID)
        admission.encode(into: &sink)
    }
}

/// Asks how many one-time prekeys of one's own device are left.
///
/// - SPEC: §9.8 type 0x24
package struct PreKeyStatusFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// Whose device it is.
    package let handle: Handle
    /// Not 0.
    package let deviceID: UInt32
    /// By the device key, over `DirectorySignatures.preKeyStatus`.
    package let signature: Ed25519Signature

    /// A question.
    package init(
        request: UInt32, handle: Handle, deviceID: UInt32, signature: Ed25519Signature
    ) {
        self.request = request
        self.handle = handle
        self.deviceID = deviceID
        self.signature = signature
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        handle = try Handle(from: &reader)
        deviceID = try reader.nonZeroU32()
        signature = try reader.fixed()
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(ClientFrameType.preKeyStatus, bodyByteCount: 4 + Handle.fieldByteCount + 4 + 64)
        sink.u32(request)
        Handle.encode(handle, into: &sink)
        sink.u32(deviceID)
        sink.fixed(signature)
    }
}

/// Gives a handle up.
///
/// - SPEC: §9.8 type 0x25
package struct ReleaseHandleFrame: Equatable, Sendable {
    /// Chosen by the client.
    package let request: UInt32
    /// Which handle.
    package let handle: Handle
    /// The number of the record that ends.
    package let recordNumber: UInt64
    /// By the account key, over `DirectorySignatures.handleRelease`.
    package let signature: Ed25519Signature

    /// A release.
    package init(
        request: UInt32, handle: Handle, recordNumber: UInt64, signature: Ed25519Signature
    ) {
        self.request = request
        self.handle = handle
        self.recordNumber = recordNumber
        self.signature = signature
    }

    init(from reader: inout Reader) throws(WireError) {
        request = try reader.u32()
        handle = try Handle(from: &reader)
        recordNumber = try reader.nonZeroU64()
        signature = try reader.fixed()
    }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.head(.releaseHandle, bodyByteCount: 4 + Handle.fieldByteCount + 8 + 64)
        sink.u32(request)
        Handle.encode(handle, into: &sink)
        sink.u64(recordNumber)
        sink.fixed(signature)
    }
}
