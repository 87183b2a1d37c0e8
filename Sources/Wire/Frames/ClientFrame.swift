import Primitives

/// A frame from client to server, parsed. What is large stays in the message and is named by its
/// offsets, so decoding the frames of a conversation allocates nothing.
///
/// - SPEC: §10.6, §9.8, MB-24, MB-25
package enum ClientFrame: Equatable, Sendable {
    /// Makes a mailbox.
    case create(CreateFrame)
    /// Proves the possession of a key of a mailbox.
    case attach(AttachFrame)
    /// Ends an attach.
    case detach(DetachFrame)
    /// Stores an envelope in a chat mailbox.
    case deposit(DepositFrame)
    /// Stores an envelope in a contact mailbox.
    case contactDeposit(ContactDepositFrame)
    /// Erases delivered envelopes.
    case acknowledge(AcknowledgeFrame)
    /// Passes a frame to an attached reader.
    case ephemeral(EphemeralFrame)
    /// Changes a mailbox's settings.
    case settings(SettingsFrame)
    /// Lets a mailbox swallow what comes.
    case close(MailboxFrame)
    /// Lets it keep what comes again.
    case open(MailboxFrame)
    /// Removes a mailbox.
    case delete(MailboxFrame)
    /// Stores a blob.
    case putBlob(PutBlobFrame)
    /// Fetches a blob.
    case getBlob(GetBlobFrame)
    /// Erases a blob.
    case eraseBlob(EraseBlobFrame)
    /// Publishes a record.
    case publishRecord(PublishRecordFrame)
    /// Publishes a bundle with its one-time prekeys.
    case publishBundle(PublishBundleFrame)
    /// Looks a handle up.
    case lookUp(LookUpFrame)
    /// Fetches prekeys.
    case fetchPreKeys(FetchPreKeysFrame)
    /// Asks how many one-time prekeys are left.
    case preKeyStatus(PreKeyStatusFrame)
    /// Gives a handle up.
    case releaseHandle(ReleaseHandleFrame)
    /// A type of a newer version or a reserved one, to be answered *unsupported*.
    case unknown(type: UInt8, request: UInt32)

    /// Why a frame was not taken, and what the server answers.
    package struct Refusal: Error, Equatable, Sendable {
        /// The request id, or 0 when the body is too short to have one or the type has none.
        package let request: UInt32
        /// What is wrong.
        package let problem: WireError
        /// What the server answers; after `malformed` it closes.
        package var code: ErrorCode { problem.code }
    }

    /// Parses one frame.
    ///
    /// - Parameters:
    ///   - raw: from a `FrameReader` over `message`.
    ///   - message: the whole message.
    /// - Throws: `Refusal`; nothing of the frame takes effect.
    package static func decode(
        _ raw: RawFrame, in message: RawSpan
    ) throws(Refusal) -> ClientFrame {
        guard let type = ClientFrameType(rawValue: raw.type) else {
            // MB-25
            return .unknown(type: raw.type, request: request(raw, in: message))
        }
        var reader = Reader(message, in: raw.body)
        do throws(WireError) {
            let frame = try decode(type, from: &reader)
            // MB-24
            try reader.finish()
            return frame
        } catch {
            let request = type == .ephemeral ? 0 : request(raw, in: message)
            throw Refusal(request: request, problem: error)
        }
    }

    private static func request(_ raw: RawFrame, in message: RawSpan) -> UInt32 {
        var reader = Reader(message, in: raw.body)
        return (try? reader.u32()) ?? 0
    }

    private static func decode(
        _ type: ClientFrameType, from reader: inout Reader
    ) throws(WireError) -> ClientFrame {
        switch type {
        case .create: .create(try CreateFrame(from: &reader))
        case .attach: .attach(try AttachFrame(from: &reader))
        case .detach: .detach(try DetachFrame(from: &reader))
        case .deposit: .deposit(try DepositFrame(from: &reader))
        case .contactDeposit: .contactDeposit(try ContactDepositFrame(from: &reader))
        case .acknowledge: .acknowledge(try AcknowledgeFrame(from: &reader))
        case .ephemeral: .ephemeral(try EphemeralFrame(from: &reader))
        case .settings: .settings(try SettingsFrame(from: &reader))
        case .close: .close(try MailboxFrame(from: &reader))
        case .open: .open(try MailboxFrame(from: &reader))
        case .delete: .delete(try MailboxFrame(from: &reader))
        case .putBlob: .putBlob(try PutBlobFrame(from: &reader))
        case .getBlob: .getBlob(try GetBlobFrame(from: &reader))
        case .eraseBlob: .eraseBlob(try EraseBlobFrame(from: &reader))
        case .publishRecord: .publishRecord(try PublishRecordFrame(from: &reader))
        case .publishBundle: .publishBundle(try PublishBundleFrame(from: &reader))
        case .lookUp: .lookUp(try LookUpFrame(from: &reader))
        case .fetchPreKeys: .fetchPreKeys(try FetchPreKeysFrame(from: &reader))
        case .preKeyStatus: .preKeyStatus(try PreKeyStatusFrame(from: &reader))
        case .releaseHandle: .releaseHandle(try ReleaseHandleFrame(from: &reader))
        }
    }
}

/// A frame from client to server that is written from its values alone. Those that carry bytes
/// of another's making (deposits, ephemeral frames, blobs, publications) have an `encode` of
/// their own.
///
/// - SPEC: §10.6, §9.8
package enum ClientRequest: Equatable, Sendable {
    /// Makes a mailbox.
    case create(CreateFrame)
    /// Proves the possession of a key of a mailbox.
    case attach(AttachFrame)
    /// Ends an attach.
    case detach(DetachFrame)
    /// Erases delivered envelopes.
    case acknowledge(AcknowledgeFrame)
    /// Changes a mailbox's settings.
    case settings(SettingsFrame)
    /// Lets a mailbox swallow what comes.
    case close(MailboxFrame)
    /// Lets it keep what comes again.
    case open(MailboxFrame)
    /// Removes a mailbox.
    case delete(MailboxFrame)
    /// Fetches a blob.
    case getBlob(GetBlobFrame)
    /// Erases a blob.
    case eraseBlob(EraseBlobFrame)
    /// Looks a handle up.
    case lookUp(LookUpFrame)
    /// Fetches prekeys.
    case fetchPreKeys(FetchPreKeysFrame)
    /// Asks how many one-time prekeys are left.
    case preKeyStatus(PreKeyStatusFrame)
    /// Gives a handle up.
    case releaseHandle(ReleaseHandleFrame)

    /// Writes the frame with its head.
    @_specialize(where Sink == OutputRawSpan)
    @_specialize(where Sink == Writer)
    @_lifetime(sink: copy sink)
    package func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        switch self {
        case .create(let frame): frame.encode(into: &sink)
        case .attach(let frame): frame.encode(into: &sink)
        case .detach(let frame): frame.encode(into: &sink)
        case .acknowledge(let frame): frame.encode(into: &sink)
        case .settings(let frame): frame.encode(into: &sink)
        case .close(let frame): frame.encode(as: .close, into: &sink)
        case .open(let frame): frame.encode(as: .open, into: &sink)
        case .delete(let frame): frame.encode(as: .delete, into: &sink)
        case .getBlob(let frame): frame.encode(into: &sink)
        case .eraseBlob(let frame): frame.encode(into: &sink)
        case .lookUp(let frame): frame.encode(into: &sink)
        case .fetchPreKeys(let frame): frame.encode(into: &sink)
        case .preKeyStatus(let frame): frame.encode(into: &sink)
        case .releaseHandle(let frame): frame.encode(into: &sink)
        }
    }
}
