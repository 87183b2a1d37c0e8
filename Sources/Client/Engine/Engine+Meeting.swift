internal import Crypto
internal import Primitives
internal import Wire

extension Engine {
    // MARK: Commands

    /// Adds the maker of an invite link.
    package mutating func accept(
        link text: String, name: String?, at moment: Moment
    ) throws(ClientError) -> OperationID {
        now = moment
        guard case .invite(let server, let key) = try Self.address(text) else {
            throw .addressWrongKind(wanted: .invite)
        }
        if let name { try Self.checkName(name) }
        let operation = operations.begin()
        let task = AddTask(operation: operation, server: server, name: name)
        begin(.openLink(task, key), at: server)
        return operation
    }

    /// Adds by handle, person link or `HANDLE@NICK`.
    package mutating func add(
        _ who: String, name: String?, at moment: Moment
    ) throws(ClientError) -> OperationID {
        now = moment
        let (server, handle) = try person(who)
        if let name { try Self.checkName(name) }
        if server == identity.server, handle == identity.handle { throw .ownAddress }
        let operation = operations.begin()
        let task = AddTask(operation: operation, server: server, name: name)
        begin(.lookUp(task, handle), at: server)
        return operation
    }

    /// Accepts a request and replies at once.
    package mutating func acceptRequest(
        _ name: String, newName: String?, at moment: Moment
    ) throws(ClientError) -> OperationID {
        now = moment
        let contact = try contact(named: name)
        guard contact.state == .request else { throw .unknownContact }
        if let newName { try Self.checkName(newName) }
        let operation = operations.begin()
        try acceptContact(contact.id, name: newName, operation)
        try settle()
        return operation
    }

    static func address(_ text: String) throws(ClientError) -> Address {
        do throws(AddressError) {
            return try Address(text)
        } catch {
            if case .newerVersion = error { throw .addressKindUnknown }
            throw .addressInvalid
        }
    }

    private func person(_ who: String) throws(ClientError) -> (ServerAddress, Handle) {
        if who.hasPrefix("postern:") {
            guard case .person(let server, let handle) = try Self.address(who) else {
                throw .addressWrongKind(wanted: .person)
            }
            return (server, handle)
        }
        let parts = who.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let handle = try? Handle(String(parts[0])) else { throw .handleInvalid }
        guard parts.count == 2 else { return (identity.server, handle) }
        let nick = String(parts[1])
        let known = Set(pins.keys).union([identity.server])
        let found = known.filter {
            $0.hostAndPort == nick || $0.host.text == nick || settings.nicknames[$0.text] == nick
        }
        guard found.count == 1, let server = found.first else { throw .unknownServer }
        return (server, handle)
    }

    // MARK: Steps on connections of their own

    mutating func perform(_ task: OnceTask, on id: LinkID) throws(ClientError) {
        switch task {
        case .firstMessage(let item): try sendFirstMessage(item, on: id)
        case .putBlob(let invite, let blob):
            guard let record = invites[invite] else { return abandon(id) }
            let eraseHash = SHA256.hash(record.eraseKey.raw)
            ask(.task, on: id) {
                .putBlob(
                    request: $0, idHash: invite, eraseHash: eraseHash, expiry: record.expiry,
                    blob: blob)
            }
        case .eraseBlob(let invite):
            guard let record = invites[invite] else { return abandon(id) }
            ask(.task, on: id) {
                .eraseBlob(
                    EraseBlobFrame(request: $0, idHash: invite, eraseKey: record.eraseKey))
            }
        case .openLink(_, let key):
            ask(.task, on: id) { .getBlob(GetBlobFrame(request: $0, id: key.blobID)) }
        case .lookUp(_, let handle), .confirmHandle(_, let handle):
            ask(.task, on: id) { .lookUp(LookUpFrame(request: $0, handle: handle)) }
        case .fetchPreKeys(_, let handle, _):
            ask(.task, on: id) {
                .fetchPreKeys(FetchPreKeysFrame(request: $0, handle: handle, deviceID: 0))
            }
        }
    }

