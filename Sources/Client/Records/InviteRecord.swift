internal import Primitives
internal import Wire

/// An invite made by this vault. Row of `invite`, by the hash of its blob's id.
struct InviteRecord: VaultRecord {
    static let format: UInt8 = 1

    /// SHA-256 of the blob's id: what the server knows it by.
    let idHash: FixedBytes<32>
    /// Erases the blob.
    let eraseKey: FixedBytes<32>
    let linkKey: FixedBytes<32>
    let mailbox: MailboxID
    /// Name the contact will get, empty for none.
    let name: String
    let expiry: Hours
    var state: InviteState
    /// True until the server has confirmed that the blob is gone.
    var erasesBlob = false
    /// The contact who took it.
    var contact: ContactID?

    init(
        idHash: FixedBytes<32>, eraseKey: FixedBytes<32>, linkKey: FixedBytes<32>,
        mailbox: MailboxID, name: String, expiry: Hours
    ) {
        self.idHash = idHash
        self.eraseKey = eraseKey
        self.linkKey = linkKey
        self.mailbox = mailbox
        self.name = name
        self.expiry = expiry
        state = .making
    }

    init(from reader: inout Reader) throws(WireError) {
        idHash = try reader.fixed()
        eraseKey = try reader.fixed()
        linkKey = try reader.fixed()
        mailbox = try reader.fixed()
        name = try reader.text()
        expiry = Hours(try reader.u32())
        state = try reader.choice(of: InviteState.self)
        erasesBlob = try reader.bool()
        contact = try reader.optional()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(idHash)
        writer.fixed(eraseKey)
        writer.fixed(linkKey)
        writer.fixed(mailbox)
        writer.text(name)
        writer.u32(expiry.count)
        writer.u8(state.rawValue)
        writer.bool(erasesBlob)
        writer.optional(contact)
    }
}

/// The private half of a prekey. Row of `prekey`, by kind and id.
struct PreKeyRecord: VaultRecord {
    static let format: UInt8 = 1

    enum Kind: UInt8 {
        case signed = 0
        case oneTime = 1
        case recovery = 2
    }

    let kind: Kind
    let id: UInt32
    /// The contact mailbox whose first messages it opens; of recovery ones the own chat mailbox.
    let mailbox: MailboxID
    /// To be erased from this hour on. CL-28
    var eraseAt: Hours
    /// 32 bytes; not kept in memory by whoever lists prekeys.
    var secret: [UInt8]

    init(from reader: inout Reader) throws(WireError) {
        kind = try reader.choice(of: Kind.self)
        id = try reader.nonZeroU32()
        mailbox = try reader.fixed()
        eraseAt = Hours(try reader.u32())
        secret = try reader.array(32)
    }

    init(kind: Kind, id: UInt32, mailbox: MailboxID, eraseAt: Hours, secret: [UInt8]) {
        self.kind = kind
        self.id = id
        self.mailbox = mailbox
        self.eraseAt = eraseAt
        self.secret = secret
    }

    func encode(into writer: inout Writer) {
        writer.u8(kind.rawValue)
        writer.u32(id)
        writer.fixed(mailbox)
        writer.u32(eraseAt.count)
        writer.array(secret)
    }

    /// What is known of it without its secret.
    var entry: PreKeyIndex.Entry {
        PreKeyIndex.Entry(kind: kind, id: id, mailbox: mailbox, eraseAt: eraseAt)
    }

    static func key(_ kind: Kind, _ id: UInt32) -> [UInt8] {
        var key = [kind.rawValue]
        key.append(bigEndian: id)
        return key
    }
}
