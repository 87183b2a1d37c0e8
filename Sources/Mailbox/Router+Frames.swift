import Primitives
package import Wire

/// Frames from clients, parsed and acted upon.
///
/// - SPEC: §10.6
extension Router {
    /// The class of a frame's answer; nil for the one frame that has none.
    package static func requestClass(_ type: UInt8) -> RequestClass? {
        switch ClientFrameType(rawValue: type) {
        case .ephemeral: nil
        case .attach: .attach
        case .getBlob: .blob
        case .publishRecord, .publishBundle, .lookUp, .fetchPreKeys, .preKeyStatus,
            .releaseHandle:
            .directory
        default: .plain
        }
    }

    /// Whether a request is counted against its client's address. MB-23
    package static func isCountedByAddress(_ type: UInt8) -> Bool {
        switch ClientFrameType(rawValue: type) {
        case .create, .attach, .contactDeposit, .putBlob, .publishRecord, .publishBundle, .lookUp,
            .fetchPreKeys, .preKeyStatus, .releaseHandle:
            true
        default: false
        }
    }

    /// Acts on one frame of a client.
    ///
    /// - Parameters:
    ///   - raw: where the frame stands in `message`.
    ///   - address: the client's, for requests that are counted by it.
    package mutating func receive(
        _ raw: RawFrame, in message: RawSpan, from connection: ConnectionID,
        at address: ClientAddress, into outlet: inout some Outlet & ~Copyable
    ) {
        do throws(ClientFrame.Refusal) {
            let frame = try ClientFrame.decode(raw, in: message)
            act(frame, raw, message, connection, address, &outlet)
        } catch {
            let origin = StorageRequest.Origin(connection: connection, request: error.request)
            // MB-24, MB-25
            if let requestClass = Self.requestClass(raw.type) {
                outlet.refuse(error.code, origin, requestClass)
            } else {
                outlet.notice(.error(ErrorFrame(request: 0, code: error.code)), connection)
            }
            if error.code == .malformed {
                outlet.close(connection)
                close(connection)
            }
        }
    }

    private mutating func act(
        _ frame: ClientFrame, _ raw: RawFrame, _ message: RawSpan,
        _ connection: ConnectionID, _ address: ClientAddress,
        _ outlet: inout some Outlet & ~Copyable
    ) {
        func origin(_ request: UInt32) -> StorageRequest.Origin {
            StorageRequest.Origin(connection: connection, request: request)
        }
        switch frame {
        case .create(let frame):
            create(frame, for: origin(frame.request), from: address, into: &outlet)
        case .attach(let frame):
            attach(frame, for: origin(frame.request), from: address, into: &outlet)
        case .detach(let frame):
            detach(frame.mailbox, as: frame.role, for: origin(frame.request), into: &outlet)
        case .deposit(let frame):
            deposit(
                frame.mailbox, counter: frame.counter,
                envelope: message.extracting(frame.envelope), for: origin(frame.request),
                into: &outlet)
        case .contactDeposit(let frame):
            depositContact(
                frame.mailbox, envelope: message.extracting(frame.envelope),
                for: origin(frame.request), from: address, into: &outlet)
        case .acknowledge(let frame):
            acknowledge(
                frame.mailbox, frame.sequences, for: origin(frame.request), into: &outlet)
        case .ephemeral(let frame):
            relay(
                frame.mailbox, frame: message.extracting(frame.frame), from: connection,
                into: &outlet)
        case .settings(let frame):
            set(frame, for: origin(frame.request), into: &outlet)
        case .close(let frame):
            setClosed(frame.mailbox, true, for: origin(frame.request), into: &outlet)
        case .open(let frame):
            setClosed(frame.mailbox, false, for: origin(frame.request), into: &outlet)
        case .delete(let frame):
            delete(frame.mailbox, for: origin(frame.request), into: &outlet)
        case .putBlob(let frame):
            putBlob(
                frame, bytes: message.extracting(frame.blob), for: origin(frame.request),
                from: address, into: &outlet)
        case .getBlob(let frame):
            ask(.getBlob(idHash: SHA256.hash(frame.id.raw)), for: origin(frame.request))
        case .eraseBlob(let frame):
            ask(
                .eraseBlob(idHash: frame.idHash, eraseHash: SHA256.hash(frame.eraseKey.raw)),
                for: origin(frame.request))
        case .unknown(let type, let request):
            // MB-25
            outlet.refuse(
                .unsupported, origin(request), Self.requestClass(type) ?? .plain)
        case .publishRecord, .publishBundle, .lookUp, .fetchPreKeys, .preKeyStatus,
            .releaseHandle:
            directory(frame, message, connection, address, &outlet)
        }
    }
}
