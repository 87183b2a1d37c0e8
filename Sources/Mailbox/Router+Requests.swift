import Primitives
import Wire

extension Router {
    /// Makes a mailbox. The id is computed from the keys and never taken from the client. MB-1
    mutating func create(
        _ frame: CreateFrame, for origin: StorageRequest.Origin, from address: ClientAddress,
        into outlet: inout some Outlet & ~Copyable
    ) {
        guard let readKey = frame.keys.first,
            charge(.create, 1, origin, address, .plain, &outlet)
        else { return }
        let writeKey = frame.keys.count > 1 ? frame.keys[1] : nil
        ask(
            .create(frame.mailbox, frame.kind, readKey: readKey, writeKey: writeKey), for: origin)
    }

    /// Begins an attach: the key is looked up first, whether or not the mailbox exists. MB-4
    mutating func attach(
        _ frame: AttachFrame, for origin: StorageRequest.Origin, from address: ClientAddress,
        into outlet: inout some Outlet & ~Copyable
    ) {
        // MB-23: signatures that are no good cost the thread that everybody waits for as much as
        // others. Behind a proxy on this machine one client could use up the bound of all.
        if !address.isLoopback,
            let seconds = limiter.wait(.signed, from: address, wallSeconds: wallSeconds)
        {
            outlet.refuse(.rateLimited, origin, .attach, seconds: seconds)
            return
        }
        let taken = peers.update(origin.connection) { peer in
            guard peer.attachCount < Limits.attachmentsMax else { return false }
            peer.pendingAttachCount += 1
            return true
        }
        guard taken == true else {
            outlet.refuse(.tooMany, origin, .attach)
            return
        }
        ask(
            .findKey(
                frame.id, frame.role, signature: keep(frame.signature.raw), from: address),
            for: origin)
    }

    /// Ends an attach; answered `done` also when there was none.
    mutating func detach(
        _ mailbox: MailboxID, as role: AttachRole, for origin: StorageRequest.Origin,
        into outlet: inout some Outlet & ~Copyable
    ) {
        if let index = mailboxes.index(of: mailbox) {
            removeAttach(origin.connection, at: index, role)
            forget(origin.connection, at: index, role)
        }
        if role == .read {
            _ = peers.update(origin.connection) { $0.superseded.removeAll { $0 == mailbox } }
        }
        outlet.done(origin)
    }

    /// Hands an envelope of a chat to the store if this connection is its writer.
    mutating func deposit(
        _ mailbox: MailboxID, counter: UInt64, envelope: RawSpan,
        for origin: StorageRequest.Origin, into outlet: inout some Outlet & ~Copyable
    ) {
        // MB-7
        guard let index = mailboxes.index(of: mailbox), isWriter(origin.connection, index) else {
            outlet.refuse(.notAttached, origin)
            return
        }
        ask(.deposit(mailbox, counter: counter, envelope: keep(envelope)), for: origin)
    }

    /// Hands a first message to the store. MB-11
    mutating func depositContact(
        _ mailbox: MailboxID, envelope: RawSpan, for origin: StorageRequest.Origin,
        from address: ClientAddress, into outlet: inout some Outlet & ~Copyable
    ) {
        guard charge(.contactDeposit, 1, origin, address, .plain, &outlet) else { return }
        ask(.depositContact(mailbox, envelope: keep(envelope)), for: origin)
    }

    /// Erases what the reader has.
    mutating func acknowledge(
        _ mailbox: MailboxID, _ sequences: ClosedRange<UInt64>,
        for origin: StorageRequest.Origin,
        into outlet: inout some Outlet & ~Copyable
    ) {
        guard let fence = fence(mailbox, origin, &outlet) else { return }
        ask(.acknowledge(mailbox, fence: fence, sequences), for: origin)
    }

    /// Sets how long envelopes are kept. MB-14
    mutating func set(
        _ frame: SettingsFrame, for origin: StorageRequest.Origin,
        into outlet: inout some Outlet & ~Copyable
    ) {
        guard let fence = fence(frame.mailbox, origin, &outlet) else { return }
        guard let timeToLive = frame.timeToLive else {
            outlet.done(origin)
            return
        }
        ask(
            .setTimeToLive(frame.mailbox, fence: fence, days: timeToLive.rawValue), for: origin)
    }

