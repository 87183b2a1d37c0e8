package import Primitives
package import Wire

/// What a first message is for.
///
/// - SPEC: §5.2, HS-7
package enum FirstMessageType: UInt8, Hashable, Sendable {
    /// The first one between two devices, or a new beginning from published prekeys.
    case hello = 0
    /// A new beginning of a chat whose ratchet state was lost.
    case reset = 1
}

/// The versions that one side speaks.
///
/// - SPEC: §5.2, HS-9
package struct VersionRange: Hashable, Sendable {
    /// What this program speaks.
    package static let own = VersionRange(lowest: 0, highest: Envelope.version)

    /// The lowest.
    package let lowest: UInt8
    /// The highest.
    package let highest: UInt8

    /// A range.
    package init(lowest: UInt8, highest: UInt8) {
        self.lowest = lowest
        self.highest = highest
    }

    /// True when a peer of these versions and this side would have chosen `version`.
    package func agrees(on version: UInt8, with own: VersionRange) -> Bool {
        // HS-9
        version == min(highest, own.highest) && version >= lowest && version >= own.lowest
    }
}

/// A handle that somebody says is theirs.
///
/// Shown as claimed until a look-up at the server named has returned a record with the same account
/// key (HS-15).
///
/// - SPEC: §5.4, HS-15
package struct ClaimedHandle: Hashable, Sendable {
    /// What is claimed, to be shown as such.
    package let handle: Handle
    /// Where to look it up.
    package let server: ServerAddress
    /// Who claims it.
    package let account: Ed25519PublicKey

    /// A claim that was noted.
    package init(handle: Handle, server: ServerAddress, account: Ed25519PublicKey) {
        self.handle = handle
        self.server = server
        self.account = account
    }

    /// The handle, when a record found under it at that server is the claimant's own.
    package func confirmed(by record: Verified<Record>) -> Handle? {
        // HS-15
        record.value.handle == handle && record.value.account == account ? handle : nil
    }
}

/// The inner block of a first message: who writes, and where to answer.
///
/// Authenticated only once the first ratchet message has opened (HS-11). The handle is a claim
/// (HS-15).
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | type |
/// | 1 | 32 | account key |
/// | 33 | 140 | device certificate |
/// | 173 | 33 | handle |
/// | 206 | 97 | server |
/// | 303 | 32 | reply mailbox, read key |
/// | 335 | 32 | reply mailbox, write seed |
/// | 367 | 1 | lowest version |
/// | 368 | 1 | highest version |
/// | 369 | 104 | log head, zeros |
/// | 473 | 2 | size of the extensions |
/// | 475 | – | extensions |
///
/// - SPEC: §5.2, HS-7, HS-8, HS-15
package struct Introduction: ~Copyable, Sendable {
    /// Encoded size without extensions, in bytes.
    package static let byteCountMin = 475
    /// Most bytes of extensions.
    package static let extensionByteCountMax = 512
    static let byteCounts = byteCountMin...byteCountMin + extensionByteCountMax
    static let logHeadByteCount = 104

    /// What the message is for.
    package let type: FirstMessageType
    /// The initiator's account key.
    package let account: Ed25519PublicKey
    /// The initiator's device certificate, whole.
    package let certificate: DeviceCertificate
    /// The initiator's handle as it claims it, at the server of ``replyMailbox``.
    package let handle: Handle?
    /// Where the initiator wants to be answered.
    package let replyMailbox: ChatMailbox
    /// What the initiator speaks.
    package let versions: VersionRange
    /// What newer versions add.
    package let extensions: TaggedFields

    /// An introduction; extensions above 512 bytes are our own mistake.
    package init(
        type: FirstMessageType, account: Ed25519PublicKey, certificate: DeviceCertificate,
        handle: Handle?, replyMailbox: consuming ChatMailbox, versions: VersionRange = .own,
        extensions: TaggedFields = .none
    ) {
        precondition(extensions.byteCount <= Self.extensionByteCountMax, "extensions too long")
        self.type = type
        self.account = account
        self.certificate = certificate
        self.handle = handle
        self.replyMailbox = replyMailbox
        self.versions = versions
        self.extensions = extensions
    }

    /// The handle as a claim, or nil when the initiator has none.
    package var claimedHandle: ClaimedHandle? {
        handle.map {
            ClaimedHandle(handle: $0, server: replyMailbox.server, account: account)
        }
    }

    /// Encoded size in bytes.
    package var byteCount: Int { Self.byteCountMin + extensions.byteCount }

    /// The block, with the mailbox's seed in clear: it is sealed at once.
    borrowing func encoded() -> [UInt8] {
        var writer = Writer(capacity: byteCount)
        writer.u8(type.rawValue)
        writer.fixed(account.bytes)
        certificate.encode(into: &writer)
        Handle.encode(handle, into: &writer)
        ServerAddress.encode(replyMailbox.server, into: &writer)
        writer.fixed(replyMailbox.readKey.bytes)
        writer.secret(replyMailbox.writeKey.seed())
        writer.u8(versions.lowest)
        writer.u8(versions.highest)
        writer.zeros(Self.logHeadByteCount)
        writer.u16(UInt16(extensions.byteCount))
        extensions.encode(into: &writer)
        return writer.bytes
    }

    /// Parses a block of a known type and nothing else. Signature, expiry and versions are checked
    /// by the handshake.
    ///
    /// - Throws: `WireError`.
    init(parsing block: RawSpan) throws(WireError) {
        // HS-8
        var reader = Reader(block)
        let type: FirstMessageType =
            try reader.u8(in: 0...FirstMessageType.reset.rawValue) == 0 ? .hello : .reset
        let account = try reader.ed25519Key()
        let certificate = try DeviceCertificate(from: &reader)
        let handle = try Handle.optional(from: &reader)
        let server = try ServerAddress(from: &reader)
        let readKey = try reader.ed25519Key()
        let seed = SecretBytes(copying: try reader.span(Ed25519KeyPair.seedByteCount))
        let versions = VersionRange(lowest: try reader.u8(), highest: try reader.u8())
        try reader.zeros(Self.logHeadByteCount)
        let extensions = try TaggedFields(
            from: &reader, byteCountMax: Self.extensionByteCountMax)
        try reader.finish()
        let mailbox = ChatMailbox(
            readKey: readKey, writeKey: Ed25519KeyPair(seed: seed), server: server)
        self.init(
            type: type, account: account, certificate: certificate, handle: handle,
            replyMailbox: mailbox, versions: versions, extensions: extensions)
    }
}
