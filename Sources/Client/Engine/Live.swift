internal import Crypto
internal import Primitives
internal import Wire

/// What a contact is to be told in its next frame.
struct LiveWants {
    /// Receipts, echo and newest number only. Since when, monotonic ms.
    var echo: UInt64?
    var typing: (isTyping: Bool, since: UInt64)?
    var presence: (isHere: Bool, since: UInt64)?

    var isEmpty: Bool { echo == nil && typing == nil && presence == nil }

    /// What waited too long to be true any more.
    mutating func expire(now: UInt64) {
        let limit = Engine.frameWaitMilliseconds
        if let since = echo, since + limit <= now { echo = nil }
        if let wish = typing, wish.since + limit <= now { typing = nil }
        if let wish = presence, wish.since + limit <= now { presence = nil }
    }
}

/// What is known of a contact at this moment; lasts as long as the process.
struct LiveState {
    var wants = LiveWants()
    var senders: [SessionID: FrameSender] = [:]
    var receivers: [SessionID: FrameReceiver] = [:]
    /// When it was last heard of: a fresh frame, or an envelope it had just written. Monotonic ms.
    var heard: UInt64?
    /// Shown as online, and until when without another frame.
    var isOnline = false
    var onlineUntil: UInt64 = 0
    /// Shown as typing until then.
    var typingUntil: UInt64?
    /// Own typing as last told, and when.
    var toldTyping = false
    var typingSince: UInt64 = 0
    /// When presence is told again, and when it was last told in answer to the contact's.
    var nextPresence: UInt64 = 0
    var presenceAnswered: UInt64 = 0
    /// Receipts that tell nothing new are not echoed before then. EN-22
    var nextRepeatedEcho: UInt64 = 0

    func deadline(now: UInt64) -> UInt64? {
        [typingUntil, isOnline ? onlineUntil : nil].compactMap { $0 }.min()
    }
}

extension Engine {
    /// A frame that could not be sent for so long is not sent any more.
    static let frameWaitMilliseconds: UInt64 = 10_000
    /// The contact counts as reachable for so long after it was heard of. CL-17
    static let reachableMilliseconds: UInt64 = 30_000
    /// Receipts that were told before are echoed so often at most. EN-22
    static let repeatedEchoMilliseconds: UInt64 = 1_000
    /// A typing notice ends by itself. CL-20
    static let typingShownMilliseconds: UInt64 = 10_000
    /// It is told again in time.
    static let typingRepeatMilliseconds: UInt64 = 4_000
    /// Presence is told so often: before 30 s are over, at no fixed beat.
    static let presenceMilliseconds: ClosedRange<UInt64> = 18_000...24_000

    // MARK: What the user does

    /// The user began or stopped typing to a contact.
    package mutating func setTyping(
        _ name: String, _ isTyping: Bool, at moment: Moment
    ) throws(ClientError) {
        now = moment
        if name == Self.selfName { return }
        let contact = try contact(named: name)
        guard contact.state == .accepted else { throw .notAccepted }
        // CL-16
        guard contact.sendsTyping ?? settings.sendsTyping else { return }
        var state = live[contact.id] ?? LiveState()
        let isRepeat = state.toldTyping == isTyping
        if isRepeat, !isTyping || state.typingSince + Self.typingRepeatMilliseconds > now.monotonic
        {
            return
        }
        state.toldTyping = isTyping
        state.typingSince = now.monotonic
        state.wants.typing = (isTyping, now.monotonic)
        live[contact.id] = state
        try settle()
    }

    // MARK: Reachability

    func seemsReachable(_ id: ContactID) -> Bool {
        guard let heard = live[id]?.heard else { return false }
        return heard + Self.reachableMilliseconds > now.monotonic
    }

    /// An envelope whose writer's clock says that it was written just now.
    mutating func noteWritten(at milliseconds: UInt64, by id: ContactID) {
        let age = now.wall > milliseconds ? now.wall - milliseconds : milliseconds - now.wall
        guard age <= Self.reachableMilliseconds else { return }
        live[id, default: LiveState()].heard = now.monotonic
    }

    // MARK: Sending

    func wantsFrame(to mailbox: MailboxID) -> Bool {
        guard let contact = mailboxes[mailbox]?.contact, contacts[contact]?.peerMailbox == mailbox
        else { return false }
        return live[contact]?.wants.isEmpty == false
    }

