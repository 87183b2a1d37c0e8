internal import Crypto
internal import Primitives
internal import Wire

/// Content that the server has not accepted yet. Row of `outbox`; its envelope lies in a row of its
/// own, written once.
struct OutboxRecord: VaultRecord {
    static let format: UInt8 = 1

    enum Form: UInt8 {
        /// Not sealed: waits for a session that can carry it.
        case waiting = 0
        /// Sealed for a chat mailbox.
        case chat = 1
        /// Sealed as a first message.
        case first = 2
    }

    let id: FixedBytes<8>
    let contact: ContactID
    /// The message it carries.
    let message: FixedBytes<16>
    let type: ContentType
    let timeMilliseconds: UInt64
    var form: Form
    /// Mailbox and server it goes to, once sealed.
    var mailbox: MailboxID?
    var server: ServerAddress?
    /// The session it was sealed in.
    var session: FixedBytes<32> = .zero
    /// Of `chat`: its counter, 0 before the first attempt. CL-6
    var counter: UInt64 = 0
    var reason: OutboxReason = .waitingForServer

    init(
        id: FixedBytes<8>, contact: ContactID, message: FixedBytes<16>, type: ContentType,
        timeMilliseconds: UInt64
    ) {
        self.id = id
        self.contact = contact
        self.message = message
        self.type = type
        self.timeMilliseconds = timeMilliseconds
        form = .waiting
    }

    init(from reader: inout Reader) throws(WireError) {
        id = try reader.fixed()
        contact = try reader.fixed()
        message = try reader.fixed()
        type = ContentType(rawValue: try reader.u16())
        timeMilliseconds = try reader.u64()
        form = try reader.choice(of: Form.self)
        mailbox = try reader.optional()
        server = try ServerAddress.optional(from: &reader)
        session = try reader.fixed()
        counter = try reader.u64()
        reason = try reader.choice(of: OutboxReason.self)
    }

    func encode(into writer: inout Writer) {
        writer.fixed(id)
        writer.fixed(contact)
        writer.fixed(message)
        writer.u16(type.rawValue)
        writer.u64(timeMilliseconds)
        writer.u8(form.rawValue)
        writer.optional(mailbox)
        ServerAddress.encode(server, into: &writer)
        writer.fixed(session)
        writer.u64(counter)
        writer.u8(reason.rawValue)
    }

    static let infoGroup: [UInt8] = [0]
    static let envelopeGroup: [UInt8] = [1]
    var envelopeKey: [UInt8] { id.array + [0x65] }
}
