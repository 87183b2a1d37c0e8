/// The head of a response, as the client reads it.
/// - SPEC: §11.1, CH-1, CH-11
struct HTTPResponseHead: Equatable, Sendable {
    /// The three digits of the status line.
    let status: UInt16
    /// Every field line.
    let fields: HTTPFields
    /// The length of the head.
    let byteCount: Int

    /// Parses one whole head that `HTTPHeadScanner` passed.
    init(_ bytes: RawSpan) throws(HTTPError) {
        var lines = HTTPHeadLines(bytes)
        guard let line = lines.next() else { throw .emptyFirstLine }  // CH-1
        status = try Self.status(ofStatusLine: lines.text(line, lowerCased: false))
        fields = try lines.fields()
        byteCount = bytes.byteCount
    }

    /// Reads `HTTP/1.1 SP code SP reason`; the reason may be empty (RFC 9112 section 4).
    private static func status(ofStatusLine line: String) throws(HTTPError) -> UInt16 {
        let bytes = Array(line.utf8)
        guard line.hasPrefix("HTTP/") else { throw .badStatusLine }
        guard line.hasPrefix("HTTP/1.1 ") else { throw .unsupportedVersion }
        guard bytes.count >= 13, bytes[12] == HTTPGrammar.space,
            bytes[9..<12].allSatisfy({ (0x30...0x39).contains($0) }),
            let status = UInt16(String(decoding: bytes[9..<12], as: UTF8.self)), status >= 100
        else { throw .badStatusLine }
        return status
    }
}
