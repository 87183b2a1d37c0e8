package import Primitives

/// What a first message to a device needs, signed by the device key. 1,677 to 2,189 bytes.
///
/// Parsing checks the shape only. ``verify()`` checks the signatures, ``matches(_:)`` that it
/// belongs to a record, ``checkWindow(secondsSince1970:use:)`` that it is of now.
///
/// - SPEC: §9.5, KD-8, KD-9, KD-10, KD-11
package struct PreKeyBundle: Hashable, Sendable {
    /// The format this version writes and reads.
    package static let format: UInt8 = 1
    /// Encoded size without extensions, in bytes.
    package static let byteCountMin = 1677
    /// Most bytes of extensions.
    package static let extensionByteCountMax = 512
    /// Largest encoded size in bytes.
    package static let byteCountMax = byteCountMin + extensionByteCountMax

    /// A mailbox and the server it lies on.
    package struct Contact: Hashable, Sendable {
        /// Where.
        package let server: ServerAddress
        /// Which.
        package let mailbox: MailboxID

        /// A contact mailbox.
        package init(server: ServerAddress, mailbox: MailboxID) {
            self.server = server
            self.mailbox = mailbox
        }
    }

    /// What a device decides about its bundle.
    package struct Contents: Hashable, Sendable {
        /// The lowest protocol version the device takes in a first message.
        package var versionFloor: UInt16 = 0
        /// Only grows; never 0.
        package var number: UInt64
        /// When it may be used.
        package var window: ValidityWindow
        /// Whose device it is.
        package var account: Ed25519PublicKey
        /// The device.
        package var certificate: DeviceCertificate
        /// Random, never 0.
        package var signedPreKeyID: UInt32
        /// The public half.
        package var signedPreKey: X25519PublicKey
        /// Number of one-time prekeys, 0 to 32.
        package var oneTimeCount: Int
        /// Root of their tree, zeros for none.
        package var oneTimeRoot: MerkleTree.Hash
        /// Number of one-time KEM prekeys, 0 to 32.
        package var oneTimeKEMCount: Int
        /// Root of their tree, zeros for none.
        package var oneTimeKEMRoot: MerkleTree.Hash
        /// What a first message uses when no one-time KEM prekey was handed out.
        package var lastResortKEM: KEMPreKey
        /// Where first messages go.
        package var contact: Contact
        /// What newer versions add.
        package var extensions: TaggedFields = .none

        /// - Parameters:
        ///   - signedPreKeyID: random, not 0.
        ///   - oneTimePreKeys: 0 to 32 keys in the order of the tree.
        ///   - oneTimeKEMPreKeys: 0 to 32 keys in the order of their tree.
        package init(
            number: UInt64, window: ValidityWindow, account: Ed25519PublicKey,
            certificate: DeviceCertificate, signedPreKeyID: UInt32,
            signedPreKey: X25519PublicKey, oneTimePreKeys: [OneTimePreKey],
            lastResortKEM: KEMPreKey, oneTimeKEMPreKeys: [KEMPreKey], contact: Contact
        ) {
            self.number = number
            self.window = window
            self.account = account
            self.certificate = certificate
            self.signedPreKeyID = signedPreKeyID
            self.signedPreKey = signedPreKey
            self.oneTimeCount = oneTimePreKeys.count
            self.oneTimeRoot =
                oneTimePreKeys.isEmpty ? .zero : MerkleTree.root(oneTimePreKeys.map(\.leaf))
            self.oneTimeKEMCount = oneTimeKEMPreKeys.count
            self.oneTimeKEMRoot =
                oneTimeKEMPreKeys.isEmpty ? .zero : MerkleTree.root(oneTimeKEMPreKeys.map(\.leaf))
            self.lastResortKEM = lastResortKEM
            self.contact = contact
        }
    }

    /// What it says.
    package let contents: Contents
    /// By the device key.
    package let signature: Ed25519Signature
    /// The whole encoding.
    package let bytes: [UInt8]

    /// Whose device it is.
    package var account: Ed25519PublicKey { contents.account }
    /// The device.
    package var certificate: DeviceCertificate { contents.certificate }
    /// Only grows.
    package var number: UInt64 { contents.number }
    /// Number of one-time prekeys in the tree.
    package var oneTimeCount: Int { contents.oneTimeCount }
    /// Root of their tree, zeros for none.
    package var oneTimeRoot: MerkleTree.Hash { contents.oneTimeRoot }

    /// Signs a bundle. Zero ids, more than 32 one-time prekeys or 512 bytes of extensions are our
    /// own mistakes.
    ///
    /// - Parameter device: the device key of the certificate.
    package init(_ contents: Contents, signedBy device: borrowing Ed25519KeyPair) {
        precondition(contents.number != 0 && contents.signedPreKeyID != 0, "ids are not 0")
        precondition(
            max(contents.oneTimeCount, contents.oneTimeKEMCount) <= MerkleTree.leafCountMax,
            "at most 32 keys")
        precondition(contents.extensions.byteCount <= Self.extensionByteCountMax, "extensions")
        var body = Writer(capacity: Self.byteCountMin + contents.extensions.byteCount)
        contents.encode(into: &body)
        self.contents = contents
        self.signature = device.sign(Self.signedBytes(body.bytes[...]).raw)
        body.fixed(self.signature)
        self.bytes = body.bytes
    }

    /// Parses a bundle and nothing else.
    ///
    /// - Throws: `WireError`.
    package init(parsing raw: RawSpan) throws(WireError) {
        guard raw.byteCount <= Self.byteCountMax else {
            throw .outOfRange(
                value: UInt64(raw.byteCount), minimum: UInt64(Self.byteCountMin),
                maximum: UInt64(Self.byteCountMax))
        }
        var reader = Reader(raw)
        try reader.head(of: .preKeyBundle, format: Self.format)
        self.contents = try Contents(from: &reader)
        self.signature = try reader.fixed()
        try reader.finish()
        self.bytes = [UInt8](copying: raw)
    }

    /// Checks certificate and signature. Two Ed25519 verifications.
    ///
    /// - Throws: `SignatureProblem.certificate`, `.device`.
    package func verify() throws(SignatureProblem) -> Verified<PreKeyBundle> {
        // KD-8
        guard certificate.isValid(under: account) else {
            throw .certificate(deviceID: certificate.identity.deviceID)
        }
        let signed = Self.signedBytes(bytes.dropLast(64))
        guard certificate.identity.deviceKey.isValid(signature, for: signed.raw) else {
            throw .device
        }
        return Verified(self)
    }

    /// True when the bundle is of a device that the record vouches for.
    package func matches(_ record: Record) -> Bool {
        // KD-9: by identity, not by certificate: one may have been renewed since.
        account == record.account
            && record.certificates.contains { $0.identity == certificate.identity }
    }

    /// Where a bundle was found, which decides how long it may be offered.
    package enum Use: Sendable {
        /// In the directory: at most 7 days.
        case directory
        /// In an invite: at most 30 days.
        case invite

        /// Longest window in hours.
        package var windowHoursMax: UInt32 {
            switch self {
            case .directory: 168
            case .invite: 720
            }
        }
    }

    /// Checks the window.
    ///
    /// - Parameter now: seconds since 1970, UTC.
    /// - Throws: `ValidityWindow.Problem`.
    package func checkWindow(
        secondsSince1970 now: Int64, use: Use
    ) throws(ValidityWindow.Problem) {
        // KD-10
        try contents.window.check(secondsSince1970: now, lengthHoursMax: use.windowHoursMax)
    }

    private static func signedBytes(_ body: ArraySlice<UInt8>) -> [UInt8] {
        var message = Context.preKeyBundle.message(capacity: body.count)
        message.append(bytes: body.raw)
        return message.bytes
    }
}

