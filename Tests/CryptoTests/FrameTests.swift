import Primitives
import Testing
import Wire

@testable import Crypto

@Suite("Ephemeral frames (SPEC §7.5)")
struct FrameTests {
    /// A pair in which both have received, and frames from the recipient to the initiator, whose
    /// mailbox is Alice's.
    private struct World {
        let pair: Pair
        var random = SeededRandom(12)

        init(seed: UInt64 = 1) throws {
            pair = try Pair(seed: seed)
            try pair.open(try pair.seal("turn", from: .initiator), at: .recipient)
        }

        mutating func seal(_ frame: Frame) throws(FrameError) -> [UInt8] {
            try pair.recipient.seal(frame, writeKey: pair.alice.chatWriteKey, random: &random)
        }

        func open(_ bytes: [UInt8], mailboxOf owner: Person? = nil) throws(FrameError) -> Frame {
            try pair.initiator.openFrame(
                bytes.raw, writeKey: (owner ?? pair.alice).chatWriteKey.publicKey)
        }

        func refusal(_ bytes: [UInt8]) -> FrameError? {
            do throws(FrameError) {
                _ = try open(bytes)
                return nil
            } catch {
                return error
            }
        }
    }

    private func frame(_ counter: UInt64 = 5, echo: UInt64 = 0, newest: UInt64 = 0) -> Frame {
        Frame(
            counter: counter, type: .typing, echo: echo, newest: newest,
            fields: Frame.stateField(true))
    }

    @Test("EN-12 a frame has 1,024 bytes and opens as what it was, full or empty")
    func roundTrip() throws {
        var world = try World()
        var random = SeededRandom(1)
        let ids = (0..<16).map { _ in random.bytes(MessageID.self) }
        let room = 893 - 2 - 256 - ContentFields.headByteCount
        let longest = ContentFields([
            ContentFields.Field(tag: 9, value: [UInt8](repeating: 3, count: room))
        ])
        for frame in [
            frame(),
            Frame(counter: 1, type: .echo, echo: 0, newest: 0),
            Frame(
                counter: Frame.counterEnd - 1, type: .presence, echo: Frame.counterEnd - 1,
                newest: .max, delivered: Array(ids[..<9]), read: Array(ids[9...]),
                fields: Frame.stateField(false)),
            Frame(
                counter: 1, type: .echo, echo: 1, newest: 1, delivered: ids, fields: longest),
        ] {
            let bytes = try world.seal(frame)
            #expect(bytes.count == 1024)
            #expect(try world.open(bytes) == frame)
        }
        #expect(frame().isTyping == true && frame().isHere == nil)
    }

    @Test("EN-12 what does not fit is not sealed: 17 receipts, a field too long, a counter of 0")
    func limits() throws {
        var world = try World()
        let ids = [MessageID](repeating: .zero, count: 17)
        let tooLong = ContentFields([
            ContentFields.Field(tag: 9, value: [UInt8](repeating: 3, count: 889))
        ])
        for frame in [
            Frame(counter: 1, type: .echo, echo: 0, newest: 0, delivered: ids),
            Frame(
                counter: 1, type: .echo, echo: 0, newest: 0, delivered: Array(ids[..<9]),
                read: Array(ids[..<8])),
            Frame(counter: 1, type: .echo, echo: 0, newest: 0, fields: tooLong),
            Frame(counter: 0, type: .echo, echo: 0, newest: 0),
            Frame(counter: Frame.counterEnd, type: .echo, echo: 0, newest: 0),
            Frame(counter: 1, type: .echo, echo: Frame.counterEnd, newest: 0),
        ] {
            #expect(throws: FrameError.tooLong) { try world.seal(frame) }
        }
    }

    @Test("EN-12 every byte flipped and every prefix cut is refused")
    func flips() throws {
        var world = try World()
        let bytes = try world.seal(frame())
        let before = world.pair.stored(.initiator)
        for index in bytes.indices {
            var bad = bytes
            bad[index] ^= 1 << UInt8(index % 8)
            #expect(world.refusal(bad) == (index == 0 ? .notAFrame : .notThisSession))
            #expect(world.refusal(Array(bytes[..<index])) == .notAFrame)
        }
        #expect(world.refusal(bytes + [0]) == .notAFrame)
        #expect(world.pair.stored(.initiator) == before)
    }

