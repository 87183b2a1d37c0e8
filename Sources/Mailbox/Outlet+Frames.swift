import Primitives
import Wire

/// The frames a server sends, written straight into the connection's output.
///
/// - SPEC: §10.6
extension Outlet where Self: ~Copyable {
    mutating func done(_ origin: StorageRequest.Origin) {
        answer(.done(request: origin.request), .plain, origin.connection)
    }

    /// Answers a request with an error of the table in section 12.
    mutating func refuse(
        _ code: ErrorCode, _ origin: StorageRequest.Origin, _ requestClass: RequestClass = .plain,
        nextCounter: UInt64? = nil, seconds: UInt32? = nil
    ) {
        let frame = ErrorFrame(
            request: origin.request, code: code, nextCounter: nextCounter, seconds: seconds)
        answer(.error(frame), requestClass, origin.connection)
    }

    mutating func attached(
        _ origin: StorageRequest.Origin, readAttaches: UInt32, next: UInt64, waiting: UInt32
    ) {
        let frame = AttachedFrame(
            request: origin.request, readAttaches: readAttaches, nextCounter: next,
            waiting: waiting)
        answer(.attached(frame), .attach, origin.connection)
    }

    mutating func blob(_ bytes: RawSpan, _ origin: StorageRequest.Origin) {
        send(
            .answer(.blob), to: origin.connection,
            byteCount: BlobFrame.overheadByteCount + bytes.byteCount
        ) { BlobFrame.encode(request: origin.request, blob: bytes, into: &$0) }
    }

    /// Passes on an answer of the key directory, a whole frame.
    mutating func directory(_ frame: RawSpan, _ origin: StorageRequest.Origin) {
        send(.answer(.directory), to: origin.connection, byteCount: frame.byteCount) {
            $0.append(copying: frame)
        }
    }

    mutating func delivery(
        _ mailbox: MailboxID, _ sequence: UInt64, _ envelope: RawSpan, to reader: ConnectionID
    ) {
        send(
            .delivery, to: reader,
            byteCount: DeliveryFrame.overheadByteCount + envelope.byteCount
        ) {
            DeliveryFrame.encode(
                mailbox: mailbox, sequence: sequence, envelope: envelope, into: &$0)
        }
    }

    mutating func ephemeral(_ mailbox: MailboxID, _ frame: RawSpan, to reader: ConnectionID) {
        send(.ephemeral, to: reader, byteCount: EphemeralDeliveryFrame.byteCount) {
            EphemeralDeliveryFrame.encode(mailbox: mailbox, frame: frame, into: &$0)
        }
    }

    /// Sends a frame that answers nothing.
    mutating func notice(_ frame: ServerAnswer, _ connection: ConnectionID) {
        send(.notice, to: connection, byteCount: frame.byteCount) { frame.encode(into: &$0) }
    }

    private mutating func answer(
        _ frame: ServerAnswer, _ requestClass: RequestClass, _ connection: ConnectionID
    ) {
        send(.answer(requestClass), to: connection, byteCount: frame.byteCount) {
            frame.encode(into: &$0)
        }
    }
}