extension PreKeyBundle.Contents {
    /// Parses what stands between the head and the signature.
    fileprivate init(from reader: inout Reader) throws(WireError) {
        versionFloor = try reader.u16()
        number = try reader.nonZeroU64()
        window = ValidityWindow(from: Hours(try reader.u32()), expiry: Hours(try reader.u32()))
        account = try reader.ed25519Key()
        certificate = try DeviceCertificate(from: &reader)
        signedPreKeyID = try reader.nonZeroU32()
        signedPreKey = try reader.x25519Key()
        (oneTimeCount, oneTimeRoot) = try Self.tree(from: &reader)
        (oneTimeKEMCount, oneTimeKEMRoot) = try Self.tree(from: &reader)
        // KD-11
        lastResortKEM = try KEMPreKey(from: &reader)
        contact = PreKeyBundle.Contact(
            server: try ServerAddress(from: &reader), mailbox: try reader.fixed())
        extensions = try TaggedFields(
            from: &reader, byteCountMax: PreKeyBundle.extensionByteCountMax)
    }

    /// The count of a tree's leaves and its root, which is zeros when there are none.
    private static func tree(
        from reader: inout Reader
    ) throws(WireError) -> (count: Int, root: MerkleTree.Hash) {
        let count = Int(try reader.u8(in: 0...UInt8(MerkleTree.leafCountMax)))
        guard count > 0 else {
            // KD-11
            try reader.zeros(32)
            return (0, .zero)
        }
        return (count, try reader.fixed())
    }

    /// Writes all but the signature.
    fileprivate func encode(into writer: inout Writer) {
        writer.u8(ObjectType.preKeyBundle.rawValue)
        writer.u8(PreKeyBundle.format)
        writer.u16(versionFloor)
        writer.u64(number)
        writer.u32(window.from.count)
        writer.u32(window.expiry.count)
        writer.fixed(account.bytes)
        certificate.encode(into: &writer)
        writer.u32(signedPreKeyID)
        writer.fixed(signedPreKey.bytes)
        writer.u8(UInt8(oneTimeCount))
        writer.fixed(oneTimeRoot)
        writer.u8(UInt8(oneTimeKEMCount))
        writer.fixed(oneTimeKEMRoot)
        lastResortKEM.encode(into: &writer)
        ServerAddress.encode(contact.server, into: &writer)
        writer.fixed(contact.mailbox)
        writer.u16(UInt16(extensions.byteCount))
        extensions.encode(into: &writer)
    }
}
