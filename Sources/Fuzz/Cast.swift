import Crypto
import Primitives
import Wire

/// A person whose keys the harness knows, so that it can sign and seal what it changed.
final class Cast: Sendable {
    /// 2026-11-21T00:00Z.
    static let now: Int64 = 1_795_219_200
    static let hours = Hours(secondsSince1970: now)

    static let alice = Cast("alice", seed: 11)
    static let bob = Cast("bob", seed: 12)
    static let carol = Cast("carol", seed: 13)

    let handle: Handle
    let account: Ed25519KeyPair
    let recovery: Ed25519KeyPair
    let device: Ed25519KeyPair
    let identity: X25519KeyPair
    let signedPreKey: X25519KeyPair
    let oneTime: X25519KeyPair
    let oneTimeKeys: [OneTimePreKey]
    private let kemSeed: [UInt8]
    private let oneTimeKEMSeed: [UInt8]
    let kem: KEMPreKey
    let oneTimeKEMKeys: [KEMPreKey]
    let server: ServerAddress
    let read: Ed25519KeyPair
    let write: Ed25519KeyPair
    let certificate: DeviceCertificate

    static let signedPreKeyID: UInt32 = 5
    static let oneTimeID: UInt32 = 8
    static let kemID: UInt32 = 6
    static let oneTimeKEMID: UInt32 = 9

    private init(_ name: String, seed: UInt64) {
        var random = SeededRandom(seed)
        account = .generate(from: &random)
        recovery = .generate(from: &random)
        device = .generate(from: &random)
        identity = .generate(from: &random)
        signedPreKey = .generate(from: &random)
        oneTime = .generate(from: &random)
        read = .generate(from: &random)
        write = .generate(from: &random)
        let serverKey = X25519KeyPair.generate(from: &random).publicKey
        let other = X25519KeyPair.generate(from: &random).publicKey
        oneTimeKeys = [
            OneTimePreKey(id: 1, key: other),
            OneTimePreKey(id: Self.oneTimeID, key: oneTime.publicKey),
            OneTimePreKey(id: 15, key: other),
        ]
        kemSeed = random.bytes(count: MLKEM768KeyPair.seedByteCount)
        oneTimeKEMSeed = random.bytes(count: MLKEM768KeyPair.seedByteCount)
        kem = KEMPreKey(id: Self.kemID, key: Self.kemPair(kemSeed).publicKey)
        oneTimeKEMKeys = [
            KEMPreKey(id: 2, key: kem.key),
            KEMPreKey(id: Self.oneTimeKEMID, key: Self.kemPair(oneTimeKEMSeed).publicKey),
        ]
        handle = made("a handle") { try Handle(name) }
        server = made("an address") {
            try ServerAddress(key: serverKey, hostAndPort: "mail.example.org:4443")
        }
        certificate = DeviceCertificate(
            identity: DeviceIdentity(
                deviceID: 7, identityKey: identity.publicKey, deviceKey: device.publicKey),
            expiry: Self.hours.advanced(byHours: DeviceCertificate.lifetimeHours),
            signedBy: account)
    }

    private static func kemPair(_ seed: [UInt8]) -> MLKEM768KeyPair {
        let seed = SecretBytes(copying: seed.raw)
        return MLKEM768KeyPair(seed: seed)
    }

    /// The private half of a KEM prekey.
    func kemHalf(_ id: UInt32) -> MLKEM768KeyPair? {
        switch id {
        case Self.kemID: Self.kemPair(kemSeed)
        case Self.oneTimeKEMID: Self.kemPair(oneTimeKEMSeed)
        default: nil
        }
    }

    var recordContents: Record.Contents {
        Record.Contents(
            number: 3, handle: handle, account: account.publicKey,
            recoveryHash: Record.recoveryHash(of: recovery.publicKey),
            certificates: [certificate])
    }

    var record: Record { Record(recordContents, signedBy: account) }

    var bundleContents: PreKeyBundle.Contents {
        PreKeyBundle.Contents(
            number: 2,
            window: ValidityWindow(from: Self.hours, expiry: Self.hours.advanced(byHours: 168)),
            account: account.publicKey, certificate: certificate,
            signedPreKeyID: Self.signedPreKeyID, signedPreKey: signedPreKey.publicKey,
            oneTimePreKeys: oneTimeKeys, lastResortKEM: kem, oneTimeKEMPreKeys: oneTimeKEMKeys,
            contact: PreKeyBundle.Contact(server: server, mailbox: .zero))
    }

    var bundle: PreKeyBundle { PreKeyBundle(bundleContents, signedBy: device) }

    var issued: IssuedPreKey { IssuedPreKey(1, of: oneTimeKeys) }

    var issuedKEM: IssuedKEMPreKey { IssuedKEMPreKey(1, of: oneTimeKEMKeys) }

    var fetched: FetchedPreKeys {
        FetchedPreKeys(bundle: bundle, oneTime: issued, oneTimeKEM: issuedKEM)
    }

    var invite: Invite {
        made("an invite") {
            Invite(
                random: .zero, record: try record.verify(), oneTime: issued,
                oneTimeKEM: issuedKEM, bundle: try bundle.verify())
        }
    }

    var preKeys: RecipientPreKeys {
        made("prekeys") {
            RecipientPreKeys(
                try fetched.verify(
                    for: try record.verify(), deviceID: 0, secondsSince1970: Self.now))
        }
    }

    var chatMailbox: ChatMailbox {
        ChatMailbox(readKey: read.publicKey, writeKey: write.duplicate(), server: server)
    }

    var recipientKeys: RecipientKeys {
        RecipientKeys(
            account: account.publicKey, device: certificate.identity,
            identity: identity.duplicate())
    }

    var introduction: Introduction {
        Introduction(
            type: .hello, account: account.publicKey, certificate: certificate, handle: handle,
            replyMailbox: chatMailbox)
    }

    func text(_ text: String) -> Content {
        Content.text(text, id: .zero, milliseconds: UInt64(Self.now) * 1_000)
    }
}

/// Signatures over changed objects, made again at their places.
enum Signing {
    /// Signs what stands in a certificate and puts the signature behind it, so that the account
    /// vouches for it whatever it says.
    static func certificate(_ bytes: inout [UInt8], at start: Int, by account: Cast) {
        guard bytes.count >= start + DeviceCertificate.byteCount else { return }
        var message = label(.deviceCertificate)
        message.append(ObjectType.deviceCertificate.rawValue)
        message += account.account.publicKey.bytes.array
        message += bytes[start..<start + 76]
        put(account.account.sign(message.raw).array, into: &bytes, at: start + 76)
    }

    /// The signature of `key` over a context and the bytes before a place, written at that place.
    static func sign(
        _ bytes: inout [UInt8], before end: Int, upTo signed: Int, as context: Context,
        by key: borrowing Ed25519KeyPair
    ) {
        guard signed <= bytes.count, end + 64 <= bytes.count else { return }
        let message = label(context) + bytes[..<signed]
        put(key.sign(message.raw).array, into: &bytes, at: end)
    }

    static func label(_ context: Context) -> [UInt8] {
        let label = context.label
        return [UInt8](copying: label.raw)
    }

    static func put(_ value: [UInt8], into bytes: inout [UInt8], at start: Int) {
        guard start + value.count <= bytes.count else { return }
        bytes.replaceSubrange(start..<start + value.count, with: value)
    }
}
