package import Platform

/// What an operator chooses.
package struct ServerConfiguration: Sendable {
    /// Where clients connect; port 0 lets the system choose.
    package var listen: SocketAddress
    /// Where the operator asks for health, loopback only; nil for nowhere.
    package var admin: SocketAddress?
    /// Event loops, 1 to 64.
    package var loopCount = 1
    /// Connections in all; more are closed as they come.
    package var connectionsMax: Int
    /// Connections of one client address; more are closed as they come; 0 for no bound. Those from
    /// this machine itself are not counted. CH-48
    package var connectionsPerAddressMax: Int
    /// Whether they are, for tests, which have no other machine.
    var countsLoopback = false
    /// Below so many free bytes on the store's disk nothing is stored any more. MB-17
    package var diskFloorByteCount: Int64 = 256 << 20

    /// Makes a configuration with defaults for the rest.
    package init(listen: SocketAddress, admin: SocketAddress?, connectionsMax: Int) {
        self.listen = listen
        self.admin = admin
        self.connectionsMax = connectionsMax
        connectionsPerAddressMax = max(16, connectionsMax / 8)
    }

    /// Descriptors kept for everything but connections: store, inboxes, listeners, standard
    /// streams, and some to spare. A loop has four: epoll, inbox, listener and one to give up.
    package static func descriptorReserve(loopCount: Int) -> Int { 36 + 4 * loopCount }
}
