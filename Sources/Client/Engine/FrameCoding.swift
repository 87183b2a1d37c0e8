internal import Primitives
package import Wire

extension OutgoingFrame {
    /// The frame's bytes: type, length, body.
    var encoded: [UInt8] {
        var writer = Writer(capacity: 256)
        encode(into: &writer)
        return writer.bytes
    }

    private func encode(into writer: inout Writer) {
        switch self {
        case .create(let frame): ClientRequest.create(frame).encode(into: &writer)
        case .attach(let frame): ClientRequest.attach(frame).encode(into: &writer)
        case .acknowledge(let frame): ClientRequest.acknowledge(frame).encode(into: &writer)
        case .delete(let frame): ClientRequest.delete(frame).encode(into: &writer)
        case .getBlob(let frame): ClientRequest.getBlob(frame).encode(into: &writer)
        case .eraseBlob(let frame): ClientRequest.eraseBlob(frame).encode(into: &writer)
        case .lookUp(let frame): ClientRequest.lookUp(frame).encode(into: &writer)
        case .fetchPreKeys(let frame): ClientRequest.fetchPreKeys(frame).encode(into: &writer)
        case .deposit(let request, let mailbox, let counter, let envelope):
            DepositFrame.encode(
                request: request, mailbox: mailbox, counter: counter, envelope: envelope.raw,
                into: &writer)
        case .contactDeposit(let request, let mailbox, let envelope):
            ContactDepositFrame.encode(
                request: request, mailbox: mailbox, envelope: envelope.raw, into: &writer)
        case .ephemeral(let mailbox, let frame):
            EphemeralFrame.encode(mailbox: mailbox, frame: frame.raw, into: &writer)
        case .putBlob(let request, let idHash, let eraseHash, let expiry, let blob):
            PutBlobFrame.encode(
                request: request, idHash: idHash, eraseHash: eraseHash, expiry: expiry,
                blob: blob.raw, into: &writer)
        case .publishRecord(let request, let record):
            PublishRecordFrame.encode(request: request, record: record, into: &writer)
        case .publishBundle(
            let request, let handle, let bundle, let preKeys, let kemPreKeys):
            PublishBundleFrame.encode(
                request: request, handle: handle, bundle: bundle, preKeys: preKeys,
                kemPreKeys: kemPreKeys, into: &writer)
        }
    }
}

extension IncomingFrame {
    /// Parses a frame of the server, whole.
    ///
    /// - Throws: `WireError` for a known type whose body does not parse: the connection is closed
    ///   then. An unknown type is `.unknown`. MB-25
    package init(type: UInt8, body: [UInt8]) throws(WireError) {
        let raw = RawFrame(type: type, body: 0..<body.count)
        self.init(try ServerFrame.decode(raw, in: body.raw), in: body.raw)
    }

    /// Takes a frame of the server out of the message it came in.
    init(_ frame: ServerFrame, in message: RawSpan) {
        func bytes(_ range: Range<Int>) -> [UInt8] { [UInt8](copying: message.extracting(range)) }
        switch frame {
        case .done(let request): self = .done(request: request)
        case .error(let frame): self = .error(frame)
        case .attached(let frame): self = .attached(frame)
        case .blob(let frame): self = .blob(request: frame.request, bytes: bytes(frame.blob))
        case .delivery(let frame):
            self = .delivery(
                mailbox: frame.mailbox, sequence: frame.sequence, envelope: bytes(frame.envelope))
        case .ephemeralDelivery(let frame):
            self = .ephemeral(mailbox: frame.mailbox, frame: bytes(frame.frame))
        case .superseded(let mailbox): self = .superseded(mailbox: mailbox)
        case .goingAway(let seconds): self = .goingAway(seconds: seconds)
        case .record(let frame): self = .record(frame)
        case .preKeys(let frame): self = .preKeys(frame)
        case .preKeyStatus, .hello, .unknown: self = .unknown
        }
    }
}
