internal import Primitives
internal import Wire

/// How far reading one mailbox is on the present connection.
struct ReadProgress: Sendable {
    let link: LinkID
    /// Envelopes the server said were waiting and that have not come yet.
    var waitingCount: Int
    /// Delivered and not yet acknowledged in this turn: first and last sequences.
    var toAcknowledge: [ClosedRange<UInt64>] = []
    /// Acknowledges without an answer.
    var acknowledgesOpen = 0
    /// When the last envelope or answer came, monotonic ms.
    var lastActivity: UInt64
    /// The mailbox held nothing more at some moment since it was attached.
    var isDrained: Bool
}

extension Engine {
    /// With nothing unacknowledged, so much silence means that what the server had announced has
    /// expired meanwhile.
    static let drainSilenceMilliseconds: UInt64 = 2_000
    /// A mailbox that was refused for a time is tried again after an hour at the latest. CL-41
    static let mailboxPauseMillisecondsMax: UInt64 = 3_600_000

    // MARK: Making

    /// Makes a mailbox that this vault reads: keys, vault rows; the server hears of it later.
    mutating func makeMailbox(
        _ role: MailboxRecord.Role, contact: ContactID? = nil, invite: FixedBytes<32>? = nil
    ) throws(ClientError) -> MailboxRecord {
        let read = Ed25519KeyPair.generate(from: &random)
        let kind: MailboxKind = role == .ownChat ? .chat : .contact
        // Reserved whole, so that no outgrown buffer with keys in it is left behind.
        var seeds: [UInt8] = []
        seeds.reserveCapacity(2 * Ed25519KeyPair.seedByteCount)
        read.seed().withBytes { seeds.append(copying: $0) }
        var publicKeys = [read.publicKey]
        if kind == .chat {
            let write = Ed25519KeyPair.generate(from: &random)
            write.seed().withBytes { seeds.append(copying: $0) }
            publicKeys.append(write.publicKey)
        }
        guard let id = kind.mailboxID(keys: publicKeys) else { throw .internalFault(line: #line) }
        let mailbox = MailboxRecord(
            id: id, role: role, server: identity.server, contact: contact, invite: invite,
            readKey: publicKeys[0], writeKey: kind == .chat ? publicKeys[1] : nil, state: .wanted)
        transaction.put(
            .mailbox, key: MailboxRecord.seedsKey(id), group: MailboxRecord.seedsGroup,
            value: seeds)
        save(mailbox)
        return mailbox
    }

    mutating func save(_ mailbox: MailboxRecord) {
        mailboxes[mailbox.id] = mailbox
        transaction.put(
            .mailbox, key: mailbox.id.array, group: MailboxRecord.infoGroup,
            value: mailbox.encoded)
    }

    mutating func remove(_ mailbox: MailboxRecord) {
        mailboxes[mailbox.id] = nil
        reading[mailbox.id] = nil
        writing[mailbox.id] = nil
        transaction.remove(.mailbox, key: mailbox.id.array)
        transaction.remove(.mailbox, key: MailboxRecord.seedsKey(mailbox.id))
    }

    /// One of the seeds of a mailbox: the read key's of own ones, or the write key's.
    mutating func seed(
        of mailbox: MailboxRecord, write: Bool
    ) throws(ClientError) -> Ed25519KeyPair {
        let key = MailboxRecord.seedsKey(mailbox.id)
        guard var seeds = try transaction.value(.mailbox, key: key) else { throw .vaultCorrupt }
        defer { seeds.wipeBytes() }
        // Own chat mailboxes hold read ‖ write, contact ones read, a peer's write only.
        let offset = write && mailbox.isOwn ? 32 : 0
        guard seeds.count >= offset + 32 else { throw .vaultCorrupt }
        return Ed25519KeyPair(
            seed: SecretBytes(copying: seeds.raw.extracting(offset..<offset + 32)))
    }

    // MARK: Attaching

    /// Makes and attaches, on a ready connection, the mailboxes that belong there.
    mutating func attachMailboxes(on id: LinkID) throws(ClientError) {
        guard let link = links[id], let hash = link.handshakeHash else { return }
        for mailbox in mailboxes.values.sorted(by: { $0.id < $1.id })
        where mailbox.purpose == link.purpose && mailbox.server == link.server
            && links[id]?.attaches[mailbox.id]?.isOver(at: now.monotonic) ?? true
        {
            if mailbox.role == .peerChat, !wantsToWrite(mailbox.id) { continue }
            links[id]?.attaches[mailbox.id] = .asked
            if mailbox.state == .wanted { create(mailbox, on: id) }
            try attach(mailbox, on: id, handshakeHash: hash)
        }
    }

    private mutating func create(_ mailbox: MailboxRecord, on id: LinkID) {
        let kind: MailboxKind = mailbox.role == .ownChat ? .chat : .contact
        let keys = [mailbox.readKey] + (mailbox.writeKey.map { [$0] } ?? [])
        ask(.create(mailbox.id), on: id) {
            .create(CreateFrame(request: $0, kind: kind, keys: keys))
        }
    }

    private mutating func attach(
        _ mailbox: MailboxRecord, on id: LinkID, handshakeHash: FixedBytes<32>
    ) throws(ClientError) {
        let role: AttachRole = mailbox.isOwn ? .read : .write
        let key = try seed(of: mailbox, write: role == .write)
        let message = role.signedBytes(id: mailbox.id, handshakeHash: handshakeHash)
        let signature = key.sign(message.raw)
        if mailbox.isOwn {
            // Noted before it is tried, so that a count above what was tried is somebody else's.
            var noted = mailbox
            noted.attachAttempts += 1
            save(noted)
        }
        ask(.attach(mailbox.id), on: id) {
            .attach(
                AttachFrame(request: $0, role: role, id: mailbox.id, signature: signature))
        }
    }

    mutating func created(
        _ mailbox: MailboxID, _ frame: IncomingFrame, on id: LinkID
    ) throws(ClientError) {
        guard var record = mailboxes[mailbox] else { return }
        guard case .done = frame else {
            if let pause = Self.pause(after: frame) {
                links[id]?.attaches[mailbox] = .paused(until: now.monotonic + pause)
            }
            tellRefusal(of: frame, on: id)
            return
        }
        guard record.state == .wanted else { return }
        record.state = .inUse
        save(record)
        if let contact = record.contact { try sealWaiting(of: contact) }
        try mailboxCreated(record)
    }

    /// How long an own mailbox waits after a refusal that time can mend, in ms; nil for others.
    /// CL-41
    private static func pause(after frame: IncomingFrame) -> UInt64? {
        guard case .error(let error) = frame else { return nil }
        switch error.code {
        case .rateLimited:
            let named = error.seconds.map { UInt64($0) * 1_000 } ?? mailboxPauseMillisecondsMax
            return min(max(named, refusalPauseMilliseconds), mailboxPauseMillisecondsMax)
        case .storageFull, .internalError, .tooMany, .shuttingDown:
            return refusalPauseMilliseconds
        default: return nil
        }
    }

    /// When the next refused mailbox is tried again, monotonic ms.
    func mailboxDeadline() -> UInt64? {
        links.links.values.flatMap(\.attaches.values).compactMap { phase in
            if case .paused(let until) = phase { until } else { nil }
        }.min()
    }

    mutating func attached(
        _ mailbox: MailboxID, _ frame: IncomingFrame, on id: LinkID
    ) throws(ClientError) {
        guard let record = mailboxes[mailbox] else { return }
        guard case .attached(let answer) = frame else {
            try attachRefused(record, frame, on: id)
            return
        }
        links[id]?.attaches[mailbox] = .attached
        if record.isOwn {
            noteAttachCount(answer.readAttaches, of: record)
            reading[mailbox] = ReadProgress(
                link: id, waitingCount: Int(answer.waiting), lastActivity: now.monotonic,
                isDrained: answer.waiting == 0)
            if record.state == .unwanted { askToDelete(record, on: id) }
            discardDrained(mailbox)
        } else {
            try writeAttached(record, nextCounter: answer.nextCounter, on: id)
        }
    }

    private mutating func noteAttachCount(_ count: UInt32, of mailbox: MailboxRecord) {
        var mailbox = mailbox
        let expected = mailbox.attachCount &+ mailbox.attachAttempts
        if count > expected {
            let name = mailbox.contact.flatMap { contacts[$0]?.name }
            tell(
                .notice(
                    .mailboxReadElsewhere(
                        contact: name, unexpectedAttachCount: count - expected)))
        }
        mailbox.attachCount = count
        mailbox.attachAttempts = 0
        save(mailbox)
    }

    private mutating func attachRefused(
        _ mailbox: MailboxRecord, _ frame: IncomingFrame, on id: LinkID
    ) throws(ClientError) {
        // The server has no such mailbox because it has just refused to make it.
        if case .paused = links[id]?.attaches[mailbox.id] { return }
        links[id]?.attaches[mailbox.id] = .refused
        guard case .error(let error) = frame, error.code == .attachRefused else {
            if mailbox.isOwn, let pause = Self.pause(after: frame) {
                links[id]?.attaches[mailbox.id] = .paused(until: now.monotonic + pause)
            }
            tellRefusal(of: frame, on: id)
            return
        }
        if mailbox.state == .unwanted { return remove(mailbox) }
        guard mailbox.isOwn else { return try hold(mailbox.id, .mailboxGone) }
        // Nothing lies in it any more.
        if mailbox.state == .closing { return remove(mailbox) }
        // The server lost it or its lease has ended: it is made anew, at once if that has not been
        // tried on this connection. CL-36
        var again = mailbox
        again.state = .wanted
        again.attachCount = 0
        again.attachAttempts = 0
        save(again)
        if links[id]?.madeAnew.insert(mailbox.id).inserted == true {
            links[id]?.attaches[mailbox.id] = nil
        }
    }

    mutating func superseded(_ mailbox: MailboxID, on id: LinkID) {
        guard reading[mailbox]?.link == id else { return }
        reading[mailbox] = nil
        links[id]?.attaches[mailbox] = .refused
        tell(.notice(.superseded))
    }

    // MARK: Deleting

    /// Deletes a mailbox on the server, now or on the next connection.
    mutating func discard(_ id: MailboxID) {
        guard var mailbox = mailboxes[id], mailbox.state != .unwanted else { return }
        mailbox.state = .unwanted
        save(mailbox)
        if let progress = reading[id] { askToDelete(mailbox, on: progress.link) }
    }

    /// Deletes a mailbox as soon as it has been read to its end, as an attach from now on finds it.
    mutating func drain(_ id: MailboxID) {
        guard var mailbox = mailboxes[id] else { return }
        mailbox.state = .closing
        save(mailbox)
        if let progress = reading[id] { links[progress.link]?.attaches[id] = nil }
    }

    /// CL-27
    private mutating func discardDrained(_ id: MailboxID) {
        guard mailboxes[id]?.state == .closing, let progress = reading[id],
            links[progress.link]?.attaches[id] == .attached, progress.isDrained,
            progress.toAcknowledge.isEmpty, progress.acknowledgesOpen == 0
        else { return }
        discard(id)
    }

    private mutating func askToDelete(_ mailbox: MailboxRecord, on id: LinkID) {
        ask(.delete(mailbox.id), on: id) {
            .delete(MailboxFrame(request: $0, mailbox: mailbox.id))
        }
    }

    mutating func deleted(_ mailbox: MailboxID, _ frame: IncomingFrame) throws(ClientError) {
        guard case .done = frame, let record = mailboxes[mailbox] else { return }
        remove(record)
    }

    // MARK: Acknowledging

    /// Acknowledges after the commit of this step, all of a mailbox's envelopes in one frame. CL-4
    mutating func acknowledgeLater(_ sequence: UInt64, of mailbox: MailboxID) {
        guard var progress = reading[mailbox] else { return }
        let merged = progress.toAcknowledge.last.map {
            min($0.lowerBound, sequence)...max($0.upperBound, sequence)
        }
        // DR-38: what is held stays on the server.
        if let merged, held[mailbox]?.contains(where: { merged.contains($0.sequence) }) != true {
            progress.toAcknowledge[progress.toAcknowledge.count - 1] = merged
        } else {
            progress.toAcknowledge.append(sequence...sequence)
        }
        reading[mailbox] = progress
    }

    mutating func pumpAcknowledges() {
        for id in reading.keys.sorted() {
            guard let progress = reading[id] else { continue }
            reading[id]?.toAcknowledge = []
            for range in progress.toAcknowledge {
                reading[id]?.acknowledgesOpen += 1
                ask(.acknowledge(id), on: progress.link) {
                    .acknowledge(AcknowledgeFrame(request: $0, mailbox: id, sequences: range))
                }
            }
        }
    }

    mutating func acknowledged(
        _ mailbox: MailboxID, _ frame: IncomingFrame
    ) {
        guard var progress = reading[mailbox] else { return }
        progress.acknowledgesOpen -= 1
        progress.lastActivity = now.monotonic
        if progress.acknowledgesOpen == 0, progress.waitingCount <= 0 { progress.isDrained = true }
        reading[mailbox] = progress
        discardDrained(mailbox)
    }

    // MARK: Drained

    /// True when every mailbox that can be read now has been read to its end.
    var isReadingDrained: Bool {
        for mailbox in mailboxes.values where mailbox.isOwn && mailbox.state != .unwanted {
            guard let progress = reading[mailbox.id] else {
                // Refused or taken over on this connection: nothing more comes from it.
                let link = links.link(mailbox.purpose, mailbox.server)
                if link?.attaches[mailbox.id]?.isRefused == true { continue }
                return false
            }
            guard progress.isDrained, progress.toAcknowledge.isEmpty,
                progress.acknowledgesOpen == 0
            else { return false }
        }
        return true
    }

    /// Mailboxes of which the server announced more than came count as drained after a silence.
    mutating func endSilence() {
        for id in reading.keys.sorted() {
            guard let progress = reading[id], !progress.isDrained,
                progress.acknowledgesOpen == 0, progress.toAcknowledge.isEmpty,
                progress.lastActivity + Self.drainSilenceMilliseconds <= now.monotonic
            else { continue }
            reading[id]?.isDrained = true
        }
    }

    func drainDeadline() -> UInt64? {
        reading.values.filter { !$0.isDrained && $0.acknowledgesOpen == 0 }
            .map { $0.lastActivity + Self.drainSilenceMilliseconds }.min()
    }

    /// Tells once that all that waited is here and all that can be sent was.
    mutating func noteDrained() {
        endSilence()
        reportGaps(isEnding: isClosing)
        let drained = isReadingDrained && !isSending && hasNoReceiptsToSend
        if drained, !wasDrained { tell(.drained) }
        wasDrained = drained
    }
}
