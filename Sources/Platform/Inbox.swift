import CLinux
import Glibc
import Synchronization

/// A queue from any threads to one, with a descriptor that becomes readable when it fills: the
/// only thing that crosses threads in the server.
///
/// Messages arrive in the order in which they were posted by one thread. A whole batch costs one
/// lock and, when the receiver may be asleep, one write of 8 bytes. The queue itself has no limit:
/// who posts bounds what may be under way, so that a full queue never means waiting with a lock.
package final class Inbox<Message: Sendable>: Sendable {
    private let queue = Lock<[Message]>([])
    /// True from the first post until the receiver wakes: further posts then write nothing.
    private let armed = Atomic<Bool>(false)
    private let event: Descriptor

    /// Makes an empty inbox.
    ///
    /// - Throws: `SystemError` when the process has no descriptor left.
    package init() throws(SystemError) {
        let fd = try uninterrupted(.eventfd) { eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC)) }
        event = Descriptor(owning: fd)
    }

    /// The descriptor that is readable while something waits; for `Epoll` and `Poller` only.
    package var descriptor: Int32 { event.raw }

    /// Adds one message and wakes the receiver.
    package func post(_ message: Message) {
        queue.withLock { $0.append(message) }
        wake()
    }

    /// Replaces the contents of `batch` by all that waits, keeping its storage for the next turn.
    ///
    /// Called by the receiving thread only. Never blocks; an empty result is normal.
    package func take(into batch: inout [Message]) {
        batch.removeAll(keepingCapacity: true)
        // The order matters, and so does each of the two neighbours. Clear the event before
        // disarming: a post in between would write the event, and clearing it then would leave the
        // inbox armed with no event, so that no later post would ever wake the receiver. Disarm
        // before swapping: a message that is queued after the swap then writes the event again.
        var count: UInt64 = 0
        _ = unsafe Glibc.read(event.raw, &count, 8)
        // An exchange and no store: it follows each post that found the inbox armed, so that the
        // swap sees what that post has queued, on processors that reorder more than this one too.
        _ = armed.exchange(false, ordering: .acquiringAndReleasing)
        queue.withLock { swap(&$0, &batch) }
    }

    /// Waits until something may be there, at most `timeoutMilliseconds` (-1: for ever).
    ///
    /// For a receiver that has nothing else to wait for. May return early with an empty inbox.
    package func wait(timeoutMilliseconds: Int32 = -1) {
        var entry = pollfd(fd: event.raw, events: Int16(POLLIN), revents: 0)
        _ = unsafe Glibc.poll(&entry, 1, timeoutMilliseconds)
    }

    private func wake() {
        if armed.exchange(true, ordering: .acquiringAndReleasing) { return }
        var one: UInt64 = 1
        // Fails only when the counter is about to overflow, and then the event is set already.
        _ = unsafe Glibc.write(event.raw, &one, 8)
    }
}