    @Test("EN-12 a frame signed with another key than the mailbox's is refused")
    func signature() throws {
        var world = try World()
        let pair = world.pair
        let bytes = try world.seal(frame())
        #expect(throws: FrameError.signature) { try world.open(bytes, mailboxOf: pair.bob) }
        let forged = try pair.recipient.seal(
            frame(), writeKey: pair.bob.device, random: &world.random)
        #expect(world.refusal(forged) == .signature)
    }

    @Test("E3 no key of the directory verifies a frame's signature")
    func directoryKeys() throws {
        var world = try World()
        let pair = world.pair
        let bytes = try world.seal(frame())
        let keys = [pair.alice, pair.bob].flatMap {
            [$0.account.publicKey, $0.device.publicKey, $0.chatReadKey.publicKey]
        }
        #expect(keys.count == 6)
        for key in keys {
            #expect(throws: FrameError.signature) {
                try pair.initiator.openFrame(bytes.raw, writeKey: key)
            }
        }
    }

    @Test("EN-12 a frame opens in its own session and direction only (B6)")
    func otherSession() throws {
        var world = try World()
        let other = try World(seed: 2)
        let bytes = try world.seal(frame())
        #expect(other.refusal(bytes) == .notThisSession)
        let pair = world.pair
        // Turned back to its sender, under every key.
        #expect(throws: FrameError.notThisSession) {
            try pair.recipient.openFrame(bytes.raw, writeKey: pair.alice.chatWriteKey.publicKey)
        }
    }

    @Test("EN-12 a block that does not parse exactly is refused")
    func malformedBlocks() throws {
        var random = SeededRandom(2)
        let ids = [random.bytes(MessageID.self)]
        let block = try #require(
            Frame(
                counter: 5, type: .typing, echo: 1, newest: 2, delivered: ids,
                fields: Frame.stateField(true)
            ).signedBytes())
        func parse(_ change: (inout [UInt8]) -> Void) throws(FrameError) {
            var bytes = block
            change(&bytes)
            _ = try Frame(parsing: bytes.raw)
        }
        #expect(throws: Never.self) { try parse { _ in } }
        let changes: [(inout [UInt8]) -> Void] = [
            { $0.replaceSubrange(0..<8, with: [UInt8](repeating: 0, count: 8)) },
            { $0[0] = 0x40 },
            { $0[10] = 0x40 },
            { $0[26] = 17 },
            { $0[27] = 16 },
            { $0[26] = 0xff },
            // The state of typing: not 0 or 1, then missing.
            { $0[47] = 2 },
            { $0.replaceSubrange(44..<48, with: [0, 0, 0, 0]) },
            // Something behind the fields' end.
            { $0[918] = 1 },
            { $0[49] = 1 },
            { $0.removeLast() },
        ]
        for (index, change) in changes.enumerated() {
            #expect(throws: FrameError.malformed, "change \(index)") { try parse(change) }
        }
    }

    @Test("EN-12 sixteen receipts parse, seventeen do not, however they are divided")
    func receiptLimit() throws {
        let block = try #require(
            Frame(counter: 5, type: .echo, echo: 1, newest: 2).signedBytes())
        // Without fields all bytes behind the counts are zeros, which are ids too.
        for delivered: UInt8 in 0...17 {
            for read in [16, 17].filter({ $0 >= delivered }).map({ $0 - delivered }) {
                var bytes = block
                bytes[26] = delivered
                bytes[27] = read
                let frame = try? Frame(parsing: bytes.raw)
                #expect((frame != nil) == (delivered + read == 16))
            }
        }
    }

    @Test("EN-20 there is no frame before the peer's first message")
    func beforeTheReply() throws {
        let pair = try Pair(answered: false)
        var random = SeededRandom(1)
        let canSeal = pair.initiator.canSealFrames
        #expect(!canSeal)
        #expect(throws: FrameError.nothingReceived) {
            try pair.initiator.seal(frame(), writeKey: pair.bob.chatWriteKey, random: &random)
        }
        // The recipient has received the first message, and the initiator kept its frame key.
        let bytes = try pair.recipient.seal(
            frame(), writeKey: pair.alice.chatWriteKey, random: &random)
        let opened = try pair.initiator.openFrame(
            bytes.raw, writeKey: pair.alice.chatWriteKey.publicKey)
        #expect(opened == frame())
    }

    @Test("DR-10 a frame opens three ratchet keys later and not four")
    func lateFrames() throws {
        for (turns, opens) in [(0, true), (1, true), (2, true), (3, false)] {
            var world = try World()
            let pair = world.pair
            let bytes = try world.seal(frame())
            for _ in 0..<turns {
                try pair.open(try pair.seal("b", from: .recipient), at: .initiator)
                try pair.open(try pair.seal("a", from: .initiator), at: .recipient)
            }
            #expect(world.refusal(bytes) == (opens ? nil : .notThisSession), "\(turns) turns")
        }
    }
}

