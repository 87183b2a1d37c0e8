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
/// thread, and never blocks but in the look-up of a host name.
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
    /// What happened outside of a turn: failures to begin.
    private var pending: [LinkEvent] = []

    init(clock: any Clock, random: any RandomSource) {
        self.clock = clock
        self.random = random
    }

    /// Whether no connection is open or being opened.
    var isEmpty: Bool { sockets.isEmpty && pending.isEmpty }

    /// Begins to connect; `turn` tells how it went.
    func open(_ id: LinkID, _ server: ServerAddress) {
        do {
            sockets[id] = try LinkSocket(
                to: server, now: clock.monotonicMilliseconds, random: random)
        } catch {
            pending.append(.disconnected(id, error))
        }
    }

    /// Queues an encoded frame; one for a connection that has gone is dropped, as the network would.
    func send(_ id: LinkID, _ frame: [UInt8]) {
        sockets[id]?.send(frame.raw)
    }

    /// Closes a connection after what was queued; no event follows.
    func close(_ id: LinkID) {
        sockets.removeValue(forKey: id)?.close()
    }

    /// Closes all connections.
    func closeAll() {
        for id in sockets.keys.sorted() { close(id) }
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
    }

    /// When `turn` is due even if nothing can be read, in milliseconds of the monotonic clock.
    var deadline: Int64? {
        pending.isEmpty ? sockets.values.map(\.deadline).min() : clock.monotonicMilliseconds
    }

    /// Reads and writes what is ready and looks at the time.
    func turn(_ poller: Poller) -> [LinkEvent] {
        let now = clock.monotonicMilliseconds
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
