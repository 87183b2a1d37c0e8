import Primitives
import Wire

/// What the router keeps for each open channel.
struct Peer {
    /// An attach, from the connection's side.
    struct Attach {
        /// Index in the mailbox table.
        let mailbox: Int32
        let role: AttachRole
    }

    let generation: UInt32
    /// What an attach has to sign.
    let handshakeHash: FixedBytes<32>
    var attaches: [Attach] = []
    /// Mailboxes that another reader has taken over; remembered so that the answer is
    /// `superseded` and not `notAttached`. MB-6
    var superseded: [MailboxID] = []
    /// Attaches whose signature is being verified.
    var pendingAttachCount = 0
    /// Bytes of deliveries handed to the connection since it opened.
    var deliveredByteCount: UInt64 = 0
    /// How many of these the client's socket has taken.
    var flushedByteCount: UInt64 = 0
    /// Bytes of deliveries that reads of the store under way may bring.
    var reservedByteCount = 0
    /// Whether a delivery waits for the client to read.
    var isStalled = false

    /// Attaches that count against the limit.
    var attachCount: Int { attaches.count + superseded.count + pendingAttachCount }

    /// Bytes of deliveries that may be handed to the connection now. CH-46
    var room: Int {
        let unread = Int(clamping: deliveredByteCount &- flushedByteCount)
        let most = ConnectionUsage.deliveryByteCountMax
        return most - min(unread, most) - reservedByteCount
    }
}

/// The open channels of all loops, by loop and slot.
struct PeerTable {
    private var loops: [[Peer?]]
    private(set) var count = 0

    init(loopCount: Int) { loops = Array(repeating: [], count: loopCount) }

    /// Adds a channel that was just opened.
    mutating func open(_ connection: ConnectionID, handshakeHash: FixedBytes<32>) {
        let loop = Int(connection.loop)
        let slot = Int(connection.slot)
        while loops[loop].count <= slot { loops[loop].append(nil) }
        precondition(loops[loop][slot] == nil, "the connection before was not closed")
        loops[loop][slot] = Peer(
            generation: connection.generation, handshakeHash: handshakeHash)
        count += 1
    }

    /// Takes out a channel and gives what was kept for it; nil when it is gone already.
    mutating func close(_ connection: ConnectionID) -> Peer? {
        guard let peer = self.peer(connection) else { return nil }
        loops[Int(connection.loop)][Int(connection.slot)] = nil
        count -= 1
        return peer
    }

    /// Whether the channel is open still.
    func isOpen(_ connection: ConnectionID) -> Bool {
        let loop = Int(connection.loop)
        let slot = Int(connection.slot)
        guard loop < loops.count, slot < loops[loop].count else { return false }
        return loops[loop][slot]?.generation == connection.generation
    }

    /// A copy of what is kept for a channel; nil when it is gone.
    func peer(_ connection: ConnectionID) -> Peer? {
        isOpen(connection) ? loops[Int(connection.loop)][Int(connection.slot)] : nil
    }

    /// Changes what is kept for a channel; nil, and no call, when it is gone.
    mutating func update<Result>(
        _ connection: ConnectionID, _ body: (inout Peer) -> Result
    ) -> Result? {
        guard isOpen(connection) else { return nil }
        return Self.change(&loops[Int(connection.loop)][Int(connection.slot)], body)
    }

    private static func change<Result>(
        _ place: inout Peer?, _ body: (inout Peer) -> Result
    ) -> Result? {
        guard var peer = place.take() else { return nil }
        // Taken out and put back, so that the arrays inside have one owner and are not copied.
        let result = body(&peer)
        place = peer
        return result
    }
}
