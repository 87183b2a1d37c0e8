internal import Primitives
internal import Wire

/// A mailbox this vault reads or writes, without its secrets. Row of `mailbox`, group `info`; the
/// seeds lie in a row of their own, written once.
struct MailboxRecord: VaultRecord {
    static let format: UInt8 = 1
    static let infoGroup: [UInt8] = [0]
    static let seedsGroup: [UInt8] = [1]

    enum Role: UInt8 {
        /// Kind chat; this vault reads, one contact writes.
        case ownChat = 0
        /// Kind contact; named by the published bundle.
        case ownContact = 1
        /// Kind contact; named by one invite.
        case ownInvite = 2
        /// Kind chat; a contact reads, this vault writes.
        case peerChat = 3
    }

    enum State: UInt8 {
        /// To be made on the server.
        case wanted = 0
        case inUse = 1
        /// To be deleted on the server.
        case unwanted = 2
        /// CL-7: somebody else has written in it as this vault.
        case copied = 3
        /// To be deleted on the server once it has been read to its end. CL-27
        case closing = 4
    }

    let id: MailboxID
    let role: Role
    let server: ServerAddress
    /// The contact on the other side; nil for contact mailboxes.
    let contact: ContactID?
    /// The invite that names it; nil for other mailboxes.
    let invite: FixedBytes<32>?
    let readKey: Ed25519PublicKey
    /// Nil for contact mailboxes.
    let writeKey: Ed25519PublicKey?
    var state: State
    /// Of `peerChat`: the counter that has never been tried. CL-6
    var nextCounter: UInt64 = 1
    /// Of own ones: read attaches the server has counted and this client has caused.
    var attachCount: UInt32 = 0
    /// Attaches tried since that count was heard. Noted before each.
    var attachAttempts: UInt32 = 0

    init(
        id: MailboxID, role: Role, server: ServerAddress, contact: ContactID?,
        invite: FixedBytes<32>?, readKey: Ed25519PublicKey, writeKey: Ed25519PublicKey?,
        state: State
    ) {
        self.id = id
        self.role = role
        self.server = server
        self.contact = contact
        self.invite = invite
        self.readKey = readKey
        self.writeKey = writeKey
        self.state = state
    }

    init(from reader: inout Reader) throws(WireError) {
        id = try reader.fixed()
        role = try reader.choice(of: Role.self)
        server = try ServerAddress(from: &reader)
        contact = try reader.optional()
        invite = try reader.optional()
        readKey = try reader.ed25519Key()
        writeKey = try reader.bool() ? try reader.ed25519Key() : nil
        state = try reader.choice(of: State.self)
        nextCounter = try reader.u64()
        attachCount = try reader.u32()
        attachAttempts = try reader.u32()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(id)
        writer.u8(role.rawValue)
        ServerAddress.encode(server, into: &writer)
        writer.optional(contact)
        writer.optional(invite)
        writer.fixed(readKey.bytes)
        writer.optional(writeKey?.bytes)
        writer.u8(state.rawValue)
        writer.u64(nextCounter)
        writer.u32(attachCount)
        writer.u32(attachAttempts)
    }

    /// True for mailboxes this vault reads.
    var isOwn: Bool { role != .peerChat }
    /// The connection on which it is attached. CL-12
    var purpose: LinkPurpose {
        switch role {
        case .ownChat: .reading
        case .ownContact, .ownInvite: .identity
        case .peerChat: .writing
        }
    }

    /// Key of the row that holds the seeds.
    static func seedsKey(_ id: MailboxID) -> [UInt8] { id.array + [0x73] }
}

/// Names a contact within one vault: random, told to nobody.
typealias ContactID = FixedBytes<8>
