import CLinux
import Glibc

extension TCP {
    /// The address of the other end of a connection, asked of the system when it is needed so that
    /// nobody has to keep it.
    ///
    /// - Throws: `SystemError` when the connection is gone.
    package static func peerAddress(
        of socket: borrowing Descriptor
    ) throws(SystemError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let fd = socket.raw
        var code: Int32 = 0
        let address = unsafe withUnsafeMutablePointer(to: &storage) { pointer -> SocketAddress? in
            let generic = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(
                to: sockaddr.self)
            let result = unsafe getpeername(fd, generic, &length)
            code = errno
            return unsafe result == 0 ? SocketAddress(generic) : nil
        }
        guard let address else { throw SystemError(.getpeername, code: code) }
        return address
    }
}

extension Descriptor {
    /// Opens the null device: a descriptor held in reserve, to be given up when there is no other.
    ///
    /// - Throws: `SystemError` when the process has no descriptor left.
    package static func openNull() throws(SystemError) -> Descriptor {
        let fd = try uninterrupted(.open) { unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) }
        return Descriptor(owning: fd)
    }
}
