package import Primitives
package import Wire

/// A chat mailbox as its owner hands it to the peer: where it is, and the seed with which the peer
/// deposits and signs frames. 161 bytes.
///
/// Both ends know the seed, so what it signs convinces the two of them and nobody else.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 32 | read key |
/// | 32 | 32 | write seed |
/// | 64 | 97 | server |
///
/// - SPEC: §7.3, §10.1
package struct ChatMailbox: ~Copyable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = 161

    /// The owner's read key.
    package let readKey: Ed25519PublicKey
    /// The key pair of whoever deposits.
    package let writeKey: Ed25519KeyPair
    /// The server it lies on.
    package let server: ServerAddress

    /// A mailbox.
    package init(
        readKey: Ed25519PublicKey, writeKey: consuming Ed25519KeyPair, server: ServerAddress
    ) {
        self.readKey = readKey
        self.writeKey = writeKey
        self.server = server
    }

    /// Parses 161 bytes.
    ///
    /// - Throws: `WireError`.
    package init(from reader: inout Reader) throws(WireError) {
        let readKey = try reader.ed25519Key()
        let seed = SecretBytes(copying: try reader.span(Ed25519KeyPair.seedByteCount))
        let server = try ServerAddress(from: &reader)
        self.init(readKey: readKey, writeKey: Ed25519KeyPair(seed: seed), server: server)
    }

    /// The mailbox's id, which certifies its keys.
    package var id: MailboxID {
        guard let id = MailboxKind.chat.mailboxID(keys: [readKey, writeKey.publicKey]) else {
            preconditionFailure("a chat mailbox has two keys")
        }
        return id
    }

    /// The 161 bytes with the seed in clear: the caller seals them at once.
    package borrowing func exposeForStorage() -> [UInt8] {
        var writer = Writer(capacity: Self.byteCount)
        encode(into: &writer)
        return writer.bytes
    }

    borrowing func encode(into writer: inout Writer) {
        writer.fixed(readKey.bytes)
        writeKey.seed().withBytes { writer.append(bytes: $0) }
        ServerAddress.encode(server, into: &writer)
    }

    /// A second value with the same keys.
    package borrowing func duplicate() -> ChatMailbox {
        ChatMailbox(readKey: readKey, writeKey: writeKey.duplicate(), server: server)
    }
}
