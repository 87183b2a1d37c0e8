import Glibc

/// A system call that failed, and why; the only facts about it that may be logged.
///
/// Paths and addresses are left out on purpose: the caller knows them, a log must not.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The calls of this module, named as their manual pages are.
    package enum Call: String, Sendable {
        case accept, bind, chmod, clone, close, connect, epoll, eventfd, flock, fstat, fsync,
            ftruncate
        case getaddrinfo, getpeername, getpwnam, getsockopt, ioctl, link, listen, lseek, lstat,
            mkdir,
            open, poll
        case prctl, read, rename, send, setgid, setgroups, setrlimit, setsockopt, setuid
        case sigmask, signalfd, sigwait, socket, statvfs, tcgetattr, tcsetattr, unlink, write
    }

    /// The call that failed.
    package let call: Call
    /// Its `errno`; for `getaddrinfo` the `EAI_` code, which is negative.
    package let code: Int32

    /// Makes an error from a call and the code it left.
    package init(_ call: Call, code: Int32) {
        self.call = call
        self.code = code
    }

    /// The call and its code in the words of the C library, for example `bind: Address already in
    /// use`.
    package var description: String {
        let text = unsafe code < 0 ? gai_strerror(code) : UnsafePointer(strerror(code))
        return unsafe text.map { unsafe "\(call.rawValue): \(String(cString: $0))" }
            ?? "\(call.rawValue): error \(code)"
    }

    /// Whether the disk or a quota on it is full: nothing was harmed, and freeing space mends it.
    package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}

/// Repeats a call that a signal interrupted.
///
/// `errno` is read on the line after the call: anything between them, even a release of a
/// reference, may change it.
@inline(__always)
func uninterrupted(
    _ call: SystemError.Call, _ body: () -> Int32
) throws(SystemError) -> Int32 {
    while true {
        let result = body()
        let code = errno
        if result >= 0 { return result }
        if code != EINTR { throw SystemError(call, code: code) }
    }
}
