package import Primitives

/// Both directions of an established channel, and the hash that names it.
///
/// About 100 bytes and two 32-byte slots of locked memory.
package struct NoiseTransport: ~Copyable, Sendable {
    /// The hash of the whole handshake, the same on both sides and on no other connection.
    ///
    /// - SPEC: §11.2, CH-26
    package let handshakeHash: FixedBytes<32>
    /// What this side writes.
    package var sending: NoiseSendingCipher
    /// What this side reads.
    package var receiving: NoiseReceivingCipher

    init(handshakeHash: FixedBytes<32>, role: NoiseRole, pair: consuming NoiseCipherPair) {
        self.handshakeHash = handshakeHash
        switch role {
        case .initiator:
            sending = NoiseSendingCipher(pair.fromInitiator)
            receiving = NoiseReceivingCipher(pair.fromResponder)
        case .responder:
            sending = NoiseSendingCipher(pair.fromResponder)
            receiving = NoiseReceivingCipher(pair.fromInitiator)
        }
    }
}

/// How often a direction takes a new key.
///
/// - SPEC: §11.2, CH-25
package enum NoiseRekey {
    /// Messages under one key. A key taken from memory opens at most as many that went before.
    /// Fewer would cost more than the 2 µs of a rekey spread over 4,096 messages, which is nothing;
    /// more would keep a key of a busy connection longer.
    package static let messagesPerKey: UInt64 = 4_096
}

/// Seals the messages of one direction in turn.
///
/// - SPEC: §11.2, CH-24, CH-25
package struct NoiseSendingCipher: ~Copyable, Sendable {
    /// Bytes that sealing adds to a message.
    package static let overheadByteCount = ChaChaPoly.tagByteCount

    // Nil once something has failed.
    private var cipher: NoiseCipher?

    init(_ cipher: consuming NoiseCipher) { self.cipher = consume cipher }

    /// Seals the next message in place: all of `buffer` but its last 16 bytes is the plaintext, and
    /// those receive the tag. No allocation.
    ///
    /// - Throws: `messageLength` below 16 or above 65,535 bytes, `nonceExhausted`; the direction is
    ///   `dead` afterwards.
    package mutating func seal(inPlace buffer: inout MutableRawSpan) throws(NoiseError) {
        guard var next = cipher.take() else { throw .dead }
        let count = buffer.byteCount
        guard (Self.overheadByteCount...NoiseHandshake.messageByteCountMax).contains(count) else {
            throw .messageLength(byteCount: count)  // CH-27
        }
        try next.seal(inPlace: &buffer)
        if next.nonce.isMultiple(of: NoiseRekey.messagesPerKey) { next.rekey() }  // CH-25
        cipher = consume next
    }

    /// Seals the next message into a new array.
    ///
    /// - Throws: as `seal(inPlace:)`.
    package mutating func seal(_ plaintext: RawSpan) throws(NoiseError) -> [UInt8] {
        var message = [UInt8](copying: plaintext)
        message.append(contentsOf: repeatElement(0, count: Self.overheadByteCount))
        var span = message.mutableRaw
        try seal(inPlace: &span)
        return message
    }
}

/// Opens the messages of one direction in turn.
///
/// - SPEC: §11.2, CH-23, CH-24, CH-25
package struct NoiseReceivingCipher: ~Copyable, Sendable {
    // Nil once something has failed: a message that does not open ends the channel.
    private var cipher: NoiseCipher?

    init(_ cipher: consuming NoiseCipher) { self.cipher = consume cipher }

    /// Opens the next message in place. No allocation.
    ///
    /// - Returns: the number of plaintext bytes at the start of `buffer`.
    /// - Throws: `messageLength` below 16 or above 65,535 bytes, `authentication`,
    ///   `nonceExhausted`; the direction is `dead` afterwards, and `buffer` undefined.
    package mutating func open(inPlace buffer: inout MutableRawSpan) throws(NoiseError) -> Int {
        guard var next = cipher.take() else { throw .dead }  // CH-23
        let byteCount = buffer.byteCount
        guard (ChaChaPoly.tagByteCount...NoiseHandshake.messageByteCountMax).contains(byteCount)
        else { throw .messageLength(byteCount: byteCount) }  // CH-27
        let count = try next.open(inPlace: &buffer)
        if next.nonce.isMultiple(of: NoiseRekey.messagesPerKey) { next.rekey() }  // CH-25
        cipher = consume next
        return count
    }

    /// Opens the next message into a new array.
    ///
    /// - Throws: as `open(inPlace:)`.
    package mutating func open(_ message: RawSpan) throws(NoiseError) -> [UInt8] {
        var buffer = [UInt8](copying: message)
        var span = buffer.mutableRaw
        let count = try open(inPlace: &span)
        buffer.removeLast(buffer.count - count)
        return buffer
    }
}
