/// 32 bytes that commit to a key: no two keys with the same commitment are known to anybody.
///
/// The ciphers here do not commit: a box can be made that opens under two keys. Whoever compares
/// the commitment before a box is opened knows that the key at hand is the only one that passes, and
/// tells a wrong passphrase from damage. It shows nothing of the key.
///
/// - SPEC: §4.3, PR-20
package struct KeyCommitment: Sendable {
    /// Bytes in a commitment.
    package static let byteCount = 32

    /// The bytes, which are public.
    package let bytes: FixedBytes<32>

    /// A commitment as read.
    package init(_ bytes: FixedBytes<32>) { self.bytes = bytes }

    /// Commits to `key`, 32 bytes.
    ///
    /// - Parameters:
    ///   - salt: what else is committed to, of a fixed size.
    ///   - label: of the place where the commitment stands.
    package init(to key: borrowing SecretBytes, salt: RawSpan, label: StaticString) {
        let secret = HKDFSHA256.derive(
            from: key, salt: salt, info: label.raw, byteCount: Self.byteCount)
        guard let bytes = FixedBytes<32>(copying: secret.raw) else {
            preconditionFailure("a commitment has 32 bytes")
        }
        self.bytes = bytes
    }
}

extension KeyCommitment: Equatable {
    /// Compares in time that does not depend on the bytes.
    package static func == (one: Self, other: Self) -> Bool {
        ConstantTime.isEqual(one.bytes.raw, other.bytes.raw)  // PR-10
    }
}
