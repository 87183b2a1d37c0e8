package import Crypto
package import Primitives
package import Wire

/// A person of vectors and recorded chats, with one device.
package final class VectorPerson {
    package let name: String
    package let account: Ed25519KeyPair
    package let device: Ed25519KeyPair
    package let identity: X25519KeyPair
    package let certificate: DeviceCertificate
    package let server: ServerAddress
    package let chatReadKey: Ed25519KeyPair
    package let chatWriteKey: Ed25519KeyPair
    package let signedPreKey: X25519KeyPair
    package let signedPreKeyID: UInt32
    package let oneTimePreKey: X25519KeyPair
    package let oneTimePreKeyID: UInt32
    /// The seed of the last-resort KEM prekey, which is also the recovery bundle's.
    package let kemSeed: [UInt8]
    package let kemPreKeyID: UInt32
    package let oneTimeKEMSeed: [UInt8]
    package let oneTimeKEMPreKeyID: UInt32

    /// 2026-11-21, seconds since 1970.
    package static let now: Int64 = 1_795_219_200
    /// The same in hours.
    package static let hours = Hours(secondsSince1970: now).count

    /// A person whose keys follow from a number.
    package init(_ name: String, seed: UInt64) throws {
        var random = SeededRandom(seed)
        self.name = name
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
        kemSeed = random.bytes(count: MLKEM768KeyPair.seedByteCount)
        kemPreKeyID = random.integer(UInt32.self) | 1
        oneTimeKEMSeed = random.bytes(count: MLKEM768KeyPair.seedByteCount)
        oneTimeKEMPreKeyID = (kemPreKeyID ^ 0x5555_5555) | 1
    }

    /// The person that a vector gives.
    init(_ input: VectorInput) throws {
        name = try input.text("name")
        account = try input.signingKey("account seed")
        device = try input.signingKey("device seed")
        identity = try input.agreementKey("identity private")
        certificate = try input.certificate("certificate")
        server = try input.server("server key", "server host")
        chatReadKey = try input.signingKey("chat read seed")
        chatWriteKey = try input.signingKey("chat write seed")
        signedPreKeyID = try input.integer("signed prekey id")
        signedPreKey = try input.agreementKey("signed prekey private")
        oneTimePreKeyID = try input.integer("one-time prekey id")
        oneTimePreKey = try input.agreementKey("one-time prekey private")
        kemPreKeyID = try input.integer("KEM prekey id")
        kemSeed = try input.kemSeed("KEM prekey seed")
        oneTimeKEMPreKeyID = try input.integer("one-time KEM prekey id")
        oneTimeKEMSeed = try input.kemSeed("one-time KEM prekey seed")
        guard signedPreKeyID != 0, oneTimePreKeyID != 0, kemPreKeyID != 0,
            oneTimeKEMPreKeyID != 0, kemPreKeyID != oneTimeKEMPreKeyID,
            certificate.identity.identityKey == identity.publicKey,
            certificate.identity.deviceKey == device.publicKey,
            certificate.isValid(under: account.publicKey)
        else { throw VectorProblem.member("person") }
    }

    /// Everything that is known of the person, private keys included.
    package var json: JSONValue {
        [
            "name": .string(name),
            "account seed": .hex(account.exposeForStorage()),
            "device seed": .hex(device.exposeForStorage()),
            "identity private": .hex(identity.exposeForStorage()),
            "certificate": .hex(certificate.bytes),
            "server key": .hex(server.key.bytes),
            "server host": .string(server.hostAndPort),
            "chat read seed": .hex(chatReadKey.exposeForStorage()),
            "chat write seed": .hex(chatWriteKey.exposeForStorage()),
            "signed prekey id": .whole(signedPreKeyID),
            "signed prekey private": .hex(signedPreKey.exposeForStorage()),
            "one-time prekey id": .whole(oneTimePreKeyID),
            "one-time prekey private": .hex(oneTimePreKey.exposeForStorage()),
            "KEM prekey id": .whole(kemPreKeyID), "KEM prekey seed": .hex(kemSeed),
            "one-time KEM prekey id": .whole(oneTimeKEMPreKeyID),
            "one-time KEM prekey seed": .hex(oneTimeKEMSeed),
        ]
    }

    /// The KEM prekey that everybody may use.
    package var lastResortKEM: KEMPreKey {
        KEMPreKey(id: kemPreKeyID, key: Self.kemPair(kemSeed).publicKey)
    }
    /// The KEM prekey for one first message.
    package var oneTimeKEM: KEMPreKey {
        KEMPreKey(id: oneTimeKEMPreKeyID, key: Self.kemPair(oneTimeKEMSeed).publicKey)
    }

    /// The private half of a KEM prekey.
    ///
    /// - Parameter withOneTime: whether the one-time prekeys are still held.
    package func kemHalf(_ id: UInt32, withOneTime: Bool) -> MLKEM768KeyPair? {
        guard id == kemPreKeyID || (withOneTime && id == oneTimeKEMPreKeyID) else { return nil }
        return Self.kemPair(id == kemPreKeyID ? kemSeed : oneTimeKEMSeed)
    }

    private static func kemPair(_ seed: [UInt8]) -> MLKEM768KeyPair {
        let seed = SecretBytes(copying: seed.raw)
        return MLKEM768KeyPair(seed: seed)
    }

    /// Both ends know it.
    package var chatWriteSeed: [UInt8] { chatWriteKey.exposeForStorage() }
    /// Under which frames to this person are signed.
    package var chatWritePublicKey: Ed25519PublicKey { chatWriteKey.publicKey }
    /// Private half of the identity key.
    package var identitySecret: [UInt8] { identity.exposeForStorage() }

    package var mailbox: ChatMailbox {
        ChatMailbox(
            readKey: chatReadKey.publicKey, writeKey: chatWriteKey.duplicate(), server: server)
    }

    package var keys: RecipientKeys {
        RecipientKeys(
            account: account.publicKey, device: certificate.identity,
            identity: identity.duplicate())
    }

    package var recoveryBundle: RecoveryBundle {
        RecoveryBundle(
            signedPreKeyID: signedPreKeyID, signedPreKey: signedPreKey.publicKey,
            kemPreKey: lastResortKEM, madeHours: Self.hours, signedBy: device)
    }

    /// What this person tells in a first message.
    package func introduction(
        _ type: FirstMessageType, extensions: TaggedFields = .none
    ) throws -> Introduction {
        Introduction(
            type: type, account: account.publicKey, certificate: certificate,
            handle: type == .reset ? nil : try Handle(name), replyMailbox: mailbox,
            extensions: extensions)
    }

    /// The published prekeys, through everything that a sender checks.
    package func published(withOneTime: Bool) throws -> RecipientPreKeys {
        let oneTime =
            withOneTime
            ? [OneTimePreKey(id: oneTimePreKeyID, key: oneTimePreKey.publicKey)] : []
        let kemPreKeys = withOneTime ? [oneTimeKEM] : []
        let from = Hours(secondsSince1970: Self.now)
        let bundle = PreKeyBundle(
            PreKeyBundle.Contents(
                number: 1, window: ValidityWindow(from: from, expiry: from.advanced(byHours: 168)),
                account: account.publicKey, certificate: certificate,
                signedPreKeyID: signedPreKeyID, signedPreKey: signedPreKey.publicKey,
                oneTimePreKeys: oneTime, lastResortKEM: lastResortKEM,
                oneTimeKEMPreKeys: kemPreKeys,
                contact: PreKeyBundle.Contact(server: server, mailbox: .zero)), signedBy: device)
        let record = Record(
            Record.Contents(
                number: 1, handle: try Handle(name), account: account.publicKey,
                recoveryHash: .zero, certificates: [certificate]), signedBy: account)
        let fetched = FetchedPreKeys(
            bundle: bundle, oneTime: withOneTime ? IssuedPreKey(0, of: oneTime) : nil,
            oneTimeKEM: withOneTime ? IssuedKEMPreKey(0, of: kemPreKeys) : nil)
        return RecipientPreKeys(
            try fetched.verify(for: try record.verify(), deviceID: 0, secondsSince1970: Self.now))
    }
}
