/// What an error frame says.
///
/// - SPEC: §12
package enum ErrorCode: UInt16, CaseIterable, Sendable, Error {
    /// The frame does not parse; the connection is closed.
    case malformed = 1
    /// Known to a newer version only; the connection goes on.
    case unsupported = 2
    /// No such mailbox, or not its key.
    case attachRefused = 3
    /// This connection holds no such attach.
    case notAttached = 4
    /// Another reader has taken over.
    case superseded = 5
    /// The counter has been used.
    case counterTaken = 6
    /// The counter is not the next one.
    case counterGap = 7
    /// The mailbox holds its maximum.
    case mailboxFull = 8
    /// An envelope or blob of a size that is not taken.
    case wrongSize = 9
    /// The admission field was not accepted.
    case admissionRefused = 10
    /// Too much in this hour.
    case rateLimited = 11
    /// Attaches on this connection.
    case tooMany = 12
    /// The disk is at its floor; reading and acknowledging go on.
    case storageFull = 13
    /// No such blob, or not its key.
    case notFound = 14
    /// The blob id is in use.
    case exists = 15
    /// The server is draining; try another connection later.
    case shuttingDown = 16
    /// A contact deposit to a mailbox that is gone or switched off.
    case noSuchMailbox = 17
    /// The handle belongs to another account or is not free yet.
    case handleTaken = 32
    /// Signature, number or succession of the record is wrong.
    case recordRefused = 33
    /// Signature, certificate or one-time keys of the bundle are wrong.
    case bundleRefused = 34
    /// A fault of the server; nothing of the request took effect.
    case internalError = 255

    /// True when the connection is closed after the answer (MB-24).
    package var closesConnection: Bool { self == .malformed }
}

extension WireError {
    /// What a server answers to a frame with this fault.
    ///
    /// - SPEC: §10.6, MB-24, MB-25
    package var code: ErrorCode {
        switch self {
        case .unsupported: .unsupported  // MB-25
        case .wrongSize: .wrongSize  // MB-11, MB-20
        default: .malformed  // MB-24
        }
    }
}
