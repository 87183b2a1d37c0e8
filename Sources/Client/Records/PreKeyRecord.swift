internal import Primitives
internal import Wire

/// The private half of a prekey, or of a signed prekey and the KEM prekey that lives and dies with
/// it. Row of `prekey`, by kind and id.
struct PreKeyRecord: VaultRecord {
    static let format: UInt8 = 2

    enum Kind: UInt8 {
        /// A signed prekey and the last-resort KEM prekey of the same bundles.
        case signed = 0
        case oneTime = 1
        /// Both prekeys of a recovery bundle.
        case recovery = 2
        case oneTimeKEM = 3

        /// Whether an X25519 private key of 32 bytes stands in the record.
        var hasAgreement: Bool { self != .oneTimeKEM }
        /// Whether an ML-KEM-768 seed of 64 bytes stands in the record.
        var hasKEM: Bool { self != .oneTime }
        /// Bytes of the secret: the X25519 private key, then the KEM's seed.
        var secretByteCount: Int {
            (hasAgreement ? 32 : 0) + (hasKEM ? MLKEM768KeyPair.seedByteCount : 0)
        }
    }

    let kind: Kind
    let id: UInt32
    /// The id of the KEM prekey beside it, 0 for kinds that have one key only.
    let kemID: UInt32
    /// The contact mailbox whose first messages it opens; of recovery ones the own chat mailbox.
    let mailbox: MailboxID
    /// To be erased from this hour on. CL-28
    var eraseAt: Hours
    /// Not kept in memory by whoever lists prekeys.
    var secret: [UInt8]

    init(from reader: inout Reader) throws(WireError) {
        kind = try reader.choice(of: Kind.self)
        id = try reader.nonZeroU32()
        kemID = try reader.u32()
        mailbox = try reader.fixed()
        eraseAt = Hours(try reader.u32())
        secret = try reader.array(kind.secretByteCount)
    }

    /// - Parameter secret: `kind.secretByteCount` bytes.
    init(
        kind: Kind, id: UInt32, kemID: UInt32, mailbox: MailboxID, eraseAt: Hours, secret: [UInt8]
    ) {
        self.kind = kind
        self.id = id
        self.kemID = kemID
        self.mailbox = mailbox
        self.eraseAt = eraseAt
        self.secret = secret
    }

    func encode(into writer: inout Writer) {
        writer.u8(kind.rawValue)
        writer.u32(id)
        writer.u32(kemID)
        writer.fixed(mailbox)
        writer.u32(eraseAt.count)
        writer.array(secret)
    }

    /// What is known of it without its secret.
    var entry: PreKeyIndex.Entry {
        PreKeyIndex.Entry(kind: kind, id: id, kemID: kemID, mailbox: mailbox, eraseAt: eraseAt)
    }

    static func key(_ kind: Kind, _ id: UInt32) -> [UInt8] {
        var key = [kind.rawValue]
        key.append(bigEndian: id)
        return key
    }
}
