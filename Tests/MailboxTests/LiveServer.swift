import Glibc
import Platform
import Primitives
import Testing

@testable import Mailbox

/// A whole server on a free port of this machine: event loops, threads, SQLite in a folder.
final class LiveServer {
    let address: SocketAddress
    let admin: SocketAddress?
    let key: X25519PublicKey
    /// What the connections' deadlines go by; it stands still unless a test moves it.
    let clock: ManualClock
    private let folder: ServerFolder
    private let server: Server
    private let end = Lock<ServerEnd?>(nil)
    private let ended: Inbox<Bool>
    private var seed: UInt64 = 0

    /// How long anything here may take before it counts as failed, in milliseconds.
    static let patience: Int64 = 20_000

    init(
        loopCount: Int = 1, connectionsMax: Int = 1_000, connectionsPerAddressMax: Int = 0
    ) throws {
        folder = try ServerFolder()
        let keys = try folder.data.readKeys()
        key = keys.channel.publicKey
        let system = SystemClock()
        clock = ManualClock(
            wallMilliseconds: system.wallMilliseconds,
            monotonicMilliseconds: system.monotonicMilliseconds)
        let any = try #require(SocketAddress(numeric: "127.0.0.1:0"))
        var configuration = ServerConfiguration(
            listen: any, admin: any, connectionsMax: connectionsMax)
        configuration.loopCount = loopCount
        configuration.connectionsPerAddressMax = connectionsPerAddressMax
        configuration.countsLoopback = true
        server = try Server(
            configuration, keys: keys, clock: clock,
            storageThread: ServerStorage.thread(in: folder.data, diskFloorByteCount: 0))
        address = server.listenAddress
        admin = server.adminAddress
        ended = try Inbox()
        let (server, end, ended) = (server, end, ended)
        _ = try spawnThread(named: "server") {
            let result = server.run()
            end.withLock { $0 = result }
            ended.post(true)
        }
    }

    /// Asks the server to end, as SIGTERM would.
    func askToEnd() { server.end() }

    /// Waits for the server's end.
    func waitForEnd() throws -> ServerEnd {
        ended.wait(timeoutMilliseconds: Int32(Self.patience))
        return try #require(end.withLock { $0 })
    }

    /// Ends the server in order; the store's file is closed then. Clients that are there still need
    /// not answer: the time that they have for it is let pass.
    func stop() throws {
        askToEnd()
        for _ in 0..<LiveServer.patience / 20 where end.withLock({ $0 }) == nil {
            ended.wait(timeoutMilliseconds: 20)
            clock.advance(milliseconds: 1_000)
        }
        guard case .drained = try waitForEnd() else {
            Issue.record("the server did not end in order")
            return
        }
    }

    /// A socket to the server on which nothing was said yet.
    func socket() throws -> Descriptor {
        try TCP.connect(
            toAnyOf: [address], timeoutMilliseconds: Self.patience, clock: SystemClock())
    }

    /// A client whose channel is open; the hello is taken.
    func open() throws -> LiveClient {
        let client = try connect()
        try client.until { $0.client.isOpen && !$0.client.events.isEmpty }
        guard case .hello? = client.client.take().first else {
            throw LiveClient.Failure.unexpected
        }
        return client
    }

    /// A client with a connection on which the upgrade is about to begin.
    func connect() throws -> LiveClient {
        seed += 1
        return LiveClient(
            try socket(), TestClient(serverKey: key, seed: seed + 1_000))
    }
}

/// A client over a real socket, which waits for what it is told to wait for.
final class LiveClient {
    enum Failure: Error { case timeout, closed, unexpected }

    let client: TestClient
    private let socket: Descriptor
    private(set) var isClosed = false
    /// Whether it answers nothing that the server says.
    var isMute = false
    private var input = ByteBuffer()

    init(_ socket: consuming Descriptor, _ client: TestClient) {
        self.socket = socket
        self.client = client
    }

    /// Moves bytes both ways until the condition holds.
    func until(_ condition: (LiveClient) -> Bool) throws {
        let clock = SystemClock()
        let deadline = clock.monotonicMilliseconds + LiveServer.patience
        while !condition(self) {
            if isClosed { throw Failure.closed }
            let left = deadline - clock.monotonicMilliseconds
            if left <= 0 { throw Failure.timeout }
            try step(waiting: Int32(left))
        }
    }

    /// Sends what was added and waits for so many events, all of which it takes.
    @discardableResult
    func exchange(_ count: Int = 1) throws -> [TestClient.Event] {
        client.send()
        try until { $0.client.events.count >= count }
        return client.take()
    }

    /// Writes as much as the socket takes now, and reads nothing.
    func write() throws {
        client.send()
        while !client.output.isEmpty {
            let bytes = client.output
            guard case .bytes(let count) = try socket.send(bytes.raw) else { return }
            client.output.removeFirst(count)
        }
    }

    /// Waits until the server has closed the connection, and closes this end.
    func untilClosed() throws {
        do {
            try until { _ in false }
        } catch Failure.closed {
            TCP.finishSending(socket)
        }
    }

    private func step(waiting milliseconds: Int32) throws {
        var poller = Poller()
        poller.watch(socket.raw, client.output.isEmpty ? [.read] : [.read, .write])
        _ = try poller.wait(timeoutMilliseconds: milliseconds)
        if !client.output.isEmpty { try write() }
        switch try socket.read(into: &input, room: 1 << 16) {
        case .bytes:
            if !isMute { client.receive([UInt8](copying: input.readable)) }
            input.removeAll()
        case .wouldBlock: break
        case .closed: isClosed = true
        }
    }
}
