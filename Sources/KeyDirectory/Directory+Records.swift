import Database
import Primitives
import Wire

extension Directory {
    /// The stored record of a handle.
    func record(of handle: Handle) throws(DatabaseError) -> [UInt8]? {
        let record = try statements.account(handle)?.record
        guard record?.count ?? Record.byteCount == Record.byteCount else {
            throw .corrupt(code: 0)
        }
        return record
    }

    /// Registers or updates a record.
    ///
    /// - Returns: nil when it stands, else why it does not.
    func publish(
        _ record: Verified<Record>, under handle: Handle, believed: Hours, refusesGrowth: Bool
    ) throws(DatabaseError) -> ErrorCode? {
        guard let account = try statements.account(handle) else {
            return try register(
                record, under: handle, believed: believed, refusesGrowth: refusesGrowth)
        }
        let previous = try Self.stored(account.record)
        let succession: Verified<Record>.Succession
        do throws(SuccessionProblem) {
            succession = try record.succession(after: previous)
        } catch {
            // KD-16: whoever has another account key and no proof wants somebody else's handle.
            return record.value.account == previous.account ? .recordRefused : .handleTaken
        }
        switch succession {
        case .same: return nil
        case .newer: break
        case .recovered:
            // KD-16
            if try statements.hasAccount(key: record.value.account) { return .recordRefused }
        }
        try statements.update(account.row, record.value)
        try removeOrphans(of: account.row, record.value)
        return nil
    }

    private func register(
        _ record: Verified<Record>, under handle: Handle, believed: Hours, refusesGrowth: Bool
    ) throws(DatabaseError) -> ErrorCode? {
        // KD-18
        if let free = try statements.rest(of: handle), believed < free { return .handleTaken }
        // KD-16
        if try statements.hasAccount(key: record.value.account) { return .recordRefused }
        if refusesGrowth { return .storageFull }
        try statements.endRest(of: handle)
        try statements.insert(handle, record.value)
        return nil
    }

    /// Removes the bundles of devices that the record does not vouch for any more.
    private func removeOrphans(of account: Int64, _ record: Record) throws(DatabaseError) {
        // KD-21
        for device in try statements.devices(of: account) {
            let bundle = try Self.storedBundle(device.bundle)
            if !bundle.matches(record) { try statements.removeDevice(device.row) }
        }
    }

    /// Gives a handle up.
    ///
    /// - Parameter now: never before an hour that was believed, or a clock that was set back would
    ///   end the rest before it began.
    /// - Returns: nil when it is free from now on, else why not.
    func release(
        _ frame: ReleaseHandleFrame, handshakeHash: FixedBytes<32>, at now: Hours
    ) throws(DatabaseError) -> ErrorCode? {
        guard let account = try statements.account(frame.handle) else { return .notFound }
        let record = try Self.stored(account.record)
        // KD-17, KD-23
        let message = DirectorySignatures.handleRelease(
            handle: frame.handle, recordNumber: frame.recordNumber, handshakeHash: handshakeHash)
        guard frame.recordNumber == record.number,
            record.account.isValid(frame.signature, for: message.raw)
        else { return .recordRefused }
        for device in try statements.devices(of: account.row) {
            try statements.removeDevice(device.row)
        }
        try statements.removeAccount(account.row)
        // KD-18
        try statements.beginRest(
            of: frame.handle, until: now.advanced(byHours: UInt32(Limits.handleRestHours)))
        return nil
    }

    /// A record that was verified before it was stored. One that does not parse means that the
    /// file was changed from outside.
    static func stored(_ bytes: [UInt8]) throws(DatabaseError) -> Record {
        do throws(WireError) {
            return try Record(parsing: bytes.raw)
        } catch {
            throw .corrupt(code: 0)
        }
    }

    /// A bundle that was verified before it was stored.
    static func storedBundle(_ bytes: [UInt8]) throws(DatabaseError) -> PreKeyBundle {
        do throws(WireError) {
            return try PreKeyBundle(parsing: bytes.raw)
        } catch {
            throw .corrupt(code: 0)
        }
    }
}
