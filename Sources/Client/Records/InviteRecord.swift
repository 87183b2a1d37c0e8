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
