internal import Primitives
internal import Wire

/// A first message whose inner block is of a type that only a newer version reads. Row of `kept`,
/// group `newer`. HS-7
struct NewerRequestRecord: VaultRecord {
    static let format: UInt8 = 1
    static let group = Array("newer".utf8)
    /// So many are kept at most: whoever has the published bundle can make them.
    static let countMax = 64

    let mailbox: MailboxID
    /// The private halves that open it are gone then.
    let eraseAt: Hours
    let envelope: [UInt8]

    init(mailbox: MailboxID, eraseAt: Hours, envelope: [UInt8]) {
        self.mailbox = mailbox
        self.eraseAt = eraseAt
        self.envelope = envelope
    }

    init(from reader: inout Reader) throws(WireError) {
        mailbox = try reader.fixed()
        eraseAt = Hours(try reader.u32())
        envelope = try reader.counted()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(mailbox)
        writer.u32(eraseAt.count)
        writer.counted(envelope)
    }

    var key: [UInt8] { Self.group + SHA256.hash(envelope.raw).array }
}

extension Engine {
    /// Keeps what a newer version of this program may read, and tells the user once. HS-7
    mutating func keepForNewerVersion(
        _ envelope: [UInt8], _ mailbox: MailboxID, until end: Hours
    ) throws(ClientError) {
        let record = NewerRequestRecord(mailbox: mailbox, eraseAt: end, envelope: envelope)
        guard try transaction.value(.kept, key: record.key) == nil else { return }
        let group = NewerRequestRecord.group
        let count = try transaction.committedRows(.kept, group: group).count
        guard count < NewerRequestRecord.countMax else {
            return tell(.notice(.unreadableRequest))
        }
        transaction.put(.kept, key: record.key, group: group, value: record.encoded)
        tell(.notice(.newerRequest))
    }

    /// Tries what an older version of this program has kept, once in each process, and forgets what
    /// nothing opens any more. HS-7
    mutating func openKept() throws(ClientError) {
        for row in try transaction.committedRows(.kept, group: NewerRequestRecord.group) {
            let record = try NewerRequestRecord.decode(row.value)
            guard record.eraseAt > now.hours, let mailbox = mailboxes[record.mailbox] else {
                transaction.remove(.kept, key: row.key)
                continue
            }
            guard !maintenance.triedKept, try openFirst(record.envelope, mailbox) else { continue }
            transaction.remove(.kept, key: row.key)
            transaction.put(
                .seen, key: SHA256.hash(record.envelope.raw).array,
                group: Self.dayGroup(now.day), value: [])
        }
        maintenance.triedKept = true
    }
}
