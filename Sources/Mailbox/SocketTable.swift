import Platform

/// A connection's socket, on the loop that owns it.
final class ConnectionSocket {
    let id: ConnectionID
    let descriptor: Descriptor
    private let place: AddressPlace
    /// What epoll watches it for.
    var interest: Readiness = [.read]
    /// Whether the sending half was shut.
    var isShut = false

    init(_ id: ConnectionID, _ client: consuming Acceptor.Client) {
        self.id = id
        descriptor = client.socket
        place = client.place
    }

    /// Where the client comes from: asked of the kernel when it is needed, kept nowhere. MB-23
    var clientAddress: ClientAddress {
        guard let address = try? TCP.peerAddress(of: descriptor) else { return .none }
        return ClientAddress(address)
    }
}

/// The sockets of a loop by connection slot.
struct SocketTable {
    private var places: [ConnectionSocket?] = []
    private(set) var count = 0

    /// What stands for a connection in epoll: its slot and generation, so that an event fetched
    /// before a close never reaches who came after.
    static func token(_ id: ConnectionID) -> UInt64 {
        UInt64(id.generation) << 32 | UInt64(id.slot)
    }

    mutating func add(_ client: consuming Acceptor.Client, _ id: ConnectionID) {
        let slot = Int(id.slot)
        while places.count <= slot { places.append(nil) }
        places[slot] = ConnectionSocket(id, client)
        count += 1
    }

    mutating func remove(_ socket: ConnectionSocket) {
        let slot = Int(socket.id.slot)
        guard slot < places.count, places[slot] === socket else { return }
        places[slot] = nil
        count -= 1
    }

    subscript(id: ConnectionID) -> ConnectionSocket? { self[Self.token(id)] }

    subscript(token: UInt64) -> ConnectionSocket? {
        let slot = Int(token & 0xffff_ffff)
        guard slot < places.count, let socket = places[slot],
            Self.token(socket.id) == token
        else { return nil }
        return socket
    }
}
