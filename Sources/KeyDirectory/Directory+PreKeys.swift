import Database
import Primitives
import Wire

extension Directory {
    /// What a prekey fetch finds: stored encodings, empty for nothing.
    struct Fetched {
        var issued: [UInt8] = []
        var issuedKEM: [UInt8] = []
        var bundle: [UInt8] = []
    }

    /// Hands out a bundle and, within the budget, a one-time prekey of each kind, which is gone
    /// afterwards.
    func fetch(
        _ handle: Handle, deviceID: UInt32, at now: Hours
    ) throws(DatabaseError) -> Fetched {
        // KD-15: a miss runs the same statements over a device that does not exist, and the pulse
        // makes its commit as long as that of a hit.
        let device = try statements.device(handle, deviceID)
        let row = device?.row ?? DirectoryStatements.noRow
        let mayTake = device != nil && budget.take(device: row, at: now)
        var found = Fetched()
        found.bundle = device?.bundle ?? []
        // KD-19, KD-20
        let taken = mayTake ? row : DirectoryStatements.noRow
        found.issued = try statements.takePreKey(of: taken) ?? []
        found.issuedKEM = try statements.takeKEMPreKey(of: taken) ?? []
        // What is damaged in the file has no place in an answer.
        guard
            found.bundle.isEmpty
                || (PreKeyBundle.byteCountMin...PreKeyBundle.byteCountMax)
                    .contains(found.bundle.count),
            found.issued.isEmpty || found.issued.count == IssuedPreKey.byteCount,
            found.issuedKEM.isEmpty || found.issuedKEM.count == IssuedKEMPreKey.byteCount
        else { throw .corrupt(code: 0) }
        try statements.beatPulse()
        return found
    }

    /// Replaces a device's bundle and all its one-time prekeys.
    ///
    /// - Returns: nil when it stands, else why it does not.
    func publish(
        _ bundle: Verified<PreKeyBundle>, _ issued: [[UInt8]], _ issuedKEM: [[UInt8]],
        under handle: Handle, refusesGrowth: Bool
    ) throws(DatabaseError) -> ErrorCode? {
        let bundle = bundle.value
        guard let account = try statements.account(handle) else { return .bundleRefused }
        // KD-9
        guard bundle.matches(try Self.stored(account.record)) else { return .bundleRefused }
        let deviceID = bundle.certificate.identity.deviceID
        let row: Int64
        if let device = try statements.device(handle, deviceID) {
            // A retry after a lost answer must not bring back keys that were handed out since.
            if device.bundle == bundle.bytes { return nil }
            // KD-17
            let previous = try Self.storedBundle(device.bundle)
            guard bundle.number > previous.number else { return .bundleRefused }
            if refusesGrowth { return .storageFull }
            row = device.row
            try statements.update(device: row, bundle.bytes)
            try statements.removePreKeys(of: row)
        } else {
            if refusesGrowth { return .storageFull }
            row = try statements.insert(
                account: account.row, deviceID: deviceID, bundle.bytes)
        }
        // In random order: an index that counted up would tell each new contact how many came
        // before.
        var issued = issued
        random.shuffle(&issued)
        for (draw, bytes) in issued.enumerated() {
            try statements.insertPreKey(device: row, draw: draw, bytes)
        }
        var issuedKEM = issuedKEM
        random.shuffle(&issuedKEM)
        for (draw, bytes) in issuedKEM.enumerated() {
            try statements.insertKEMPreKey(device: row, draw: draw, bytes)
        }
        return nil
    }

    /// Tells a device how the directory holds it.
    ///
    /// - Returns: nil unless the request is signed by that device's key for this channel.
    func status(
        _ frame: PreKeyStatusFrame, handshakeHash: FixedBytes<32>
    ) throws(DatabaseError) -> PreKeyStatusAnswerFrame? {
        // KD-22
        guard let account = try statements.account(frame.handle) else { return nil }
        let record = try Self.stored(account.record)
        let certificate = record.certificates.first { $0.identity.deviceID == frame.deviceID }
        let message = DirectorySignatures.preKeyStatus(
            handle: frame.handle, deviceID: frame.deviceID, handshakeHash: handshakeHash)
        guard let key = certificate?.identity.deviceKey,
            key.isValid(frame.signature, for: message.raw)
        else { return nil }
        guard let device = try statements.device(frame.handle, frame.deviceID) else {
            return PreKeyStatusAnswerFrame(
                request: frame.request, recordNumber: record.number, bundleNumber: 0,
                bundleExpiry: Hours(0), published: 0, left: 0, publishedKEM: 0, leftKEM: 0)
        }
        let bundle = try Self.storedBundle(device.bundle)
        return PreKeyStatusAnswerFrame(
            request: frame.request, recordNumber: record.number, bundleNumber: bundle.number,
            bundleExpiry: bundle.contents.window.expiry, published: UInt8(bundle.oneTimeCount),
            left: UInt8(clamping: try statements.preKeyCount(of: device.row)),
            publishedKEM: UInt8(bundle.contents.oneTimeKEMCount),
            leftKEM: UInt8(clamping: try statements.kemPreKeyCount(of: device.row)))
    }
}
