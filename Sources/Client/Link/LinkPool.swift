internal import Platform
internal import Primitives
internal import Wire

/// What happened on a connection.
enum LinkEvent: Equatable, Sendable {
    /// It stands: the channel's key is the pinned one, the hello was read.
    case connected(LinkID, handshakeHash: FixedBytes<32>, hello: [UInt8])
    /// It could not be made or ended; the id is not used again.
    case disconnected(LinkID, ClientError)
    /// A frame of the server, in the order of the connection.
    case frame(LinkID, type: UInt8, body: [UInt8])
}

/// The sockets of a client: opens, reads, writes and closes them as it is told, on the caller's
/// thread, and never blocks.
///
///     pool.flush()
///     pool.watch(in: &poller)
///     _ = try poller.wait(timeoutMilliseconds: …)
///     for event in pool.turn(poller) { … }
final class LinkPool {
    /// Time for the TCP connection and all handshakes together, in milliseconds.
    static let openMilliseconds: Int64 = 15_000
    /// Bytes that the server may leave unread before a connection is given up: more than all that
    /// the protocol lets a client have in flight.
    static let outputByteCountMax = 8 << 20

    private let clock: any Clock
    private let random: any RandomSource
    private var sockets: [LinkID: LinkSocket] = [:]
    /// Connections whose host name is being looked up.
    private var lookups: [LinkID: Lookup] = [:]
    /// What happened outside of a turn: failures to begin.
    private var pending: [LinkEvent] = []

    /// A server whose addresses are not known yet.
    private struct Lookup {
        let server: ServerAddress
        let names: NameLookup
        let deadline: Int64
    }

    init(clock: any Clock, random: any RandomSource) {
        self.clock = clock
        self.random = random
    }

    /// Whether no connection is open or being opened.
    var isEmpty: Bool { sockets.isEmpty && lookups.isEmpty && pending.isEmpty }

    /// Begins to connect; `turn` tells how it went.
    func open(_ id: LinkID, _ server: ServerAddress) {
        let deadline = clock.monotonicMilliseconds + Self.openMilliseconds
        let host = server.host.bare
        if let numeric = SocketAddress(host: host, port: server.port) {
            return begin(id, server, [numeric], deadline: deadline)
        }
        do {
            lookups[id] = Lookup(
                server: server, names: try NameLookup(host: host, port: server.port),
                deadline: deadline)
        } catch {
            pending.append(.disconnected(id, .hostUnknown))
        }
    }

    private func begin(
        _ id: LinkID, _ server: ServerAddress, _ addresses: [SocketAddress], deadline: Int64
    ) {
        do {
            sockets[id] = try LinkSocket(
                to: server, at: addresses, now: clock.monotonicMilliseconds, deadline: deadline,
                random: random)
        } catch {
            pending.append(.disconnected(id, error))
        }
    }

    /// Goes on with what the name service has answered, or has had its time for.
    private func takeNames(_ poller: Poller, now: Int64) {
        for id in lookups.keys.sorted() {
            guard let lookup = lookups[id] else { continue }
            let isReady = !poller.readiness(of: lookup.names.descriptor).isEmpty
            guard let addresses = isReady ? lookup.names.take() : now >= lookup.deadline ? [] : nil
            else { continue }
            lookups[id] = nil
            if addresses.isEmpty {
                pending.append(.disconnected(id, .hostUnknown))
            } else {
                begin(id, lookup.server, addresses, deadline: lookup.deadline)
            }
        }
    }

    /// Queues an encoded frame; one for a connection that has gone is dropped, as the network would.
    func send(_ id: LinkID, _ frame: [UInt8]) {
        sockets[id]?.send(frame.raw)
    }

    /// Closes a connection after what was queued; no event follows.
    func close(_ id: LinkID) {
        lookups[id] = nil
        sockets.removeValue(forKey: id)?.close()
    }

    /// Closes all connections.
    func closeAll() {
        for id in sockets.keys.sorted() { close(id) }
        lookups = [:]
        pending = []
    }

    /// Hands what was queued to the system.
    func flush() {
        for id in sockets.keys.sorted() {
            do {
                try sockets[id]?.flush()
            } catch {
                fail(id, error)
            }
        }
    }

    /// Tells the poller what to wait for.
    func watch(in poller: inout Poller) {
        for socket in sockets.values { socket.watch(in: &poller) }
        for lookup in lookups.values { poller.watch(lookup.names.descriptor, [.read]) }
    }

    /// When `turn` is due even if nothing can be read, in milliseconds of the monotonic clock.
    var deadline: Int64? {
        guard pending.isEmpty else { return clock.monotonicMilliseconds }
        return (sockets.values.map(\.deadline) + lookups.values.map(\.deadline)).min()
    }

    /// Reads and writes what is ready and looks at the time.
    func turn(_ poller: Poller) -> [LinkEvent] {
        let now = clock.monotonicMilliseconds
        takeNames(poller, now: now)
        var events = pending
        pending = []
        for id in sockets.keys.sorted() {
            guard let socket = sockets[id] else { continue }
            do {
                for event in try socket.turn(poller, now: now) {
                    switch event {
                    case .connected(let hash, let hello):
                        events.append(.connected(id, handshakeHash: hash, hello: hello))
                    case .frame(let type, let body):
                        events.append(.frame(id, type: type, body: body))
                    }
                }
                if let error = socket.failure {
                    sockets[id] = nil
                    events.append(.disconnected(id, error))
                }
            } catch {
                sockets[id] = nil
                events.append(.disconnected(id, error))
            }
        }
        return events
    }

    private func fail(_ id: LinkID, _ error: ClientError) {
        sockets[id] = nil
        pending.append(.disconnected(id, error))
    }
}
