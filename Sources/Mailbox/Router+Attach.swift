import Primitives
import Wire

extension Router {
    /// The key was looked up: the signature goes to the crypto thread, with no key too, so that a
    /// mailbox that does not exist costs the same time. MB-4
    mutating func check(
        _ mailbox: MailboxID, _ role: AttachRole, _ bytes: [UInt8], _ signature: Range<Int>,
        _ result: StorageResult, _ address: ClientAddress, _ origin: StorageRequest.Origin
    ) {
        guard let peer = peers.peer(origin.connection),
            let signature = FixedBytes<64>(copying: bytes.raw.extracting(signature))
        else { return }
        var key: FixedBytes<32>?
        if case .key(let found) = result { key = found }
        checks.append(
            AttachCheck(
                origin: origin, mailbox: mailbox, role: role, key: key, signature: signature,
                handshakeHash: peer.handshakeHash, address: address))
    }

    /// Takes a verdict on a signature: refuses the attach or has the store count it. MB-4, MB-5
    package mutating func complete(
        _ verdict: AttachVerdict, into outlet: inout some Outlet & ~Copyable
    ) {
        if !verdict.isValid { countRefusal(from: verdict.address) }
        // A connection that went meanwhile must not take over from one that is there.
        guard peers.isOpen(verdict.origin.connection) else { return }
        guard verdict.isValid else {
            _ = peers.update(verdict.origin.connection) { $0.pendingAttachCount -= 1 }
            outlet.refuse(.attachRefused, verdict.origin, .attach)
            return
        }
        if verdict.role == .read {
            ask(.attachReader(verdict.mailbox), for: verdict.origin)
        } else {
            ask(.attachWriter(verdict.mailbox), for: verdict.origin)
        }
    }

    /// Counts an attach whose signature was no good. MB-23
    private mutating func countRefusal(from address: ClientAddress) {
        if address.isLoopback { return }
        _ = limiter.take(
            .signed, amount: 1, from: address, wallSeconds: wallSeconds, random: &random)
    }

    /// The store has counted a read attach: the reader before it, if any, is told. MB-5, MB-6
    mutating func readerAttached(
        _ mailbox: MailboxID, fence: UInt32, next: UInt64, waiting: UInt32, isClosed: Bool,
        _ origin: StorageRequest.Origin, _ outlet: inout some Outlet & ~Copyable
    ) {
        let connection = origin.connection
        let index = mailboxes.makeIndex(of: mailbox)
        if let before = mailboxes[index].reader {
            removeAttach(before, at: index, .read)
            mailboxes[index].reader = nil
            if before != connection {
                // MB-6
                _ = peers.update(before) { $0.superseded.append(mailbox) }
                outlet.notice(.superseded(mailbox: mailbox), before)
            }
        }
        mailboxes[index].fence = fence
        mailboxes[index].isClosed = isClosed
        mailboxes[index].window = DeliveryWindow()
        let isOpen = peers.update(connection) { peer in
            peer.pendingAttachCount -= 1
            peer.superseded.removeAll { $0 == mailbox }
            peer.attaches.append(Peer.Attach(mailbox: Int32(index), role: .read))
            return true
        }
        guard isOpen == true else {
            mailboxes.removeIfUnused(index)
            return
        }
        mailboxes[index].reader = connection
        mailboxes[index].leaseWeek = wallSeconds / (7 * 86_400)
        mailboxes[index].window.state = waiting == 0 ? .live : .behind
        outlet.attached(origin, readAttaches: fence, next: next, waiting: waiting)
        pump(index)
    }

    /// A writer's signature was good.
    mutating func writerAttached(
        _ mailbox: MailboxID, next: UInt64, _ origin: StorageRequest.Origin,
        _ outlet: inout some Outlet & ~Copyable
    ) {
        let connection = origin.connection
        guard peers.isOpen(connection) else { return }
        let index = mailboxes.makeIndex(of: mailbox)
        let isNew = !mailboxes[index].writers.contains(connection)
        if isNew, mailboxes[index].writers.count >= Limits.writersMax {
            // MB-28
            let oldest = mailboxes[index].writers.removeFirst()
            removeAttach(oldest, at: index, .write)
        }
        if isNew { mailboxes[index].writers.append(connection) }
        _ = peers.update(connection) { peer in
            peer.pendingAttachCount -= 1
            if isNew { peer.attaches.append(Peer.Attach(mailbox: Int32(index), role: .write)) }
        }
        outlet.attached(origin, readAttaches: 0, next: next, waiting: 0)
    }
}
