internal import Crypto
internal import Primitives
internal import Wire

/// Why a reset is wanted; a later case outweighs an earlier one.
enum ResetCause: UInt8, Comparable {
    /// An envelope did not open. DR-15
    case broken = 1
    /// Another copy of this vault has written. CL-7
    case copied = 2
    /// This vault was made from a backup.
    case restored = 3

    static func < (one: ResetCause, other: ResetCause) -> Bool { one.rawValue < other.rawValue }
}

/// What recovery of one contact's sessions rests on. Row of `state`, group `recovery`, by contact.
///
/// - SPEC: §6.5, §6.7, DR-36 … DR-42
struct RecoveryRecord: VaultRecord {
    static let format: UInt8 = 1
    static let group = Array("recovery".utf8)

    let contact: ContactID
    /// When the last own reset was made, ms since 1970; 0: never. DR-36
    var madeMilliseconds: UInt64 = 0
    /// When the last reset of the other side was taken, as above. DR-38
    var takenMilliseconds: UInt64 = 0
    /// A reset is wanted and not made yet.
    var cause: ResetCause?
    /// Own resets whose sessions are kept: their messages go into the chat mailbox.
    var resets: [SessionID] = []
    /// The newest sessions of this contact, oldest first, kept or not, with the number up to which
    /// nothing was missing when one went. DR-39
    var known: [SessionReport] = []
    /// The signed prekey that the first message rests on; 0: of an invite, or none.
    var preKeyID: UInt32 = 0
    /// When it was last compared with the published one, ms since 1970.
    var comparedMilliseconds: UInt64 = 0

    init(contact: ContactID) { self.contact = contact }

    init(from reader: inout Reader) throws(WireError) {
        contact = try reader.fixed()
        madeMilliseconds = try reader.u64()
        takenMilliseconds = try reader.u64()
        let cause = try reader.u8(in: 0...ResetCause.restored.rawValue)
        self.cause = ResetCause(rawValue: cause)
        for _ in 0..<(try reader.u8()) { resets.append(try reader.fixed()) }
        known = try reader.sessionReports()
        preKeyID = try reader.u32()
        comparedMilliseconds = try reader.u64()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(contact)
        writer.u64(madeMilliseconds)
        writer.u64(takenMilliseconds)
        writer.u8(cause?.rawValue ?? 0)
        writer.u8(UInt8(resets.count))
        for id in resets { writer.fixed(id) }
        writer.sessionReports(known)
        writer.u32(preKeyID)
        writer.u64(comparedMilliseconds)
    }

    var key: [UInt8] { Self.group + contact.array }

    /// Remembers a session that has begun; the oldest go. DR-39
    mutating func note(_ id: SessionID) {
        guard !known.contains(where: { $0.id == id }) else { return }
        known.append(SessionReport(id: id, completeThrough: 0))
        known.removeFirst(max(0, known.count - SessionReport.countMax))
    }

    /// Remembers up to which number a session that goes was whole.
    mutating func note(_ report: SessionReport) {
        guard let index = known.firstIndex(where: { $0.id == report.id }) else { return }
        known[index] = report
    }
}

/// An own message that a receipt has confirmed: in which envelopes it went. Row of `confirmed`,
/// group: contact and month, so that old ones go a month at a time. DR-41
struct ConfirmedRecord: VaultRecord {
    static let format: UInt8 = 1
    /// Backups older than that are not answered any more (DR-23).
    static let monthsKept: UInt32 = 7

    let contact: ContactID
    let message: FixedBytes<16>
    let sealings: [SessionReport]
    /// Told to the user as gone on the other side.
    var isNamed = false

    init(contact: ContactID, message: FixedBytes<16>, sealings: [SessionReport]) {
        self.contact = contact
        self.message = message
        self.sealings = sealings
    }

    init(from reader: inout Reader) throws(WireError) {
        contact = try reader.fixed()
        message = try reader.fixed()
        sealings = try reader.sessionReports()
        isNamed = try reader.bool()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(contact)
        writer.fixed(message)
        writer.sessionReports(sealings)
        writer.bool(isNamed)
    }

    static func group(_ contact: ContactID, month: UInt32) -> [UInt8] {
        var group = contact.array
        group.append(bigEndian: month)
        return group
    }

    static func month(atDay day: UInt32) -> UInt32 { day / 30 }
}

extension Writer {
    mutating func sessionReports(_ reports: [SessionReport]) {
        u8(UInt8(reports.count))
        for report in reports {
            fixed(report.id)
            u64(report.completeThrough)
        }
    }
}

extension Reader {
    mutating func sessionReports() throws(WireError) -> [SessionReport] {
        var reports: [SessionReport] = []
        for _ in 0..<(try u8()) {
            let id: SessionID = try fixed()
            reports.append(SessionReport(id: id, completeThrough: try u64()))
        }
        return reports
    }
}