    /// Closes or opens a mailbox. MB-16
    mutating func setClosed(
        _ mailbox: MailboxID, _ closed: Bool, for origin: StorageRequest.Origin,
        into outlet: inout some Outlet & ~Copyable
    ) {
        guard let fence = fence(mailbox, origin, &outlet) else { return }
        ask(.setClosed(mailbox, fence: fence, closed: closed), for: origin)
    }

    /// Removes a mailbox with all in it.
    mutating func delete(
        _ mailbox: MailboxID, for origin: StorageRequest.Origin,
        into outlet: inout some Outlet & ~Copyable
    ) {
        guard let fence = fence(mailbox, origin, &outlet) else { return }
        ask(.delete(mailbox, fence: fence), for: origin)
    }

    /// Relays an ephemeral frame to who reads, or drops it; nobody is told which. MB-19
    mutating func relay(
        _ mailbox: MailboxID, frame: RawSpan, from connection: ConnectionID,
        into outlet: inout some Outlet & ~Copyable
    ) {
        guard let index = mailboxes.index(of: mailbox), isWriter(connection, index),
            !mailboxes[index].isClosed, let reader = mailboxes[index].reader
        else { return }
        outlet.ephemeral(mailbox, frame, to: reader)
    }

    /// Hands a blob to the store.
    mutating func putBlob(
        _ frame: PutBlobFrame, bytes: RawSpan, for origin: StorageRequest.Origin,
        from address: ClientAddress, into outlet: inout some Outlet & ~Copyable
    ) {
        // MB-20
        let now = Hours(secondsSince1970: wallSeconds)
        let latest = now.advanced(byHours: UInt32(Limits.blobDaysMax) * 24)
        guard frame.expiry > now, frame.expiry <= latest else {
            outlet.refuse(.malformed, origin)
            outlet.close(origin.connection)
            return
        }
        // MB-23: a row costs the disk more than its bytes.
        let size = UInt32(clamping: bytes.byteCount)
        guard
            charge(
                .blobByte, max(size, RateLimiter.blobByteCountMin), origin, address, .plain, &outlet
            )
        else { return }
        let put = BlobPut(idHash: frame.idHash, eraseHash: frame.eraseHash, expiry: frame.expiry)
        ask(.putBlob(put, bytes: keep(bytes)), for: origin)
    }

    /// Counts a request against its client's address; answers it when that is over its bound.
    ///
    /// - SPEC: MB-23
    mutating func charge(
        _ what: RateLimiter.Charge, _ amount: UInt32, _ origin: StorageRequest.Origin,
        _ address: ClientAddress, _ requestClass: RequestClass,
        _ outlet: inout some Outlet & ~Copyable
    ) -> Bool {
        let wait = limiter.take(
            what, amount: amount, from: address, wallSeconds: wallSeconds, random: &random)
        guard let wait else { return true }
        outlet.refuse(.rateLimited, origin, requestClass, seconds: wait)
        return false
    }

    private func isWriter(_ connection: ConnectionID, _ index: Int) -> Bool {
        mailboxes[index].writers.contains(connection)
    }

    /// The fence of the reader's own attach; answers the request when it holds none.
    ///
    /// - SPEC: MB-6, MB-7
    private func fence(
        _ mailbox: MailboxID, _ origin: StorageRequest.Origin,
        _ outlet: inout some Outlet & ~Copyable
    ) -> UInt32? {
        if let index = mailboxes.index(of: mailbox),
            mailboxes[index].reader == origin.connection
        {
            return mailboxes[index].fence
        }
        let superseded = peers.peer(origin.connection)?.superseded.contains(mailbox) ?? false
        outlet.refuse(superseded ? .superseded : .notAttached, origin)
        return nil
    }

    /// Takes an attach out of the connection's list, not the connection out of the mailbox.
    mutating func removeAttach(_ connection: ConnectionID, at index: Int, _ role: AttachRole) {
        _ = peers.update(connection) { peer in
            peer.attaches.removeAll { Int($0.mailbox) == index && $0.role == role }
            if peer.attaches.isEmpty { peer.attaches = [] }
        }
    }
}
