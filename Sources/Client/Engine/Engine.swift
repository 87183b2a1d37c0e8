internal import Crypto
package import Primitives
internal import Wire

/// The client as a state machine: commands, frames and the time go in; writes to the vault, frames
/// and events come out. No I/O, no clock, no randomness of its own, so that whole worlds of
/// engines run from one seed.
///
/// A caller makes a step (`handle` or a command), takes its effects, commits the writes and only
/// then carries out the actions (CL-3). After a failed commit, and after any error that is not a
/// refusal of the command, the engine is of no further use: what counts is in the vault.
///
/// - SPEC: §10.7, CL-3
package struct Engine: ~Copyable {
    // What the step under way has produced.
    var transaction: VaultTransaction
    var actions: [EngineAction] = []
    var now: Moment
    var random: any RandomSource

    // What the vault holds and every step may need; sessions and messages are read when used.
    let keys: IdentityKeys
    var identity: IdentityRecord
    var settings: SettingsRecord
    var contacts: [ContactID: ContactRecord] = [:]
    var mailboxes: [MailboxID: MailboxRecord] = [:]
    var outbox: [OutboxRecord] = []
    var invites: [FixedBytes<32>: InviteRecord] = [:]
    var preKeys = PreKeyIndex()
    var sessions = SessionIndex()
    var receipts = ReceiptBook()
    var pins: [ServerAddress: FixedBytes<32>] = [:]
    var recoveries: [ContactID: RecoveryRecord] = [:]

    // What lasts as long as the process.
    var isOnline = false
    var sharesPresence = false
    var isClosing = false
    var links = LinkTable()
    var tasks: [LinkID: OnceTask] = [:]
    /// Begun while offline.
    var tasksLater: [(OnceTask, ServerAddress)] = []
    var reading: [MailboxID: ReadProgress] = [:]
    var writing: [MailboxID: WriteProgress] = [:]
    var firstMessages: [FixedBytes<8>: FirstMessageProgress] = [:]
    var operations = OperationTable()
    var live: [ContactID: LiveState] = [:]
    var gaps = GapTable()
    var maintenance = MaintenanceState()
    var wasDrained = false
    /// When it was last said that a contact's session is broken, monotonic ms.
    var brokenNotices: [ContactID: UInt64] = [:]
    /// Resets that stay on the server until an hour is over. DR-38
    var held: [MailboxID: [HeldReset]] = [:]
    var isTakingHeld = false
    /// Own resets of this process: no copy of the vault has had them to send. CL-7
    var freshResets: Set<SessionID> = []

    private init(
        store: any VaultReading, random: any RandomSource, now: Moment,
        keys: consuming IdentityKeys, identity: IdentityRecord, settings: SettingsRecord
    ) {
        transaction = VaultTransaction(over: store)
        self.random = random
        self.now = now
        self.keys = keys
        self.identity = identity
        self.settings = settings
    }

    /// Opens what a vault holds.
    ///
    /// - Parameter store: read during steps; the caller commits to it.
    /// - Throws: `ClientError.noVault` without an identity, `.vaultCorrupt`, `.diskFailed`.
    package static func open(
        store: any VaultReading, random: any RandomSource, now: Moment
    ) throws(ClientError) -> Engine {
        guard let identity = try store.value(.state, key: IdentityRecord.key),
            var keys = try store.value(.state, key: IdentityRecord.keysKey)
        else { throw .noVault }
        var engine = Engine(
            store: store, random: random, now: now, keys: try IdentityKeys(&keys),
            identity: try IdentityRecord.decode(identity),
            settings: try SettingsRecord.load(from: store))
        try engine.load(from: store)
        return engine
    }

    private mutating func load(from store: any VaultReading) throws(ClientError) {
        for row in try store.rows(.contact) {
            let contact = try ContactRecord.decode(row.value)
            contacts[contact.id] = contact
        }
        let info = MailboxRecord.infoGroup
        for row in try store.rows(.mailbox, group: info, page: VaultPage()) {
            let mailbox = try MailboxRecord.decode(row.value)
            mailboxes[mailbox.id] = mailbox
        }
        for row in try store.rows(.outbox, group: OutboxRecord.infoGroup, page: VaultPage()) {
            outbox.append(try OutboxRecord.decode(row.value))
        }
        for row in try store.rows(.invite) {
            let invite = try InviteRecord.decode(row.value)
            invites[invite.idHash] = invite
        }
        try preKeys.load(from: store)
        try sessions.load(from: store)
        try receipts.load(from: store)
        for row in try store.rows(.state, group: RecoveryRecord.group, page: VaultPage()) {
            let recovery = try RecoveryRecord.decode(row.value)
            recoveries[recovery.contact] = recovery
        }
        for row in try store.rows(.state, group: ServerPin.group, page: VaultPage()) {
            let pin = try ServerPin.decode(row.value)
            pins[pin.server] = pin.signingKey
        }
    }

    /// Everything the steps since the last call produced.
    package mutating func takeEffects() -> EngineEffects {
        defer { actions = [] }
        return EngineEffects(writes: transaction.take(), actions: actions)
    }

    /// Makes one step.
    ///
    /// - Throws: `ClientError` of the vault only; what the network does is never thrown.
    package mutating func handle(
        _ input: EngineInput, at moment: Moment
    ) throws(ClientError) {
        now = moment
        switch input {
        case .connected(let id, let hash, let hello):
            try connected(id, handshakeHash: hash, hello: hello)
        case .disconnected(let id, let error):
            try disconnected(id, error)
        case .frames(let id, let frames):
            for frame in frames { try received(frame, on: id) }
        case .tick:
            try tick()
        }
        try settle()
    }

    /// Goes online: connections are opened as they are needed, until `goOffline`.
    package mutating func goOnline(
        sharesPresence: Bool, at moment: Moment
    ) throws(ClientError) {
        now = moment
        isOnline = true
        isClosing = false
        wasDrained = false
        brokenNotices = [:]
        self.sharesPresence = sharesPresence
        // What an earlier run of this process had asked got no answer, and it has said good-bye.
        maintenance.isRecordAsked = false
        maintenance.isBundleAsked = false
        for id in live.keys { live[id]?.nextPresence = 0 }
        links.endPauses(now: now)
        try settle()
    }

    /// Asks for what is due when a run ends: receipts that were not confirmed go as stored
    /// envelopes. Online goes on until `goOffline`. CL-17
    package mutating func prepareToStop(at moment: Moment) throws(ClientError) {
        now = moment
        isClosing = true
        wasDrained = false
        try settle()
    }

    /// Closes all connections.
    package mutating func goOffline(at moment: Moment) throws(ClientError) {
        now = moment
        // DR-25: a run that ends without a farewell has no other chance.
        if isOnline { reportGaps(isEnding: true) }
        isOnline = false
        for id in links.links.keys.sorted() {
            actions.append(.close(id))
            keepForLater(id)
            try forget(id, failed: false, error: .connectionLost)
        }
    }

    /// When the next `tick` is due, in monotonic ms; nil when nothing waits for the time.
    package func nextDeadline() -> UInt64? {
        guard isOnline else { return nil }
        return [
            links.nextPauseEnd(after: now), writingDeadline(), requestDeadline(),
            firstMessageDeadline(), liveDeadline(), gaps.nextDeadline(after: now.monotonic),
            maintenance.nextDeadline(after: now.monotonic), drainDeadline(), reachDeadline(),
            mailboxDeadline(), resetDeadline(),
        ].compactMap { $0 }.min()
    }

    private mutating func tick() throws(ClientError) {
        try expireRequests()
        try closeIdleWriting()
        tickLive()
        try maintain()
    }

    /// Opens, sends and tells whatever the state after a step allows. Repeating it changes nothing.
    mutating func settle() throws(ClientError) {
        guard isOnline else { return }
        try maintain()
        try openHeld()
        try pumpResets()
        try pumpReceipts()
        try pumpLinks()
        try pumpOutbox()
        try pumpLive()
        noteDrained()
    }

    mutating func tell(_ event: ClientEvent) { actions.append(.event(event)) }
}

/// The signing key of a server as first seen. State row, group `pin`. CL-31
struct ServerPin: VaultRecord {
    static let format: UInt8 = 1
    static let group = Array("pin".utf8)

    let server: ServerAddress
    let signingKey: FixedBytes<32>

    init(server: ServerAddress, signingKey: FixedBytes<32>) {
        self.server = server
        self.signingKey = signingKey
    }

    init(from reader: inout Reader) throws(WireError) {
        server = try ServerAddress(from: &reader)
        signingKey = try reader.fixed()
    }

    func encode(into writer: inout Writer) {
        ServerAddress.encode(server, into: &writer)
        writer.fixed(signingKey)
    }

    var key: [UInt8] { Self.group + Array(server.text.utf8) }
}
