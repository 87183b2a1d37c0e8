package import Primitives

/// Names a session on both sides: the hash of its handshake's transcript.
package typealias SessionID = FixedBytes<32>

/// Which side of its session's handshake somebody is.
package enum SessionRole: UInt8, Hashable, Sendable {
    /// Wrote the first message.
    case initiator = 0
    /// Published the prekeys that it used.
    case recipient = 1

    /// The other side.
    package var peer: SessionRole { self == .initiator ? .recipient : .initiator }

    /// The direction byte of what this side sends.
    var direction: UInt8 { rawValue }
}

/// One session: the double ratchet with header encryption between two devices.
///
/// A value without I/O, clock or randomness of its own. Sealing advances it at once. Opening has two
/// steps: ``open(_:atHours:)`` leaves it as it is and returns what was found, ``commit(_:)`` takes
/// the step. So a message that does not open changes nothing (DR-6), and a program can store the
/// new state together with the message. Whatever changed it, the caller stores
/// ``exposeForStorage(_:)`` in one transaction with the envelope or the message, before it sends or
/// acknowledges (DR-8).
///
/// Forward secrecy: a key that has been used is wiped. Healing: after one message of each side
/// behind the theft of a state, the thief reads no more; a thief who can also undo X25519 reads no
/// more after the next whole KEM step.
///
/// - SPEC: §6, DR-1 … DR-14, DR-26 … DR-30
package struct Session: ~Copyable, Sendable {
    /// The hash of the handshake's transcript.
    package let id: SessionID
    /// Which side this is.
    package let role: SessionRole

    var root: RootKey
    /// The KEM step behind the root key's epoch.
    var kem: KEMStep
    var sending: Sending
    var receiving: Receiving
    /// The prefix that every message repeats until one of the recipient has opened (HS-12).
    var prefix: [UInt8]
    /// Counts every change, so that an ``OpenedMessage`` is committed to the state it came from.
    var changeCount: UInt64 = 0

    /// What has been received and what is missing.
    package var received: ReceivedNumbers { receiving.numbers }

    /// The number of the last message sealed, 0 before the first: what frames call *newest*.
    package var sentCount: UInt64 { sending.number }

    /// True when a message has opened whose chain was made with a ratchet key this side drew.
    ///
    /// - SPEC: DR-9
    package var isConfirmed: Bool { receiving.isConfirmed }

    /// How many secrets of the KEM have been mixed into the root key.
    ///
    /// - SPEC: §6.8
    package var kemEpoch: UInt32 { kem.epoch }

    /// True for an initiator none of whose messages has been answered.
    package var awaitsReply: Bool { !prefix.isEmpty }

    /// Messages that can still be sealed before the reply, or nil when there is no such limit.
    package var unansweredRoom: Int? {
        awaitsReply
            ? max(0, RatchetLimits.unansweredMax - Int(clamping: sending.number)) : nil
    }

    /// Room for the content's fields in the next message's largest envelope.
    package var room: Int {
        awaitsReply
            ? Envelope.room(behindPrefixOf: prefix.count)
            : Envelope.room(inEnvelopeOf: Envelope.byteCounts[2])
    }

    /// Header and frame associated data, and the beginning of the body's.
    static func associatedData(id: SessionID, from sender: SessionRole) -> [UInt8] {
        var data: [UInt8] = []
        // The body's data continue with the header's nonce and box.
        data.reserveCapacity(33 + Envelope.headerNonceByteCount + RatchetHeader.sealedByteCount)
        data.append(copying: id.raw)
        data.append(sender.direction)
        return data
    }
}

extension Session {
    /// The role and the first bytes of the id; of the state nothing.
    package var description: String { "Session(\(role), \(id))" }
}

/// The sending half of a session.
struct Sending: ~Copyable, Sendable {
    /// The chain, or nil until the next message draws a new ratchet key.
    var chain: SendingChain?
    /// NHKs: the header key of the next chain.
    var nextHeaderKey: HeaderKey
    /// The length of the last chain while there is none.
    var endedChainLength: UInt32
    /// Number, link and tag of the last message.
    var number: UInt64
    var link: ReceivedNumbers.Link
    var tag: ReceivedNumbers.Tag
    /// Frame keys of the last own ratchet keys, oldest first.
    var frameKeys: [FrameKeyBox]

    mutating func keep(_ frameKey: consuming FrameKey) {
        // DR-10
        frameKeys.append(FrameKeyBox(frameKey))
        if frameKeys.count > RatchetLimits.frameKeysMax { frameKeys.removeFirst() }
    }
}

/// A sending chain (CKs, HKs, DHs).
struct SendingChain: ~Copyable, Sendable {
    var chainKey: ChainKey
    let headerKey: HeaderKey
    let ratchetKey: X25519KeyPair
    let previousChainLength: UInt32
    /// Messages sealed in it (Ns).
    var count: UInt32
}

/// The receiving half of a session.
struct Receiving: ~Copyable, Sendable {
    /// The recipient's signed prekey, until the first message has opened.
    var signedPreKey: X25519KeyPair?
    /// The current chain, or nil before the first message.
    var chain: ReceivingChain?
    /// NHKr: the header key of the next chain.
    var nextHeaderKey: HeaderKey
    /// Chains with skipped message keys, oldest first; the current one may be the last.
    var skipped: [SkippedChain]
    var numbers: ReceivedNumbers
    /// The frame key of the peer's last ratchet key.
    var frameKey: FrameKey?
    var isConfirmed: Bool
}

/// A receiving chain (CKr, HKr, DHr).
struct ReceivingChain: ~Copyable, Sendable {
    var chainKey: ChainKey
    let headerKey: HeaderKeyBox
    let ratchetKey: X25519PublicKey
    /// Secrets of the KEM mixed into it: those of the root key, or one less when this side has
    /// begun an epoch since.
    let epoch: UInt32
    /// Messages of all chains before this one.
    let base: UInt64
    /// Messages of it that were received or skipped (Nr).
    var count: UInt32
}
