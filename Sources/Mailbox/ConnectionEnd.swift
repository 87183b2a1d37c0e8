/// Why a connection ended: what the server counts, and all that it ever says about one.
///
/// - SPEC: MB-27
package enum ConnectionEnd: Int, CaseIterable, Sendable {
    /// The client closed it.
    case byClient
    /// The HTTP head was refused, or was no head.
    case badRequest
    /// A WebSocket frame or the frames of a message broke the rules. CH-40
    case badFrame
    /// The handshake message was refused.
    case handshakeFailed
    /// A message did not open. CH-43
    case badSeal
    /// A request did not parse. MB-24
    case malformed
    /// Nothing came for too long. CH-44, CH-45
    case timeout
    /// The server shuts down. CH-47
    case shutdown
    /// There was no room for it.
    case refused
}
