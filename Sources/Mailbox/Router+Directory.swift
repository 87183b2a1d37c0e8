import Primitives
import Wire

extension Router {
    /// Hands a request to the key directory, which lies behind the same commits as the mailboxes.
    ///
    /// Which handle was asked for is looked at there only; here hit and miss are one.
    mutating func directory(
        _ frame: ClientFrame, _ raw: RawFrame, _ message: RawSpan, _ connection: ConnectionID,
        _ address: ClientAddress, _ outlet: inout some Outlet & ~Copyable
    ) {
        let request: UInt32
        var charge: RateLimiter.Charge?
        switch frame {
        case .publishRecord(let frame): (request, charge) = (frame.request, .registration)
        case .publishBundle(let frame): (request, charge) = (frame.request, .registration)
        case .lookUp(let frame): (request, charge) = (frame.request, .fetch)
        case .fetchPreKeys(let frame): (request, charge) = (frame.request, .fetch)
        case .preKeyStatus(let frame): request = frame.request
        case .releaseHandle(let frame): request = frame.request
        default: return
        }
        let origin = StorageRequest.Origin(connection: connection, request: request)
        if let charge {
            guard self.charge(charge, 1, origin, address, .directory, &outlet) else { return }
        }
        ask(.directory(type: raw.type, body: keep(message.extracting(raw.body))), for: origin)
    }
}
