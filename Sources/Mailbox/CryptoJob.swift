package import Primitives
package import Wire

/// An attach whose signature the crypto thread has to judge.
///
/// - SPEC: §10.1, MB-4
package struct AttachCheck: Sendable {
    /// Whom to answer.
    package let origin: StorageRequest.Origin
    /// The mailbox named.
    package let mailbox: MailboxID
    /// As what the connection wants to attach.
    package let role: AttachRole
    /// The key of that role; nil when there is no such mailbox or it has no such key.
    package let key: FixedBytes<32>?
    /// The signature that was sent.
    package let signature: FixedBytes<64>
    /// The hash of the channel's handshake, which is signed.
    package let handshakeHash: FixedBytes<32>
    /// Against which a refusal counts. MB-23
    package let address: ClientAddress
}

/// What the crypto thread found.
package struct AttachVerdict: Sendable {
    /// Whom to answer.
    package let origin: StorageRequest.Origin
    /// The mailbox named.
    package let mailbox: MailboxID
    /// As what the connection wants to attach.
    package let role: AttachRole
    /// Whether the signature is that of the mailbox's key.
    package let isValid: Bool
    /// Against which a refusal counts. MB-23
    package let address: ClientAddress
}
