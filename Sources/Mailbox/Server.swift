package import Platform
import Primitives
import Wire

/// A running server: its threads and the inboxes between them.
///
/// One thread for the store, one for slow computations, one an event loop, one for the admin
/// listener; the caller's thread waits in `run`.
package final class Server: Sendable {
    /// Why a server did not start.
    package enum StartFailure: Error, Sendable {
        /// An address cannot be listened on.
        case listen(SystemError)
        /// A thread, an inbox or another thing of the system's is not to be had.
        case system(SystemError)
        /// The store cannot be opened.
        case store(StorageFailure)
    }

    /// Where clients connect, with the port the system chose.
    package let listenAddress: SocketAddress
    /// Where health is served.
    package let adminAddress: SocketAddress?

    private let loops: [Inbox<LoopMessage>]
    private let crypto: Inbox<CryptoMessage>
    private let storage: Inbox<StorageMessage>
    private let control: Inbox<ControlMessage>
    private let adminEnd: Inbox<Bool>
    private let counters: ServerCounters

    /// How long the end may take in all; then the process goes without.
    private static let endMilliseconds: Int64 = 9_000

    /// Opens the store, then the listeners, and starts the threads.
    ///
    /// - Parameters:
    ///   - keys: the server's secrets.
    ///   - storageThread: opens the store, says so to the links, and serves until it is told to
    ///     stop. It runs on the storage thread, where the store stays.
    ///   - clock: what deadlines of connections go by; tests let it run faster.
    /// - Throws: `StartFailure`; the process is to end then.
    package init(
        _ configuration: ServerConfiguration, keys: consuming ServerKeys,
        clock: any Clock = SystemClock(),
        storageThread: @escaping @Sendable (StorageLinks) -> Void
    ) throws(StartFailure) {
        let loopCount = configuration.loopCount
        precondition((1...64).contains(loopCount))
        let signingKey = keys.signing.publicKey
        do throws(SystemError) {
            loops = try Self.inboxes(loopCount)
            crypto = try Inbox()
            storage = try Inbox()
            control = try Inbox()
        } catch {
            throw .system(error)
        }
        counters = ServerCounters(loopCount: loopCount)

        let links = StorageLinks(inbox: storage, router: loops[0], control: control)
        try Self.start("storage") { storageThread(links) }
        try Self.waitForStore(control)

        var acceptors: [OneShot<Acceptor>] = []
        var admin: OneShot<AdminListener>?
        var random = SystemRandom()
        let addresses = AddressCounts(
            countMax: configuration.connectionsPerAddressMax,
            includesLoopback: configuration.countsLoopback, random: &random)
        let share = max(1, configuration.connectionsMax / loopCount)
        do throws(SystemError) {
            var address = configuration.listen
            for _ in 0..<loopCount {
                let listener = try TCP.listen(on: address, sharesPort: loopCount > 1)
                // The first decides the port for all.
                address = try TCP.localAddress(of: listener)
                acceptors.append(
                    OneShot(
                        Acceptor(
                            listener: listener, connectionsMax: share, addresses: addresses)))
            }
            listenAddress = address
            if let address = configuration.admin {
                let listener = try TCP.listen(on: address)
                let own = try TCP.localAddress(of: listener)
                adminAddress = own
                admin = OneShot(
                    AdminListener(listener: listener, address: own, counters: counters))
            } else {
                adminAddress = nil
            }
            adminEnd = try Inbox()
        } catch {
            throw .listen(error)
        }

        if let admin {
            let end = adminEnd
            try Self.start("admin") { admin.take()?.run(until: end.descriptor) }
        }
        let keyBox = OneShot(keys)
        let inbox = crypto
        let toLoops = loops
        try Self.start("crypto") {
            guard let keys = keyBox.take() else { return }
            var worker = CryptoWorker(staticKey: keys.takeChannel(), random: SystemRandom())
            worker.run(inbox, loops: toLoops)
        }
        let loopLinks = LoopLinks(
            loops: loops, crypto: crypto, storage: storage, counters: counters)
        for index in 0..<loopCount {
            let control = self.control
            let acceptor = acceptors[index]
            try Self.start("loop") {
                EventLoop.serve(
                    index: index, acceptor: acceptor, links: loopLinks, signingKey: signingKey,
                    control: control, clock: clock)
            }
        }
        counters.health.set(.serving)
    }

    /// Waits until a signal, a failure or `end` ends the server, and ends it in order: every
    /// client is told, what was taken is answered, connections close with 1001. CH-47
    ///
    /// - Parameter signals: whose coming ends the server.
    package func run(until signals: borrowing SignalDescriptor) -> ServerEnd {
        run(untilReadable: signals.raw)
    }

    /// Waits until a failure or `end`; for tests in one process.
    package func run() -> ServerEnd { run(untilReadable: nil) }

    private func run(untilReadable signals: Int32?) -> ServerEnd {
        var messages: [ControlMessage] = []
        var isEnding = false
        var isStoreOpen = true
        var loopsLeft = loops.count
        var cutOff = 0
        var deadline = Int64.max
        let clock = SystemClock()
        while true {
            var poller = Poller()
            poller.watch(control.descriptor, [.read])
            // Once it ends a further signal says nothing new.
            if let signals, !isEnding { poller.watch(signals, [.read]) }
            let left = deadline == .max ? -1 : max(0, deadline - clock.monotonicMilliseconds)
            guard (try? poller.wait(timeoutMilliseconds: Int32(clamping: left))) != nil else {
                return .drained(cutOff: counters.connectionCount)
            }
            control.take(into: &messages)
            for message in messages {
                switch message {
                case .storeOpened: break
                case .storeFailed(let failure):
                    counters.health.set(.failed)
                    return .storeFailed(failure)
                case .loopFailed(let error):
                    counters.health.set(.failed)
                    return .systemFailed(error)
                case .storeClosed:
                    isStoreOpen = false
                case .loopEnded(let count):
                    loopsLeft -= 1
                    cutOff += count
                    // Nobody is left who could ask for more.
                    if loopsLeft == 0 { storage.post(.stop) }
                case .end:
                    isEnding = true
                }
            }
            if let signals, !poller.readiness(of: signals).isEmpty { isEnding = true }
            if isEnding, deadline == .max {
                deadline = clock.monotonicMilliseconds + Self.endMilliseconds
                counters.health.set(.draining)
                ServerLog.write(.draining)
                for loop in loops { loop.post(.drain) }
            }
            // The store's file is closed and its log cut before the process goes (Z11).
            if !isStoreOpen || clock.monotonicMilliseconds >= deadline {
                crypto.post(.stop)
                adminEnd.post(true)
                return .drained(cutOff: cutOff)
            }
        }
    }

    /// Ends the server as a signal would; for tests in one process.
    package func end() { control.post(.end) }

    private static func inboxes(_ count: Int) throws(SystemError) -> [Inbox<LoopMessage>] {
        var inboxes: [Inbox<LoopMessage>] = []
        for _ in 0..<count { inboxes.append(try Inbox()) }
        return inboxes
    }

    private static func start(
        _ name: StaticString, _ body: @escaping @Sendable () -> Void
    ) throws(StartFailure) {
        do throws(SystemError) {
            _ = try spawnThread(named: name, body)
        } catch {
            throw .system(error)
        }
    }

    /// Nobody may connect before there is a store to serve them from.
    private static func waitForStore(
        _ control: Inbox<ControlMessage>
    ) throws(StartFailure) {
        var messages: [ControlMessage] = []
        while true {
            control.wait()
            control.take(into: &messages)
            for message in messages {
                if case .storeOpened = message { return }
                if case .storeFailed(let failure) = message { throw .store(failure) }
            }
        }
    }
}
