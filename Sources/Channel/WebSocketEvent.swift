/// The two ends of a WebSocket.
package enum WebSocketRole: Sendable {
    case client
    case server
}

/// The kinds of messages.
package enum WebSocketMessageKind: Sendable {
    case text
    case binary

    /// The opcode of the message's first frame.
    var opcode: WebSocketOpcode {
        switch self {
        case .text: .text
        case .binary: .binary
        }
    }
}

/// Which messages an endpoint takes.
package enum WebSocketAcceptance: Sendable {
    /// Text messages fail the connection with 1003.
    case binaryOnly
    /// Text messages are checked to be UTF-8.
    case textAndBinary
}

/// What the bytes received so far amount to. Ranges are offsets in the input, and hold until the
/// caller moves or drops its bytes.
package enum WebSocketEvent: Equatable, Sendable {
    /// Nothing more until more bytes come. What lies past `position` is to be kept.
    case incomplete
    /// A message that came in one frame; its payload lies unmasked in the input.
    case message(WebSocketMessageKind, Range<Int>)
    /// A message that came in fragments; `takeAssembledMessage` hands it out.
    case assembledMessage(WebSocketMessageKind)
    /// A ping with its payload. The pong is prepared already.
    case ping(Range<Int>)
    /// A pong with its payload.
    case pong(Range<Int>)
    /// A Close frame with its code, if it has one, and its reason in UTF-8. Nothing comes after it.
    case close(WebSocketCloseCode?, reason: Range<Int>)
}
