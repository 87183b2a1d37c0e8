package import Platform

/// How a server's run came to its end.
package enum ServerEnd: Sendable {
    /// It was asked to end and did; so many connections did not read their last words in time.
    case drained(cutOff: Int)
    /// The store failed; what was not acknowledged may or may not have been kept. J3
    case storeFailed(StorageFailure)
    /// A call to the system failed that the server cannot do without.
    case systemFailed(SystemError)
}

/// What the other threads tell the main one.
enum ControlMessage: Sendable {
    /// The store is open.
    case storeOpened
    /// A loop has ended; so many connections were open still.
    case loopEnded(cutOff: Int)
    /// A loop cannot go on.
    case loopFailed(SystemError)
    /// The store is closed.
    case storeClosed
    /// The store cannot go on.
    case storeFailed(StorageFailure)
    /// Somebody asks the server to end: a test, where posternd has a signal.
    case end
}
