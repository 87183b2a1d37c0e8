import Primitives

/// What the server demands of an upgrade request.
/// - SPEC: §11.1, CH-5, CH-8, CH-9
package struct WebSocketUpgradePolicy: Equatable, Sendable {
    /// The one target that is served; every other is answered 404.
    package var path: String
    /// The origins whose pages may connect, exactly as browsers write them. A request without
    /// Origin comes from no browser and needs no entry (G4).
    package var allowedOrigins: [String]
    /// The subprotocols that the server speaks, the best first. If there are any, one of them must
    /// be offered; if there are none, offers are ignored.
    package var subprotocols: [String]

    /// A policy for one listener.
    package init(path: String = "/", allowedOrigins: [String] = [], subprotocols: [String]) {
        self.path = path
        self.allowedOrigins = allowedOrigins
        self.subprotocols = subprotocols
    }
}

/// An accepted upgrade: the server's side of RFC 6455 section 4.2.
///
/// No extension is ever accepted: a frame with a reserved bit is then an error, and no compressed
/// message can expand in memory (H3).
/// - SPEC: §11.1, CH-5 to CH-10
package struct WebSocketUpgrade: Equatable, Sendable {
    /// The value of `Sec-WebSocket-Protocol` exactly as the client sent it, without the white space
    /// around it; nil if there was none. Part of the Noise prologue.
    package let offeredSubprotocols: String?
    /// The subprotocol that the answer names. Part of the Noise prologue.
    package let subprotocol: String?
    /// The 101 answer; frames follow it.
    package let response: [UInt8]

    /// Answers an upgrade request.
    ///
    /// - Throws: why it is refused; the caller sends `HTTPError.response` and closes.
    package init(answering head: HTTPRequestHead, policy: WebSocketUpgradePolicy) throws(HTTPError)
    {
        guard head.target == policy.path else { throw .notFound }  // CH-5

        // CH-8: before anything is said about the rest, whoever else a browser speaks for goes.
        let fields = head.fields
        if let origin = try fields.value(of: .origin), !policy.allowedOrigins.contains(origin) {
            throw .originNotAllowed
        }

        // CH-6: one protocol, named once; a list such as `websocket, h2c` would let two readers
        // of one request choose differently.
        guard let upgrade = try fields.value(of: .upgrade),
            HTTPGrammar.isEqual(upgrade, "websocket"),
            HTTPGrammar.lists(fields.values(of: .connection), contain: "upgrade") == true
        else { throw .upgradeRequired }

        // CH-7
        guard let version = try fields.value(of: .webSocketVersion) else {
            throw .missingWebSocketVersion
        }
        guard version == "13" else { throw .unsupportedWebSocketVersion }

        // CH-6
        guard let key = try fields.value(of: .webSocketKey) else { throw .missingWebSocketKey }
        guard WebSocketKey.isValid(key) else { throw .badWebSocketKey }

        // CH-9
        offeredSubprotocols = try fields.value(of: .webSocketProtocol)
        subprotocol = try Self.choose(from: offeredSubprotocols, policy.subprotocols)

        // CH-10: Sec-WebSocket-Extensions is neither read nor answered.
        var text = "HTTP/1.1 101 Switching Protocols\r\n"
        text += "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        text += "Sec-WebSocket-Accept: \(WebSocketKey.accept(for: key))\r\n"
        if let subprotocol { text += "Sec-WebSocket-Protocol: \(subprotocol)\r\n" }
        text += "\r\n"
        response = Array(text.utf8)
    }

    /// The first of the server's subprotocols that the client offers.
    private static func choose(
        from offer: String?, _ supported: [String]
    ) throws(HTTPError) -> String? {
        var offered: [String] = []
        if let offer {
            guard let tokens = HTTPGrammar.tokens(in: offer), Set(tokens).count == tokens.count
            else { throw .badSubprotocolOffer }
            offered = tokens
        }
        guard !supported.isEmpty else { return nil }
        guard let choice = supported.first(where: offered.contains) else {
            throw .noCommonSubprotocol
        }
        return choice
    }
}
