package import Primitives

/// A server: its static X25519 key and where to connect to it.
///
/// The key pins the server, so the host may be anything that leads there. The port is always
/// known; 8437 is not written.
///
/// - SPEC: §2.3, WI-8
package struct ServerAddress: Hashable, Sendable {
    /// The port when none is written.
    package static let defaultPort: UInt16 = 8437
    /// Size of the server field of frames and signed objects.
    package static let fieldByteCount = 97

    /// The server's static key.
    package let key: X25519PublicKey
    /// Where it is.
    package let host: Host
    /// 1 to 65535.
    package let port: UInt16

    /// - Throws: `WireError.badHost` when port is 0 or `host[:port]` is longer than 64 bytes.
    package init(
        key: X25519PublicKey, host: Host, port: UInt16 = Self.defaultPort
    ) throws(WireError) {
        self.key = key
        self.host = host
        self.port = port
        guard port != 0, hostAndPort.utf8.count <= Host.byteCountMax else { throw .badHost }
    }

    /// Parses `host[:port]`.
    ///
    /// - Throws: `WireError.badHost` for anything but the one spelling.
    package init(key: X25519PublicKey, hostAndPort text: String) throws(WireError) {
        let (host, port) = try Self.split(text)
        try self.init(key: key, host: host, port: port)
        // WI-8: a default port written out is a second spelling.
        guard hostAndPort == text else { throw .badHost }
    }

    /// The one spelling of a `host[:port]`, which may name the default port.
    ///
    /// - Throws: `WireError.badHost` when it can be in no address.
    package static func canonical(hostAndPort text: String) throws(WireError) -> String {
        let (host, port) = try split(text)
        let canonical = spelling(host, port)
        guard port != 0, canonical.utf8.count <= Host.byteCountMax else { throw .badHost }
        return canonical
    }

    private static func split(_ text: String) throws(WireError) -> (Host, UInt16) {
        let characters = Array(text.utf8)
        // The longest is a host with the default port written out.
        guard (1...Host.byteCountMax + 6).contains(characters.count) else { throw .badHost }
        // An IPv6 address holds colons inside its brackets; the port's colon comes after them.
        let hostEnd =
            characters.first == UInt8(ascii: "[")
            ? characters.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 }
            : characters.firstIndex(of: UInt8(ascii: ":")) ?? characters.count
        guard let hostEnd else { throw .badHost }
        let host = try Host(String(decoding: characters[..<hostEnd], as: UTF8.self))
        guard hostEnd < characters.count else { return (host, defaultPort) }
        guard characters[hostEnd] == UInt8(ascii: ":"),
            let port: UInt16 = Decimal.parse(characters[(hostEnd + 1)...], maximum: .max)
        else { throw .badHost }
        return (host, port)
    }

    private static func spelling(_ host: Host, _ port: UInt16) -> String {
        port == defaultPort ? host.text : "\(host.text):\(port)"
    }

    /// `host` or `host:port`, at most 64 bytes.
    package var hostAndPort: String { Self.spelling(host, port) }

    /// `postern://KEY@host[:port]`.
    package var text: String {
        "postern://\(Base32.encode(key.bytes.raw))@\(hostAndPort)"
    }

    /// Parses a server field.
    ///
    /// - Throws: `WireError.badKey`, `.badHost`, `.notZero`, `.outOfRange`, `.truncated`.
    package init(from reader: inout Reader) throws(WireError) {
        let key = try reader.x25519Key()
        let length = Int(try reader.u8(in: 1...UInt8(Host.byteCountMax)))
        let characters = try reader.array(length)
        try reader.zeros(Host.byteCountMax - length)
        try self.init(key: key, hostAndPort: String(decoding: characters, as: UTF8.self))
    }

    /// Parses a server field in which all zeros mean that there is none.
    ///
    /// - Throws: as ``init(from:)``.
    package static func optional(from reader: inout Reader) throws(WireError) -> ServerAddress? {
        var ahead = reader
        do throws(WireError) {
            try ahead.zeros(fieldByteCount)
            reader = ahead
            return nil
        } catch {
            return try ServerAddress(from: &reader)
        }
    }

    /// Writes a server field, zeros for none: 97 bytes.
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        _ address: ServerAddress?, into sink: inout Sink
    ) {
        guard let address else { return sink.zeros(fieldByteCount) }
        let characters = Array(address.hostAndPort.utf8)
        sink.fixed(address.key.bytes)
        sink.u8(UInt8(characters.count))
        sink.array(characters)
        sink.zeros(Host.byteCountMax - characters.count)
    }
}