@Suite("Frame clocks (SPEC §7.5)")
struct FrameClockTests {
    private func frame(_ counter: UInt64, echo: UInt64 = 0) -> Frame {
        Frame(counter: counter, type: .echo, echo: echo, newest: 0)
    }

    @Test("EN-14 counters rise with the clock, and go on rising when it is set back")
    func counters() {
        var sender = FrameSender()
        #expect(sender.next(unixMilliseconds: 1_000_000, monotonic: 50) == 1_000_000)
        #expect(sender.next(unixMilliseconds: 1_000_000, monotonic: 50) == 1_000_001)
        #expect(sender.next(unixMilliseconds: 1_000_400, monotonic: 450) == 1_000_401)
        // An hour back: the monotonic clock leads on.
        #expect(sender.next(unixMilliseconds: 1_000, monotonic: 1_450) == 1_001_401)
        // The monotonic clock began anew, after a restart of the machine.
        #expect(sender.next(unixMilliseconds: 1_000, monotonic: 3) == 1_001_402)
        var last = FrameSender(lastCounter: Frame.counterEnd - 2)
        #expect(last.next(unixMilliseconds: 0, monotonic: 0) == Frame.counterEnd - 1)
        #expect(last.next(unixMilliseconds: 0, monotonic: .max) == nil)
    }

    @Test("EN-13 replayed and overtaken frames are ignored (C7)")
    func replays() {
        var receiver = FrameReceiver()
        #expect(receiver.take(frame(10), arrival: 100) == .fresh)
        #expect(receiver.take(frame(10), arrival: 100) == .ignored)
        #expect(receiver.take(frame(9), arrival: 100) == .ignored)
        #expect(receiver.take(frame(11), arrival: 100) == .fresh)
        var restored = FrameReceiver(highestCounter: receiver.highestCounter)
        #expect(restored.take(frame(11), arrival: 5) == .ignored)
    }

    @Test("EN-15 60 s late is fresh, a millisecond more is stale (C7)")
    func staleness() {
        for (late, verdict) in [
            (UInt64(60_000), FrameReceiver.Verdict.fresh), (60_001, .stale),
        ] {
            var receiver = FrameReceiver()
            #expect(receiver.take(frame(1_000_000), arrival: 500) == .fresh)
            #expect(receiver.take(frame(1_000_001), arrival: 501 + late) == verdict)
        }
    }

    @Test("EN-15 a clock that was corrected heals within ten minutes and loses no hour")
    func clockSteps() {
        // The sender's clock was two minutes ahead and is set right: its counters go on, so its
        // frames stay prompt. The receiver sees a sender restarted with a clock set back.
        var receiver = FrameReceiver()
        var stale = 0
        for second in UInt64(0)..<1200 {
            // From second 300 on everything comes two minutes later than it used to.
            let delay: UInt64 = second < 300 ? 10 : 120_010
            let verdict = receiver.take(
                frame(1 + second * 1000), arrival: 1_000_000 + second * 1000 + delay)
            if verdict == .stale { stale += 1 }
        }
        // Until the prompt ones have left the window: ten minutes less the delay itself.
        #expect(stale > 0 && stale < 600)
    }