    /// Sends the frames that are wanted, where the connection to write on stands.
    mutating func pumpLive() throws(ClientError) {
        try tellPresence()
        for id in live.keys.sorted() {
            live[id]?.wants.expire(now: now.monotonic)
            guard let wants = live[id]?.wants, !wants.isEmpty else { continue }
            guard let contact = contacts[id], contact.state == .accepted,
                let mailbox = contact.peerMailbox, let record = sessions.written(of: id),
                sessions.hasReceived(in: record.id), mailboxes[mailbox]?.state != .copied
            else {
                // EN-20: nobody to tell, or no key to seal under. CL-7: no frame either.
                live[id]?.wants = LiveWants()
                continue
            }
            guard let progress = writing[mailbox], !progress.isHalted else { continue }
            live[id]?.wants = LiveWants()
            if let wish = wants.presence {
                let fields = Frame.stateField(wish.isHere)
                try sendFrame(.presence, fields, to: contact, record, mailbox, on: progress.link)
            }
            if let wish = wants.typing {
                let fields = Frame.stateField(wish.isTyping)
                try sendFrame(.typing, fields, to: contact, record, mailbox, on: progress.link)
            }
            if wants.presence == nil, wants.typing == nil {
                try sendFrame(.echo, .none, to: contact, record, mailbox, on: progress.link)
            }
        }
    }

