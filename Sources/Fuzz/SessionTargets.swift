import Crypto
import Primitives
import Wire

/// What lies below the encryption of a session: headers, bodies, content, frames, stored state.
enum SessionTargets {
    static let all: [Target] = [
        Target("ratchet", byteCountMax: 2_048, seeds: ratchetSeeds, run: ratchet),
        Target("content", byteCountMax: 4_096, seeds: contentSeeds, run: content),
        Target("ephemeral-frame", byteCountMax: 1_280, seeds: frameSeeds, run: frame),
        Target("session-state", byteCountMax: 8_192, seeds: stateSeeds, run: state),
    ]

    // MARK: Envelopes

    @Sendable private static func ratchetSeeds() -> [[UInt8]] {
        let content = Cast.alice.text("x").encoded.asPart
        let envelopes = UInt8(StoredPair.standard.envelopes.count)
        let forged: [UInt8] = [1, 0, 0, 0, 0, 0] + content
        let turned: [UInt8] = [2, 0, 0, 0, 0, 0] + content
        // The late envelopes carry every chunk of a key.
        var whole: [UInt8] = []
        for index in 0..<envelopes { whole += [0, index, 0] }
        let chunk: [UInt8] = [1, 8, 0, 0, 0, 0] + content + [0, 0, 0, 0, 1, 3, 9, 9]
        return (0..<envelopes).map { [0, $0, 0] } + [
            whole + [4], chunk,
            forged, turned, forged + forged, [0, 1, 0] + turned + [3, 2, 0xd1],
            [1, 0, 5, 0, 0, 0] + content + [1, 0, 5, 0, 0, 0] + content,
        ]
    }

    /// Up to eight messages one after the other: good envelopes with bytes changed, and messages
    /// that the real sender seals with its real keys and any header and body.
    @Sendable private static func ratchet(_ input: RawSpan) {
        var choices = Choices(input)
        let pair = StoredPair.standard
        var session = made("a stored session") { try Session.restore(pair.receiver.raw) }
        var hours = Cast.hours.count
        for index in 0..<8 where !choices.isEmpty {
            let envelope: [UInt8]
            switch choices.byte() & 7 {
            case 0:
                let all = pair.envelopes
                let good = all[Int(choices.byte()) % all.count]
                envelope = choices.edit(good)
            case 1: envelope = forged(pair.sender, &choices, UInt8(index))
            case 2: envelope = forged(pair.turned, &choices, UInt8(index))
            case 3:
                hours = hours &+ UInt32(choices.u16())
                _ = session.expire(atHours: hours)
                continue
            default:
                // The own side of a KEM step: whatever key has come whole is encapsulated to.
                var random = SeededRandom(UInt64(index))
                _ = try? session.seal(Cast.alice.text("x"), random: &random)
                continue
            }
            take(envelope, in: &session, hours)
        }
    }

    private static func take(_ envelope: [UInt8], in session: inout Session, _ hours: UInt32) {
        let before = session.exposeForStorage()
        let highest = session.received.highest
        do throws(OpenError) {
            let opened = try session.open(envelope.raw, atHours: hours)
            let number = opened.number
            let content = opened.content
            _ = try? Content(parsing: content.raw)
            session.commit(opened)
            precondition(session.received.highest == max(highest, number))
            precondition(!session.received.isMissing(number), "a message that came is missing")
            precondition(session.skippedKeyCount <= RatchetLimits.skippedKeysMax)
            precondition(session.received.gaps.count <= RatchetLimits.gapsMax)
            let isOpened = (try? session.open(envelope.raw, atHours: hours)) != nil
            precondition(!isOpened, "a message opens twice")
        } catch {
            // DR-6
            precondition(session.exposeForStorage() == before, "a refusal changed the session")
            _ = error.breaksSession
            return
        }
        let after = session.exposeForStorage()
        let again = made("a stored session") { try Session.restore(after.raw) }
        precondition(again.exposeForStorage() == after, "a session does not survive storage")
    }

    private static func forged(
        _ sender: [UInt8], _ choices: inout Choices, _ nonceByte: UInt8
    ) -> [UInt8] {
        let forge = Forge(sender: sender)
        let changes = choices.byte()
        var message = forge.next([])
        let ahead = UInt32(choices.byte())
        message.messageNumber += changes & 1 == 0 ? ahead & 15 : ahead * 4
        message.number += changes & 1 == 0 ? UInt64(ahead & 15) : UInt64(ahead) * 4
        let size = Envelope.byteCounts[Int(choices.byte()) % 3]
        let change = Int8(bitPattern: choices.byte())
        message.number = UInt64(bitPattern: Int64(bitPattern: message.number) &+ Int64(change))
        _ = choices.byte()
        message.content = choices.part()
        if changes & 2 != 0 { message.previousChainLength = choices.u32() }
        if changes & 4 != 0 { message.ratchetKey = choices.exactly(32) }
        if changes & 8 != 0 { message.kem = choices.exactly(8) }
        if changes & 16 != 0 { message.link = choices.exactly(32) }
        if changes & 32 != 0 { message.paddingMark = choices.byte() }
        if changes & 64 != 0 { message.messageNumber = choices.u32() }
        if changes & 128 != 0 { message.number = choices.u64() }
        return forge.envelope(message, byteCount: size, nonceByte: nonceByte).sized(size)
    }

