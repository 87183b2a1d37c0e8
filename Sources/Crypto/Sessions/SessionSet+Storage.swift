import Primitives
package import Wire

// The stored form of a session set, for the vault; no wire format. It names sessions, so the caller
// seals it.

extension SessionSet {
    /// The version of the stored form.
    package static let storageVersion: UInt8 = 1

    /// The whole set. The same set always gives the same bytes.
    package var stored: [UInt8] {
        var writer = Writer()
        writer.u8(Self.storageVersion)
        writer.u64(moment)
        writer.u8(UInt8(entries.count))
        for entry in entries {
            writer.fixed(entry.id)
            let flags: [Bool] = [
                entry.isOwn, entry.hasReceived, entry.isConfirmed, entry.isCandidate,
                entry.isEnded,
            ]
            writer.u8(flags.reduce(0) { $0 << 1 | ($1 ? 1 : 0) })
            writer.u64(entry.supersededAt)
            writer.u64(entry.begunAt)
            writer.u32(entry.lastHours)
        }
        writer.u8(UInt8(named.count))
        for id in named { writer.fixed(id) }
        return writer.bytes
    }

    /// Reads a stored form and nothing else.
    ///
    /// - Throws: `WireError`.
    package init(restoring bytes: RawSpan) throws(WireError) {
        var reader = Reader(bytes)
        _ = try reader.u8(in: Self.storageVersion...Self.storageVersion)
        moment = try reader.u64()
        // Moments are added to; no program counts so far.
        guard moment < 1 << 62 else {
            throw .outOfRange(value: moment, minimum: 0, maximum: (1 << 62) - 1)
        }
        for _ in 0..<(try reader.u8(in: 0...UInt8(RatchetLimits.sessionsMax))) {
            let id: SessionID = try reader.fixed()
            let flags = try reader.u8(in: 0...31)
            guard self[id] == nil else {
                throw .outOfRange(value: 2, minimum: 0, maximum: 1)
            }
            entries.append(
                Entry(
                    id: id, isOwn: flags & 16 != 0, hasReceived: flags & 8 != 0,
                    isConfirmed: flags & 4 != 0, isCandidate: flags & 2 != 0,
                    isEnded: flags & 1 != 0, supersededAt: try reader.u64(),
                    begunAt: try reader.u64(), lastHours: try reader.u32()))
        }
        for _ in 0..<(try reader.u8(in: 0...UInt8(RatchetLimits.endedIDsMax))) {
            named.append(try reader.fixed())
        }
        try reader.finish()
    }
}
