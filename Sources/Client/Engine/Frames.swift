package import Primitives
package import Wire

/// A request or notice of the client, before it has bytes.
package enum OutgoingFrame: Sendable {
    case create(CreateFrame)
    case attach(AttachFrame)
    case deposit(request: UInt32, mailbox: MailboxID, counter: UInt64, envelope: [UInt8])
    case contactDeposit(request: UInt32, mailbox: MailboxID, envelope: [UInt8])
    case acknowledge(AcknowledgeFrame)
    case ephemeral(mailbox: MailboxID, frame: [UInt8])
    case delete(MailboxFrame)
    case putBlob(
        request: UInt32, idHash: FixedBytes<32>, eraseHash: FixedBytes<32>, expiry: Hours,
        blob: [UInt8])
    case getBlob(GetBlobFrame)
    case eraseBlob(EraseBlobFrame)
    case publishRecord(request: UInt32, record: Record)
    case publishBundle(
        request: UInt32, handle: Handle, bundle: PreKeyBundle, preKeys: [OneTimePreKey],
        kemPreKeys: [KEMPreKey])
    case lookUp(LookUpFrame)
    case fetchPreKeys(FetchPreKeysFrame)
}

/// An answer or push of the server, parsed, with bytes of its own.
package enum IncomingFrame: Sendable {
    case done(request: UInt32)
    case error(ErrorFrame)
    case attached(AttachedFrame)
    case blob(request: UInt32, bytes: [UInt8])
    case record(RecordFrame)
    case preKeys(PreKeysFrame)
    case delivery(mailbox: MailboxID, sequence: UInt64, envelope: [UInt8])
    case ephemeral(mailbox: MailboxID, frame: [UInt8])
    case superseded(mailbox: MailboxID)
    case goingAway(seconds: UInt16)
    /// A type of a newer version, or one this client never asked for.
    case unknown

    /// The request it answers, nil for a push.
    var request: UInt32? {
        switch self {
        case .done(let request), .blob(let request, _): request
        case .error(let frame): frame.request
        case .attached(let frame): frame.request
        case .record(let frame): frame.request
        case .preKeys(let frame): frame.request
        default: nil
        }
    }
}
