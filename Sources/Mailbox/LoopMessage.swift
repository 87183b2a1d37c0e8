/// What an event loop hears from other threads.
enum LoopMessage: Sendable {
    /// A handshake that was computed; without a value when the client's message was refused. One
    /// box a connection, never one a message.
    case handshake(ConnectionID, OneShot<HandshakeResult>?)
    /// Signatures that were checked; to the loop with the router.
    case verdicts([AttachVerdict])
    /// What the store did; to the loop with the router.
    case answers(StorageAnswers)
    /// What happened on another loop; to the loop with the router.
    case router(RouterBatch)
    /// What waited for the store was taken: connections held back for it go on.
    case room
    /// Frames of the router; to the loops without one.
    case frames(FrameBatch)
    /// Another loop has ended; to the loop with the router, which ends last.
    case loopEnded
    /// The process ends: take nothing new, finish what was taken. CH-47
    case drain
    /// The process ends now.
    case stop
}
