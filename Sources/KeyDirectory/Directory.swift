package import Database
package import Primitives
package import Wire

/// The key directory: records, bundles and one-time prekeys over the server's connection.
///
/// It begins and ends no transaction: the store calls it inside its own, so that publications and
/// prekey fetches are committed together with all that waits, and answers go out after that.
/// Like its connection it stays on one thread.
///
/// - SPEC: §9
package final class Directory {
    let statements: DirectoryStatements
    var budget = FetchBudget()
    var random: any RandomSource

    /// Prepares the statements.
    ///
    /// - Parameters:
    ///   - connection: whose file has the tables of `DirectorySchema`.
    ///   - random: decides the order in which one-time prekeys are handed out.
    /// - Throws: errors of the database.
    package init(
        _ connection: Connection, random: any RandomSource
    ) throws(DatabaseError) {
        self.statements = try DirectoryStatements(connection)
        self.random = random
    }

    /// Does what a request asks and appends one whole answer frame.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970, UTC, as the wall clock has it.
    ///   - believed: the last hour that the caller believed: no rest of a handle ends by a later one,
    ///     since a clock that jumps for a minute would give the handle away for ever. KD-18, MB-29
    ///   - refusesGrowth: nothing may be added to the store now; reading and handing out go on.
    /// - Throws: errors of the database; the caller rolls back, and nothing has happened.
    package func answer(
        _ request: DirectoryRequest, secondsSince1970 now: Int64, believed: Hours,
        refusesGrowth: Bool = false, into answers: inout [UInt8]
    ) throws(DatabaseError) {
        var writer = Writer(capacity: RecordFrame.byteCount)
        let hour = Hours(secondsSince1970: now)
        let id = request.request
        switch request.operation {
        case .refused(let code):
            Self.write(code, to: id, into: &writer)
        case .lookUp(let handle):
            // KD-15: one statement and one size, found or not.
            let record = try record(of: handle) ?? []
            RecordFrame.encode(request: id, record: record, into: &writer)
        case .fetchPreKeys(let handle, let deviceID):
            let found = try fetch(handle, deviceID: deviceID, at: hour)
            PreKeysFrame.encode(
                request: id, issued: found.issued, issuedKEM: found.issuedKEM,
                bundle: found.bundle, into: &writer)
        case .publishRecord(let handle, let record):
            let code = try publish(
                record, under: handle, believed: believed, refusesGrowth: refusesGrowth)
            Self.write(code, to: id, into: &writer)
        case .publishBundle(let handle, let bundle, let issued, let issuedKEM):
            let code = try publish(
                bundle, issued, issuedKEM, under: handle, refusesGrowth: refusesGrowth)
            Self.write(code, to: id, into: &writer)
        case .releaseHandle(let frame, let handshakeHash):
            let code = try release(
                frame, handshakeHash: handshakeHash, at: max(hour, believed))
            Self.write(code, to: id, into: &writer)
        case .preKeyStatus(let frame, let handshakeHash):
            if let status = try status(frame, handshakeHash: handshakeHash) {
                ServerAnswer.preKeyStatus(status).encode(into: &writer)
            } else {
                Self.write(.notFound, to: id, into: &writer)
            }
        }
        answers.append(contentsOf: writer.bytes)
    }

    /// Forgets handles that may be given again by now.
    ///
    /// - Parameter now: seconds since 1970, UTC; a clock that has jumped forward frees them early,
    ///   so the caller calls it with one it believes.
    /// - Returns: how many were forgotten.
    package func sweep(secondsSince1970 now: Int64) throws(DatabaseError) -> Int {
        let hour = Hours(secondsSince1970: now)
        try statements.mendRests(
            after: hour.advanced(byHours: UInt32(Limits.handleRestHours) + Self.believedHoursMax),
            to: hour.advanced(byHours: UInt32(Limits.handleRestHours)))
        return try statements.sweepRests(until: hour)
    }

    /// How far the clock of a release may have been past that of a sweep; a handle that rests for
    /// longer was given up while the clock stood years ahead.
    private static let believedHoursMax: UInt32 = 72

    /// `done` for no code.
    private static func write(_ code: ErrorCode?, to request: UInt32, into writer: inout Writer) {
        if let code {
            ServerAnswer.error(ErrorFrame(request: request, code: code)).encode(into: &writer)
        } else {
            ServerAnswer.done(request: request).encode(into: &writer)
        }
    }
}
