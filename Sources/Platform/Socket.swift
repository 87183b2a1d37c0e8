import CLinux
import Glibc

/// TCP sockets, all non-blocking and closed on exec, without Nagle's delay.
package enum TCP {
    /// What an attempt to accept came to.
    package enum Accepted: ~Copyable {
        /// A connection and where it comes from.
        case connection(Descriptor, from: SocketAddress)
        /// Nobody waits.
        case none
        /// The process or the machine has no descriptor or memory left: stop accepting until one
        /// is closed, or the loop would spin on the listening socket (H6).
        case exhausted
    }

    /// Opens a listening socket.
    ///
    /// - Parameters:
    ///   - address: where; port 0 lets the system choose, `localAddress` then says which.
    ///   - sharesPort: lets several sockets of this user listen on one port, one an event loop.
    /// - Throws: `SystemError`, `EADDRINUSE` when somebody else listens there.
    package static func listen(
        on address: SocketAddress, sharesPort: Bool = false
    ) throws(SystemError) -> Descriptor {
        let socket = try make(address.family)
        // A restarted server must not wait until the connections of the old one are forgotten.
        try set(socket, SOL_SOCKET, SO_REUSEADDR, 1)
        if sharesPort { try set(socket, SOL_SOCKET, SO_REUSEPORT, 1) }
        if address.isIPv6 { try set(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        let fd = socket.raw
        _ = try uninterrupted(.bind) {
            unsafe address.withSockaddr { unsafe bind(fd, $0, $1) }
        }
        _ = try uninterrupted(.listen) { Glibc.listen(fd, 1_024) }
        return socket
    }

    /// Takes one waiting connection from a listening socket.
    ///
    /// - Throws: `SystemError` when the listening socket itself is broken.
    package static func accept(on listener: borrowing Descriptor) throws(SystemError) -> Accepted {
        while true {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            var code: Int32 = 0
            let fd = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
                let raw = UnsafeMutableRawPointer(pointer)
                let result = unsafe cl_accept(
                    listener.raw, raw.assumingMemoryBound(to: sockaddr.self), &length)
                code = errno
                return result
            }
            if fd >= 0 {
                let connection = Descriptor(owning: fd)
                let peer = unsafe withUnsafePointer(to: &storage) { pointer in
                    unsafe SocketAddress(
                        UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self))
                }
                guard let peer else { continue }
                // A socket the peer has reset already may refuse the option; its first read says so.
                try? setNoDelay(connection)
                return .connection(connection, from: peer)
            }
            switch code {
            case EAGAIN, EWOULDBLOCK: return .none
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
            // Errors of a connection that died while it waited, not of the listener: accept(2).
            case EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN,
                ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH:
                continue
            default: throw SystemError(.accept, code: code)
            }
        }
    }

    /// Begins to connect; the socket becomes writable when it is decided, then ask
    /// `connectResult(of:)`.
    ///
    /// - Throws: `SystemError` when it fails at once.
    package static func connect(to address: SocketAddress) throws(SystemError) -> Descriptor {
        let socket = try make(address.family)
        try setNoDelay(socket)
        let fd = socket.raw
        var code: Int32 = 0
        let result = unsafe address.withSockaddr { pointer, length in
            let result = unsafe Glibc.connect(fd, pointer, length)
            code = errno
            return result
        }
        // EINTR as well: the attempt goes on in the background, and a second call would fail.
        if result == 0 || code == EINPROGRESS || code == EINTR { return socket }
        throw SystemError(.connect, code: code)
    }

    /// Says whether a connection that was begun stands.
    ///
    /// - Throws: `SystemError` with the reason why it does not.
    package static func connectResult(of socket: borrowing Descriptor) throws(SystemError) {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let fd = socket.raw
        _ = try uninterrupted(.getsockopt) {
            unsafe getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length)
        }
        if code != 0 { throw SystemError(.connect, code: code) }
    }

    /// Connects and waits for it: for command-line use, never on an event loop.
    ///
    /// Tries each address in turn within `timeoutMilliseconds` for all together.
    ///
    /// - Throws: the `SystemError` of the last attempt; `ETIMEDOUT` when the time ran out.
    package static func connect(
        toAnyOf addresses: [SocketAddress], timeoutMilliseconds: Int64, clock: some Clock
    ) throws(SystemError) -> Descriptor {
        let deadline = clock.monotonicMilliseconds + timeoutMilliseconds
        var last = SystemError(.connect, code: EADDRNOTAVAIL)
        for (index, address) in addresses.enumerated() {
            let left = deadline - clock.monotonicMilliseconds
            if left <= 0 { throw SystemError(.connect, code: ETIMEDOUT) }
            // A dead first address leaves time for the others.
            let share = max(left / Int64(addresses.count - index), min(left, 250))
            do throws(SystemError) {
                let socket = try connect(to: address)
                var poller = Poller()
                poller.watch(socket.raw, [.write])
                let ready = try poller.wait(timeoutMilliseconds: Int32(clamping: share))
                if ready == 0 { throw SystemError(.connect, code: ETIMEDOUT) }
                try connectResult(of: socket)
                return socket
            } catch {
                last = error
            }
        }
        throw last
    }

    /// The address a socket is bound to: says which port the system chose.
    package static func localAddress(
        of socket: borrowing Descriptor
    ) throws(SystemError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let fd = socket.raw
        let address = unsafe withUnsafeMutablePointer(to: &storage) { pointer -> SocketAddress? in
            let generic = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(
                to: sockaddr.self)
            guard unsafe getsockname(fd, generic, &length) == 0 else { return nil }
            return unsafe SocketAddress(generic)
        }
        guard let address else { throw SystemError(.bind, code: EINVAL) }
        return address
    }

    /// Tells the peer that nothing more will be sent; reading goes on.
    package static func finishSending(_ socket: borrowing Descriptor) {
        _ = shutdown(socket.raw, Int32(SHUT_WR))
    }

    private static func make(_ family: Int32) throws(SystemError) -> Descriptor {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        return Descriptor(owning: try uninterrupted(.socket) { socket(family, type, 0) })
    }

    private static func setNoDelay(_ socket: borrowing Descriptor) throws(SystemError) {
        try set(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    private static func set(
        _ socket: borrowing Descriptor, _ level: Int32, _ option: Int32, _ value: Int32
    ) throws(SystemError) {
        var value = value
        let fd = socket.raw
        _ = try uninterrupted(.setsockopt) {
            unsafe setsockopt(fd, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }
}
