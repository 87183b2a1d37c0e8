internal import Crypto
internal import Primitives
internal import Wire

/// A contact: an account key and what belongs to it. Row of `contact`.
struct ContactRecord: VaultRecord {
    static let format: UInt8 = 1

    let id: ContactID
    var name: String
    let account: Ed25519PublicKey
    var state: ContactState
    /// The certificate of the device written to.
    var certificate: DeviceCertificate
    /// As claimed in a first message, or as looked up.
    var handle: Handle?
    var handleServer: ServerAddress?
    /// HS-15: a look-up returned this account key.
    var isHandleConfirmed = false
    var isVerified = false
    var isPresenceShared = false
    /// The user's choice for this contact; nil follows the general setting.
    var sendsReceipts: Bool?
    var sendsTyping: Bool?
    let createdMilliseconds: UInt64

    /// The chat mailbox the contact writes in.
    var ownMailbox: MailboxID?
    /// The chat mailbox to write in.
    var peerMailbox: MailboxID?
    /// Session, number and time of the content that named it. EN-11
    var peerMailboxSession: FixedBytes<32> = .zero
    var peerMailboxNumber: UInt64 = 0
    var peerMailboxMilliseconds: UInt64 = 0
    /// Where first messages go.
    var contactMailbox: MailboxID?
    var contactServer: ServerAddress?

    /// The newest record of the contact that was verified, empty without one. KD-24
    var record: [UInt8] = []
    /// The recovery bundle the contact gave, empty without one.
    var peerRecoveryBundle: [UInt8] = []
    /// The message that carried the newest own recovery bundle, and when that was made.
    var ownRecoveryMessage: FixedBytes<16>?
    var ownRecoveryID: UInt32 = 0
    var ownRecoveryHours = Hours(0)
    var isOwnRecoveryConfirmed = false

    var unreadCount: UInt32 = 0

    init(
        id: ContactID, name: String, account: Ed25519PublicKey, state: ContactState,
        certificate: DeviceCertificate, createdMilliseconds: UInt64
    ) {
        self.id = id
        self.name = name
        self.account = account
        self.state = state
        self.certificate = certificate
        self.createdMilliseconds = createdMilliseconds
    }

    init(from reader: inout Reader) throws(WireError) {
        id = try reader.fixed()
        name = try reader.text()
        account = try reader.ed25519Key()
        state = try reader.choice(of: ContactState.self)
        certificate = try DeviceCertificate(from: &reader)
        handle = try Handle.optional(from: &reader)
        handleServer = try ServerAddress.optional(from: &reader)
        isHandleConfirmed = try reader.bool()
        isVerified = try reader.bool()
        isPresenceShared = try reader.bool()
        sendsReceipts = try reader.bool() ? try reader.bool() : nil
        sendsTyping = try reader.bool() ? try reader.bool() : nil
        createdMilliseconds = try reader.u64()
        ownMailbox = try reader.optional()
        peerMailbox = try reader.optional()
        peerMailboxSession = try reader.fixed()
        peerMailboxNumber = try reader.u64()
        peerMailboxMilliseconds = try reader.u64()
        contactMailbox = try reader.optional()
        contactServer = try ServerAddress.optional(from: &reader)
        record = try reader.counted()
        peerRecoveryBundle = try reader.counted()
        ownRecoveryMessage = try reader.optional()
        ownRecoveryID = try reader.u32()
        ownRecoveryHours = Hours(try reader.u32())
        isOwnRecoveryConfirmed = try reader.bool()
        unreadCount = try reader.u32()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(id)
        writer.text(name)
        writer.fixed(account.bytes)
        writer.u8(state.rawValue)
        certificate.encode(into: &writer)
        Handle.encode(handle, into: &writer)
        ServerAddress.encode(handleServer, into: &writer)
        writer.bool(isHandleConfirmed)
        writer.bool(isVerified)
        writer.bool(isPresenceShared)
        for choice in [sendsReceipts, sendsTyping] {
            writer.bool(choice != nil)
            if let choice { writer.bool(choice) }
        }
        writer.u64(createdMilliseconds)
        writer.optional(ownMailbox)
        writer.optional(peerMailbox)
        writer.fixed(peerMailboxSession)
        writer.u64(peerMailboxNumber)
        writer.u64(peerMailboxMilliseconds)
        writer.optional(contactMailbox)
        ServerAddress.encode(contactServer, into: &writer)
        writer.counted(record)
        writer.counted(peerRecoveryBundle)
        writer.optional(ownRecoveryMessage)
        writer.u32(ownRecoveryID)
        writer.u32(ownRecoveryHours.count)
        writer.bool(isOwnRecoveryConfirmed)
        writer.u32(unreadCount)
    }
}

extension ContactRecord {
    /// What named the mailbox to write in. EN-11
    var announcement: MailboxAnnouncement {
        MailboxAnnouncement(
            session: peerMailboxSession, number: peerMailboxNumber,
            milliseconds: peerMailboxMilliseconds)
    }

    /// Keeps a record of this contact if it may follow the one kept.
    ///
    /// - Returns: false when it may not, with nothing changed.
    mutating func keep(_ new: Verified<Record>) -> Bool {
        // KD-24
        guard new.value.account == account else { return false }
        guard let old = try? Record(parsing: record.raw) else {
            record = new.value.bytes
            return true
        }
        if new.value.handle == old.handle {
            // KD-4, KD-5
            guard (try? new.succession(after: old)) != nil else { return false }
        } else {
            let recoveryStays = new.value.contents.recoveryHash == old.contents.recoveryHash
            guard new.value.number >= old.number,
                recoveryStays || new.value.recoveryProof?.hash == old.contents.recoveryHash
            else { return false }
            // An invite made while a handle was on its way bears the same number without it.
            if new.value.number == old.number { return true }
        }
        record = new.value.bytes
        return true
    }
}
