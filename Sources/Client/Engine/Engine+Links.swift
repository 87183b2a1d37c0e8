internal import Primitives
internal import Wire

/// What a connection for one thing is for.
enum OnceTask: Sendable {
    /// Deposit of a first message.
    case firstMessage(FixedBytes<8>)
    case putBlob(invite: FixedBytes<32>, blob: [UInt8])
    case eraseBlob(invite: FixedBytes<32>)
    case openLink(AddTask, LinkKey)
    case lookUp(AddTask, Handle)
    case fetchPreKeys(AddTask, Handle, Verified<Record>)
    /// Is the handle this contact claims its own? HS-15
    case confirmHandle(ContactID, Handle)
}

/// A request that waits for its answer.
struct PendingRequest: Sendable {
    enum Kind: Sendable {
        case create(MailboxID)
        case attach(MailboxID)
        case delete(MailboxID)
        case deposit(FixedBytes<8>, MailboxID, counter: UInt64)
        case acknowledge(MailboxID)
        case putRecord(OperationID?, number: UInt64)
        case putBundle(OperationID?, number: UInt64)
        /// The one request of a connection for one thing.
        case task
    }

    let kind: Kind
    /// When the connection is taken for dead without an answer, monotonic ms.
    let deadline: UInt64
}

extension Engine {
    /// A server that answers nothing for so long is taken for gone.
    static let requestMilliseconds: UInt64 = 30_000

    // MARK: Opening

    /// Opens the connections that something waits for.
    mutating func pumpLinks() throws(ClientError) {
        let later = tasksLater
        tasksLater = []
        for (task, server) in later { begin(task, at: server) }
        if wantsIdentityLink { want(.identity, identity.server) }
        if mailboxes.values.contains(where: { $0.role == .ownChat }) {
            want(.reading, identity.server)
        }
        for server in serversToWrite() { want(.writing, server) }
        for id in links.links.keys.sorted() {
            guard let link = links[id], link.isReady, !link.purpose.isOnce else { continue }
            try attachMailboxes(on: id)
        }
        try pumpIdentity()
    }

    private mutating func want(_ purpose: LinkPurpose, _ server: ServerAddress) {
        guard let id = links.want(purpose, server, now: now) else { return }
        actions.append(.open(id, server, purpose))
    }

    /// Opens a connection for one thing. CL-12
    mutating func begin(_ task: OnceTask, at server: ServerAddress) {
        guard isOnline else {
            tasksLater.append((task, server))
            return
        }
        let id = links.once(server, now: now)
        tasks[id] = task
        if case .once = links[id]?.purpose, let purpose = links[id]?.purpose {
            actions.append(.open(id, server, purpose))
        }
    }

    /// Closes a connection for one thing that has nothing to do any more.
    mutating func abandon(_ id: LinkID) {
        if case .firstMessage(let item) = tasks.removeValue(forKey: id) {
            firstMessages[item]?.isRunning = false
        }
        actions.append(.close(id))
        _ = links.remove(id, failed: false, misbehaved: false, now: now, random: &random)
    }

    /// What a connection for one thing was to do is done when this client is online again.
    mutating func keepForLater(_ id: LinkID) {
        guard let server = links[id]?.server, let task = tasks.removeValue(forKey: id) else {
            return
        }
        // The outbox holds first messages; they begin anew from there.
        if case .firstMessage(let item) = task {
            firstMessages[item]?.isRunning = false
        } else {
            tasksLater.append((task, server))
        }
    }

    mutating func connected(
        _ id: LinkID, handshakeHash: FixedBytes<32>, hello: HelloFrame
    ) throws(ClientError) {
        guard let link = links[id] else { return }
        if let pin = pins[link.server] {
            // CH-42
            guard pin == hello.signingKey.bytes else {
                actions.append(.close(id))
                try forget(id, failed: true, error: .wrongSigningKey)
                return
            }
        } else {
            // CL-31
            let pin = ServerPin(server: link.server, signingKey: hello.signingKey.bytes)
            pins[link.server] = pin.signingKey
            transaction.put(.state, key: pin.key, group: ServerPin.group, value: pin.encoded)
        }
        links.connected(id, handshakeHash: handshakeHash, now: now)
        if !link.purpose.isOnce {
            noteClock(hello)
            tell(.connection(.connected(server: link.server.text)))
        }
        if let task = tasks[id] { try perform(task, on: id) }
    }

    private mutating func noteClock(_ hello: HelloFrame) {
        let difference = Int64(hello.minutes) * 60 - Int64(clamping: now.wall / 1_000)
        guard abs(difference) > 300, !maintenance.toldClock else { return }
        maintenance.toldClock = true
        tell(.notice(.clockDiffers(seconds: difference)))
    }

    // MARK: Ending

