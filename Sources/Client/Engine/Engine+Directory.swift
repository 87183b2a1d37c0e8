internal import Crypto
internal import Primitives
internal import Wire

extension Engine {
    /// Begins to take a handle: record, contact mailbox and bundle, in this order.
    package mutating func register(
        handle text: String, at moment: Moment
    ) throws(ClientError) -> OperationID {
        now = moment
        guard let handle = try? Handle(text) else { throw .handleInvalid }
        if identity.isRegistered, identity.handle != handle { throw .alreadyRegistered }
        let operation = operations.begin()
        if identity.isRegistered {
            operations.end(operation, .registered(handle: handle.text), &actions)
            return operation
        }
        if identity.handle != handle { identity.recordNumber += 1 }
        identity.handle = handle
        if identity.contactMailbox == nil {
            identity.contactMailbox = try makeMailbox(.ownContact).id
        }
        saveIdentity()
        if let earlier = operations.registration {
            operations.end(earlier, .failed(.connectionLost), &actions)
        }
        operations.registration = operation
        maintenance.isRecordAsked = false
        try settle()
        return operation
    }

    /// Sends what the directory is waiting for, on the identity connection.
    mutating func pumpIdentity() throws(ClientError) {
        guard let link = links.ready(.identity, identity.server) else { return }
        if let operation = operations.registration {
            if !maintenance.isRecordAsked { askRecord(operation, on: link) }
            return
        }
        // CL-40
        guard maintenance.directoryPausedUntil <= now.monotonic else { return }
        if isRecordDue {
            // A bundle is taken only under a record that vouches for its device.
            if !maintenance.isRecordAsked { askRecord(nil, on: link) }
        } else if isBundleDue {
            try publishBundle(nil, on: link)
        }
    }

    private mutating func askRecord(_ operation: OperationID?, on link: LinkID) {
        maintenance.isRecordAsked = true
        let record = signedRecord(handle: identity.handle)
        ask(.putRecord(operation, number: record.number), on: link) {
            .publishRecord(request: $0, record: record)
        }
    }

    private mutating func publishBundle(
        _ operation: OperationID?, on link: LinkID
    ) throws(ClientError) {
        guard !maintenance.isBundleAsked, let handle = identity.handle,
            let mailbox = identity.contactMailbox
        else { return }
        maintenance.isBundleAsked = true
        let made = try madeBundle(mailbox: mailbox)
        let offer = if let made { made } else { try makeBundle(mailbox: mailbox) }
        ask(.putBundle(operation, number: offer.bundle.number), on: link) {
            .publishBundle(
                request: $0, handle: handle, bundle: offer.bundle, preKeys: offer.oneTime,
                kemPreKeys: offer.oneTimeKEM)
        }
    }

    mutating func recordAnswered(
        _ operation: OperationID?, number: UInt64, _ frame: IncomingFrame
    ) throws(ClientError) {
        maintenance.isRecordAsked = false
        guard case .done = frame else {
            pauseDirectory(after: frame)
            let error = Self.error(of: frame, notFound: .serverFault)
            if error == .handleTaken, !identity.isRegistered {
                identity.handle = nil
                saveIdentity()
            }
            return failRegistration(operation, error)
        }
        // An answer to what was asked before the user chose another handle says nothing of it.
        guard number == identity.recordNumber else { return }
        identity.isRegistered = true
        identity.publishedRecordNumber = number
        saveIdentity()
        guard let operation, operation == operations.registration,
            let link = links.ready(.identity, identity.server)
        else { return }
        maintenance.isRecordAsked = true
        try publishBundle(operation, on: link)
    }

    mutating func bundleAnswered(
        _ operation: OperationID?, number: UInt64, _ frame: IncomingFrame
    ) throws(ClientError) {
        maintenance.isBundleAsked = false
        if operation != nil { maintenance.isRecordAsked = false }
        guard case .done = frame else {
            pauseDirectory(after: frame)
            if case .error(let error) = frame, error.code == .bundleRefused {
                try renumberBundle()
            }
            return failRegistration(operation, Self.error(of: frame, notFound: .serverFault))
        }
        transaction.remove(.state, key: MadeBundleRecord.key)
        identity.bundlePublishedMilliseconds = now.wall
        saveIdentity()
        guard let operation, operation == operations.registration else { return }
        operations.registration = nil
        operations.end(
            operation, .registered(handle: identity.handle?.text ?? ""), &actions)
    }

    /// CL-40
    private mutating func pauseDirectory(after frame: IncomingFrame) {
        var pause = MaintenanceState.directoryPauseMilliseconds
        if case .error(let error) = frame {
            switch error.code {
            case .rateLimited: pause = error.seconds.map { UInt64($0) * 1_000 } ?? pause
            case .shuttingDown: pause = Self.refusalPauseMilliseconds
            default: break
            }
        }
        pause = max(pause, Self.refusalPauseMilliseconds)
        maintenance.directoryPausedUntil =
            now.monotonic + min(pause, MaintenanceState.directoryPauseMillisecondsMax)
    }

    /// The directory holds a bundle of another number, or nothing of this account any more: the
    /// record goes once more, and then the same keys under the next number. CL-40
    private mutating func renumberBundle() throws(ClientError) {
        identity.publishedRecordNumber = 0
        saveIdentity()
        guard let mailbox = identity.contactMailbox, let made = try madeBundle(mailbox: mailbox)
        else { return }
        let contents = made.bundle.contents
        let signed = SignedPreKeys(
            id: contents.signedPreKeyID, key: contents.signedPreKey, kem: contents.lastResortKEM)
        keepMade(
            signBundle(
                signed, made.oneTime, made.oneTimeKEM, mailbox: mailbox, window: contents.window))
    }

    private mutating func failRegistration(_ asked: OperationID?, _ error: ClientError) {
        guard let asked, asked == operations.registration else { return }
        operations.registration = nil
        operations.end(asked, .failed(error), &actions)
    }

    /// A lost identity connection: what was asked on it is asked again on the next one; a user who
    /// waits is told now.
    mutating func failDirectoryOperations(on link: Link, _ error: ClientError) {
        guard link.purpose == .identity else { return }
        maintenance.isBundleAsked = false
        maintenance.isRecordAsked = false
        failRegistration(operations.registration, error)
        for invite in operations.invites.keys.sorted() where invites[invite]?.state == .making {
            inviteFailed(invite, error)
        }
    }

    /// A refusal of a request that has no operation: told as the state of the connection.
    mutating func tellRefusal(of frame: IncomingFrame, on id: LinkID) {
        guard let link = links[id] else { return }
        let error = Self.error(of: frame, notFound: .serverFault)
        tell(
            .connection(.lost(server: link.server.text, error: error, retryMilliseconds: 0)))
    }
}
