internal import Primitives
internal import Wire

/// A connection as the engine sees it.
struct Link {
    let id: LinkID
    let purpose: LinkPurpose
    let server: ServerAddress
    /// Set once the hello was read.
    var handshakeHash: FixedBytes<32>?
    /// Requests without an answer, by request id.
    var requests: [UInt32: PendingRequest] = [:]
    /// Mailboxes attached or being attached on this connection.
    var attaches: [MailboxID: AttachPhase] = [:]
    /// Mailboxes that were made anew on this connection: once is enough. CL-36
    var madeAnew: Set<MailboxID> = []
    /// When it was last used to send something, monotonic ms.
    var lastUse: UInt64
    /// When it stood, monotonic ms.
    var readySince: UInt64?
    /// A request was answered with something else than an error. CL-14
    var hasServed = false
    /// The server goes away and said after how many ms from the end to come back. CL-42
    var awayMilliseconds: UInt64?
    private var lastRequest: UInt32 = 0

    init(id: LinkID, purpose: LinkPurpose, server: ServerAddress, now: Moment) {
        self.id = id
        self.purpose = purpose
        self.server = server
        lastUse = now.monotonic
    }

    var isReady: Bool { handshakeHash != nil }

    /// A request id that is not in use on this connection, never 0.
    mutating func nextRequest(_ request: PendingRequest) -> UInt32 {
        repeat { lastRequest &+= 1 } while lastRequest == 0 || requests[lastRequest] != nil
        requests[lastRequest] = request
        return lastRequest
    }
}

/// How far an attach is.
enum AttachPhase: Sendable, Equatable {
    case asked
    case attached
    /// Refused or taken over by another reader; not tried again on this connection.
    case refused
    /// Refused for a time: tried again from then on, monotonic ms. CL-41
    case paused(until: UInt64)

    /// True when an attempt may begin.
    func isOver(at now: UInt64) -> Bool {
        if case .paused(let until) = self { until <= now } else { false }
    }

    /// True when nothing comes from the mailbox on this connection for now.
    var isRefused: Bool {
        switch self {
        case .refused, .paused: true
        case .asked, .attached: false
        }
    }
}

/// The connections there are and those that are wanted, with the times of new attempts.
///
/// - SPEC: §10.7, CL-12, CL-13, CL-14
struct LinkTable {
    /// First pause after a failure, in ms. CL-14
    static let pauseMillisecondsMin: UInt64 = 500
    /// Longest pause, in ms: long enough not to burden a server that is down, short enough that
    /// nobody waits for long after it is back.
    static let pauseMillisecondsMax: UInt64 = 60_000
    /// Seconds that a server may keep a client away. CL-42
    static let awaySeconds: ClosedRange<UInt16> = 1...60
    /// A connection that stood for so many ms was a good one. CL-14
    static let goodMilliseconds: UInt64 = 60_000
    /// A writing connection without use is closed after so many ms. CL-13
    static let writingIdleMilliseconds: UInt64 = 60_000

    private struct Slot: Hashable {
        let purpose: LinkPurpose
        let server: ServerAddress
    }

    private struct Pause {
        var failureCount: Int
        var until: UInt64
    }

    private(set) var links: [LinkID: Link] = [:]
    private var standing: [Slot: LinkID] = [:]
    private var pauses: [Slot: Pause] = [:]
    private var lastID: UInt64 = 0
    private var lastOnce: UInt64 = 0

    subscript(id: LinkID) -> Link? {
        get { links[id] }
        set {
            guard links[id] != nil, let newValue else { return }
            links[id] = newValue
        }
    }

    /// The standing connection for a purpose, if there is one (ready or not).
    func link(_ purpose: LinkPurpose, _ server: ServerAddress) -> Link? {
        standing[Slot(purpose: purpose, server: server)].flatMap { links[$0] }
    }

    /// The standing connection for a purpose once it is ready.
    func ready(_ purpose: LinkPurpose, _ server: ServerAddress) -> LinkID? {
        guard let link = link(purpose, server), link.isReady else { return nil }
        return link.id
    }

