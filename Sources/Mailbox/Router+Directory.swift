import KeyDirectory
import Primitives
import Wire

extension Router {
    /// Hands a request to the key directory, which lies behind the same commits as the mailboxes.
    ///
    /// Which handle was asked for is looked at there only; here hit and miss are one.
    mutating func directory(
        _ frame: ClientFrame, _ message: RawSpan, _ connection: ConnectionID,
        _ address: ClientAddress, _ outlet: inout some Outlet & ~Copyable
    ) {
        guard let hash = peers.peer(connection)?.handshakeHash,
            let job = DirectoryJob(frame, in: message, handshakeHash: hash)
        else { return }
        let charge: RateLimiter.Charge? =
            switch frame {
            case .publishRecord, .publishBundle: .registration
            case .lookUp, .fetchPreKeys: .fetch
            // Answered only after a signature was checked, on the thread that everybody waits for.
            case .preKeyStatus, .releaseHandle: .signed
            default: nil
            }
        let origin = StorageRequest.Origin(connection: connection, request: job.request)
        if let charge {
            guard self.charge(charge, 1, origin, address, .directory, &outlet) else { return }
        }
        ask(.directory(job), for: origin)
    }
}