    @Test("EN-16 online needs a fresh frame of the last 30 s with a recent echo (C7)")
    func online() {
        var sender = FrameSender()
        let counter: UInt64 = 5_000_000
        #expect(sender.next(unixMilliseconds: counter, monotonic: 0) == counter)
        var receiver = FrameReceiver()
        #expect(!receiver.isOnline(at: 0, sender: sender))
        #expect(receiver.take(frame(1, echo: counter), arrival: 10_000) == .fresh)
        #expect(receiver.isOnline(at: 10_000, sender: sender))
        #expect(receiver.isOnline(at: 40_000, sender: sender))
        #expect(!receiver.isOnline(at: 40_001, sender: sender))
        // Without an echo, or with one that was never sent, a first frame that was held back for an
        // hour shows nobody online.
        var other = FrameReceiver()
        for echo in [0, counter - 1, counter + 1] {
            #expect(other.take(frame(10 + echo, echo: echo), arrival: 10_000) == .fresh)
            #expect(!other.isOnline(at: 10_000, sender: sender), "echo \(echo)")
        }
    }

    @Test("EN-16 an echo is recent for 60 s, whatever the number of frames sent since")
    func recentEcho() {
        var sender = FrameSender()
        let first: UInt64 = 9_000_000
        #expect(sender.next(unixMilliseconds: first, monotonic: 0) == first)
        for step in UInt64(1)...3000 {
            _ = sender.next(unixMilliseconds: 9_000_000 + step * 20, monotonic: step * 20)
        }
        #expect(sender.isRecent(echo: first, monotonic: 60_000))
        #expect(!sender.isRecent(echo: first, monotonic: 60_001))
        #expect(sender.isRecent(echo: sender.lastCounter, monotonic: 60_001))
        #expect(!sender.isRecent(echo: sender.lastCounter + 1, monotonic: 60_001))
    }
}

@Suite("Receipts in frames (SPEC §7.5)")
struct PendingReceiptTests {
    private func ids(_ count: Int) -> [MessageID] {
        var random = SeededRandom(3)
        return (0..<count).map { _ in random.bytes() }
    }

    @Test("EN-17 a receipt rides on every frame until an echo of one that carried it comes")
    func untilConfirmed() {
        let ids = ids(2)
        var receipts = PendingReceipts()
        receipts.add(ids[0], .delivered, monotonic: 0)
        #expect(receipts.carry(in: .zero, counter: 7).delivered == [ids[0]])
        receipts.add(ids[1], .delivered, monotonic: 0)
        #expect(receipts.carry(in: .zero, counter: 8).delivered == ids)
        receipts.confirm(echo: 6, in: .zero)
        #expect(receipts.count == 2)
        // Frame 7 came and 8 did not: the second receipt goes on.
        receipts.confirm(echo: 7, in: .zero)
        #expect(receipts.carry(in: .zero, counter: 9).delivered == [ids[1]])
        receipts.confirm(echo: 9, in: .zero)
        #expect(receipts.count == 0)
    }

    @Test("EN-17 an echo of another session confirms nothing, and a new session carries again")
    func otherSession() {
        let ids = ids(1)
        var random = SeededRandom(5)
        let other: SessionID = random.bytes()
        var receipts = PendingReceipts()
        receipts.add(ids[0], .delivered, monotonic: 0)
        _ = receipts.carry(in: .zero, counter: 7)
        receipts.confirm(echo: 100, in: other)
        #expect(receipts.count == 1)
        #expect(receipts.carry(in: other, counter: 50).delivered == ids)
        receipts.confirm(echo: 7, in: .zero)
        #expect(receipts.count == 1)
        receipts.confirm(echo: 50, in: other)
        #expect(receipts.count == 0)
    }

