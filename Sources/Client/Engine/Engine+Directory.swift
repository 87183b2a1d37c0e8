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
        if let operation = operations.registration, !maintenance.isRecordAsked {
            maintenance.isRecordAsked = true
            let record = signedRecord(handle: identity.handle)
            ask(.putRecord(operation), on: link) { .publishRecord(request: $0, record: record) }
        }
        if isBundleDue, operations.registration == nil { try publishBundle(nil, on: link) }
    }

    private mutating func publishBundle(
        _ operation: OperationID?, on link: LinkID
    ) throws(ClientError) {
        guard !maintenance.isBundleAsked, let handle = identity.handle,
            let mailbox = identity.contactMailbox
        else { return }
        maintenance.isBundleAsked = true
        let (bundle, oneTime) = try makeBundle(mailbox: mailbox)
        ask(.putBundle(operation, number: bundle.number), on: link) {
            .publishBundle(request: $0, handle: handle, bundle: bundle, preKeys: oneTime)
        }
    }

    mutating func recordAnswered(
        _ operation: OperationID?, _ frame: IncomingFrame
    ) throws(ClientError) {
        maintenance.isRecordAsked = false
        guard case .done = frame else {
            let error = Self.error(of: frame, notFound: .serverFault)
            if error == .handleTaken, !identity.isRegistered {
                identity.handle = nil
                saveIdentity()
            }
            return failRegistration(error)
        }
        identity.isRegistered = true
        saveIdentity()
        operations.registration = nil
        guard let link = links.ready(.identity, identity.server) else { return }
        if let operation { operations.registration = operation }
        maintenance.isRecordAsked = true
        try publishBundle(operation, on: link)
    }

    mutating func bundleAnswered(
        _ operation: OperationID?, number: UInt64, _ frame: IncomingFrame
    ) throws(ClientError) {
        maintenance.isBundleAsked = false
        guard case .done = frame else {
            maintenance.bundlePausedUntil = now.monotonic + Self.refusalPauseMilliseconds
            return failRegistration(Self.error(of: frame, notFound: .serverFault))
        }
        identity.bundlePublishedMilliseconds = now.wall
        saveIdentity()
        guard let operation else { return }
        operations.registration = nil
        operations.end(
            operation, .registered(handle: identity.handle?.text ?? ""), &actions)
    }

    private mutating func failRegistration(_ error: ClientError) {
        guard let operation = operations.registration else { return }
        operations.registration = nil
        operations.end(operation, .failed(error), &actions)
    }

    /// A lost identity connection: what was asked on it is asked again on the next one; a user who
    /// waits is told now.
    mutating func failDirectoryOperations(on link: Link, _ error: ClientError) {
        guard link.purpose == .identity else { return }
        maintenance.isBundleAsked = false
        maintenance.isRecordAsked = false
        failRegistration(error)
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
