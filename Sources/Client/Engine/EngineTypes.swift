package import Primitives
package import Wire

/// The two times of one step, given by the caller.
package struct Moment: Sendable, Equatable {
    /// Milliseconds since 1970, UTC; may jump.
    package let wall: UInt64
    /// Milliseconds of a clock that never goes back.
    package let monotonic: UInt64

    package init(wall: UInt64, monotonic: UInt64) {
        self.wall = wall
        self.monotonic = monotonic
    }

    /// The hour the wall clock shows.
    var hours: Hours { Hours(secondsSince1970: Int64(clamping: wall / 1_000)) }
    /// The day the wall clock shows, since 1970.
    var day: UInt32 { UInt32(clamping: wall / 86_400_000) }
}

/// What a connection is for. Connections of different purpose are kept apart, so that a server
/// cannot tell by the connection that they belong to one person. CL-12
package enum LinkPurpose: Hashable, Sendable {
    /// Directory writes and contact mailboxes.
    case identity
    /// Reads chat mailboxes.
    case reading
    /// Writes into mailboxes of the peers on one server.
    case writing
    /// One look-up, fetch, blob or first message, then closed.
    case once(UInt64)
}

/// What goes into the engine.
package enum EngineInput: Sendable {
    /// A connection stands: the channel's keys are the pinned ones, the hello was read.
    case connected(LinkID, handshakeHash: FixedBytes<32>, hello: HelloFrame)
    /// A connection could not be made or ended.
    case disconnected(LinkID, ClientError)
    /// Frames of the server, in the order of the connection; all of one turn together, so that
    /// they share a commit.
    case frames(LinkID, [IncomingFrame])
    /// Time went on.
    case tick
}

/// What the engine wants done, after the writes of the same step are committed. CL-3
package enum EngineAction: Sendable {
    /// Open a connection; answer with `connected` or `disconnected`.
    case open(LinkID, ServerAddress, LinkPurpose)
    /// Close a connection without waiting; no `disconnected` follows.
    case close(LinkID)
    /// Send a frame. Frames of one turn on one link may share a message.
    case send(LinkID, OutgoingFrame)
    /// Tell the user.
    case event(ClientEvent)
}

/// All that came out of a step, in the order in which it takes effect.
package struct EngineEffects: Sendable {
    /// To be committed first, in one transaction.
    package var writes: [VaultWrite]
    /// To be done in order once that succeeded.
    package var actions: [EngineAction]
}
