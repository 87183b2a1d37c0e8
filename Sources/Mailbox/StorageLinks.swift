import Database
import Platform

/// Why the store cannot be opened or cannot go on, as an operator needs to know it.
package enum StorageFailure: Error, Equatable, Sendable {
    /// The file is no store, or damaged.
    case corrupt
    /// A newer version wrote it.
    case newerVersion
    /// An earlier version wrote it, and it was opened for reading only.
    case olderVersion
    /// Another process writes it.
    case inUse
    /// The disk is full, so that not even what is there can be opened.
    case full
    /// The disk or the file system failed, with SQLite's extended code, 0 if it gave none. J3
    case io(code: Int32)
}

/// The storage thread's connections to the others.
package struct StorageLinks: Sendable {
    let inbox: Inbox<StorageMessage>
    let router: Inbox<LoopMessage>
    let control: Inbox<ControlMessage>

    /// Tells that the store is open: clients may come.
    func opened() { control.post(.storeOpened) }

    /// Tells that all that was asked of the store is done and its file is closed.
    func closed() { control.post(.storeClosed) }

    /// Tells that the store cannot go on: the process ends without another acknowledgement.
    func failed(_ failure: StorageFailure) { control.post(.storeFailed(failure)) }
}
