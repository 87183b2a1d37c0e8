package import Primitives

/// What a device is, whatever becomes of its certificate: the first 68 bytes of one.
///
/// - SPEC: §9.2
package struct DeviceIdentity: Hashable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = 68

    /// Names the device within its account; never 0.
    package let deviceID: UInt32
    /// For key agreement in handshakes.
    package let identityKey: X25519PublicKey
    /// Signs the device's bundles and requests to the directory.
    package let deviceKey: Ed25519PublicKey

    /// - Parameter deviceID: not 0.
    package init(deviceID: UInt32, identityKey: X25519PublicKey, deviceKey: Ed25519PublicKey) {
        precondition(deviceID != 0, "device id 0 means the first device")
        self.deviceID = deviceID
        self.identityKey = identityKey
        self.deviceKey = deviceKey
    }

    /// Parses 68 bytes.
    ///
    /// - Throws: `WireError.outOfRange` for device id 0, `.badKey`, `.truncated`.
    package init(from reader: inout Reader) throws(WireError) {
        self.deviceID = try reader.nonZeroU32()
        self.identityKey = try reader.x25519Key()
        self.deviceKey = try reader.ed25519Key()
    }

    /// Writes 68 bytes.
    @_lifetime(sink: copy sink)
    package func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.u32(deviceID)
        sink.fixed(identityKey.bytes)
        sink.fixed(deviceKey.bytes)
    }
}

/// An account's word that a device is its own. 140 bytes.
///
/// Parsing checks the shape only; ``isValid(under:)`` checks the signature. The expiry is for
/// handshakes.
///
/// - SPEC: §9.2, KD-1, KD-2
package struct DeviceCertificate: Hashable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = 140
    /// How long a certificate is issued for. Longer would keep a stolen device alive for longer,
    /// shorter would cut off people who were away for a year.
    package static let lifetimeHours: UInt32 = 400 * 24
    /// After how long it is renewed.
    package static let renewalHours: UInt32 = 200 * 24

    /// Device id and keys.
    package let identity: DeviceIdentity
    /// Handshakes refuse it from here on.
    package let expiry: Hours
    /// Flags; zero in version 0, unknown ones are ignored.
    package let capabilities: UInt32
    /// By the account key.
    package let signature: Ed25519Signature

    /// Issues a certificate.
    package init(
        identity: DeviceIdentity, expiry: Hours, capabilities: UInt32 = 0,
        signedBy account: borrowing Ed25519KeyPair
    ) {
        self.identity = identity
        self.expiry = expiry
        self.capabilities = capabilities
        self.signature = account.sign(
            Self.signedBytes(identity, expiry, capabilities, account: account.publicKey).raw)
    }

    /// Parses 140 bytes.
    ///
    /// - Throws: `WireError.outOfRange` for device id 0, `.badKey`, `.truncated`.
    package init(from reader: inout Reader) throws(WireError) {
        self.identity = try DeviceIdentity(from: &reader)
        self.expiry = Hours(try reader.u32())
        self.capabilities = try reader.u32()
        self.signature = try reader.fixed()
    }

    /// Parses 140 bytes and nothing else.
    ///
    /// - Throws: as ``init(from:)``, and `WireError.trailing`.
    package init(parsing bytes: RawSpan) throws(WireError) {
        var reader = Reader(bytes)
        self = try DeviceCertificate(from: &reader)
        try reader.finish()
    }

    /// Writes 140 bytes.
    @_lifetime(sink: copy sink)
    package func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        identity.encode(into: &sink)
        sink.u32(expiry.count)
        sink.u32(capabilities)
        sink.fixed(signature)
    }

    /// The 140 bytes.
    package var bytes: [UInt8] {
        var writer = Writer(capacity: Self.byteCount)
        encode(into: &writer)
        return writer.bytes
    }

    /// True when the account key signed it. One Ed25519 verification.
    package func isValid(under account: Ed25519PublicKey) -> Bool {
        // KD-1: the signed bytes name the account key besides, so that no other key's signature
        // over the same device can stand for it.
        account.isValid(
            signature,
            for: Self.signedBytes(identity, expiry, capabilities, account: account).raw)
    }

    /// True when a handshake may use it. No skew is allowed for: a certificate is renewed half its
    /// life before it ends.
    ///
    /// - Parameter now: seconds since 1970, UTC.
    package func isLive(secondsSince1970 now: Int64) -> Bool {
        // KD-2
        now < expiry.secondsSince1970
    }

    private static func signedBytes(
        _ identity: DeviceIdentity, _ expiry: Hours, _ capabilities: UInt32,
        account: Ed25519PublicKey
    ) -> [UInt8] {
        var message = Context.deviceCertificate.message(capacity: 1 + 32 + 76)
        message.u8(ObjectType.deviceCertificate.rawValue)
        message.fixed(account.bytes)
        identity.encode(into: &message)
        message.u32(expiry.count)
        message.u32(capabilities)
        return message.bytes
    }
}
