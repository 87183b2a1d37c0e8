/// One field line of a head.
package struct HTTPField: Equatable, Sendable {
    /// The name; in a parsed head in lower case.
    package let name: String
    /// The value without the white space around it: visible ASCII, spaces and tabs.
    package let value: String

    /// A field line of a head to be written.
    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// The fields that Postern reads, by their names in lower case. The others are checked for their
/// form and ignored.
package enum HTTPFieldName: String, Sendable {
    case host
    case origin
    case connection
    case upgrade
    case contentLength = "content-length"
    case transferEncoding = "transfer-encoding"
    case webSocketKey = "sec-websocket-key"
    case webSocketVersion = "sec-websocket-version"
    case webSocketProtocol = "sec-websocket-protocol"
    case webSocketExtensions = "sec-websocket-extensions"
    case webSocketAccept = "sec-websocket-accept"

    /// What may stand once at most in a request, whether or not anybody asks for it. CH-1
    static let single: [HTTPFieldName] = [
        .host, .origin, .contentLength, .upgrade, .webSocketKey, .webSocketVersion,
        .webSocketProtocol,
    ]
}

/// The field lines of a parsed head, in their order.
package struct HTTPFields: Equatable, Sendable {
    /// Every field line.
    package internal(set) var lines: [HTTPField] = []

    /// The values of every line of that name, in their order.
    package func values(of name: HTTPFieldName) -> [String] {
        lines.compactMap { $0.name == name.rawValue ? $0.value : nil }
    }

    /// The value of a field that may stand once at most; nil if it does not.
    /// - Throws: `HTTPError.repeatedField` if it stands more than once: two readers of one message
    ///   must never be able to take a different one of them (G5).
    package func value(of name: HTTPFieldName) throws(HTTPError) -> String? {
        let found = values(of: name)
        guard found.count <= 1 else { throw .repeatedField(name) }
        return found.first
    }
}