    // MARK: Content

    @Sendable private static func contentSeeds() -> [[UInt8]] {
        let cast = Cast.alice
        let id = MessageID(repeating: 4)
        let recovery = RecoveryBundle(
            signedPreKeyID: 3, signedPreKey: cast.signedPreKey.publicKey, kemPreKey: cast.kem,
            madeHours: Cast.hours.count, signedBy: cast.device)
        let contents = [
            cast.text("Grüße"),
            .deliveryReceipt([id, .zero], id: id, milliseconds: 5),
            .readReceipt([id], id: id, milliseconds: 5),
            .hello(
                mailbox: cast.chatMailbox, recoveryBundle: recovery, id: id, milliseconds: 5),
            .mailboxChange(
                first: cast.chatMailbox, second: cast.chatMailbox, id: id, milliseconds: 5),
            .record(cast.record.bytes, id: id, milliseconds: 5),
            .recoveryBundle(recovery, id: id, milliseconds: .max),
            cast.text("r").adding([SessionReport(id: .zero, completeThrough: 9)]),
            Content(
                type: ContentType(rawValue: 0x0005), id: id, milliseconds: 0,
                fields: ContentFields([ContentFields.Field(tag: 9, value: [1])])),
            Content(
                type: .typing, id: id, milliseconds: 0, fields: Frame.stateField(true)),
        ]
        return contents.map(\.encoded)
    }

    @Sendable private static func content(_ input: RawSpan) {
        let reference = MessageReference(parsing: input)
        if let reference {
            precondition(reference.encoded == [UInt8](copying: input))
        }
        guard let content = try? Content(parsing: input) else { return }
        precondition(content.encoded == [UInt8](copying: input), "content has two encodings")
        precondition(content.byteCount == input.byteCount)
        if content.type == .text { precondition(content.text != nil) }
        if content.type == .hello { precondition(content.mailboxCount == 1) }
        for index in 0..<content.mailboxCount {
            precondition(content.mailbox(index)?.id != nil, "a mailbox of checked content")
        }
        _ = content.receiptIDs { _ in true }
        _ = content.sessionReports
        _ = content.verifiedRecord(of: Cast.alice.account.publicKey)
        if let bundle = content.verifiedRecoveryBundle(by: Cast.alice.device.publicKey) {
            _ = RecipientPreKeys(
                bundle, account: Cast.alice.account.publicKey,
                device: Cast.alice.certificate.identity)
        }
        _ = content.type.handling
    }

    // MARK: Ephemeral frames

    @Sendable private static func frameSeeds() -> [[UInt8]] {
        func block(_ type: UInt16, ids: Int, fields: [UInt8]) -> [UInt8] {
            var bytes: [UInt8] = []
            bytes.append(bigEndian: UInt64(1_795_219_200_000))
            bytes.append(bigEndian: type)
            bytes.append(bigEndian: UInt64(7))
            bytes.append(bigEndian: UInt64(12))
            bytes += [UInt8(ids), 0]
            return bytes + [UInt8](repeating: 1, count: 16 * ids) + fields
        }
        return [
            [1] + block(0x8000, ids: 2, fields: []),
            [1] + block(0x8003, ids: 0, fields: [1, 0, 1, 1]),
            [1] + block(0x8004, ids: 16, fields: [1, 0, 1, 0]),
            [0] + block(0x8000, ids: 0, fields: []),
            [3] + block(0x9999, ids: 1, fields: [5, 0, 2, 1, 2]),
        ]
    }

    @Sendable private static func frame(_ input: RawSpan) {
        var choices = Choices(input)
        let mode = choices.byte()
        let pair = StoredPair.standard
        let receiver = made("a stored session") { try Session.restore(pair.receiver.raw) }
        let cast = Cast.alice
        guard mode & 1 == 1 else {
            let bytes = choices.rest().sized(Int(mode) & 2 == 0 ? Frame.byteCount : 1_000)
            precondition(
                (try? receiver.openFrame(bytes.raw, writeKey: cast.write.publicKey)) == nil)
            return
        }
        let block = choices.rest().sized(919)
        let direction: UInt8 = 0
        let label = FrameLabels.signature
        let signed = [UInt8](copying: label.raw) + receiver.id.array + [direction] + block
        let signature = cast.write.sign(signed.raw).array
        let nonce = FixedBytes<24>(repeating: mode)
        let data = [Envelope.version] + receiver.id.array + [direction]
        let plaintext = block + signature
        let sealed = XChaChaPoly.seal(
            plaintext.raw, key: frameKey(of: pair.receiver, older: mode & 2 != 0),
            nonce: nonce, authenticating: data.raw)
        let bytes = [Envelope.version] + nonce.array + sealed
        do throws(FrameError) {
            let frame = try receiver.openFrame(bytes.raw, writeKey: cast.write.publicKey)
            follow(frame, sender: pair.turned)
        } catch {
            precondition(error == .malformed, "our own seal or signature is refused")
        }
    }

