import CLinux
import Glibc

/// An IPv4 or IPv6 address and a port.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// The address in network order: 16 bytes for IPv6; for IPv4 the first 4, then zeros.
    package let bytes: [16 of UInt8]
    /// Whether this is an IPv6 address.
    package let isIPv6: Bool
    /// The port, 0 where the system is to choose one.
    package let port: UInt16
    /// The interface a link-local IPv6 address belongs to, else 0.
    package let scope: UInt32

    /// Reads `127.0.0.1:8437` or `[::1]:8437`: numbers only, nothing is looked up.
    ///
    /// Returns nil for anything else, also for a port above 65,535 or with a sign or spaces.
    package init?(numeric text: String) {
        guard let (host, port) = Self.split(text) else { return nil }
        self.init(host: host, port: port)
    }

    /// Makes an address from a numeric host without brackets; nil when it is none.
    package init?(host: String, port: UInt16) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if unsafe inet_pton(AF_INET, host, &v4) == 1 {
            self.init(v4: v4, port: port)
        } else if unsafe inet_pton(AF_INET6, host, &v6) == 1 {
            self.init(v6: v6, port: port, scope: 0)
        } else {
            return nil
        }
    }

    /// Splits `host:port` or `[v6]:port` at its last colon.
    ///
    /// The host is 1 to 255 bytes and is not looked at further; nil when the form is wrong.
    package static func split(_ text: String) -> (host: String, port: UInt16)? {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...].utf8
        guard (1...5).contains(digits.count) else { return nil }
        var port: UInt32 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            port = port * 10 + UInt32(digit - 0x30)
        }
        guard port <= 65_535 else { return nil }
        if host.first == "[" && host.last == "]" {
            host = host.dropFirst().dropLast()
            guard host.utf8.contains(UInt8(ascii: ":")) else { return nil }
        } else if host.utf8.contains(UInt8(ascii: ":")) {
            return nil  // An IPv6 address without brackets: which colon ends it is a guess.
        }
        guard (1...255).contains(host.utf8.count) else { return nil }
        return (String(host), UInt16(port))
    }

    /// Asks the system for the addresses of a host name, in the order in which to try them.
    ///
    /// Blocks for as long as the name service takes, so never on an event loop. A numeric host is
    /// answered without asking anybody.
    ///
    /// - Throws: `SystemError` with the `EAI_` code when there is no such name or no answer.
    package static func resolve(
        host: String, port: UInt16
    ) throws(SystemError) -> [SocketAddress] {
        if let numeric = SocketAddress(host: host, port: port) { return [numeric] }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &list)
        if code != 0 { throw SystemError(.getaddrinfo, code: code) }
        defer { unsafe freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next, found.count < 16 {
            if let address = unsafe SocketAddress(entry.pointee.ai_addr, port: port) {
                found.append(address)
            }
            unsafe next = entry.pointee.ai_next
        }
        if found.isEmpty { throw SystemError(.getaddrinfo, code: EAI_NONAME) }
        return found
    }

    /// Whether only this machine can reach it.
    package var isLoopback: Bool {
        if !isIPv6 { return bytes[0] == 127 }
        for index in 0..<15 where bytes[index] != 0 { return false }
        return bytes[15] == 1
    }

    /// Whether it stands for every address of this machine and so names none: 0.0.0.0 or [::].
    package var isUnspecified: Bool {
        for index in 0..<16 where bytes[index] != 0 { return false }
        return true
    }

    /// The address as `127.0.0.1:8437` or `[::1]:8437`.
    package var description: String {
        var source = bytes
        let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            let family = isIPv6 ? AF_INET6 : AF_INET
            let end = unsafe inet_ntop(family, &source, buffer.baseAddress, socklen_t(buffer.count))
            return unsafe end.map { unsafe String(cString: $0) } ?? "?"
        }
        return isIPv6 ? "[\(text)]:\(port)" : "\(text):\(port)"
    }

    package static func == (left: SocketAddress, right: SocketAddress) -> Bool {
        for index in 0..<16 where left.bytes[index] != right.bytes[index] { return false }
        return left.isIPv6 == right.isIPv6 && left.port == right.port && left.scope == right.scope
    }

    package func hash(into hasher: inout Hasher) {
        for index in 0..<16 { hasher.combine(bytes[index]) }
        hasher.combine(isIPv6)
        hasher.combine(port)
        hasher.combine(scope)
    }

    private init(v4: in_addr, port: UInt16) {
        var bytes = [16 of UInt8](repeating: 0)
        for index in 0..<4 {
            bytes[index] = UInt8(
                truncatingIfNeeded: UInt32(bigEndian: v4.s_addr) >> (24 - 8 * index))
        }
        self.bytes = bytes
        isIPv6 = false
        self.port = port
        scope = 0
    }

    private init(v6: in6_addr, port: UInt16, scope: UInt32) {
        bytes = unsafe unsafeBitCast(v6, to: [16 of UInt8].self)
        isIPv6 = true
        self.port = port
        self.scope = scope
    }

    /// Reads what the system wrote; nil for families other than the two. `port` overrides when set.
    init?(_ address: UnsafePointer<sockaddr>?, port: UInt16? = nil) {
        guard let address = unsafe address else { return nil }
        let raw = unsafe UnsafeRawPointer(address)
        switch unsafe Int32(address.pointee.sa_family) {
        case AF_INET:
            let v4 = unsafe raw.loadUnaligned(as: sockaddr_in.self)
            self.init(v4: v4.sin_addr, port: port ?? UInt16(bigEndian: v4.sin_port))
        case AF_INET6:
            let v6 = unsafe raw.loadUnaligned(as: sockaddr_in6.self)
            self.init(
                v6: v6.sin6_addr, port: port ?? UInt16(bigEndian: v6.sin6_port),
                scope: v6.sin6_scope_id)
        default: return nil
        }
    }

    var family: Int32 { isIPv6 ? AF_INET6 : AF_INET }

    /// Hands the address to a call in the form the system wants.
    func withSockaddr(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        if isIPv6 {
            var v6 = sockaddr_in6()
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = port.bigEndian
            v6.sin6_addr = unsafe unsafeBitCast(bytes, to: in6_addr.self)
            v6.sin6_scope_id = scope
            return unsafe withUnsafeBytes(of: &v6) { unsafe Self.call(body, $0) }
        }
        var v4 = sockaddr_in()
        v4.sin_family = sa_family_t(AF_INET)
        v4.sin_port = port.bigEndian
        var host: UInt32 = 0
        for index in 0..<4 { host = host << 8 | UInt32(bytes[index]) }
        v4.sin_addr.s_addr = host.bigEndian
        return unsafe withUnsafeBytes(of: &v4) { unsafe Self.call(body, $0) }
    }

    private static func call(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32, _ bytes: UnsafeRawBufferPointer
    ) -> Int32 {
        guard let base = bytes.baseAddress else { return -1 }
        return unsafe body(base.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
}
