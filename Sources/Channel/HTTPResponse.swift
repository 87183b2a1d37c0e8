/// An HTTP/1.1 answer after which the connection is closed: a refusal, or what the admin listener
/// says. It carries no date and no server name: the state machines have no clock, and a version
/// string helps nobody but an attacker.
package struct HTTPResponse: Equatable, Sendable {
    /// The status line's code.
    package var status: HTTPStatus
    /// The media type of `body`.
    package var contentType: String
    /// The content, written after the head with its exact length.
    package var body: String
    /// Further fields of the head, written as they are: never anything that came from the network.
    var fields: [HTTPField]

    /// An answer with `body`, or with the status in words if there is none.
    package init(
        _ status: HTTPStatus, contentType: String = "text/plain; charset=utf-8",
        body: String? = nil
    ) {
        self.status = status
        self.contentType = contentType
        self.body = body ?? "\(status.rawValue) \(status.reason)\n"
        fields = []
    }

    /// The bytes on the wire. The connection is to be closed after them (CH-1).
    package var encoded: [UInt8] {
        var head = "HTTP/1.1 \(status.rawValue) \(status.reason)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        head += "Content-Type: \(contentType)\r\n"
        head += "Content-Length: \(body.utf8.count)\r\n"
        head += "Cache-Control: no-store\r\n"
        head += "X-Content-Type-Options: nosniff\r\n"
        // CH-1: what follows a refused head is never parsed as another request. An answer that
        // names an upgrade must list it as a connection option (RFC 9110 section 7.8).
        let namesUpgrade = fields.contains { $0.name == "Upgrade" }
        head += namesUpgrade ? "Connection: close, Upgrade\r\n" : "Connection: close\r\n"
        head += "\r\n"
        return Array((head + body).utf8)
    }
}
