package import Primitives
import Wire

/// A first message as it came: 4,096 bytes of which nothing is verified yet.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | version |
/// | 1 | 32 | ephemeral key as sent |
/// | 33 | 1114 | sealed outer block |
/// | 1147 | L + 16 | sealed inner block |
/// | 1163 + L | – | message, to the end |
///
/// - SPEC: §5.2, HS-1, HS-2
package struct FirstMessage: Sendable {
    /// Size of the outer block.
    static let outerByteCount = 1098
    /// Size of version, ephemeral key and sealed outer block.
    package static let openingByteCount = 1147

    let bytes: [UInt8]
    let ephemeralKey: X25519PublicKey
    let sentKey: FixedBytes<32>
    /// What recognises a prefix that was taken before (HS-14).
    package let openingHash: FixedBytes<32>

    /// Looks at size, version and ephemeral key.
    ///
    /// - Throws: `HandshakeError.size`, `.version`, `.badKey`.
    package init(parsing envelope: RawSpan) throws(HandshakeError) {
        // HS-1
        guard envelope.byteCount == Envelope.firstMessageByteCount,
            let sentKey = FixedBytes<32>(copying: envelope.extracting(1..<33))
        else { throw .size(byteCount: envelope.byteCount) }
        let version = envelope.byte(at: 0)
        guard version == Envelope.version else { throw .version(version) }
        // HS-2
        var key = sentKey
        key[31] &= 0x7f
        guard let ephemeralKey = try? X25519PublicKey(parsing: key) else { throw .badKey }
        bytes = [UInt8](copying: envelope)
        self.ephemeralKey = ephemeralKey
        self.sentKey = sentKey
        openingHash = SHA256.hash(envelope.extracting(0..<Self.openingByteCount))
    }

    /// Tries the outer block under one signed prekey.
    ///
    /// - Parameters:
    ///   - id: the prekey's id.
    ///   - key: a live signed prekey of the mailbox the message came in and of no other (HS-4).
    /// - Returns: nil when it does not open under this one.
    /// - Throws: `HandshakeError.zeroSharedSecret`, `.malformedOuter`, `.missingKEM`.
    /// - SPEC: §5.3 H1, HS-4, HS-6
    package func openOuter(
        signedPreKeyID id: UInt32, key: borrowing X25519KeyPair
    ) throws(HandshakeError) -> OuterBlock? {
        guard let dh1 = try? key.agree(with: ephemeralKey) else { throw .zeroSharedSecret }
        let outerKey = HandshakeSchedule.outerKey(
            dh1, sentKey: sentKey, signedPreKey: key.publicKey)
        let all = bytes.raw
        guard
            let block = try? ChaChaPoly.open(
                all.extracting(33..<Self.openingByteCount), key: outerKey, nonce: .zero,
                authenticating: all.extracting(0..<33))
        else { return nil }
        guard block.count == Self.outerByteCount,
            let oneTimeID: UInt32 = block.raw.bigEndian(at: 0),
            let kemID: UInt32 = block.raw.bigEndian(at: 4),
            let count: UInt16 = block.raw.bigEndian(at: 8),
            Introduction.byteCounts.contains(Int(count)),
            let ciphertext = FixedBytes<1_088>(
                copying: block.raw.extracting(10..<Self.outerByteCount))
        else { throw .malformedOuter }
        // HS-6
        guard kemID != 0 else { throw .missingKEM }
        return OuterBlock(
            signedPreKeyID: id, oneTimePreKeyID: oneTimeID, kemPreKeyID: kemID,
            kemCiphertext: ciphertext, innerByteCount: Int(count), dh1: dh1,
            openingHash: openingHash)
    }
}

/// An outer block that has opened: which prekeys the first message used.
///
/// - SPEC: §5.2
package struct OuterBlock: ~Copyable, Sendable {
    /// The signed prekey under which it opened.
    package let signedPreKeyID: UInt32
    /// The one-time prekey to look for, 0 for none.
    package let oneTimePreKeyID: UInt32
    /// The KEM prekey to look for: a one-time one, or the one that belongs to the signed prekey.
    package let kemPreKeyID: UInt32
    /// What the KEM's secret is found in.
    let kemCiphertext: FixedBytes<1_088>
    let innerByteCount: Int
    let dh1: SecretBytes
    let openingHash: FixedBytes<32>

    var prefixByteCount: Int { FirstMessage.openingByteCount + innerByteCount + 16 }
}

/// What is kept of a prefix that was taken, to find its session again and to refuse replays.
///
/// - SPEC: §5.4, HS-14
package struct KnownPrefix: Hashable, Sendable {
    /// Finds it.
    package let openingHash: FixedBytes<32>
    /// The prefix's size.
    package let byteCount: UInt16
    /// SHA-256 of the whole prefix.
    package let hash: FixedBytes<32>

    /// What was stored.
    package init(openingHash: FixedBytes<32>, byteCount: UInt16, hash: FixedBytes<32>) {
        self.openingHash = openingHash
        self.byteCount = byteCount
        self.hash = hash
    }

    /// True when `message` repeats this prefix byte for byte.
    package func matches(_ message: FirstMessage) -> Bool {
        // HS-14
        guard message.openingHash == openingHash, Int(byteCount) <= message.bytes.count else {
            return false
        }
        return SHA256.hash(message.bytes.raw.extracting(0..<Int(byteCount))) == hash
    }
}

extension Session {
    /// Opens a further message behind a prefix whose session this is, and changes nothing.
    ///
    /// - Throws: `OpenError.prefixMismatch` when the prefix is not repeated byte for byte, and as
    ///   ``open(_:atHours:)``.
    /// - SPEC: §5.4, HS-12, HS-14
    package borrowing func open(
        _ message: FirstMessage, behind prefix: KnownPrefix, atHours now: UInt32
    ) throws(OpenError) -> OpenedMessage {
        guard prefix.matches(message) else { throw .prefixMismatch }
        let all = message.bytes.raw
        return try open(
            message: all.extracting(Int(prefix.byteCount)..<all.byteCount), atHours: now)
    }
}
