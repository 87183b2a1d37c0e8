import Crypto
import Primitives
import Wire

/// A person of a transcript, with one device.
final class TranscriptPerson {
    let name: String
    var random: RecordingRandom
    let account: Ed25519KeyPair
    let device: Ed25519KeyPair
    let identity: X25519KeyPair
    let certificate: DeviceCertificate
    let server: ServerAddress
    let chatReadKey: Ed25519KeyPair
    let chatWriteKey: Ed25519KeyPair
    let signedPreKey: X25519KeyPair
    let signedPreKeyID: UInt32
    let oneTimePreKey: X25519KeyPair
    let oneTimePreKeyID: UInt32

    /// 2026-11-21, seconds since 1970.
    static let now: Int64 = 1_795_219_200
    static let hours = Hours(secondsSince1970: now).count

    init(_ name: String, seed: UInt64) throws {
        self.name = name
        random = RecordingRandom(seed: seed)
        account = Ed25519KeyPair.generate(from: &random)
        device = Ed25519KeyPair.generate(from: &random)
        identity = X25519KeyPair.generate(from: &random)
        chatReadKey = Ed25519KeyPair.generate(from: &random)
        chatWriteKey = Ed25519KeyPair.generate(from: &random)
        signedPreKey = X25519KeyPair.generate(from: &random)
        signedPreKeyID = random.integer(UInt32.self) | 1
        oneTimePreKey = X25519KeyPair.generate(from: &random)
        oneTimePreKeyID = random.integer(UInt32.self) | 1
        let serverKey = X25519KeyPair.generate(from: &random)
        server = try ServerAddress(key: serverKey.publicKey, hostAndPort: "\(name).example:4443")
        certificate = DeviceCertificate(
            identity: DeviceIdentity(
                deviceID: 3, identityKey: identity.publicKey, deviceKey: device.publicKey),
            expiry: Hours(secondsSince1970: Self.now).advanced(byHours: 9600),
            signedBy: account)
        _ = random.takeDraws()
    }

    var mailbox: ChatMailbox {
        ChatMailbox(
            readKey: chatReadKey.publicKey, writeKey: chatWriteKey.duplicate(), server: server)
    }

    var keys: RecipientKeys {
        RecipientKeys(
            account: account.publicKey, device: certificate.identity,
            identity: identity.duplicate())
    }

    var recoveryBundle: RecoveryBundle {
        RecoveryBundle(
            signedPreKeyID: signedPreKeyID, signedPreKey: signedPreKey.publicKey,
            madeHours: Self.hours, signedBy: device)
    }

    func introduction(
        _ type: FirstMessageType, extensions: TaggedFields = .none
    ) throws -> Introduction {
        Introduction(
            type: type, account: account.publicKey, certificate: certificate,
            handle: type == .reset ? nil : try Handle(name), replyMailbox: mailbox,
            extensions: extensions)
    }

    /// The published prekeys, through everything that a sender checks.
    func published(withOneTime: Bool) throws -> RecipientPreKeys {
        let oneTime =
            withOneTime
            ? [OneTimePreKey(id: oneTimePreKeyID, key: oneTimePreKey.publicKey)] : []
        let from = Hours(secondsSince1970: Self.now)
        let bundle = PreKeyBundle(
            PreKeyBundle.Contents(
                number: 1, window: ValidityWindow(from: from, expiry: from.advanced(byHours: 168)),
                account: account.publicKey, certificate: certificate,
                signedPreKeyID: signedPreKeyID, signedPreKey: signedPreKey.publicKey,
                oneTimePreKeys: oneTime,
                contact: PreKeyBundle.Contact(server: server, mailbox: .zero)), signedBy: device)
        let record = Record(
            Record.Contents(
                number: 1, handle: try Handle(name), account: account.publicKey,
                recoveryHash: .zero, certificates: [certificate]), signedBy: account)
        let fetched = FetchedPreKeys(
            bundle: bundle, oneTime: withOneTime ? IssuedPreKey(0, of: oneTime) : nil)
        return RecipientPreKeys(
            try fetched.verify(for: try record.verify(), deviceID: 0, secondsSince1970: Self.now))
    }

    /// Everything that is known of the person, private keys included.
    var json: JSONText {
        JSONText([
            "name": JSONText(name),
            "account_seed": JSONText(account.exposeForStorage()),
            "device_seed": JSONText(device.exposeForStorage()),
            "identity_private": JSONText(identity.exposeForStorage()),
            "certificate": JSONText(certificate.bytes),
            "server_key": JSONText(server.key.bytes.array),
            "server_host": JSONText(server.hostAndPort),
            "chat_read_seed": JSONText(chatReadKey.exposeForStorage()),
            "chat_write_seed": JSONText(chatWriteKey.exposeForStorage()),
            "signed_prekey_id": JSONText(signedPreKeyID),
            "signed_prekey_private": JSONText(signedPreKey.exposeForStorage()),
            "one_time_prekey_id": JSONText(oneTimePreKeyID),
            "one_time_prekey_private": JSONText(oneTimePreKey.exposeForStorage()),
        ])
    }
}
