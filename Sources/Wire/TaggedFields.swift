import Primitives

/// A list of tagged fields: tag (u16), length (u16), value, tags strictly ascending.
///
/// Fields are kept in order whether or not they are known, so that a structure that is stored or
/// signed is written again byte for byte.
///
/// - SPEC: §2.1, WI-4, WI-5
package struct TaggedFields: Hashable, Sendable {
    /// One field.
    package struct Field: Hashable, Sendable {
        /// Which field it is. In structures with critical fields the top bit marks one.
        package let tag: UInt16
        /// Its value, at most 65,535 bytes.
        package let value: [UInt8]

        /// A field; a value longer than 65,535 bytes is our own mistake.
        package init(tag: UInt16, value: [UInt8]) {
            precondition(value.count <= Int(UInt16.max), "tagged field too long")
            self.tag = tag
            self.value = value
        }
    }

    /// The bit of a tag that forbids skipping the field, where a structure uses it.
    package static let criticalBit: UInt16 = 0x8000

    /// The fields, tags strictly ascending.
    package let fields: [Field]

    /// No fields.
    package static let none = TaggedFields([])

    /// - Parameter fields: in any order; the same tag twice is our own mistake.
    package init(_ fields: [Field]) {
        let sorted = fields.sorted { $0.tag < $1.tag }
        for (one, next) in zip(sorted, sorted.dropFirst()) {
            precondition(one.tag < next.tag, "tagged field twice")
        }
        self.fields = sorted
    }

    /// Parses a whole list.
    ///
    /// - Parameter bytes: the list and nothing else.
    /// - Throws: `WireError.tagOrder`, `.truncated`.
    package init(parsing bytes: RawSpan) throws(WireError) {
        var reader = Reader(bytes)
        var fields: [Field] = []
        while reader.remainingByteCount > 0 {
            let tag = try reader.u16()
            // WI-4
            if let last = fields.last, last.tag >= tag { throw .tagOrder(tag: tag) }
            let length = try reader.u16()
            fields.append(Field(tag: tag, value: try reader.array(Int(length))))
        }
        self.fields = fields
    }

    /// Parses a length (u16) and a list of that many bytes.
    ///
    /// - Throws: `WireError.outOfRange` above `byteCountMax`, `.tagOrder`, `.truncated`.
    package init(from reader: inout Reader, byteCountMax: Int) throws(WireError) {
        let length = Int(try reader.u16(in: 0...UInt16(clamping: byteCountMax)))
        try self.init(parsing: try reader.span(length))
    }

    /// Refuses critical fields that are not among `known`.
    ///
    /// - Throws: `WireError.unknownCritical`.
    package func refuseUnknownCritical(known: Set<UInt16> = []) throws(WireError) {
        for field in fields where field.tag & Self.criticalBit != 0 && !known.contains(field.tag) {
            // WI-5
            throw .unknownCritical(tag: field.tag)
        }
    }

    /// The value under a tag, or nil. Unknown tags are skipped by never being asked for (WI-5).
    package subscript(tag: UInt16) -> [UInt8]? {
        fields.first { $0.tag == tag }?.value
    }

    /// Encoded size in bytes.
    package var byteCount: Int { fields.reduce(0) { $0 + 4 + $1.value.count } }

    /// Writes the list.
    @_lifetime(sink: copy sink)
    package func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        for field in fields {
            sink.u16(field.tag)
            sink.u16(UInt16(field.value.count))
            sink.array(field.value)
        }
    }
}