    /// Opens a standing connection unless there is one or its pause is not over. Returns the id of
    /// a new one.
    mutating func want(
        _ purpose: LinkPurpose, _ server: ServerAddress, now: Moment
    ) -> LinkID? {
        let slot = Slot(purpose: purpose, server: server)
        if standing[slot] != nil { return nil }
        if let pause = pauses[slot], pause.until > now.monotonic { return nil }
        let id = add(purpose, server, now: now)
        standing[slot] = id
        return id
    }

    /// Opens a connection for one thing.
    mutating func once(_ server: ServerAddress, now: Moment) -> LinkID {
        lastOnce += 1
        return add(.once(lastOnce), server, now: now)
    }

    private mutating func add(
        _ purpose: LinkPurpose, _ server: ServerAddress, now: Moment
    ) -> LinkID {
        lastID += 1
        let id = LinkID(value: lastID)
        links[id] = Link(id: id, purpose: purpose, server: server, now: now)
        return id
    }

    /// Notes that a connection stands.
    mutating func connected(_ id: LinkID, handshakeHash: FixedBytes<32>, now: Moment) {
        links[id]?.handshakeHash = handshakeHash
        links[id]?.readySince = now.monotonic
    }

    /// The server goes away: the connection is kept for the answers that are under way, until the
    /// server closes it. CL-42
    mutating func goesAway(_ id: LinkID, seconds: UInt16) {
        let least = Self.awaySeconds.lowerBound
        let most = Self.awaySeconds.upperBound
        links[id]?.awayMilliseconds = 1_000 * UInt64(min(max(seconds, least), most))
    }

    /// A refused write attach may be tried once more on the connection there is. CL-36
    mutating func allowAttach(of mailbox: MailboxID) {
        for id in links.keys where links[id]?.attaches[mailbox] == .refused {
            if links[id]?.purpose == .writing { links[id]?.attaches[mailbox] = nil }
        }
    }

    /// Lets a mailbox be attached once more for writing, whatever became of it. CL-7
    mutating func attachAnew(_ mailbox: MailboxID) {
        for id in links.keys where links[id]?.purpose == .writing {
            links[id]?.attaches[mailbox] = nil
        }
    }

    /// Forgets a connection and gives it back. `failed`: the next attempt waits; `misbehaved`: the
    /// server broke the protocol. CL-14
    mutating func remove(
        _ id: LinkID, failed: Bool, misbehaved: Bool, now: Moment,
        random: inout some RandomSource
    ) -> Link? {
        guard let link = links.removeValue(forKey: id) else { return nil }
        let slot = Slot(purpose: link.purpose, server: link.server)
        if standing[slot] == id { standing[slot] = nil }
        // CL-14: a server that only greets is not one that is back, nor one that breaks the protocol.
        let stood = link.readySince.map { $0 + Self.goodMilliseconds <= now.monotonic } ?? false
        if !misbehaved, link.hasServed || stood { pauses[slot] = nil }
        guard failed, !link.purpose.isOnce else { return link }
        let failures = (pauses[slot]?.failureCount ?? 0) + 1
        // The server has drawn a time of its own for each client.
        let pause = link.awayMilliseconds ?? Self.pause(after: failures, random: &random)
        pauses[slot] = Pause(failureCount: failures, until: now.monotonic + pause)
        return link
    }

    /// How long to wait after so many failures in a row, 1 or more, in ms. CL-14
    static func pause(after failures: Int, random: inout some RandomSource) -> UInt64 {
        let full = min(pauseMillisecondsMin << UInt64(min(failures - 1, 10)), pauseMillisecondsMax)
        return full / 2 + random.integer(below: full / 2 + 1)
    }

    /// When the pause of a standing connection ends, monotonic ms; nil without one.
    func pauseEnd(_ purpose: LinkPurpose, _ server: ServerAddress) -> UInt64? {
        pauses[Slot(purpose: purpose, server: server)]?.until
    }

    /// Earliest end of a pause that has not passed.
    func nextPauseEnd(after now: Moment) -> UInt64? {
        pauses.values.map(\.until).filter { $0 > now.monotonic }.min()
    }

    /// Lets the next attempts begin at once, as when the user does something.
    mutating func endPauses(now: Moment) {
        for slot in pauses.keys { pauses[slot]?.until = now.monotonic }
    }
}

extension LinkPurpose {
    /// True for a connection that is closed after one thing.
    var isOnce: Bool {
        if case .once = self { return true }
        return false
    }
}
