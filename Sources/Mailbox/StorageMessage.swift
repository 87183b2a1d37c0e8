/// What the storage thread is asked to do.
enum StorageMessage: Sendable {
    /// Requests of one turn.
    case batch(StorageBatch)
    /// Finish what was posted before and end the thread.
    case stop
}