    /// All that happens to a frame that opened.
    private static func follow(_ frame: Frame, sender: [UInt8]) {
        let session = made("a stored session") { try Session.restore(sender.raw) }
        var random = SeededRandom(5)
        let stored = StoredPair.standard.receiver
        let receiver = made("a stored session") {
            try Session.restore(stored.raw)
        }
        if session.canSealFrames,
            let again = try? session.seal(
                frame, writeKey: Cast.alice.write, random: &random),
            let opened = try? receiver.openFrame(
                again.raw, writeKey: Cast.alice.write.publicKey)
        {
            precondition(opened == frame, "a frame has two encodings")
        }
        var clock = FrameReceiver()
        let own = FrameSender()
        let arrivals: [UInt64] = [0, frame.counter, 1 << 62, .max - 1_000_000]
        for arrival in arrivals {
            _ = clock.take(frame, arrival: arrival)
            _ = clock.isOnline(at: arrival, sender: own)
        }
        var tail = TailWatch()
        tail.note(newest: frame.newest, monotonic: 0)
        tail.noteDrained()
        _ = tail.missing(highest: 3, monotonic: 100_000)
        var receipts = PendingReceipts()
        for id in frame.delivered + frame.read { receipts.add(id, .read, monotonic: 1) }
        receipts.confirm(echo: frame.echo, in: receiver.id)
        _ = (frame.isTyping, frame.isHere)
    }

    /// A frame key of a stored session that the peer seals under.
    private static func frameKey(of stored: [UInt8], older: Bool) -> SecretBytes {
        // Version, role, id, root; the sending chain, if there is one.
        var offset = 66
        offset += stored[offset] == 1 ? 1 + 32 * 3 + 8 : 1
        offset += 32 + 4 + 8 + 32 + 16
        let count = Int(stored[offset])
        let start = offset + 1 + 32 * (older ? 0 : count - 1)
        return SecretBytes(copying: stored.raw.extracting(start..<start + 32))
    }

    // MARK: Stored state

    @Sendable private static func stateSeeds() -> [[UInt8]] {
        let pair = StoredPair.standard
        var set = SessionSet()
        _ = set.begin(.zero, hours: 1)
        _ = set.accept(FixedBytes(repeating: 1), naming: [.zero], hours: 2)
        let sessions = [pair.sender, pair.turned, pair.receiver] + pair.steps
        return sessions.map { [0] + $0 } + [[1] + set.stored]
    }

    @Sendable private static func state(_ input: RawSpan) {
        var choices = Choices(input)
        if choices.flag() {
            sessionSet(choices.rest())
        } else {
            session(choices.rest())
        }
    }

    private static func session(_ stored: [UInt8]) {
        guard var session = try? Session.restore(stored.raw) else { return }
        precondition(session.exposeForStorage() == stored, "a session has two stored forms")
        // A state that was taken must hold for all that is done with one.
        var random = SeededRandom(6)
        for envelope in StoredPair.standard.envelopes {
            guard let opened = try? session.open(envelope.raw, atHours: Cast.hours.count) else {
                continue
            }
            session.commit(opened)
        }
        _ = session.unansweredRoom
        for _ in 0..<2 { _ = try? session.seal(Cast.alice.text("x"), random: &random) }
        _ = session.expire(atHours: .max)
        _ = session.received.completeThrough
        let after = session.exposeForStorage()
        _ = try? Session.restore(after.raw)
    }

    private static func sessionSet(_ stored: [UInt8]) {
        guard var set = try? SessionSet(restoring: stored.raw) else { return }
        precondition(set.stored == stored, "a session set has two stored forms")
        let ids = set.entries.map(\.id)
        // Moments near the bound of the stored form are reached by nothing but a forged one.
        guard set.stamp() < 1 << 61 else { return }
        _ = set.accept(FixedBytes(repeating: 9), naming: ids, hours: 5)
        _ = set.begin(FixedBytes(repeating: 8), givingUp: ids, hours: 5)
        for id in ids { set.opened(id, isConfirmed: true, hours: 6) }
        _ = set.expire(atHours: .max)
        _ = set.mustSealAnew(messageIn: .zero, stamped: 1)
        _ = set.countsReceipt(in: .zero, forMessageStamped: 1)
        _ = set.reports { _ in 1 }
        let after = set.stored
        precondition((try? SessionSet(restoring: after.raw)) != nil)
    }
}
