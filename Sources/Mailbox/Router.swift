package import Primitives
import Wire

/// Who is attached to which mailbox, and what follows from a frame, an answer of the store or a
/// verdict on a signature.
///
/// A value without I/O, clock or randomness of its own: frames, answers and times go in; store
/// requests, signatures to check and frames to send come out. One router serves all event loops of
/// a process, so that no state is shared between threads. It writes nothing to disk: attaches,
/// windows and rate limits end with the process.
///
/// - SPEC: §10
package struct Router: ~Copyable {
    /// Requests for the store gathered since the shell last took them.
    package var storage = StorageBatch()
    /// Signatures to be checked, gathered since the shell last took them.
    package var checks: [AttachCheck] = []

    var peers: PeerTable
    var mailboxes = MailboxTable()
    var limiter: RateLimiter
    var random: any RandomSource
    /// Seconds since 1970, as the shell last told.
    private(set) var wallSeconds: Int64
    private var sweptHour: Int64
    /// The attached mailbox at which the renewing of leases goes on.
    private var renewalIndex = 0

    /// Attached mailboxes looked at in a tick: a commit with so many more rows is not felt, and a
    /// hundred thousand are through in minutes of the week there is.
    package static let renewalsPerTickMax = 500
    /// A sweep is to be asked for at the next tick.
    var isSweepDue = false
    /// One was asked for and has not been answered: a slow disk must not gather more of them.
    var isSweepUnderWay = false

    /// Makes a router nobody is connected to.
    ///
    /// - Parameters:
    ///   - loopCount: how many event loops hold connections, at least 1.
    ///   - wallSeconds: seconds since 1970, UTC.
    package init(loopCount: Int, wallSeconds: Int64, random: any RandomSource) {
        var random = random
        peers = PeerTable(loopCount: loopCount)
        limiter = RateLimiter(wallSeconds: wallSeconds, random: &random)
        self.random = random
        self.wallSeconds = wallSeconds
        sweptHour = wallSeconds / 3_600 - 1
    }

    /// Tells the time; asks once an hour for the removal of what has expired, and at each tick
    /// while the store says that there is more.
    package mutating func tick(wallSeconds: Int64) {
        self.wallSeconds = wallSeconds
        let hour = wallSeconds / 3_600
        if hour != sweptHour {
            sweptHour = hour
            isSweepDue = true
        }
        limiter.tick(wallSeconds: wallSeconds, random: &random)
        renewLeases()
        if isSweepDue && !isSweepUnderWay {
            // MB-14, MB-15
            isSweepDue = false
            isSweepUnderWay = true
            ask(.sweep, for: .server)
        }
    }

    /// A channel's handshake has completed.
    package mutating func open(_ connection: ConnectionID, handshakeHash: FixedBytes<32>) {
        peers.open(connection, handshakeHash: handshakeHash)
    }

    /// A connection has gone: its attaches end.
    package mutating func close(_ connection: ConnectionID) {
        guard let peer = peers.close(connection) else { return }
        for attach in peer.attaches { forget(connection, at: Int(attach.mailbox), attach.role) }
    }

    /// The client's socket took so many bytes of deliveries since the channel opened.
    package mutating func flushed(_ connection: ConnectionID, deliveredByteCount: UInt64) {
        _ = peers.update(connection) {
            $0.flushedByteCount = max($0.flushedByteCount, deliveredByteCount)
        }
        resume(connection)
    }

    /// Takes what is to be done by the store; an empty batch when there is nothing.
    package mutating func takeStorage() -> StorageBatch {
        var batch = StorageBatch()
        swap(&batch, &storage)
        return batch
    }

    /// Takes the signatures to be checked.
    package mutating func takeChecks() -> [AttachCheck] {
        var taken: [AttachCheck] = []
        swap(&taken, &checks)
        return taken
    }

    /// Bytes of the requests gathered for the store. Mutating, since only that can be asked of an
    /// optional value that cannot be copied.
    mutating func gatheredByteCount() -> Int { storage.bytes.count }

    mutating func ask(_ operation: StorageRequest.Operation, for origin: StorageRequest.Origin) {
        storage.requests.append(StorageRequest(origin: origin, operation: operation))
    }

    /// Copies bytes of a request to where the batch keeps them.
    mutating func keep(_ bytes: RawSpan) -> Range<Int> {
        let start = storage.bytes.count
        storage.bytes.append(copying: bytes)
        return start..<storage.bytes.count
    }

    /// Takes a connection out of a mailbox's entry, not the mailbox out of the connection's list.
    mutating func forget(_ connection: ConnectionID, at index: Int, _ role: AttachRole) {
        if role == .read {
            if mailboxes[index].reader == connection {
                mailboxes[index].reader = nil
                mailboxes[index].window = DeliveryWindow()
            }
        } else {
            mailboxes[index].writers.removeAll { $0 == connection }
        }
        mailboxes.removeIfUnused(index)
    }

    /// MB-15: a mailbox whose reader stays attached for months is not unread.
    private mutating func renewLeases() {
        let week = wallSeconds / (7 * 86_400)
        let first = renewalIndex < mailboxes.indexEnd ? renewalIndex : 0
        renewalIndex = min(first + Self.renewalsPerTickMax, mailboxes.indexEnd)
        for index in first..<renewalIndex
        where mailboxes[index].reader != nil && mailboxes[index].leaseWeek != week {
            mailboxes[index].leaseWeek = week
            ask(.renewLease(mailboxes[index].id), for: .server)
        }
    }
}
