import CLinux
import Glibc

/// What to wait for on a descriptor, and what has come.
package struct Readiness: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Bytes or connections can be read, or the peer has closed.
    package static let read = Readiness(rawValue: 1)
    /// Bytes can be written.
    package static let write = Readiness(rawValue: 2)
    /// The descriptor is broken or both directions are closed; reported whether asked for or not.
    package static let broken = Readiness(rawValue: 4)
}

/// Waits for many descriptors at once, level-triggered: what is not handled is told again.
@safe package struct Epoll: ~Copyable {
    private let epoll: Descriptor
    private let events: UnsafeMutablePointer<epoll_event>
    private let eventsMax: Int

    /// Makes one that tells of at most `eventsMax` descriptors a turn; the others follow.
    ///
    /// - Throws: `SystemError` when the process has no descriptor left.
    package init(eventsMax: Int = 512) throws(SystemError) {
        precondition(eventsMax > 0)
        epoll = Descriptor(
            owning: try uninterrupted(.epoll) { epoll_create1(Int32(EPOLL_CLOEXEC)) })
        self.eventsMax = eventsMax
        unsafe events = .allocate(capacity: eventsMax)
        unsafe events.initialize(repeating: epoll_event(), count: eventsMax)
    }

    deinit { unsafe events.deallocate() }

    /// Begins to watch `fd`; `token` comes back with each of its events.
    ///
    /// - Throws: `SystemError`, `ENOSPC` or `ENOMEM` when the system's limit is reached.
    package borrowing func add(
        _ fd: Int32, token: UInt64, for interest: Readiness
    ) throws(SystemError) {
        try control(EPOLL_CTL_ADD, fd, token, interest)
    }

    /// Replaces what is watched for on `fd`.
    package borrowing func modify(
        _ fd: Int32, token: UInt64, for interest: Readiness
    ) throws(SystemError) {
        try control(EPOLL_CTL_MOD, fd, token, interest)
    }

    /// Waits until something is ready, at most `timeoutMilliseconds` (-1: for ever), and returns
    /// how many events there are to ask for.
    ///
    /// Returns 0 after a signal too.
    package borrowing func wait(timeoutMilliseconds: Int32) throws(SystemError) -> Int {
        let count = unsafe epoll_wait(
            epoll.raw, events, Int32(eventsMax), timeoutMilliseconds)
        let code = errno
        if count >= 0 { return Int(count) }
        if code == EINTR { return 0 }
        throw SystemError(.epoll, code: code)
    }

    /// One of the events that the last `wait` returned; `index` starts at 0.
    package borrowing func event(at index: Int) -> (token: UInt64, readiness: Readiness) {
        precondition(index >= 0 && index < eventsMax)
        let event = unsafe events + index
        let readiness = unsafe Readiness(rawValue: UInt8(cl_event_readiness(event)))
        return unsafe (cl_event_token(event), readiness)
    }

    private borrowing func control(
        _ operation: Int32, _ fd: Int32, _ token: UInt64, _ interest: Readiness
    ) throws(SystemError) {
        let own = epoll.raw
        _ = try uninterrupted(.epoll) {
            cl_epoll_control(own, operation, fd, token, Int32(interest.rawValue))
        }
    }
}
