package import Primitives

/// The first frame on a channel: what the server is.
///
/// - SPEC: §11.3, CH-41, CH-42
package struct HelloFrame: Equatable, Sendable {
    /// Limits a client would otherwise find out by being refused.
    package struct ServerLimits: Equatable, Sendable {
        /// Attaches of one connection.
        package var attachments: UInt32
        /// Envelopes waiting in one mailbox.
        package var mailboxEnvelopes: UInt32
        /// Bytes waiting in one mailbox.
        package var mailboxByteCount: UInt32
        /// Bytes of a blob.
        package var blobByteCount: UInt32

        /// The protocol's own limits.
        package static let standard = ServerLimits(
            attachments: UInt32(Limits.attachmentsMax),
            mailboxEnvelopes: UInt32(Limits.mailboxEnvelopesMax),
            mailboxByteCount: UInt32(Limits.mailboxByteCountMax),
            blobByteCount: UInt32(Limits.blobByteCountMax))
    }

    /// Signs log heads and key hand-overs; the client pins it.
    package let signingKey: Ed25519PublicKey
    /// The server's clock, in minutes since 1970.
    package let minutes: UInt32
    /// Bit n: admission method n is taken.
    package let admissionMethods: UInt8
    /// Nil when the server says nothing of them.
    package let limits: ServerLimits?
    /// What may be used beyond the version; unknown ones are no error.
    package let features: [UInt16]

    /// A hello.
    package init(
        signingKey: Ed25519PublicKey, minutes: UInt32, admissionMethods: UInt8 = 1,
        limits: ServerLimits? = .standard, features: [UInt16] = []
    ) {
        self.signingKey = signingKey
        self.minutes = minutes
        self.admissionMethods = admissionMethods
        self.limits = limits
        self.features = features
    }

    private static let limitsTag: UInt16 = 1
    private static let featuresTag: UInt16 = 2

    init(from reader: inout Reader) throws(WireError) {
        signingKey = try reader.ed25519Key()
        minutes = try reader.u32()
        admissionMethods = try reader.u8()
        let fields = try TaggedFields(parsing: try reader.span(reader.remainingByteCount))
        limits = try fields[Self.limitsTag].map { value throws(WireError) in
            var reader = Reader(value.raw)
            let limits = ServerLimits(
                attachments: try reader.u32(), mailboxEnvelopes: try reader.u32(),
                mailboxByteCount: try reader.u32(), blobByteCount: try reader.u32())
            try reader.finish()
            return limits
        }
        var features: [UInt16] = []
        let list = fields[Self.featuresTag] ?? []
        var listReader = Reader(list.raw)
        while listReader.remainingByteCount > 0 { features.append(try listReader.u16()) }
        self.features = features
    }

    private var fields: TaggedFields {
        var fields: [TaggedFields.Field] = []
        if let limits {
            var value = Writer(capacity: 16)
            value.u32(limits.attachments)
            value.u32(limits.mailboxEnvelopes)
            value.u32(limits.mailboxByteCount)
            value.u32(limits.blobByteCount)
            fields.append(TaggedFields.Field(tag: Self.limitsTag, value: value.bytes))
        }
        if !features.isEmpty {
            var value = Writer(capacity: 2 * features.count)
            for feature in features { value.u16(feature) }
            fields.append(TaggedFields.Field(tag: Self.featuresTag, value: value.bytes))
        }
        return TaggedFields(fields)
    }

    /// Encoded size in bytes, head included.
    package var byteCount: Int { Framing.headByteCount + 37 + fields.byteCount }

    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        let fields = fields
        sink.head(.hello, bodyByteCount: 37 + fields.byteCount)
        sink.fixed(signingKey.bytes)
        sink.u32(minutes)
        sink.u8(admissionMethods)
        fields.encode(into: &sink)
    }
}
