import Primitives

/// What a message says: type, id, time and tagged fields, before sealing and after opening.
///
/// Encoding a parsed content gives the bytes it was parsed from, unknown fields included. The time
/// is the writer's word. Nothing here is secret by type; callers keep content sealed at rest.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 2 | type |
/// | 2 | 16 | message id |
/// | 18 | 8 | time, ms since 1970 |
/// | 26 | – | fields |
///
/// - SPEC: §7.2, EN-4, EN-5, EN-7
package struct Content: Hashable, Sendable {
    /// Bytes before the fields.
    package static let fixedByteCount = 26

    /// What it is.
    package let type: ContentType
    /// Unique per author.
    package let id: MessageID
    /// Milliseconds since 1970, by the writer's clock.
    package let milliseconds: UInt64
    /// What it says.
    package let fields: ContentFields

    /// Content to be sent.
    package init(
        type: ContentType, id: MessageID, milliseconds: UInt64, fields: ContentFields = .none
    ) {
        self.type = type
        self.id = id
        self.milliseconds = milliseconds
        self.fields = fields
    }

    /// Parses all of `bytes` and checks the form of every field this version knows.
    ///
    /// - Throws: ``ContentError``; unknown types and tags are no error.
    package init(parsing bytes: RawSpan) throws(ContentError) {
        // EN-4
        guard bytes.byteCount >= Self.fixedByteCount,
            let type: UInt16 = bytes.bigEndian(at: 0),
            let id = MessageID(copying: bytes.extracting(2..<18)),
            let milliseconds: UInt64 = bytes.bigEndian(at: 18)
        else { throw .truncated(byteCount: bytes.byteCount) }
        self.type = ContentType(rawValue: type)
        self.id = id
        self.milliseconds = milliseconds
        fields = try ContentFields(
            parsing: bytes.extracting(Self.fixedByteCount..<bytes.byteCount))
        try ContentForm.check(fields, of: self.type)
    }

    /// Encoded size in bytes.
    package var byteCount: Int { Self.fixedByteCount + fields.byteCount }

    /// The bytes that are sealed.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        encode(into: &bytes)
        return bytes
    }

    /// Appends the bytes that are sealed.
    package func encode(into bytes: inout [UInt8]) {
        bytes.append(bigEndian: type.rawValue)
        bytes.append(copying: id.raw)
        bytes.append(bigEndian: milliseconds)
        fields.encode(into: &bytes)
    }

    /// The same content with one more field, such as a recovery bundle beside a first text.
    package func adding(_ field: ContentFields.Field) -> Content {
        Content(type: type, id: id, milliseconds: milliseconds, fields: fields.adding(field))
    }
}