    mutating func taskAnswered(_ task: OnceTask, _ frame: IncomingFrame) throws(ClientError) {
        switch task {
        case .firstMessage(let item): try firstMessageAnswered(item, frame)
        case .putBlob(let invite, _): try blobPut(invite, frame)
        case .eraseBlob(let invite): blobErased(invite, frame)
        case .openLink(let task, let key): try linkOpened(task, key, frame)
        case .lookUp(let task, let handle): lookedUp(task, handle, frame)
        case .fetchPreKeys(let task, let handle, let record):
            try preKeysFetched(task, handle, record, frame)
        case .confirmHandle(let contact, _): handleLookedUp(contact, frame)
        }
    }

    mutating func taskFailed(_ task: OnceTask, _ error: ClientError) throws(ClientError) {
        switch task {
        case .firstMessage(let item): try firstMessageFailed(item, error)
        case .putBlob(let invite, _): inviteFailed(invite, error)
        case .eraseBlob(let invite): withdrawalFailed(invite, error)
        case .openLink(let task, _), .lookUp(let task, _), .fetchPreKeys(let task, _, _):
            operations.end(task.operation, .failed(error), &actions)
        case .confirmHandle: break
        }
    }

    /// What an error answer means to the user.
    static func error(of frame: IncomingFrame, notFound: ClientError) -> ClientError {
        guard case .error(let error) = frame else { return .protocolViolation }
        return switch error.code {
        case .notFound: notFound
        case .rateLimited: .rateLimited(seconds: error.seconds ?? 3_600)
        case .storageFull: .serverStorageFull
        case .admissionRefused, .unsupported: .admissionRefused
        case .shuttingDown: .serverShuttingDown
        case .internalError: .serverFault
        case .handleTaken: .handleTaken
        default: .serverRefused(code: error.rawCode)
        }
    }

    // MARK: Links

    private mutating func linkOpened(
        _ task: AddTask, _ key: LinkKey, _ frame: IncomingFrame
    ) throws(ClientError) {
        guard case .blob(_, let bytes) = frame else {
            let error = Self.error(of: frame, notFound: .inviteGone)
            return operations.end(task.operation, .failed(error), &actions)
        }
        let verified: (record: Verified<Record>, preKeys: Verified<FetchedPreKeys>)
        do throws(InviteError) {
            verified = try Invite.open(bytes.raw, with: key).verify(
                secondsSince1970: Int64(clamping: now.wall / 1_000))
        } catch {
            return operations.end(task.operation, .failed(Self.error(of: error)), &actions)
        }
        let record = verified.record
        try meet(task, record, verified.preKeys, handle: record.value.handle, isLink: true)
    }

    private static func error(of error: InviteError) -> ClientError {
        switch error {
        case .purpose: .recordTooNew
        case .malformed(.unknownCritical): .recordTooNew
        case .window(.expired): .inviteExpired
        default: .recordInvalid
        }
    }

    // MARK: Look-up and fetch

    private mutating func lookedUp(_ task: AddTask, _ handle: Handle, _ frame: IncomingFrame) {
        guard case .record(let answer) = frame else {
            let error = Self.error(of: frame, notFound: .unknownHandle)
            return operations.end(task.operation, .failed(error), &actions)
        }
        guard let record = answer.record else {
            return operations.end(task.operation, .failed(.unknownHandle), &actions)
        }
        do {
            try record.refuseUnknownCritical()
        } catch {
            return operations.end(task.operation, .failed(.recordTooNew), &actions)
        }
        guard let verified = try? record.verify(), record.handle == handle else {
            return operations.end(task.operation, .failed(.recordInvalid), &actions)
        }
        guard isSameAccount(task, record) else { return }
        // CL-12: the fetch goes over another connection than the look-up.
        begin(.fetchPreKeys(task, handle, verified), at: task.server)
    }

