internal import Crypto
internal import Primitives
internal import Wire

/// What is known of a session beside its ratchet. Row of `session`, group `info`; the ratchet's
/// state lies in a row of its own.
///
/// - SPEC: §6.6
struct SessionRecord: VaultRecord {
    static let format: UInt8 = 2
    static let infoGroup: [UInt8] = [0]
    /// Rows that say, by contact, which session is written in.
    static let setGroup: [UInt8] = [2]

    let id: SessionID
    let contact: ContactID
    /// The peer's device.
    let device: DeviceIdentity
    let createdMilliseconds: UInt64
    /// What recognises its first messages, on the recipient's side.
    let prefix: KnownPrefix?

    /// Whether its first message used a one-time prekey of each kind. A9
    var usesOneTime = false

    /// Messages received since the own last stored envelope, and when that was. EN-18
    var receivedSinceStored: UInt32 = 0
    var lastStoredMilliseconds: UInt64
    /// Ephemeral frames: last counter sent, highest received. EN-13, EN-14
    var frameCounterSent: UInt64 = 0
    var frameCounterReceived: UInt64 = 0
    /// Missing numbers that the user was told of. DR-25
    var toldGaps: [ClosedRange<UInt64>] = []

    init(
        id: SessionID, contact: ContactID, device: DeviceIdentity, prefix: KnownPrefix?,
        now: UInt64
    ) {
        self.id = id
        self.contact = contact
        self.device = device
        self.prefix = prefix
        createdMilliseconds = now
        lastStoredMilliseconds = now
    }

    init(from reader: inout Reader) throws(WireError) {
        id = try reader.fixed()
        contact = try reader.fixed()
        device = try DeviceIdentity(from: &reader)
        createdMilliseconds = try reader.u64()
        if try reader.bool() {
            prefix = KnownPrefix(
                openingHash: try reader.fixed(), byteCount: try reader.u16(),
                hash: try reader.fixed())
        } else {
            prefix = nil
        }
        usesOneTime = try reader.bool()
        receivedSinceStored = try reader.u32()
        lastStoredMilliseconds = try reader.u64()
        frameCounterSent = try reader.u64()
        frameCounterReceived = try reader.u64()
        let count = try reader.u16()
        for _ in 0..<count {
            let first = try reader.u64()
            let last = try reader.u64()
            guard first <= last else {
                throw .outOfRange(value: last, minimum: first, maximum: .max)
            }
            toldGaps.append(first...last)
        }
    }

    func encode(into writer: inout Writer) {
        writer.fixed(id)
        writer.fixed(contact)
        device.encode(into: &writer)
        writer.u64(createdMilliseconds)
        writer.bool(prefix != nil)
        if let prefix {
            writer.fixed(prefix.openingHash)
            writer.u16(prefix.byteCount)
            writer.fixed(prefix.hash)
        }
        writer.bool(usesOneTime)
        writer.u32(receivedSinceStored)
        writer.u64(lastStoredMilliseconds)
        writer.u64(frameCounterSent)
        writer.u64(frameCounterReceived)
        // As many as there are gaps, and one behind them.
        writer.u16(UInt16(toldGaps.count))
        for range in toldGaps {
            writer.u64(range.lowerBound)
            writer.u64(range.upperBound)
        }
    }

    static func stateKey(_ id: SessionID) -> [UInt8] { id.array + [0x72] }
    static let stateGroup: [UInt8] = [1]
}

/// An own message that no receipt has confirmed: where and when it was last encrypted. Row of
/// `unconfirmed`, group: contact. DR-19, DR-20
struct UnconfirmedRecord: VaultRecord {
    static let format: UInt8 = 2
    /// Envelopes of one message that are remembered; more resets than that before a receipt are
    /// nobody's.
    static let sealingsMax = 8

    let contact: ContactID
    let message: FixedBytes<16>
    let session: SessionID
    /// The moment, as the contact's session set counts, when it was encrypted.
    let order: UInt64
    /// In which sessions, and as which of their numbers, it went; the last one is the newest. DR-41
    let sealings: [SessionReport]
    /// The content is shown to a person.
    let isShown: Bool

    init(
        contact: ContactID, message: FixedBytes<16>, session: SessionID, order: UInt64,
        sealings: [SessionReport], isShown: Bool
    ) {
        self.contact = contact
        self.message = message
        self.session = session
        self.order = order
        self.sealings = sealings.suffix(Self.sealingsMax)
        self.isShown = isShown
    }

    init(from reader: inout Reader) throws(WireError) {
        contact = try reader.fixed()
        message = try reader.fixed()
        session = try reader.fixed()
        order = try reader.u64()
        sealings = try reader.sessionReports()
        isShown = try reader.bool()
    }

    func encode(into writer: inout Writer) {
        writer.fixed(contact)
        writer.fixed(message)
        writer.fixed(session)
        writer.u64(order)
        writer.sessionReports(sealings)
        writer.bool(isShown)
    }

    static func key(_ contact: ContactID, _ message: FixedBytes<16>) -> [UInt8] {
        contact.array + message.array
    }
}
