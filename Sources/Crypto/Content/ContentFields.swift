import Primitives
import Wire

/// Tagged fields of content: tag (u8), length (u16), value, tags from 1, strictly ascending.
///
/// Unknown fields are kept in their place, so that content is stored and written again byte for
/// byte.
///
/// - SPEC: §7.2, EN-4, EN-5
package struct ContentFields: Hashable, Sendable {
    /// One field.
    package struct Field: Hashable, Sendable {
        /// Which field it is, 1 to 255.
        package let tag: UInt8
        /// Its value, at most 65,535 bytes.
        package let value: [UInt8]

        /// A field; tag 0 and a value above 65,535 bytes are our own mistakes.
        package init(tag: UInt8, value: [UInt8]) {
            precondition(tag != 0, "content fields begin at tag 1")
            precondition(value.count <= Int(UInt16.max), "content field too long")
            self.tag = tag
            self.value = value
        }
    }

    /// Bytes before a field's value: tag and length.
    package static let headByteCount = 3

    /// The fields, tags strictly ascending.
    package let fields: [Field]

    /// No fields.
    package static let none = ContentFields([])

    /// Puts fields in order; the same tag twice is our own mistake.
    package init(_ fields: [Field]) {
        let sorted = fields.sorted { $0.tag < $1.tag }
        for (one, next) in zip(sorted, sorted.dropFirst()) {
            precondition(one.tag < next.tag, "content field twice")
        }
        self.fields = sorted
    }

    /// Parses all of `bytes`.
    ///
    /// - Throws: ``ContentError/tagOrder(tag:)``, ``ContentError/truncated(byteCount:)``.
    package init(parsing bytes: RawSpan) throws(ContentError) {
        var fields: [Field] = []
        var offset = 0
        while offset < bytes.byteCount {
            let field = try Self.field(in: bytes, at: offset)
            // EN-4
            if let last = fields.last, last.tag >= field.tag { throw .tagOrder(tag: field.tag) }
            offset += Self.headByteCount + field.value.count
            fields.append(field)
        }
        self.fields = fields
    }

    /// Parses fields up to the first tag 0, behind which only zeros may follow: the form in frames,
    /// whose block has a fixed size.
    ///
    /// - Throws: ``ContentError/notZero``, and as ``init(parsing:)``.
    package init(parsingPadded bytes: RawSpan) throws(ContentError) {
        var end = 0
        while end < bytes.byteCount, bytes.byte(at: end) != 0 {
            end += Self.headByteCount + (try Self.field(in: bytes, at: end)).value.count
        }
        guard ConstantTime.isZero(bytes.extracting(end..<bytes.byteCount)) else { throw .notZero }
        try self.init(parsing: bytes.extracting(0..<end))
    }

    private static func field(in bytes: RawSpan, at offset: Int) throws(ContentError) -> Field {
        let left = bytes.byteCount - offset
        guard left >= headByteCount, let length: UInt16 = bytes.bigEndian(at: offset + 1),
            Int(length) <= left - headByteCount
        else { throw .truncated(byteCount: left) }
        let tag = bytes.byte(at: offset)
        guard tag != 0 else { throw .tagOrder(tag: 0) }
        let start = offset + headByteCount
        return Field(
            tag: tag, value: [UInt8](copying: bytes.extracting(start..<start + Int(length))))
    }

    /// The value under a tag, or nil. Unknown tags are skipped by never being asked for (EN-5).
    package subscript(tag: UInt8) -> [UInt8]? {
        fields.first { $0.tag == tag }?.value
    }

    /// Encoded size in bytes.
    package var byteCount: Int {
        fields.reduce(0) { $0 + Self.headByteCount + $1.value.count }
    }

    /// Appends the encoding to `bytes`.
    package func encode(into bytes: inout [UInt8]) {
        for field in fields {
            bytes.append(field.tag)
            bytes.append(bigEndian: UInt16(field.value.count))
            bytes.append(contentsOf: field.value)
        }
    }

    /// The same fields and one more.
    package func adding(_ field: Field) -> ContentFields { ContentFields(fields + [field]) }
}
