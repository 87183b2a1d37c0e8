import Primitives

/// A person's name on a server: 3 to 32 characters of `[a-z0-9_.]`.
///
/// The grammar leaves no room for look-alikes outside ASCII, invisible or bidirectional
/// characters, or two spellings of one name (D9).
///
/// - SPEC: §2.3, WI-10
package struct Handle: Hashable, Sendable, CustomStringConvertible {
    /// Fewest and most characters.
    package static let characterCounts = 3...32
    /// Size of the handle field of frames and signed objects: length and padded characters.
    package static let fieldByteCount = 33

    /// The characters.
    package let text: String

    /// - Throws: `WireError.badHandle`.
    package init(_ text: String) throws(WireError) {
        try self.init(characters: Array(text.utf8))
    }

    /// - Throws: `WireError.badHandle`.
    package init(characters: [UInt8]) throws(WireError) {
        // WI-10
        guard Self.characterCounts.contains(characters.count), characters.allSatisfy(Self.allows)
        else { throw .badHandle }
        self.text = String(decoding: characters, as: UTF8.self)
    }

    private static func allows(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// The characters again: a handle is public.
    package var description: String { text }

    /// Parses a handle field.
    ///
    /// - Throws: `WireError.badHandle`, `.notZero`, `.truncated`.
    package init(from reader: inout Reader) throws(WireError) {
        guard let handle = try Self.optional(from: &reader) else { throw .badHandle }
        self = handle
    }

    /// Parses a handle field in which all zeros mean that there is none.
    ///
    /// - Throws: `WireError.badHandle`, `.notZero`, `.truncated`.
    package static func optional(from reader: inout Reader) throws(WireError) -> Handle? {
        let length = Int(try reader.u8(in: 0...UInt8(characterCounts.upperBound)))
        let characters = try reader.array(length)
        try reader.zeros(characterCounts.upperBound - length)
        return length == 0 ? nil : try Handle(characters: characters)
    }

    /// Writes the handle field of `handle`, zeros for none: 33 bytes.
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        _ handle: Handle?, into sink: inout Sink
    ) {
        let characters = Array((handle?.text ?? "").utf8)
        sink.u8(UInt8(characters.count))
        sink.array(characters)
        sink.zeros(characterCounts.upperBound - characters.count)
    }
}
