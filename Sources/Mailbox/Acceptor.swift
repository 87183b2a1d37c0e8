import Platform

/// A listening socket that stays well-behaved when connections or descriptors run out (H6).
struct Acceptor: ~Copyable {
    /// A client that was let in.
    struct Client: ~Copyable {
        let socket: Descriptor
        let place: AddressPlace
    }

    private let listener: Descriptor
    /// Most connections the loop holds; one more is closed at once.
    private let connectionsMax: Int
    /// The connections of each client address; shared by all loops.
    private let addresses: AddressCounts
    /// Kept open to be given up for the moment in which a waiting client is turned away, when the
    /// process has no descriptor left.
    private var reserve: Descriptor?
    /// Whether the loop has stopped listening until the next tick.
    private(set) var isExhausted = false

    init(listener: consuming Descriptor, connectionsMax: Int, addresses: AddressCounts) {
        self.listener = listener
        self.addresses = addresses
        self.connectionsMax = connectionsMax
        reserve = try? Descriptor.openNull()
    }

    /// The listening socket's number, for epoll.
    var descriptor: Int32 { listener.raw }

    /// Takes one client; nil when nobody waits, or nobody can be taken now.
    ///
    /// - Parameters:
    ///   - open: connections the loop holds.
    ///   - epoll: where the listener is watched, as `token`.
    mutating func accept(open: Int, epoll: borrowing Epoll, token: UInt64) -> Client? {
        guard !isExhausted else { return nil }
        // Bounded, so that a flood of clients which are turned away cannot hold the loop.
        for _ in 0..<64 {
            guard let accepted = try? TCP.accept(on: listener) else { return nil }
            switch consume accepted {
            case .connection(let socket, from: let address):
                // At a limit a client is told so by a closed connection, and the next is asked.
                if open < connectionsMax, let place = addresses.enter(address) {
                    return Client(socket: socket, place: place)
                }
            case .none:
                return nil
            case .exhausted:
                turnAway()
                // A level-triggered listener would be told again at once, for ever. CH-49
                try? epoll.modify(listener.raw, token: token, for: [])
                return nil
            }
        }
        return nil
    }

    /// Goes on after descriptors had run out.
    mutating func retry(epoll: borrowing Epoll, token: UInt64) {
        if reserve == nil { reserve = try? Descriptor.openNull() }
        guard isExhausted, reserve != nil else { return }
        guard (try? epoll.modify(listener.raw, token: token, for: [.read])) != nil else { return }
        isExhausted = false
    }

    /// Closes the clients that wait, with the descriptor kept for it, and then rests until the
    /// next tick.
    private mutating func turnAway() {
        for _ in 0..<64 {
            guard reserve != nil else { break }
            reserve = nil
            if let accepted = try? TCP.accept(on: listener), case .connection = consume accepted {
                reserve = try? Descriptor.openNull()
                continue
            }
            reserve = try? Descriptor.openNull()
            break
        }
        isExhausted = true
    }
}
