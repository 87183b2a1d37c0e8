package import Primitives

/// The id of a mailbox: a hash of its kind and keys.
///
/// - SPEC: §10.1, MB-1
package typealias MailboxID = FixedBytes<32>

/// What a mailbox is for.
///
/// - SPEC: §10.1
package enum MailboxKind: UInt8, CaseIterable, Sendable {
    /// One direction of one chat: keys read, write.
    case chat = 1
    /// First messages: key read.
    case contact = 2
    /// Reserved. One sequence for many readers: keys owner, read, write.
    case log = 3

    /// Number of keys in a create frame.
    package var keyCount: Int {
        switch self {
        case .chat: 2
        case .contact: 1
        case .log: 3
        }
    }

    /// The id of the mailbox with these keys, or nil when their number is not the kind's.
    package func mailboxID(keys: [Ed25519PublicKey]) -> MailboxID? {
        // MB-3
        guard keys.count == keyCount else { return nil }
        var bytes = Writer(capacity: 1 + 32 * max(2, keys.count))
        bytes.u8(rawValue)
        for key in keys { bytes.fixed(key.bytes) }
        if self == .contact { bytes.zeros(32) }
        // MB-1
        return Context.mailbox.hash(bytes.bytes.raw)
    }
}

/// In which role a connection attaches to a mailbox.
///
/// - SPEC: §10.1
package enum AttachRole: UInt8, CaseIterable, Sendable {
    /// Reads, acknowledges, closes, deletes.
    case read = 0
    /// Deposits.
    case write = 1
    /// Reserved: learns that something came.
    case notify = 2
    /// Reserved: rules a log.
    case owner = 3

    /// The bytes an attach signs, which bind it to one channel.
    ///
    /// - Parameters:
    ///   - id: the mailbox, or the hash of a notify key.
    ///   - handshakeHash: of the channel the frame travels on.
    package func signedBytes(id: FixedBytes<32>, handshakeHash: FixedBytes<32>) -> [UInt8] {
        // MB-4
        var message = Context.attach.message(capacity: 65)
        message.u8(rawValue)
        message.fixed(id)
        message.fixed(handshakeHash)
        return message.bytes
    }
}
