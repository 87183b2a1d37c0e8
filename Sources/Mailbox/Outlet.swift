import Wire

/// What a frame to a client is, for the limits of the connection that carries it.
package enum FrameClass: Sendable, Equatable {
    /// Answers a request of this class; room for it was kept when the request was taken.
    case answer(RequestClass)
    /// A delivery; the router counts these against the reader's output.
    case delivery
    /// Dropped when the connection has more than a little output waiting. MB-19
    case ephemeral
    /// Small and rare: superseded, going away, an error that answers no request.
    case notice
}

/// How large the answer to a request can become.
package enum RequestClass: UInt8, Sendable {
    /// `done`, an error.
    case plain
    /// As plain, and counted apart while its signature is verified.
    case attach
    /// A blob.
    case blob
    /// An answer of the key directory.
    case directory
}

/// Where the router's frames go: to connections of this loop or, by way of a message, of another.
package protocol Outlet: ~Copyable {
    /// Sends one frame; dropped in silence when the connection is gone.
    ///
    /// - Parameters:
    ///   - byteCount: bytes of the frame with its head.
    ///   - body: writes exactly so many.
    mutating func send(
        _ frameClass: FrameClass, to connection: ConnectionID, byteCount: Int,
        _ body: (inout OutputRawSpan) -> Void)

    /// Ends a connection after what was sent to it before.
    mutating func close(_ connection: ConnectionID)
}