    mutating func disconnected(_ id: LinkID, _ error: ClientError) throws(ClientError) {
        let isAway = links[id]?.awayMilliseconds != nil
        try forget(id, failed: true, error: isAway ? .serverShuttingDown : error)
    }

    /// Forgets a connection; what was asked on it is asked again on another one, or has failed.
    mutating func forget(_ id: LinkID, failed: Bool, error: ClientError) throws(ClientError) {
        guard
            let link = links.remove(
                id, failed: failed, misbehaved: error == .protocolViolation, now: now,
                random: &random)
        else { return }
        for mailbox in link.attaches.keys {
            if reading[mailbox]?.link == id { reading[mailbox] = nil }
            if writing[mailbox]?.link == id { writing[mailbox] = nil }
        }
        if let task = tasks.removeValue(forKey: id) {
            if failed { try taskFailed(task, error) }
            return
        }
        if failed {
            let pauseEnd = links.pauseEnd(link.purpose, link.server) ?? now.monotonic
            let pause = pauseEnd > now.monotonic ? pauseEnd - now.monotonic : 0
            tell(
                .connection(
                    .lost(server: link.server.text, error: error, retryMilliseconds: pause)))
            failDirectoryOperations(on: link, error)
        }
    }

    // MARK: Requests

    /// Sends a request; `make` gets its id.
    mutating func ask(
        _ kind: PendingRequest.Kind, on id: LinkID, _ make: (UInt32) -> OutgoingFrame
    ) {
        guard var link = links[id] else { return }
        let request = link.nextRequest(
            PendingRequest(kind: kind, deadline: now.monotonic + Self.requestMilliseconds))
        link.lastUse = now.monotonic
        links[id] = link
        actions.append(.send(id, make(request)))
    }

    mutating func received(_ frame: IncomingFrame, on id: LinkID) throws(ClientError) {
        guard let link = links[id], link.isReady else { return }
        if let request = frame.request {
            // An answer to nothing we asked is skipped: it can change nothing.
            guard let pending = links[id]?.requests.removeValue(forKey: request) else { return }
            if case .error = frame {} else { links[id]?.hasServed = true }
            try answered(pending, with: frame, on: id)
            return
        }
        switch frame {
        case .delivery(let mailbox, let sequence, let envelope):
            try delivered(envelope, sequence: sequence, mailbox: mailbox, on: id)
        case .ephemeral(let mailbox, let bytes):
            try receivedFrame(bytes, mailbox: mailbox, on: id)
        case .superseded(let mailbox):
            superseded(mailbox, on: id)
        case .goingAway(let seconds): links.goesAway(id, seconds: seconds)
        default: break
        }
    }

    private mutating func answered(
        _ pending: PendingRequest, with frame: IncomingFrame, on id: LinkID
    ) throws(ClientError) {
        switch pending.kind {
        case .create(let mailbox): try created(mailbox, frame, on: id)
        case .attach(let mailbox): try attached(mailbox, frame, on: id)
        case .delete(let mailbox): try deleted(mailbox, frame)
        case .deposit(let item, let mailbox, let counter):
            try deposited(item, mailbox: mailbox, counter: counter, frame, on: id)
        case .acknowledge(let mailbox): acknowledged(mailbox, frame)
        case .putRecord(let operation, let number):
            try recordAnswered(operation, number: number, frame)
        case .putBundle(let operation, let number):
            try bundleAnswered(operation, number: number, frame)
        case .task:
            guard let task = tasks.removeValue(forKey: id) else { return }
            actions.append(.close(id))
            _ = links.remove(id, failed: false, misbehaved: false, now: now, random: &random)
            try taskAnswered(task, frame)
        }
    }

    // MARK: Time

    func requestDeadline() -> UInt64? {
        links.links.values.flatMap { $0.requests.values.map(\.deadline) }.min()
    }

    mutating func expireRequests() throws(ClientError) {
        for id in links.links.keys.sorted() {
            guard let link = links[id],
                link.requests.values.contains(where: { $0.deadline <= now.monotonic })
            else { continue }
            actions.append(.close(id))
            try forget(id, failed: true, error: .timedOut)
        }
    }

    private func isIdle(_ link: Link) -> Bool {
        link.purpose == .writing && link.isReady && link.requests.isEmpty
            && link.lastUse + LinkTable.writingIdleMilliseconds <= now.monotonic
    }

    func writingDeadline() -> UInt64? {
        links.links.values.filter { $0.purpose == .writing && $0.isReady && $0.requests.isEmpty }
            .map { $0.lastUse + LinkTable.writingIdleMilliseconds }.min()
    }

    /// CL-13
    mutating func closeIdleWriting() throws(ClientError) {
        for id in links.links.keys.sorted() {
            guard let link = links[id], isIdle(link) else { continue }
            actions.append(.close(id))
            try forget(id, failed: false, error: .connectionLost)
        }
    }
}
