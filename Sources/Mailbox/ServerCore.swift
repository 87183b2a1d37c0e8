import Channel
import Platform
package import Primitives
import Wire

/// A whole server without threads, sockets or clock: one loop, its router, the crypto work and a
/// store, in one value that does everything when it is told to and in the same order every time.
///
/// Tests and simulations drive it: bytes of clients in, bytes for clients out, times passed in.
/// It is the code of the real server but for `EventLoop`, `Acceptor` and the inboxes.
package struct ServerCore<S: Store>: ~Copyable {
    private var loop: LoopCore
    private var crypto: CryptoWorker
    /// The store.
    package let store: S
    /// What the store has failed with; the server is dead then.
    package private(set) var failure: StoreError?
    private var addresses: [ConnectionID: ClientAddress] = [:]
    private var input = ByteBuffer()

    /// Makes a server nobody is connected to.
    ///
    /// - Parameters:
    ///   - random: drawn from for handshakes and rate limits.
    ///   - gatheredByteCountMax: bytes of requests that may wait for the store.
    package init(
        store: S, keys: consuming ServerKeys, random: any RandomSource,
        time: Moment, gatheredByteCountMax: Int = 64 << 20
    ) {
        let signingKey = keys.signing.publicKey
        var random = random
        let routerSeed: FixedBytes<32> = random.bytes()
        loop = LoopCore(
            index: 0, loopCount: 1,
            router: Router(
                loopCount: 1, wallSeconds: time.wallSeconds,
                random: SeededRandom(seed: routerSeed)),
            signingKey: signingKey, policy: .postern, time: time,
            gathering: Gathering(byteCountMax: gatheredByteCountMax))
        crypto = CryptoWorker(staticKey: keys.takeChannel(), random: random)
        self.store = store
    }

    /// A client connects. Nil when the server is draining.
    package mutating func connect(from address: ClientAddress) -> ConnectionID? {
        guard let id = loop.open() else { return nil }
        addresses[id] = address
        return id
    }

    /// Whether the server would read from this connection's socket now.
    package func wantsInput(_ id: ConnectionID) -> Bool { loop.wantsInput(id) }

    /// Bytes of a client arrive.
    package mutating func receive(_ id: ConnectionID, _ bytes: RawSpan) {
        let address = addresses[id] ?? .none
        input.append(bytes)
        loop.receive(id, &input) { address }
    }

    /// A client's connection is gone.
    package mutating func disconnect(_ id: ConnectionID) {
        addresses[id] = nil
        loop.drop(id, .byClient)
    }

    /// Does all that follows from what came before: crypto, commits, answers, until nothing is
    /// left to be done.
    package mutating func turn(_ time: Moment) {
        loop.setTime(time)
        while failure == nil {
            loop.resume { [addresses] id in addresses[id] ?? .none }
            var didWork = false
            loop.abandoned.removeAll()
            let jobs = loop.handshakes
            loop.handshakes.removeAll()
            for job in jobs {
                didWork = true
                loop.completeHandshake(job.connection, crypto.answer(job))
            }
            for check in loop.takeChecks() {
                didWork = true
                loop.complete(crypto.judge(check))
            }
            let batch = loop.takeStorage()
            if !batch.isEmpty {
                didWork = true
                do throws(StoreError) {
                    loop.complete(try store.commit(batch, wallSeconds: time.wallSeconds))
                } catch {
                    failure = error
                }
            }
            if !didWork && !loop.hasResumable { break }
        }
        _ = loop.endTurn()
    }

    /// Lets the clock tick: deadlines, hourly work. To be called about once a second.
    package mutating func tick(_ time: Moment) {
        loop.setTime(time)
        for id in loop.tick() { disconnect(id) }
        turn(time)
    }

    /// How many bytes wait for a client.
    package func outputByteCount(_ id: ConnectionID) -> Int { loop.unreadByteCount(of: id) }

    /// Takes at most `byteCountMax` bytes for a client, as its socket would.
    package mutating func takeOutput(_ id: ConnectionID, byteCountMax: Int = .max) -> [UInt8] {
        let taken =
            loop.withOutput(of: id) { bytes in
                [UInt8](copying: bytes.extracting(first: min(byteCountMax, bytes.byteCount)))
            } ?? []
        if !taken.isEmpty {
            loop.wrote(id, taken.count)
            // What has waited for the socket is sealed now, as in a turn of the event loop.
            if loop.hasDirty { _ = loop.endTurn() }
        }
        return taken
    }

    /// Whether the server has said its last word to a client, or does not know it any more.
    package func isOver(_ id: ConnectionID) -> Bool { loop.isSpent(id) }

    /// Begins to shut down. CH-47
    package mutating func drain(random: inout some RandomSource) {
        loop.drain(secondsToWait: 30, random: &random)
    }

    /// While shutting down: closes what has all its answers; returns how many connections are left.
    package mutating func continueDrain() -> Int { loop.continueDrain() }

    /// Takes how many connections ended for each reason, by `ConnectionEnd.rawValue`.
    package mutating func takeEndCounts() -> [Int] { loop.takeEndCounts() }

    /// Connections there are.
    package var connectionCount: Int { loop.connectionCount }

    /// Bytes of memory the buffers of a connection hold.
    package func bufferByteCount(_ id: ConnectionID) -> Int { loop.bufferByteCount(id) }
}
