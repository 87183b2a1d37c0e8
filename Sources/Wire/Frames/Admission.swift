import Primitives

/// The field by which a server decides whether it takes a request of a stranger.
///
/// Version 0 has the method `open` only, which has no bytes; the field is in its final place.
///
/// - SPEC: §10.5, MB-22
package enum Admission: Hashable, Sendable {
    /// Anybody, within limits.
    case open

    /// Encoded size in bytes: method and length.
    package var byteCount: Int { 3 }

    /// Parses a field.
    ///
    /// - Throws: `WireError.unsupported` for another method, `.outOfRange` for bytes of method
    ///   open or more than 256, `.truncated`.
    package init(from reader: inout Reader) throws(WireError) {
        let method = try reader.u8()
        // MB-22
        guard method == 0 else { throw .unsupported(value: UInt64(method)) }
        _ = try reader.u16(in: 0...0)
        self = .open
    }

    /// Writes the field.
    @_lifetime(sink: copy sink)
    package func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.u8(0)
        sink.u16(0)
    }
}
