package import Primitives
package import Wire

/// What a loop without a router of its own tells the one that has it.
package struct RouterBatch: Sendable {
    /// One thing that happened to a connection.
    package enum Event: Sendable {
        /// Its channel's handshake has completed.
        case opened(ConnectionID, handshakeHash: FixedBytes<32>)
        /// It is gone.
        case closed(ConnectionID)
        /// Its client has read so many bytes of deliveries.
        case flushed(ConnectionID, deliveredByteCount: UInt64)
        /// It sent a frame; the address stands there only for requests that are counted by it.
        case frame(ConnectionID, RawFrame, from: ClientAddress)
    }

    /// In the order in which they happened.
    package var events: [Event] = []
    /// The bodies of the frames.
    package var bytes: [UInt8] = []

    /// Makes an empty batch.
    package init() {}
}

extension Router {
    /// Acts on what happened in another loop.
    package mutating func receive(
        _ batch: RouterBatch, into outlet: inout some Outlet & ~Copyable
    ) {
        for event in batch.events {
            switch event {
            case .opened(let connection, let hash): open(connection, handshakeHash: hash)
            case .closed(let connection): close(connection)
            case .flushed(let connection, let count):
                flushed(connection, deliveredByteCount: count)
            case .frame(let connection, let frame, let address):
                // A connection's frames come after its opening and before its end. MB-24: those
                // behind a malformed one have been sent on before it was looked at.
                guard peers.isOpen(connection) else { continue }
                receive(
                    frame, in: batch.bytes.raw, from: connection, at: address, into: &outlet)
            }
        }
    }
}
