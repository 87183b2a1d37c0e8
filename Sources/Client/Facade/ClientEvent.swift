/// Something that happened while the client was running. Everything in it that comes from the
/// network is untrusted text: print it as safe text only.
public enum ClientEvent: Sendable, Equatable {
    /// A message of the other side was committed to the vault (request or accepted contact alike).
    case message(MessageSummary)
    /// An own message has come further.
    case messageState(id: MessageID, contact: String, state: MessageState)
    /// An own message went no further than the outbox, and why.
    case outbox(OutboxSummary)
    /// A first message of a stranger arrived and waits for `accept`.
    case request(RequestSummary)
    /// A contact is new, or its state, name, handle or keys changed.
    case contact(ContactSummary)
    /// The contact began or stopped typing; stops by itself after 10 s.
    case typing(contact: String, isTyping: Bool)
    /// The contact came or went; goes by itself 30 s after the last fresh frame.
    case presence(contact: String, isOnline: Bool)
    /// Messages number `first` to `last` of the contact did not arrive within 60 s although all that
    /// waited was fetched. `isClosed`: given up after 30 days, shown once.
    case gap(contact: String, first: UInt64, last: UInt64, isClosed: Bool)
    /// Messages reported missing have arrived after all.
    case gapFilled(contact: String, first: UInt64, last: UInt64)
    /// Something the user should know that belongs to no message.
    case notice(ClientNotice)
    /// Messages that had been confirmed and that their reader, who restored an older state, does not
    /// have any more: own ones (`me`), or the contact's.
    case missing(contact: String, ids: [MessageID], author: MessageAuthor)
    /// The state of the link to a server changed.
    case connection(ConnectionState)
    /// An operation came to its end.
    case finished(OperationID, OperationOutcome)
    /// All that waited on the server has been fetched and acknowledged, and all that can be sent was.
    case drained
    /// A descriptor of `RunOptions.inputs` can be read (or has ended).
    case inputReady(descriptor: Int32)
}

/// A fact the user is told in words.
public enum ClientNotice: Sendable, Equatable {
    /// Another copy of this vault has sent as this person: one of the two must be put away.
    case copiedVault(contact: String)
    /// The server lost messages it had accepted; they are encrypted anew and sent again.
    case serverWentBack(contact: String)
    /// Somebody else has read this mailbox: a read key may have been stolen.
    case mailboxReadElsewhere(contact: String?, unexpectedAttachCount: UInt32)
    /// Another client reads this vault's mailboxes now.
    case superseded
    /// An envelope in this chat opens under no session, or a session contradicts itself.
    case sessionBroken(contact: String)
    /// The sessions with this contact are begun anew: what has no receipt is sent again. DR-36
    case resetSent(contact: String)
    /// The contact has begun its sessions anew. DR-37
    case resetReceived(contact: String)
    /// The sessions with this contact cannot be begun anew by themselves: it has to be added again.
    case resetImpossible(contact: String)
    /// The server names another account under the handle of a contact who has not answered yet:
    /// nothing is sent to it. CL-46
    case accountChanged(contact: String)
    /// A second person tried to use an invite that was already taken.
    case inviteUsedTwice(invite: String, name: String?)
    /// A known contact wrote with a new device certificate.
    case deviceChanged(contact: String)
    /// A first message could not be read: its one-time key is gone.
    case unreadableRequest
    /// A first message of a type that only a newer version of this program reads; it is kept.
    case newerRequest
    /// A contact sent content that only a newer version can show.
    case unknownContent(contact: String, type: UInt16)
    /// The server's clock and this machine's differ by more than five minutes.
    case clockDiffers(seconds: Int64)
}

/// The state of the link to a server.
public enum ConnectionState: Sendable, Equatable {
    /// Connected, the server's keys are the pinned ones.
    case connected(server: String)
    /// Lost or not reachable; tried again after that many milliseconds.
    case lost(server: String, error: ClientError, retryMilliseconds: UInt64)
}

/// How an operation ended.
public enum OperationOutcome: Sendable, Equatable {
    /// The handle belongs to this account now.
    case registered(handle: String)
    /// The invite can be handed over; the link is a secret until used.
    case invite(InviteSummary, link: String)
    /// The invite is gone from the server.
    case inviteWithdrawn(id: String)
    /// The contact was added and the first message is on the server.
    case added(ContactSummary)
    /// That person was an accepted contact before: nothing was sent, and a link stays as it was.
    case alreadyContact(ContactSummary)
    /// The request was accepted and the reply is on the server.
    case accepted(ContactSummary)
    /// It failed.
    case failed(ClientError)
}

/// What `PosternClient.run` waits for.
public enum RunGoal: Sendable, Equatable {
    /// All that waits on the server was fetched and acknowledged, and all that can be sent was. What
    /// goes to another server is waited for only while that one answers.
    case drained
    /// The server holds these messages on disk.
    case sent([MessageID])
    /// The other side's receipts for these messages arrived.
    case delivered([MessageID])
    /// The operation came to its end.
    case finished(OperationID)
    /// Nothing: runs until the time is over, the handler says stop, or an interrupt.
    case forever
}

/// How `PosternClient.run` behaves.
public struct RunOptions: Sendable {
    /// Gives up after that many milliseconds; nil waits for ever.
    public var timeoutMilliseconds: UInt64?
    /// Returns `.unreachable` when a server that the goal needs (the own one; for messages, theirs)
    /// cannot be reached, instead of trying again.
    public var stopsWhenUnreachable: Bool
    /// Shares presence with the contacts that the user chose, while running.
    public var sharesPresence: Bool
    /// Descriptors to watch for reading (standard input in `chat`).
    public var inputs: [Int32]
    /// A descriptor whose readability ends the run with `.interrupted` (a self-pipe or a signalfd).
    public var interruptDescriptor: Int32?

    /// Waits for ever, retries for ever, shares no presence.
    public init(
        timeoutMilliseconds: UInt64? = nil, stopsWhenUnreachable: Bool = false,
        sharesPresence: Bool = false, inputs: [Int32] = [], interruptDescriptor: Int32? = nil
    ) {
        self.timeoutMilliseconds = timeoutMilliseconds
        self.stopsWhenUnreachable = stopsWhenUnreachable
        self.sharesPresence = sharesPresence
        self.inputs = inputs
        self.interruptDescriptor = interruptDescriptor
    }
}

/// What an event handler wants next.
public enum RunControl: Sendable {
    /// Carry on.
    case goOn
    /// Return from `run` once pending writes are committed.
    case stop
}

/// Why `PosternClient.run` returned.
public enum RunResult: Sendable, Equatable {
    /// The goal is reached.
    case reached
    /// The operation of `RunGoal.finished` ended so.
    case finished(OperationOutcome)
    /// The time is over. `receivedCount` messages came meanwhile.
    case timedOut(receivedCount: Int)
    /// The interrupt descriptor became readable.
    case interrupted
    /// The handler said stop.
    case stopped
    /// A server that the goal needs cannot be reached (only with `stopsWhenUnreachable`); what was to be sent is in
    /// the outbox.
    case unreachable(ClientError)
    /// These messages of the goal stay in the outbox for another reason than reachability, and the
    /// others of the goal have gone or cannot.
    case held([OutboxSummary])
}
