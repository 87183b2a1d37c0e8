package import Platform
import Primitives

/// Where a client comes from, for bounds by address only: an IPv4 address, or the first 64 bits of an
/// IPv6 address, since whoever has one address there has 2^64.
///
/// It is asked of the socket when a request needs it, goes with that request until it is answered,
/// and is kept nowhere. MB-23, MB-27
package struct ClientAddress: Sendable {
    /// 1 byte of family (4 or 6) and 8 bytes: the IPv4 address and zeros, or the IPv6 prefix.
    let bytes: FixedBytes<9>

    /// Takes the part of a socket's address that counts; the port never does.
    package init(_ address: SocketAddress) {
        var bytes = FixedBytes<9>()
        // An IPv4 address that came in over an IPv6 socket is an IPv4 address.
        var mapped = address.isIPv6
        for index in 0..<12 where address.bytes[index] != (index < 10 ? 0 : 0xff) {
            mapped = false
        }
        if mapped || !address.isIPv6 {
            bytes[0] = 4
            for index in 0..<4 { bytes[1 + index] = address.bytes[(mapped ? 12 : 0) + index] }
        } else {
            bytes[0] = 6
            for index in 0..<8 { bytes[1 + index] = address.bytes[index] }
        }
        self.bytes = bytes
    }

    /// Whether it is this machine's own: a proxy or an onion service here brings all its clients
    /// from it, so it says nothing about one of them.
    var isLoopback: Bool {
        if bytes[0] == 4 { return bytes[1] == 127 }
        // The first half of ::1, which no address of another machine has.
        return (1...8).allSatisfy { bytes[$0] == 0 }
    }

    /// No address: for frames that are not counted by one.
    package static let none = ClientAddress(simulated: 0)

    /// Stands for one of many clients in a world without sockets.
    package init(simulated number: UInt32) {
        var bytes = FixedBytes<9>()
        bytes[0] = 4
        for index in 0..<4 {
            bytes[1 + index] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * index))
        }
        self.bytes = bytes
    }
}
