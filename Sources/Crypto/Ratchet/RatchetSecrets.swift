import Primitives

/// The root key (RK): one per session, replaced by every root step.
///
/// - SPEC: §6.3
struct RootKey: ~Copyable, Sendable {
    let secret: SecretBytes

    init(_ secret: consuming SecretBytes) { self.secret = secret }

    /// What a root step gives for a Diffie-Hellman output, with the secret of the KEM behind it
    /// where the step begins an epoch. This key stays, so that a step that is only staged can be
    /// thrown away.
    ///
    /// - Parameter epoch: secrets of the KEM mixed in so far, this step's included.
    borrowing func step(_ input: borrowing SecretBytes, epoch: UInt32) -> RootStep {
        var info = [UInt8](copying: RatchetLabels.root.raw)
        info.append(bigEndian: epoch)
        let output = HKDFSHA256.derive(
            from: input, salt: secret, info: info.raw, byteCount: 128)
        return RootStep(
            root: RootKey(output.part(0..<32)), chain: ChainKey(output.part(32..<64)),
            nextHeader: HeaderKey(output.part(64..<96)), frame: FrameKey(output.part(96..<128)))
    }

    borrowing func duplicate() -> RootKey { RootKey(secret.duplicate()) }
}

/// The four keys of a root step.
struct RootStep: ~Copyable, Sendable {
    let root: RootKey
    let chain: ChainKey
    let nextHeader: HeaderKey
    let frame: FrameKey
}

/// A chain key (CK): gives one message key and its own successor.
///
/// - SPEC: §6.3
struct ChainKey: ~Copyable, Sendable {
    let secret: SecretBytes

    init(_ secret: consuming SecretBytes) { self.secret = secret }

    /// The key of the next message of the chain.
    borrowing func messageKey() -> MessageKey {
        MessageKey(HMACSHA256.derive(from: secret, message: FixedBytes<1>([1]).raw))
    }

    /// The chain key behind that message.
    borrowing func next() -> ChainKey {
        ChainKey(HMACSHA256.derive(from: secret, message: FixedBytes<1>([2]).raw))
    }

    borrowing func duplicate() -> ChainKey { ChainKey(secret.duplicate()) }
}

/// A message key (MK): seals or opens one message. Using it consumes it (DR-7).
///
/// - SPEC: §6.2, DR-7
struct MessageKey: ~Copyable, Sendable {
    let secret: SecretBytes

    init(_ secret: consuming SecretBytes) { self.secret = secret }

    /// Seals in place: `body` is the block and 16 bytes of room for the tag.
    consuming func seal(
        _ body: inout MutableRawSpan, nonce: FixedBytes<12>, authenticating data: RawSpan
    ) {
        ChaChaPoly.seal(inPlace: &body, key: secret, nonce: nonce, authenticating: data)
    }

    /// Opens a body, or returns nil when it is not what was sealed.
    consuming func open(
        _ body: RawSpan, nonce: FixedBytes<12>, authenticating data: RawSpan
    ) -> [UInt8]? {
        try? ChaChaPoly.open(body, key: secret, nonce: nonce, authenticating: data)
    }

    borrowing func duplicate() -> MessageKey { MessageKey(secret.duplicate()) }
}

/// A header key (HK), current or next: seals the headers of one chain under random nonces.
///
/// - SPEC: §6.2
struct HeaderKey: ~Copyable, Sendable {
    let secret: SecretBytes

    init(_ secret: consuming SecretBytes) { self.secret = secret }

    /// Seals in place: `header` is the block and 16 bytes of room for the tag.
    borrowing func seal(
        _ header: inout MutableRawSpan, nonce: FixedBytes<24>, authenticating data: RawSpan
    ) {
        XChaChaPoly.seal(inPlace: &header, key: secret, nonce: nonce, authenticating: data)
    }

    /// Opens a header, or returns nil when it was sealed under another key.
    borrowing func open(
        _ header: RawSpan, nonce: FixedBytes<24>, authenticating data: RawSpan
    ) -> [UInt8]? {
        try? XChaChaPoly.open(header, key: secret, nonce: nonce, authenticating: data)
    }

    borrowing func duplicate() -> HeaderKey { HeaderKey(secret.duplicate()) }
}

/// A key exported at a root step, under which ephemeral frames are sealed with random nonces.
///
/// - SPEC: §6.3, §7.5, DR-10
struct FrameKey: ~Copyable, Sendable {
    let secret: SecretBytes

    init(_ secret: consuming SecretBytes) { self.secret = secret }

    borrowing func duplicate() -> FrameKey { FrameKey(secret.duplicate()) }
}

// Arrays hold copyable values only, so a secret that lives in one lies in a box of its own.

final class HeaderKeyBox: Sendable {
    let key: HeaderKey
    init(_ key: consuming HeaderKey) { self.key = key }
}

final class FrameKeyBox: Sendable {
    let key: FrameKey
    init(_ key: consuming FrameKey) { self.key = key }
}

/// The key of a message that was skipped, until it comes or expires.
final class SkippedMessageKey: Sendable {
    /// Its number in its chain (N).
    let messageNumber: UInt32
    /// When it was skipped, hours since 1970.
    let sinceHours: UInt32
    let key: MessageKey

    init(messageNumber: UInt32, sinceHours: UInt32, key: consuming MessageKey) {
        self.messageNumber = messageNumber
        self.sinceHours = sinceHours
        self.key = key
    }

    func isExpired(atHours now: UInt32) -> Bool {
        // DR-5
        now >= sinceHours && now - sinceHours >= RatchetLimits.skippedKeyHours
    }
}

/// The skipped message keys of one receiving chain, by ascending message number.
struct SkippedChain: Sendable {
    let headerKey: HeaderKeyBox
    let ratchetKey: X25519PublicKey
    /// Secrets of the KEM mixed into it.
    let epoch: UInt32
    /// Messages of all chains before this one.
    let base: UInt64
    var keys: [SkippedMessageKey]

    /// The position of the key of a message number.
    func index(of messageNumber: UInt32) -> Int? {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle].messageNumber < messageNumber {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < keys.count && keys[low].messageNumber == messageNumber ? low : nil
    }
}
