internal import Glibc
internal import Platform
internal import Primitives
internal import Wire

/// One connection with its socket.
final class LinkSocket {
    /// Set when the connection has ended in a way that the events before it must come first.
    private(set) var failure: ClientError?

    private var connection: LinkConnection
    private var descriptor: Descriptor
    private var addresses: [SocketAddress]
    private var isConnected = false
    private var buffer = ByteBuffer()
    private let openDeadline: Int64
    private var attemptDeadline: Int64

    /// Begins to connect to the first of the server's addresses.
    ///
    /// - Parameter deadline: when TCP connection and handshakes must be done, monotonic ms.
    /// - Throws: `ClientError.unreachable`, `.addressInvalid`.
    init(
        to server: ServerAddress, at addresses: [SocketAddress], now: Int64, deadline: Int64,
        random: any RandomSource
    ) throws(ClientError) {
        connection = try LinkConnection(to: server, now: now, random: random)
        openDeadline = deadline
        attemptDeadline = deadline
        var addresses = addresses
        let first = try Self.begin(&addresses)
        descriptor = first
        self.addresses = addresses
        attemptDeadline = Self.share(of: deadline - now, from: now, left: addresses.count)
    }

    /// When `turn` is due whatever the poller says.
    var deadline: Int64 {
        connection.isReady ? connection.deadline : min(openDeadline, attemptDeadline)
    }

    func send(_ frame: RawSpan) { connection.send(frame) }

    /// Sends what is queued, then says goodbye; what the system does not take at once is lost, as
    /// if the network had gone.
    func close() {
        guard isConnected else { return }
        connection.close()
        try? write()
        TCP.finishSending(descriptor)
    }

    /// Seals what is queued and hands it to the system.
    func flush() throws(ClientError) {
        connection.flush()
        if isConnected { try write() }
        guard connection.output.count <= LinkPool.outputByteCountMax else { throw .timedOut }
    }

    func watch(in poller: inout Poller) {
        let wantsToWrite = !isConnected || !connection.output.isEmpty
        poller.watch(descriptor.raw, wantsToWrite ? [.read, .write] : [.read])
    }

    /// Reads and writes what is ready.
    ///
    /// - Throws: Why the connection is to be given up.
    func turn(_ poller: Poller, now: Int64) throws(ClientError) -> [LinkConnection.Event] {
        let ready = poller.readiness(of: descriptor.raw)
        if !isConnected {
            if !ready.isEmpty {
                try connected(now: now)
            } else if now >= attemptDeadline {
                try next(now: now, after: .timedOut)
            }
            guard isConnected else { return [] }
        }
        if !connection.isReady, now >= openDeadline { throw .timedOut }
        if connection.isReady { try connection.tick(now: now) }
        let events = ready.isEmpty ? [] : try read(now: now)
        try write()
        return events
    }

    // MARK: Connecting

    private func connected(now: Int64) throws(ClientError) {
        do {
            try TCP.connectResult(of: descriptor)
            isConnected = true
        } catch {
            try next(now: now, after: .unreachable(errorNumber: error.code))
        }
    }

    /// Tries the next address, if there is one.
    private func next(now: Int64, after error: ClientError) throws(ClientError) {
        if addresses.isEmpty || now >= openDeadline { throw error }
        descriptor = try Self.begin(&addresses)
        attemptDeadline = Self.share(of: openDeadline - now, from: now, left: addresses.count)
    }

    /// A dead address leaves time for those after it.
    private static func share(of time: Int64, from now: Int64, left: Int) -> Int64 {
        now + time / Int64(left + 1)
    }

    private static func begin(_ addresses: inout [SocketAddress]) throws(ClientError) -> Descriptor
    {
        var last: Int32 = EADDRNOTAVAIL
        while !addresses.isEmpty {
            do {
                return try TCP.connect(to: addresses.removeFirst())
            } catch {
                last = error.code
            }
        }
        throw .unreachable(errorNumber: last)
    }

    // MARK: Bytes

    private func read(now: Int64) throws(ClientError) -> [LinkConnection.Event] {
        var events: [LinkConnection.Event] = []
        // Bounded, so that one busy connection does not starve the others.
        for _ in 0..<16 {
            let result: TransferResult
            do {
                result = try descriptor.read(into: &buffer, room: 65_536)
            } catch {
                failure = .unreachable(errorNumber: error.code)
                return events
            }
            switch result {
            case .bytes:
                do throws(ClientError) {
                    events += try Self.feed(&buffer, to: &connection, now: now)
                    if let error = connection.failure { throw error }
                } catch {
                    failure = error
                    return events
                }
            case .closed:
                failure = .connectionLost
                return events
            default: return events
            }
        }
        return events
    }

    /// A function of its own, because a span of a stored property bars the others.
    private static func feed(
        _ buffer: inout ByteBuffer, to connection: inout LinkConnection, now: Int64
    ) throws(ClientError) -> [LinkConnection.Event] {
        let events = try connection.feed(buffer.readable, now: now)
        buffer.removeAll()
        return events
    }

    private func write() throws(ClientError) {
        while !connection.output.isEmpty {
            let result: TransferResult
            do {
                let output = connection.output
                result = try descriptor.send(output.raw)
            } catch {
                throw .unreachable(errorNumber: error.code)
            }
            guard case .bytes(let count) = result, count > 0 else { return }
            connection.sent(count)
        }
    }
}

extension Host {
    /// As the name service wants it: an IPv6 address without its brackets.
    var bare: String {
        if case .ipv6 = self { String(text.dropFirst().dropLast()) } else { text }
    }
}
