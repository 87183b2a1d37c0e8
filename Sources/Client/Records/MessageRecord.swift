internal import Crypto
internal import Primitives
internal import Wire

/// A message of a chat, own or received. Row of `message`, group: contact.
struct MessageRecord: VaultRecord {
    static let format: UInt8 = 1

    let contact: ContactID
    let author: MessageAuthor
    let id: FixedBytes<16>
    /// When it was committed here, ms since 1970.
    let storedMilliseconds: UInt64
    var state: MessageState
    /// It came while its author was not accepted.
    var isRequest: Bool
    /// Of received ones: shown to the user, by `chat` or `mark-read`.
    var isSeen: Bool
    /// The content as sealed or opened.
    let content: [UInt8]

    init(
        contact: ContactID, author: MessageAuthor, content: Content, storedMilliseconds: UInt64,
        state: MessageState, isRequest: Bool = false
    ) {
        self.contact = contact
        self.author = author
        id = content.id
        self.storedMilliseconds = storedMilliseconds
        self.state = state
        self.isRequest = isRequest
        isSeen = false
        self.content = content.encoded
    }

    init(from reader: inout Reader) throws(WireError) {
        contact = try reader.fixed()
        author = try reader.choice(of: MessageAuthor.self)
        id = try reader.fixed()
        storedMilliseconds = try reader.u64()
        state = try reader.choice(of: MessageState.self)
        isRequest = try reader.bool()
        isSeen = try reader.bool()
        content = try reader.counted()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(contact)
        writer.u8(author.rawValue)
        writer.fixed(id)
        writer.u64(storedMilliseconds)
        writer.u8(state.rawValue)
        writer.bool(isRequest)
        writer.bool(isSeen)
        writer.counted(content)
    }

    /// The row's key.
    static func key(
        _ contact: ContactID, _ author: MessageAuthor, _ id: FixedBytes<16>
    ) -> [UInt8] {
        contact.array + [author.rawValue] + id.array
    }

    var key: [UInt8] { Self.key(contact, author, id) }
    var group: [UInt8] { contact.array }

    /// The content parsed again.
    ///
    /// - Throws: `ClientError.vaultCorrupt`; what did not parse was never stored.
    func parsedContent() throws(ClientError) -> Content {
        do {
            return try Content(parsing: content.raw)
        } catch {
            throw .vaultCorrupt
        }
    }
}