    @Test("EN-17 at 20 % loss in both directions no receipt is lost")
    func lossyLine() {
        for seed: UInt64 in 1...200 {
            var random = SeededRandom(seed)
            var receipts = PendingReceipts()
            var known: Set<MessageID> = []
            var all: Set<MessageID> = []
            var highestReceived: UInt64 = 0
            for counter in UInt64(1)...60 {
                if counter <= 16 {
                    let id: MessageID = random.bytes()
                    all.insert(id)
                    receipts.add(id, .delivered, monotonic: 0)
                }
                let carried = receipts.carry(in: .zero, counter: counter)
                if random.integer(below: 5) > 0 {
                    known.formUnion(carried.delivered)
                    highestReceived = counter
                }
                if random.integer(below: 5) > 0 {
                    receipts.confirm(echo: highestReceived, in: .zero)
                }
            }
            for receipt in receipts.takeAll() { known.insert(receipt.id) }
            #expect(known == all, "seed \(seed)")
        }
    }

    @Test("EN-17 sixteen ride on frames, with one more all go stored, and so after 30 s")
    func stored() {
        let ids = ids(17)
        var receipts = PendingReceipts()
        for id in ids[..<16] { receipts.add(id, .delivered, monotonic: 1000) }
        #expect(receipts.takeStored(monotonic: 31_000).isEmpty)
        #expect(receipts.carry(in: .zero, counter: 1).delivered.count == 16)
        receipts.add(ids[16], .delivered, monotonic: 1000)
        #expect(receipts.carry(in: .zero, counter: 2).delivered == Array(ids[..<16]))
        #expect(receipts.takeStored(monotonic: 1000).map(\.id) == ids)
        #expect(receipts.count == 0)
        receipts.add(ids[0], .delivered, monotonic: 1000)
        #expect(receipts.takeStored(monotonic: 31_001).count == 1)
    }

    @Test("EN-17 a read receipt takes the place of a delivery receipt, never the other way")
    func kinds() {
        let ids = ids(2)
        var receipts = PendingReceipts()
        receipts.add(ids[0], .delivered, monotonic: 0)
        receipts.add(ids[1], .read, monotonic: 0)
        _ = receipts.carry(in: .zero, counter: 1)
        receipts.add(ids[0], .read, monotonic: 0)
        receipts.add(ids[1], .delivered, monotonic: 0)
        // The echo of frame 1 confirms the read receipt that was in it, not the new one.
        receipts.confirm(echo: 1, in: .zero)
        let carried = receipts.carry(in: .zero, counter: 2)
        #expect(carried.delivered.isEmpty && carried.read == [ids[0]])
    }

    @Test("EN-18 after 50 messages or 24 hours the next receipt goes stored")
    func turns() {
        let day: UInt64 = 86_400_000
        #expect(!PendingReceipts.mustBeStored(received: 49, milliseconds: day - 1))
        #expect(PendingReceipts.mustBeStored(received: 50, milliseconds: 0))
        #expect(PendingReceipts.mustBeStored(received: 1, milliseconds: day))
    }

    @Test("EN-19 a dropped tail shows once the mailbox is drained and 60 s have passed (C1)")
    func tail() {
        var watch = TailWatch()
        watch.noteDrained()
        watch.note(newest: 7, monotonic: 1000)
        // Drained before the frame came says nothing.
        #expect(watch.missing(highest: 5, monotonic: 100_000) == nil)
        watch.noteDrained()
        #expect(watch.missing(highest: 5, monotonic: 60_999) == nil)
        #expect(watch.missing(highest: 5, monotonic: 61_000) == 6...7)
        #expect(watch.missing(highest: 7, monotonic: 61_000) == nil)
        watch.note(newest: 6, monotonic: 70_000)
        #expect(watch.missing(highest: 5, monotonic: 70_000) == 6...7)
        watch.note(newest: .max, monotonic: 70_000)
        #expect(watch.missing(highest: 5, monotonic: 200_000) == nil)
    }
}
