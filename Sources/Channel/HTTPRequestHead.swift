/// The head of a GET request without content: all that Postern's listeners take.
/// - SPEC: §11.1, CH-1, CH-3, CH-4
package struct HTTPRequestHead: Equatable, Sendable {
    /// The path with its query, as it came: begins with a slash.
    package let target: String
    /// The value of Host.
    package let host: String
    /// Every field line, Host among them.
    package let fields: HTTPFields
    /// The length of the head; what follows it in the input belongs to the next protocol.
    package let byteCount: Int

    /// Parses one whole head that `HTTPHeadScanner` passed.
    /// - Throws: whatever of CH-1, CH-3 and CH-4 it violates.
    init(_ bytes: RawSpan) throws(HTTPError) {
        var lines = HTTPHeadLines(bytes)
        guard let line = lines.next() else { throw .emptyFirstLine }  // CH-1
        target = try Self.target(ofRequestLine: lines.text(line, lowerCased: false))
        fields = try lines.fields()
        byteCount = bytes.byteCount
        // CH-1: before anything is decided by one of them.
        for name in HTTPFieldName.single { _ = try fields.value(of: name) }

        // CH-4: a request with content is refused whatever says so; first the pair that
        // smuggling is made of, so that neither field is read as if the other were not there.
        guard fields.values(of: .transferEncoding).isEmpty else { throw .transferEncoding }
        if let length = try fields.value(of: .contentLength), length != "0" {
            throw .contentLength
        }
        // CH-1
        guard let host = try fields.value(of: .host) else { throw .missingHost }
        guard HTTPGrammar.isHost(host) else { throw .badHost }
        self.host = host
    }

    private static func target(ofRequestLine line: String) throws(HTTPError) -> String {
        // CH-1: three parts with exactly one space between each two.
        let parts = line.utf8.split(
            separator: HTTPGrammar.space, omittingEmptySubsequences: false
        ).map { String(Substring($0)) }
        guard parts.count == 3, HTTPGrammar.isToken(parts[0]) else { throw .badRequestLine }
        // CH-3: the version decides how to read everything else, so it comes first.
        guard parts[2] == "HTTP/1.1" else {
            throw isVersion(parts[2]) ? .unsupportedVersion : .badRequestLine
        }
        guard parts[0] == "GET" else {
            throw otherMethods.contains(parts[0]) ? .methodNotAllowed : .unknownMethod
        }
        guard HTTPGrammar.isOriginForm(parts[1]) else { throw .badTarget }
        return parts[1]
    }

    /// Whether `text` has the form of an HTTP version (RFC 9112 section 2.3).
    private static func isVersion(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 8 && text.hasPrefix("HTTP/") && bytes[6] == UInt8(ascii: ".")
            && [bytes[5], bytes[7]].allSatisfy { (0x30...0x39).contains($0) }
    }

    /// What RFC 9110 section 9 and RFC 5789 define beside GET.
    private static let otherMethods = [
        "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ]
}

/// Reads one request head from a stream.
///
/// It holds no bytes: the caller keeps what came and shows all of it again with the next read.
package struct HTTPRequestReader: Sendable {
    private var scanner: HTTPHeadScanner

    /// A reader for a new connection.
    package init(limits: HTTPLimits) {
        scanner = HTTPHeadScanner(limits: limits)
    }

    /// Looks at the bytes received so far.
    ///
    /// - Parameter input: everything received since the connection was opened.
    /// - Returns: the head once it is whole, else nil.
    /// - Throws: what is wrong with it. The caller answers with `HTTPError.response`, closes the
    ///   connection and uses the reader no more.
    package mutating func receive(_ input: RawSpan) throws(HTTPError) -> HTTPRequestHead? {
        guard let byteCount = try scanner.scan(input) else { return nil }
        return try HTTPRequestHead(input.extracting(first: byteCount))
    }
}
