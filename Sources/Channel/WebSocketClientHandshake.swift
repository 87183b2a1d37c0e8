package import Primitives

/// Why the client gives up on an upgrade. The connection is closed after every one of them.
/// - SPEC: §11.1, CH-11
package enum WebSocketHandshakeError: Error, Equatable, Sendable {
    /// The host of the address cannot stand in a Host field.
    case badHost
    /// The path cannot stand in a request line.
    case badPath
    /// A subprotocol to offer is no token, or is offered twice.
    case badSubprotocol
    /// The response is no well-formed HTTP/1.1 head within the limits.
    case badResponse(HTTPError)
    /// The server answered with another status than 101.
    case refused(status: UInt16)
    /// The response does not upgrade to `websocket`.
    case notUpgraded
    /// `Sec-WebSocket-Accept` is missing or not the answer to our key.
    case badAccept
    /// The server chose an extension; none was offered.
    case unexpectedExtension
    /// The server chose a subprotocol that was not offered, or none of those that were.
    case wrongSubprotocol
}

/// The client's side of the upgrade (RFC 6455 section 4.1).
///
/// No Origin is sent: that field speaks for web pages.
/// - SPEC: §11.1, CH-9, CH-11
package struct WebSocketClientHandshake: Sendable {
    /// The request to send.
    package let request: [UInt8]
    /// The value of `Sec-WebSocket-Protocol` exactly as it stands in the request; nil if nothing is
    /// offered. Part of the Noise prologue.
    package let offeredSubprotocols: String?

    private let subprotocols: [String]
    private let accept: String
    private var scanner: HTTPHeadScanner

    /// What the server agreed to.
    package struct Accepted: Equatable, Sendable {
        /// The subprotocol that both speak. Part of the Noise prologue.
        package let subprotocol: String?
        /// The length of the response's head; frames follow it.
        package let byteCount: Int
    }

    /// Prepares the request.
    ///
    /// - Parameters:
    ///   - host: what stands in Host: a name or address, IPv6 in brackets, with a port unless it
    ///     is 80.
    ///   - path: the request target.
    ///   - subprotocols: what to offer, the best first.
    ///   - limits: of the response's head.
    ///   - random: source of the key, 16 bytes.
    /// - Throws: `badHost`, `badPath` or `badSubprotocol`: an address typed by a person or found
    ///   in a link may hold anything, a line break too.
    package init(
        host: String, path: String = "/", subprotocols: [String], limits: HTTPLimits,
        random: inout some RandomSource
    ) throws(WebSocketHandshakeError) {
        guard HTTPGrammar.isHost(host) else { throw .badHost }
        guard HTTPGrammar.isOriginForm(path) else { throw .badPath }
        guard subprotocols.allSatisfy(HTTPGrammar.isToken),
            Set(subprotocols).count == subprotocols.count
        else { throw .badSubprotocol }

        let key = WebSocketKey.make(from: &random)
        accept = WebSocketKey.accept(for: key)
        self.subprotocols = subprotocols
        offeredSubprotocols = subprotocols.isEmpty ? nil : subprotocols.joined(separator: ", ")
        scanner = HTTPHeadScanner(limits: limits)

        var text = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\n"
        text += "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        text += "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n"
        if let offeredSubprotocols { text += "Sec-WebSocket-Protocol: \(offeredSubprotocols)\r\n" }
        text += "\r\n"
        request = Array(text.utf8)
    }

    /// Looks at the bytes received so far.
    ///
    /// - Parameter input: everything received since the request was sent.
    /// - Returns: what the server agreed to once its head is whole, else nil.
    /// - Throws: why the connection cannot be used; the caller closes it.
    package mutating func receive(
        _ input: RawSpan
    ) throws(WebSocketHandshakeError) -> Accepted? {
        let head: HTTPResponseHead
        do {
            guard let byteCount = try scanner.scan(input) else { return nil }
            head = try HTTPResponseHead(input.extracting(first: byteCount))
        } catch {
            throw .badResponse(error)
        }
        return try check(head)
    }

    private func check(_ head: HTTPResponseHead) throws(WebSocketHandshakeError) -> Accepted {
        guard head.status == HTTPStatus.switchingProtocols.rawValue else {
            throw .refused(status: head.status)
        }
        let fields = head.fields
        // CH-11: a 101 has no content; a length would move the start of the frames.
        guard fields.values(of: .transferEncoding).isEmpty else {
            throw .badResponse(.transferEncoding)
        }
        guard fields.values(of: .contentLength).isEmpty else { throw .badResponse(.contentLength) }
        guard let upgrade = try single(.upgrade, in: fields),
            HTTPGrammar.isEqual(upgrade, "websocket"),
            HTTPGrammar.lists(fields.values(of: .connection), contain: "upgrade") == true
        else { throw .notUpgraded }
        guard try single(.webSocketAccept, in: fields) == accept else { throw .badAccept }
        guard fields.values(of: .webSocketExtensions).isEmpty else { throw .unexpectedExtension }

        // CH-9: a server that drops the offer would leave the version open.
        let choice = try single(.webSocketProtocol, in: fields)
        if let choice {
            guard subprotocols.contains(choice) else { throw .wrongSubprotocol }
        } else {
            guard subprotocols.isEmpty else { throw .wrongSubprotocol }
        }
        return Accepted(subprotocol: choice, byteCount: head.byteCount)
    }

    private func single(
        _ name: HTTPFieldName, in fields: HTTPFields
    ) throws(WebSocketHandshakeError) -> String? {
        do { return try fields.value(of: name) } catch { throw .badResponse(error) }
    }
}
