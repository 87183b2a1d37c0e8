internal import Primitives
internal import Wire

/// Who this vault is: the public half. State row `identity`.
struct IdentityRecord: VaultRecord {
    static let format: UInt8 = 1
    static let key = Array("identity".utf8)
    static let keysKey = Array("identity keys".utf8)

    let account: Ed25519PublicKey
    /// Stands for the recovery key, whose seed is on paper only.
    let recoveryHash: FixedBytes<32>
    var certificate: DeviceCertificate
    let server: ServerAddress
    /// Number of the newest record signed.
    var recordNumber: UInt64
    var handle: Handle?
    /// True once the server has taken the record with the handle.
    var isRegistered: Bool
    /// Number of the newest record the server has taken, 0 for none.
    var publishedRecordNumber: UInt64
    /// Mailbox of kind contact named by the published bundle.
    var contactMailbox: MailboxID?
    /// Number of the newest bundle signed (published or in an invite).
    var bundleNumber: UInt64
    /// When the server took the newest bundle, ms since 1970; 0: never.
    var bundlePublishedMilliseconds: UInt64
    /// The signed prekey of the published bundle.
    var signedPreKeyID: UInt32
    /// When that signed prekey was made.
    var signedPreKeyHours: Hours

    init(
        account: Ed25519PublicKey, recoveryHash: FixedBytes<32>, certificate: DeviceCertificate,
        server: ServerAddress
    ) {
        self.account = account
        self.recoveryHash = recoveryHash
        self.certificate = certificate
        self.server = server
        recordNumber = 1
        handle = nil
        isRegistered = false
        publishedRecordNumber = 0
        contactMailbox = nil
        bundleNumber = 0
        bundlePublishedMilliseconds = 0
        signedPreKeyID = 0
        signedPreKeyHours = Hours(0)
    }

    init(from reader: inout Reader) throws(WireError) {
        account = try reader.ed25519Key()
        recoveryHash = try reader.fixed()
        certificate = try DeviceCertificate(from: &reader)
        server = try ServerAddress(from: &reader)
        recordNumber = try reader.nonZeroU64()
        handle = try Handle.optional(from: &reader)
        isRegistered = try reader.bool()
        publishedRecordNumber = try reader.u64()
        contactMailbox = try reader.optional()
        bundleNumber = try reader.u64()
        bundlePublishedMilliseconds = try reader.u64()
        signedPreKeyID = try reader.u32()
        signedPreKeyHours = Hours(try reader.u32())
    }

    func encode(into writer: inout Writer) {
        writer.fixed(account.bytes)
        writer.fixed(recoveryHash)
        certificate.encode(into: &writer)
        ServerAddress.encode(server, into: &writer)
        writer.u64(recordNumber)
        Handle.encode(handle, into: &writer)
        writer.bool(isRegistered)
        writer.u64(publishedRecordNumber)
        writer.optional(contactMailbox)
        writer.u64(bundleNumber)
        writer.u64(bundlePublishedMilliseconds)
        writer.u32(signedPreKeyID)
        writer.u32(signedPreKeyHours.count)
    }
}

/// The bundle that the directory is to have, as it was made: it is sent again unchanged until the
/// server has taken it. State row `bundle`. CL-40
struct MadeBundleRecord: VaultRecord {
    static let format: UInt8 = 2
    static let key = Array("bundle".utf8)

    let bundle: [UInt8]
    /// The public halves offered beside it, in the order of its tree.
    let preKeys: [OneTimePreKey]
    /// The same of the KEM.
    let kemPreKeys: [KEMPreKey]

    init(_ offer: PreKeyOffer) {
        bundle = offer.bundle.bytes
        preKeys = offer.oneTime
        kemPreKeys = offer.oneTimeKEM
    }

    init(from reader: inout Reader) throws(WireError) {
        bundle = try reader.counted()
        let count = try reader.u8()
        var preKeys: [OneTimePreKey] = []
        for _ in 0..<count { preKeys.append(try OneTimePreKey(from: &reader)) }
        self.preKeys = preKeys
        let kemCount = try reader.u8()
        var kemPreKeys: [KEMPreKey] = []
        for _ in 0..<kemCount { kemPreKeys.append(try KEMPreKey(from: &reader)) }
        self.kemPreKeys = kemPreKeys
    }

    func encode(into writer: inout Writer) {
        writer.counted(bundle)
        writer.u8(UInt8(preKeys.count))
        for key in preKeys { key.encode(into: &writer) }
        writer.u8(UInt8(kemPreKeys.count))
        for key in kemPreKeys { key.encode(into: &writer) }
    }
}

/// The private half of an identity: the account key, which vouches for devices, and the two keys
/// of this device.
struct IdentityKeys: ~Copyable, Sendable {
    let account: Ed25519KeyPair
    let device: Ed25519KeyPair
    let identity: X25519KeyPair

    /// Draws all three.
    init(from random: inout some RandomSource) {
        account = .generate(from: &random, home: .guarded)
        device = .generate(from: &random, home: .guarded)
        identity = .generate(from: &random, home: .guarded)
    }

    /// Reads them from the vault; wipes the bytes.
    ///
    /// - Throws: `ClientError.vaultCorrupt`.
    init(_ bytes: inout [UInt8]) throws(ClientError) {
        defer { bytes.wipeBytes() }
        guard bytes.count == 96 else { throw .vaultCorrupt }
        account = Ed25519KeyPair(
            seed: SecretBytes(copying: bytes.raw.extracting(0..<32)), home: .guarded)
        device = Ed25519KeyPair(
            seed: SecretBytes(copying: bytes.raw.extracting(32..<64)), home: .guarded)
        identity = X25519KeyPair(
            secret: SecretBytes(copying: bytes.raw.extracting(64..<96), home: .guarded))
    }

    /// The bytes for the vault, which wipes them (CL-38).
    borrowing func exposeForStorage() -> [UInt8] {
        // Reserved whole, so that no outgrown buffer with keys in it is left behind.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(96)
        account.seed().withBytes { bytes.append(copying: $0) }
        device.seed().withBytes { bytes.append(copying: $0) }
        identity.withSecretBytes { bytes.append(copying: $0) }
        return bytes
    }
}
