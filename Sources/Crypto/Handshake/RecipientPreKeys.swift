package import Primitives
package import Wire

/// Verified prekeys of one device, to begin a session with.
///
/// - SPEC: §5.1, HS-3
package struct RecipientPreKeys: Hashable, Sendable {
    /// Bytes of the recipient's identity in the transcript.
    static let recipientByteCount = 100
    /// Bytes of the prekeys in the transcript.
    static let preKeysByteCount = 1260

    /// Whose device it is.
    package let account: Ed25519PublicKey
    /// The device.
    package let device: DeviceIdentity
    /// The signed prekey's id.
    package let signedPreKeyID: UInt32
    /// The signed prekey.
    package let signedPreKey: X25519PublicKey
    /// The one-time prekey, if one was handed out.
    package let oneTimePreKey: OneTimePreKey?
    /// The KEM prekey: one-time if one was handed out, else the last resort.
    package let kemPreKey: KEMPreKey
    /// Whether a one-time prekey of each kind is used: without them the first message is as safe as
    /// private halves that serve others too, until these are erased (A9).
    package var usesOneTime: Bool { oneTimePreKey != nil && isKEMOneTime }
    private let isKEMOneTime: Bool
    /// The lowest version the device takes.
    package let versionFloor: UInt16

    /// What a prekey fetch or an invite gave, verified by Wire.
    package init(_ fetched: Verified<FetchedPreKeys>) {
        let bundle = fetched.value.bundle
        account = bundle.account
        device = bundle.certificate.identity
        signedPreKeyID = bundle.contents.signedPreKeyID
        signedPreKey = bundle.contents.signedPreKey
        oneTimePreKey = fetched.value.oneTime?.preKey
        kemPreKey = fetched.value.kemPreKey
        isKEMOneTime = fetched.value.oneTimeKEM != nil
        versionFloor = bundle.contents.versionFloor
    }

    /// A recovery bundle that the peer gave in a session; nil unless the peer's device signed it.
    package init?(
        _ bundle: RecoveryBundle, account: Ed25519PublicKey, device: DeviceIdentity
    ) {
        guard bundle.isValid(by: device.deviceKey) else { return nil }
        self.init(
            account: account, device: device, signedPreKeyID: bundle.signedPreKeyID,
            signedPreKey: bundle.signedPreKey, oneTimePreKey: nil, kemPreKey: bundle.kemPreKey)
    }

    /// The recipient's own view of the prekeys a message used.
    init(
        account: Ed25519PublicKey, device: DeviceIdentity, signedPreKeyID: UInt32,
        signedPreKey: X25519PublicKey, oneTimePreKey: OneTimePreKey?, kemPreKey: KEMPreKey,
        versionFloor: UInt16 = 0
    ) {
        self.account = account
        self.device = device
        self.signedPreKeyID = signedPreKeyID
        self.signedPreKey = signedPreKey
        self.oneTimePreKey = oneTimePreKey
        self.kemPreKey = kemPreKey
        isKEMOneTime = false
        self.versionFloor = versionFloor
    }

    /// `recipient || prekeys`: account key and first 68 bytes of the certificate, then id and key of
    /// each prekey, zeros for a one-time prekey that there is not.
    var transcriptBytes: [UInt8] {
        var writer = Writer(capacity: Self.recipientByteCount + Self.preKeysByteCount)
        writer.fixed(account.bytes)
        device.encode(into: &writer)
        writer.u32(signedPreKeyID)
        writer.fixed(signedPreKey.bytes)
        writer.u32(oneTimePreKey?.id ?? 0)
        writer.fixed(oneTimePreKey?.key.bytes ?? .zero)
        kemPreKey.encode(into: &writer)
        return writer.bytes
    }
}
