import Glibc

/// Waits for a few descriptors, with poll(2): what a client needs and epoll is too much for.
///
/// The list is made anew each turn with `removeAll` and `watch`.
package struct Poller: Sendable {
    private var entries: [pollfd] = []

    /// Makes one that watches nothing.
    package init() {}

    /// Stops watching everything.
    package mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    /// Watches `fd` in the next `wait`.
    package mutating func watch(_ fd: Int32, _ interest: Readiness) {
        var flags: Int32 = 0
        if interest.contains(.read) { flags |= POLLIN }
        if interest.contains(.write) { flags |= POLLOUT }
        entries.append(pollfd(fd: fd, events: Int16(flags), revents: 0))
    }

    /// Waits until something is ready, at most `timeoutMilliseconds` (-1: for ever), and returns
    /// how many descriptors are; 0 after a signal too.
    package mutating func wait(timeoutMilliseconds: Int32) throws(SystemError) -> Int {
        let count = unsafe entries.withUnsafeMutableBufferPointer { buffer in
            unsafe poll(buffer.baseAddress, nfds_t(buffer.count), timeoutMilliseconds)
        }
        let code = errno
        if count >= 0 { return Int(count) }
        // The flags of the turn before must not be taken for this one's.
        for index in entries.indices { entries[index].revents = 0 }
        if code == EINTR { return 0 }
        throw SystemError(.poll, code: code)
    }

    /// What the last `wait` found on `fd`; empty when it was not watched.
    package func readiness(of fd: Int32) -> Readiness {
        var readiness: Readiness = []
        for entry in entries where entry.fd == fd {
            let flags = Int32(entry.revents)
            if flags & POLLIN != 0 { readiness.insert(.read) }
            if flags & POLLOUT != 0 { readiness.insert(.write) }
            if flags & (POLLERR | POLLHUP | POLLNVAL) != 0 { readiness.insert(.broken) }
        }
        return readiness
    }
}
