import Primitives
import Wire

extension Router {
    /// Bytes that a delivery frame has besides its envelope.
    static var deliveryOverhead: Int { DeliveryFrame.overheadByteCount }
    /// The same for all envelopes that one read may bring.
    static var readOverhead: Int { Limits.windowEnvelopesMax * deliveryOverhead }
    /// Bytes of the largest envelope.
    static var envelopeByteCountMax: Int { EnvelopeSize.large.rawValue }

    /// A committed envelope: it is pushed from memory when its reader is up to date and has
    /// credit, and waits in the store otherwise. MB-12
    mutating func deliver(
        _ mailbox: MailboxID, _ sequence: UInt64, _ bytes: [UInt8], _ range: Range<Int>,
        into outlet: inout some Outlet & ~Copyable
    ) {
        guard let index = mailboxes.index(of: mailbox), let reader = mailboxes[index].reader,
            mailboxes[index].window.state == .live, sequence >= mailboxes[index].window.next
        else { return }
        let envelope = bytes.raw.extracting(range)
        guard push(index, sequence, envelope, to: reader, &outlet) else {
            mailboxes[index].window.state = .behind
            return
        }
    }

    /// Asks the store for what waits, as far as the reader's window and output have room.
    mutating func pump(_ index: Int) {
        guard let reader = mailboxes[index].reader, mailboxes[index].window.state == .behind
        else { return }
        let credit = mailboxes[index].window.credit
        // Below the size of the largest envelope nothing is sure to fit: wait for more credit.
        guard credit.envelopes > 0, credit.byteCount >= Self.envelopeByteCountMax else { return }
        let byteCount = peers.update(reader) { peer -> Int in
            let byteCount = min(peer.room - Self.readOverhead, credit.byteCount)
            guard byteCount >= Self.envelopeByteCountMax else {
                // CH-46: the envelopes stay in the store until the client has read.
                peer.isStalled = true
                return 0
            }
            peer.reservedByteCount += byteCount + Self.readOverhead
            return byteCount
        }
        guard let byteCount, byteCount > 0 else { return }
        mailboxes[index].window.state = .reading
        let origin = StorageRequest.Origin(connection: reader, request: 0)
        ask(
            .read(
                mailboxes[index].id, fence: mailboxes[index].fence,
                from: mailboxes[index].window.next, envelopesMax: credit.envelopes,
                byteCountMax: byteCount), for: origin)
    }

    /// Pumps every mailbox of a reader whose output had no room before.
    mutating func resume(_ reader: ConnectionID) {
        let stalled = peers.update(reader) { peer in
            let wasStalled = peer.isStalled
            peer.isStalled = false
            return wasStalled
        }
        guard stalled == true, let peer = peers.peer(reader) else { return }
        // Each round begins with another mailbox, so that a busy one does not starve the others.
        let count = peer.attaches.count
        let start = count == 0 ? 0 : Int(peer.deliveredByteCount / 1_024 % UInt64(count))
        for offset in 0..<count {
            let attach = peer.attaches[(start + offset) % count]
            if attach.role == .read { pump(Int(attach.mailbox)) }
        }
    }

    /// Pushes what was read, and reads on while there is credit.
    mutating func completeRead(
        _ mailbox: MailboxID, fence: UInt32, byteCountMax: Int, of reader: ConnectionID,
        _ result: StorageResult, _ answers: StorageAnswers,
        _ outlet: inout some Outlet & ~Copyable
    ) {
        _ = peers.update(reader) { $0.reservedByteCount -= byteCountMax + Self.readOverhead }
        defer { resume(reader) }
        guard let index = mailboxes.index(of: mailbox), mailboxes[index].fence == fence,
            mailboxes[index].reader == reader, mailboxes[index].window.state == .reading
        else { return }
        guard case .envelopes(let range, let more) = result else {
            // The mailbox went while its reader was attached; there is nothing to push.
            mailboxes[index].window.state = .live
            return
        }
        var isBehind = more
        for place in range {
            let envelope = answers.envelopes[place]
            let bytes = answers.bytes.raw.extracting(envelope.range)
            guard push(index, envelope.sequence, bytes, to: reader, &outlet) else {
                isBehind = true
                break
            }
        }
        mailboxes[index].window.state = isBehind ? .behind : .live
        pump(index)
    }

    /// Returns the credit of what was erased. MB-12, MB-13
    mutating func acknowledged(
        _ mailbox: MailboxID, fence: UInt32, _ sequences: ClosedRange<UInt64>
    ) {
        guard let index = mailboxes.index(of: mailbox), mailboxes[index].fence == fence else {
            return
        }
        mailboxes[index].window.acknowledge(sequences)
        pump(index)
    }

    /// Hands one envelope to its reader's connection, if window and output allow.
    private mutating func push(
        _ index: Int, _ sequence: UInt64, _ envelope: RawSpan, to reader: ConnectionID,
        _ outlet: inout some Outlet & ~Copyable
    ) -> Bool {
        let size = envelope.byteCount
        guard mailboxes[index].window.hasCredit(size) else { return false }
        let isTaken = peers.update(reader) { peer in
            guard peer.room >= size + Self.deliveryOverhead else {
                // CH-46
                peer.isStalled = true
                return false
            }
            peer.deliveredByteCount += UInt64(size + Self.deliveryOverhead)
            return true
        }
        guard isTaken == true else { return false }
        mailboxes[index].window.push(sequence, size: size)
        outlet.delivery(mailboxes[index].id, sequence, envelope, to: reader)
        return true
    }
}