    private mutating func preKeysFetched(
        _ task: AddTask, _ handle: Handle, _ record: Verified<Record>, _ frame: IncomingFrame
    ) throws(ClientError) {
        guard case .preKeys(let answer) = frame else {
            let error = Self.error(of: frame, notFound: .prekeysExpired)
            return operations.end(task.operation, .failed(error), &actions)
        }
        guard let fetched = answer.preKeys else {
            return operations.end(task.operation, .failed(.prekeysExpired), &actions)
        }
        let preKeys: Verified<FetchedPreKeys>
        do throws(FetchedPreKeys.Problem) {
            preKeys = try fetched.verify(
                for: record, deviceID: 0, secondsSince1970: Int64(clamping: now.wall / 1_000))
        } catch {
            let reason: ClientError =
                switch error {
                case .window: .prekeysExpired
                case .unknownCritical: .recordTooNew
                default: .recordInvalid
                }
            return operations.end(task.operation, .failed(reason), &actions)
        }
        if let contact = task.renews { return try renew(contact, task, record, preKeys) }
        try meet(task, record, preKeys, handle: handle, isLink: false)
    }

    // MARK: First contact

    /// Begins a session from verified prekeys and sends the first message, a hello.
    private mutating func meet(
        _ task: AddTask, _ verified: Verified<Record>, _ preKeys: Verified<FetchedPreKeys>,
        handle: Handle?, isLink: Bool
    ) throws(ClientError) {
        let operation = task.operation
        let record = verified.value
        guard record.account != identity.account else {
            return operations.end(operation, .failed(.ownAddress), &actions)
        }
        let bundle = preKeys.value.bundle
        let seconds = Int64(clamping: now.wall / 1_000)
        guard bundle.certificate.isLive(secondsSince1970: seconds) else {
            return operations.end(operation, .failed(.certificateExpired), &actions)
        }
        var contact: ContactRecord
        if var known = self.contact(of: record.account) {
            guard known.keep(verified) else {
                return operations.end(operation, .failed(.recordInvalid), &actions)
            }
            save(known)
            if known.state == .request {
                return try acceptContact(known.id, name: task.name, operation)
            }
            if known.state == .accepted, !needsAdding(known) {
                return operations.end(operation, .alreadyContact(summary(of: known)), &actions)
            }
            contact = known
        } else {
            contact = ContactRecord(
                id: random.bytes(), name: freeName(wish: task.name, handle: handle),
                account: record.account, state: .invited, certificate: bundle.certificate,
                createdMilliseconds: now.wall)
        }
        _ = contact.keep(verified)
        contact.certificate = bundle.certificate
        contact.handle = handle
        contact.handleServer = handle == nil ? nil : task.server
        // A record found under its handle is the look-up's answer; a link's is a claim. HS-15
        contact.isHandleConfirmed = handle != nil && !isLink
        contact.contactMailbox = bundle.contents.contact.mailbox
        contact.contactServer = bundle.contents.contact.server
        if contact.ownMailbox == nil {
            contact.ownMailbox = try makeMailbox(.ownChat, contact: contact.id).id
        }
        save(contact)
        let isAgain = contact.state == .accepted
        guard
            try beginSession(
                with: contact, RecipientPreKeys(preKeys), isAgain ? .reset : .hello)
        else {
            return operations.end(operation, .failed(.recordTooNew), &actions)
        }
        let hello: Content
        if isAgain {
            // DR-43
            hello = try helloAgain(for: contact)
        } else {
            hello = try self.hello(for: contact, recoveryBundle: nil)
        }
        tell(.contact(summary(of: contact)))
        try enqueueFirst(hello, to: contact.id)
        notePreKey(preKeys.value.bundle.contents.signedPreKeyID, of: contact.id, isLink: isLink)
        try sealWaiting(of: contact.id)
        guard let item = outbox.last(where: { $0.message == hello.id }) else {
            throw .internalFault(line: #line)
        }
        operations.wait(operation, for: item.id, .add)
    }

    /// - Returns: false when the other side takes no version this client speaks.
    mutating func beginSession(
        with contact: ContactRecord, _ preKeys: RecipientPreKeys, _ type: FirstMessageType,
        givingUp unanswered: [SessionID] = []
    ) throws(ClientError) -> Bool {
        guard let mailbox = contact.ownMailbox else { throw .internalFault(line: #line) }
        let introduction = Introduction(
            type: type, account: identity.account, certificate: identity.certificate,
            handle: identity.isRegistered ? identity.handle : nil,
            replyMailbox: try chatMailbox(mailbox))
        let session: Session
        do throws(HandshakeError) {
            session = try Handshake.begin(
                introduction, identity: keys.identity, to: preKeys, random: &random)
        } catch {
            return false
        }
        var record = SessionRecord(
            id: session.id, contact: contact.id, device: preKeys.device, prefix: nil,
            now: now.wall)
        record.usesOneTime = preKeys.usesOneTime
        save(record)
        save(session)
        let id = session.id
        let hours = now.hours.count
        // DR-16, DR-17: a reset gives up whatever there was.
        let others =
            sessions.set(of: contact.id).entries.map(\.id)
            + recovery(of: contact.id).known.map(\.id)
        let givenUp = type == .reset ? others : unanswered
        changeSet(of: contact.id) { $0.begin(id, givingUp: givenUp, hours: hours) }
        if type == .reset { freshResets.insert(id) }
        return true
    }

    /// An own mailbox as it is handed to the peer.
    mutating func chatMailbox(_ id: MailboxID) throws(ClientError) -> ChatMailbox {
        guard let record = mailboxes[id] else { throw .vaultCorrupt }
        return ChatMailbox(
            readKey: record.readKey, writeKey: try seed(of: record, write: true),
            server: record.server)
    }

    mutating func hello(
        for contact: ContactRecord, recoveryBundle: RecoveryBundle?
    ) throws(ClientError) -> Content {
        guard let mailbox = contact.ownMailbox else { throw .internalFault(line: #line) }
        return Content.hello(
            mailbox: try chatMailbox(mailbox), recoveryBundle: recoveryBundle,
            id: random.bytes(), milliseconds: now.wall)
    }

    // MARK: Accepting

    /// Takes a contact whose first message is here, and answers it with a hello.
    mutating func acceptContact(
        _ id: ContactID, name: String?, _ operation: OperationID?
    ) throws(ClientError) {
        guard var contact = contacts[id] else { throw .unknownContact }
        contact.state = .accepted
        if let name, name != contact.name { contact.name = freeName(wish: name, handle: nil) }
        save(contact)
        tell(.contact(summary(of: contact)))
        try answer(id, operation)
        try receiptsForRequest(id)
    }

    /// Sends the hello that answers a first message: own chat mailbox and recovery bundle.
    mutating func answer(_ id: ContactID, _ operation: OperationID?) throws(ClientError) {
        guard var contact = contacts[id] else { return }
        if contact.ownMailbox == nil {
            contact.ownMailbox = try makeMailbox(.ownChat, contact: id).id
            save(contact)
        }
        let bundle = try makeRecoveryBundle(for: id)
        var hello = try hello(for: contact, recoveryBundle: bundle)
        // DR-39: where there were sessions before the one that is answered.
        let reports = try sessionReports(of: id)
        if reports.count > 1 { hello = hello.adding(reports) }
        try noteRecoveryBundle(bundle, in: hello, for: id)
        try enqueue(hello, to: id)
        if let operation, let item = outbox.last(where: { $0.message == hello.id }) {
            operations.wait(operation, for: item.id, .accept)
        }
    }

    // MARK: Handles

    /// Asks the server a contact names whether its handle is its own. HS-15
    mutating func confirmHandle(of id: ContactID) {
        guard isOnline, let contact = contacts[id], !contact.isHandleConfirmed,
            let handle = contact.handle, let server = contact.handleServer
        else { return }
        begin(.confirmHandle(id, handle), at: server)
    }

    private mutating func handleLookedUp(_ id: ContactID, _ frame: IncomingFrame) {
        guard case .record(let answer) = frame, let record = answer.record,
            // KD-6
            (try? record.refuseUnknownCritical()) != nil, let verified = try? record.verify(),
            var contact = contacts[id], let handle = contact.handle,
            let server = contact.handleServer,
            ClaimedHandle(handle: handle, server: server, account: contact.account)
                .confirmed(by: verified) != nil,
            contact.keep(verified)
        else { return }
        contact.isHandleConfirmed = true
        save(contact)
        tell(.contact(summary(of: contact)))
    }
}