    private mutating func sendFrame(
        _ type: ContentType, _ fields: ContentFields, to contact: ContactRecord,
        _ record: SessionRecord, _ mailbox: MailboxID, on link: LinkID
    ) throws(ClientError) {
        guard let target = mailboxes[mailbox], var record = sessions[record.id] else { return }
        let session = try ratchet(record.id)
        guard session.canSealFrames else { return }
        var sender =
            live[contact.id]?.senders[record.id]
            ?? FrameSender(lastCounter: record.frameCounterSent)
        let counter = sender.next(unixMilliseconds: now.wall, monotonic: now.monotonic)
        guard let counter else { return }
        live[contact.id]?.senders[record.id] = sender
        // CL-3: no counter is used twice, whatever becomes of the clock and this process.
        record.frameCounterSent = counter
        save(record)
        var carried: (delivered: [FixedBytes<16>], read: [FixedBytes<16>]) = ([], [])
        let id = record.id
        changeReceipts(of: contact.id) { page, _ in
            carried = page.pending.carry(in: id, counter: counter)
        }
        let frame = Frame(
            counter: counter, type: type, echo: record.frameCounterReceived,
            newest: session.sentCount, delivered: carried.delivered, read: carried.read,
            fields: fields)
        let key = try seed(of: target, write: true)
        do throws(FrameError) {
            let bytes = try session.seal(frame, writeKey: key, random: &random)
            links[link]?.lastUse = now.monotonic
            actions.append(.send(link, .ephemeral(mailbox: mailbox, frame: bytes)))
        } catch {
            throw .internalFault(line: #line)
        }
    }

    // MARK: Presence

    /// Tells the contacts the user chose that this client is here, or leaves. CL-19
    private mutating func tellPresence() throws(ClientError) {
        guard sharesPresence else { return }
        for contact in contacts.values.sorted(by: { $0.id < $1.id })
        where contact.isPresenceShared && contact.state == .accepted {
            var state = live[contact.id] ?? LiveState()
            if isClosing {
                guard state.nextPresence != .max else { continue }
                state.nextPresence = .max
                state.wants.presence = (false, now.monotonic)
            } else {
                guard state.nextPresence <= now.monotonic else { continue }
                let range = Self.presenceMilliseconds
                state.nextPresence =
                    now.monotonic + range.lowerBound
                    + random.integer(below: range.upperBound - range.lowerBound)
                state.wants.presence = (true, now.monotonic)
            }
            live[contact.id] = state
        }
    }

    // MARK: Receiving

    mutating func receivedFrame(
        _ bytes: [UInt8], mailbox: MailboxID, on link: LinkID
    ) throws(ClientError) {
        guard let target = mailboxes[mailbox], target.role == .ownChat,
            reading[mailbox]?.link == link, let writeKey = target.writeKey,
            let id = target.contact, contacts[id]?.state == .accepted
        else { return }
        for record in sessions.toRead(of: id) {
            let session = try ratchet(record.id)
            let frame: Frame
            do throws(FrameError) {
                frame = try session.openFrame(bytes.raw, writeKey: writeKey)
            } catch {
                if error == .notThisSession { continue }
                return
            }
            return try take(frame, in: record, highestNumber: session.received.highest)
        }
    }

    private mutating func take(
        _ frame: Frame, in record: SessionRecord, highestNumber: UInt64
    ) throws(ClientError) {
        var record = record
        let id = record.contact
        var state = live[id] ?? LiveState()
        var receiver =
            state.receivers[record.id]
            ?? FrameReceiver(highestCounter: record.frameCounterReceived)
        let verdict = receiver.take(frame, arrival: now.monotonic)
        state.receivers[record.id] = receiver
        live[id] = state
        // EN-13
        guard verdict != .ignored else { return }
        record.frameCounterReceived = receiver.highestCounter
        save(record)
        var isNews = false
        for message in frame.delivered {
            if try receipted(message, .delivered, in: record.id, of: id) { isNews = true }
        }
        for message in frame.read {
            if try receipted(message, .read, in: record.id, of: id) { isNews = true }
        }
        let session = record.id
        changeReceipts(of: id) { page, _ in page.pending.confirm(echo: frame.echo, in: session) }
        gaps.note(
            newest: frame.newest, highest: highestNumber, session, contact: id,
            told: record.toldGaps, now: now)
        // EN-15
        guard verdict == .fresh else { return }
        live[id]?.heard = now.monotonic
        let hasReceipts = !frame.delivered.isEmpty || !frame.read.isEmpty
        // EN-22
        if isNews || (hasReceipts && state.nextRepeatedEcho <= now.monotonic) {
            live[id]?.nextRepeatedEcho = now.monotonic + Self.repeatedEchoMilliseconds
            live[id]?.wants.echo = now.monotonic
        }
        showTyping(frame, of: id)
        showPresence(frame, receiver, in: record.id, of: id)
    }

    private mutating func showTyping(_ frame: Frame, of id: ContactID) {
        guard let isTyping = frame.isTyping else { return }
        let wasTyping = live[id]?.typingUntil != nil
        live[id]?.typingUntil =
            isTyping ? now.monotonic + Self.typingShownMilliseconds : nil
        if wasTyping != isTyping {
            tell(.typing(contact: contacts[id]?.name ?? "", isTyping: isTyping))
        }
    }

    /// CL-19, EN-16
    private mutating func showPresence(
        _ frame: Frame, _ receiver: FrameReceiver, in session: SessionID, of id: ContactID
    ) {
        guard contacts[id]?.isPresenceShared == true, var state = live[id] else { return }
        let sender = state.senders[session] ?? FrameSender()
        let isHere = frame.isHere ?? state.isOnline
        let isOnline = isHere && receiver.isOnline(at: now.monotonic, sender: sender)
        let wasOnline = state.isOnline
        if isOnline { state.onlineUntil = now.monotonic + 30_000 }
        // The first word of the other side is answered, so that both know at once.
        if isHere, !wasOnline, sharesPresence, !isClosing,
            state.presenceAnswered + 1_000 <= now.monotonic || isOnline
        {
            state.presenceAnswered = now.monotonic
            state.wants.presence = (true, now.monotonic)
        }
        live[id] = state
        setOnline(isOnline, of: id)
    }

    private mutating func setOnline(_ isOnline: Bool, of id: ContactID) {
        guard live[id]?.isOnline != isOnline else { return }
        live[id]?.isOnline = isOnline
        tell(.presence(contact: contacts[id]?.name ?? "", isOnline: isOnline))
    }

    // MARK: Time

    /// A message of the contact has come: it types no longer.
    mutating func stopTyping(_ id: ContactID) {
        guard live[id]?.typingUntil != nil else { return }
        live[id]?.typingUntil = nil
        tell(.typing(contact: contacts[id]?.name ?? "", isTyping: false))
    }

    mutating func tickLive() {
        for id in live.keys.sorted() {
            guard let state = live[id] else { continue }
            // CL-20
            if let until = state.typingUntil, until <= now.monotonic { stopTyping(id) }
            if state.isOnline, state.onlineUntil <= now.monotonic { setOnline(false, of: id) }
        }
    }

    func liveDeadline() -> UInt64? {
        let states = live.values.compactMap { $0.deadline(now: now.monotonic) }.min()
        let waits =
            live.values.contains { !$0.wants.isEmpty }
            ? now.monotonic + Self.frameWaitMilliseconds : nil
        var presence: UInt64?
        if sharesPresence {
            presence = contacts.values.filter { $0.isPresenceShared && $0.state == .accepted }
                .map { live[$0.id]?.nextPresence ?? 0 }.filter { $0 > now.monotonic }.min()
        }
        return [states, waits, presence, receipts.nextDeadline(after: now.monotonic)]
            .compactMap { $0 }.min()
    }
}
