import Primitives
import Testing

@testable import Crypto

@Suite("Numbers, links and gaps (SPEC §6.4)")
struct NumberTests {
    @Test("DR-13 each dropped message shows as a gap as soon as the next one comes (B4, C1)")
    func drops() throws {
        for dropped in 2...8 {
            let pair = try Pair()
            // The first message of the pair was number 1.
            for number in 2...9 {
                let envelope = try pair.seal("\(number)", from: .initiator)
                if number == dropped { continue }
                try pair.open(envelope, at: .recipient)
                let expected = number > dropped ? [UInt64(dropped)...UInt64(dropped)] : []
                #expect(pair.view(.recipient).gaps == expected)
            }
            let through = pair.view(.recipient).received.completeThrough
            #expect(through == UInt64(dropped) - 1)
        }
    }

    @Test("DR-13 in whatever order messages come, all open once and no gap stays (B4)")
    func reorder() throws {
        for seed: UInt64 in 1...30 {
            let pair = try Pair(seed: seed)
            var random = SeededRandom(seed)
            var waiting: [(side: Pair.Side, envelope: [UInt8], text: String)] = []
            var opened = 0
            for step in 0..<60 {
                if random.integer(below: 2) == 0 {
                    let side: Pair.Side = random.integer(below: 2) == 0 ? .initiator : .recipient
                    let text = "step \(step)"
                    let envelope = try pair.seal(text, from: side)
                    let other: Pair.Side = side == .initiator ? .recipient : .initiator
                    // Twice: duplicates are refused.
                    waiting += [(other, envelope, text), (other, envelope, text)]
                } else if !waiting.isEmpty {
                    opened += try deliver(&waiting, pair, &random)
                }
            }
            let sent = (pair.view(.initiator).sent - 1) + (pair.view(.recipient).sent - 1)
            while !waiting.isEmpty { opened += try deliver(&waiting, pair, &random) }
            #expect(opened == Int(sent), "seed \(seed)")
            for side in Pair.Side.allCases {
                let view = pair.view(side)
                #expect(view.gaps.isEmpty && view.keyCount == 0, "seed \(seed)")
            }
        }
    }

    private func deliver(
        _ waiting: inout [(side: Pair.Side, envelope: [UInt8], text: String)], _ pair: Pair,
        _ random: inout SeededRandom
    ) throws -> Int {
        let next = waiting.remove(at: Int(random.integer(below: UInt64(waiting.count))))
        do throws(OpenError) {
            #expect(try pair.open(next.envelope, at: next.side) == next.text)
            return 1
        } catch {
            // The header key of a chain without skipped keys is gone when its last double comes.
            #expect(error == .double || error == .notThisSession)
            return 0
        }
    }

    @Test("DR-11 a number that contradicts the header is refused")
    func number() throws {
        let pair = try Pair()
        try pair.open(try pair.seal("x", from: .initiator), at: .recipient)
        for number: UInt64 in [0, 1, 2, 4, .max] {
            var forge = BodyForge(pair)
            forge.number = number
            #expect(pair.refusal(of: try forge.envelope(), at: .recipient) == .numberMismatch)
        }
        var control = BodyForge(pair)
        control.number = 3
        #expect(pair.refusal(of: try control.envelope(), at: .recipient) == nil)
    }

    @Test("DR-12 a link that does not fit the message before is refused, and breaks the session")
    func link() throws {
        let pair = try Pair()
        try pair.open(try pair.seal("x", from: .initiator), at: .recipient)
        var forge = BodyForge(pair)
        forge.link = .zero
        let error = pair.refusal(of: try forge.envelope(), at: .recipient)
        #expect(error == .linkMismatch && error?.breaksSession == true)
    }

    @Test("DR-12 a late message must fit the neighbours on both sides")
    func lateLinks() throws {
        var random = SeededRandom(4)
        let id: SessionID = random.bytes()
        // An honest chain of links.
        var links: [ReceivedNumbers.Link] = [id]
        var tags: [ReceivedNumbers.Tag] = [.zero]
        for number in 1...9 {
            links.append(
                ReceivedNumbers.link(
                    after: links[number - 1], tag: tags[number - 1], number: UInt64(number)))
            tags.append(random.bytes())
        }
        func insert(
            _ numbers: inout ReceivedNumbers, _ number: Int, link: ReceivedNumbers.Link? = nil,
            tag: ReceivedNumbers.Tag? = nil
        ) throws(ReceivedNumbers.Refusal) {
            _ = try numbers.insert(
                number: UInt64(number), link: link ?? links[number], tag: tag ?? tags[number],
                hours: 5)
        }
        var numbers = ReceivedNumbers(sessionID: id)
        try insert(&numbers, 1)
        try insert(&numbers, 9)
        try insert(&numbers, 5)
        #expect(numbers.gaps.map(\.numbers) == [2...4, 6...8])
        let before = numbers
        // The first of a gap is checked below, the last above; a wrong tag shows above.
        #expect(throws: ReceivedNumbers.Refusal.link) { try insert(&numbers, 2, link: .zero) }
        #expect(throws: ReceivedNumbers.Refusal.link) { try insert(&numbers, 6, link: .zero) }
        #expect(throws: ReceivedNumbers.Refusal.link) { try insert(&numbers, 4, link: .zero) }
        #expect(throws: ReceivedNumbers.Refusal.link) { try insert(&numbers, 8, tag: .zero) }
        #expect(throws: ReceivedNumbers.Refusal.double) { try insert(&numbers, 5) }
        #expect(throws: ReceivedNumbers.Refusal.double) { try insert(&numbers, 9) }
        #expect(numbers == before)
        for number in [7, 4, 2, 3, 8, 6] { try insert(&numbers, number) }
        #expect(numbers.gaps.isEmpty && numbers.completeThrough == 9)
    }

    @Test("DR-13 a gap is closed after 30 days and not an hour earlier")
    func expiry() throws {
        var numbers = ReceivedNumbers(sessionID: .zero)
        _ = try numbers.insert(number: 5, link: .zero, tag: .zero, hours: 100)
        #expect(numbers.closeExpired(atHours: 100 + RatchetLimits.gapHours - 1).isEmpty)
        // A clock that went back closes nothing.
        #expect(numbers.closeExpired(atHours: 0).isEmpty)
        let closed = numbers.closeExpired(atHours: 100 + RatchetLimits.gapHours)
        #expect(closed.map(\.numbers) == [1...4])
        #expect(numbers.gaps.isEmpty && numbers.completeThrough == 5)
        #expect(throws: ReceivedNumbers.Refusal.double) {
            try numbers.insert(number: 3, link: .zero, tag: .zero, hours: 100)
        }
    }

    @Test("DR-13 2,000 gaps are kept, with one more the oldest is closed")
    func gapLimit() throws {
        var numbers = ReceivedNumbers(sessionID: .zero)
        for index in 1...RatchetLimits.gapsMax {
            let closed = try numbers.insert(
                number: UInt64(2 * index), link: .zero, tag: .zero, hours: 1)
            #expect(closed == nil)
        }
        let closed = try numbers.insert(number: 4002, link: .zero, tag: .zero, hours: 1)
        #expect(closed?.numbers == 1...1)
        #expect(numbers.gaps.count == RatchetLimits.gapsMax)
    }

    @Test("DR-13 a late message that splits the last gap allowed closes the oldest, keys and all")
    func splitAtGapLimit() throws {
        let pair = try Pair()
        // Chain A: one missing. Chain B: two runs of 1,000, of which 1,000 keys stay (DR-5).
        let first = try pair.seal("first", from: .initiator)
        try pair.open(try pair.seal("a", from: .initiator), at: .recipient)
        try pair.open(try pair.seal("turn", from: .recipient), at: .initiator)
        for _ in 0..<2 {
            for _ in 0..<1000 { _ = try pair.seal("lost", from: .initiator) }
            try pair.open(try pair.seal("b", from: .initiator), at: .recipient)
        }
        // Chain C: three missing, which is one gap.
        try pair.open(try pair.seal("turn", from: .recipient), at: .initiator)
        let late = try (0..<3).map { try pair.seal("late \($0)", from: .initiator) }
        try pair.open(try pair.seal("c", from: .initiator), at: .recipient)
        let gaps = pair.recipient.receiving.numbers.gaps
        #expect(gaps.count == 4 && pair.view(.recipient).keyCount == 1004)
        // The runs of B as if every second message had come: 1,998 gaps more.
        let parts = (0..<1998).map { index in
            let number = gaps[1].first + UInt64(index)
            return ReceivedNumbers.Gap(
                first: number, last: number, sinceHours: gaps[1].sinceHours, lowerLink: .zero,
                lowerTag: .zero, upperLink: .zero)
        }
        pair.recipient.receiving.numbers.gaps.replaceSubrange(1...2, with: parts)
        #expect(pair.view(.recipient).gaps.count == RatchetLimits.gapsMax)

        #expect(try pair.open(late[1], at: .recipient) == "late 1")
        let view = pair.view(.recipient)
        #expect(view.gaps.count == RatchetLimits.gapsMax && !view.gaps.contains(2...2))
        #expect(view.keyCount == 1002)
        #expect(pair.refusal(of: late[1], at: .recipient) == .double)
        #expect(pair.refusal(of: first, at: .recipient) == .notThisSession)
        for text in [0, 2] {
            #expect(try pair.open(late[text], at: .recipient) == "late \(text)")
        }
    }

    @Test("DR-14 a double is refused and breaks, a late one whose key is gone is lost")
    func doubles() throws {
        let pair = try Pair()
        let first = try pair.seal("first", from: .initiator)
        let second = try pair.seal("second", from: .initiator)
        try pair.open(second, at: .recipient)
        let double = pair.refusal(of: second, at: .recipient)
        #expect(double == .double && double?.breaksSession == true)
        let late = pair.refusal(
            of: first, at: .recipient, hours: Person.hours + RatchetLimits.skippedKeyHours)
        #expect(late == .lost(number: 2) && late?.breaksSession == false)
        #expect(try pair.open(first, at: .recipient) == "first")
    }

    @Test("DR-15 what breaks a session and what does not")
    func breaking() {
        let breaking: [OpenError] = [
            .malformedHeader, .wrongEpoch(1), .ratchetKeyMismatch,
            .tooManySkipped(requested: 1001, limit: 1000), .lowOrderRatchetKey, .bodyRefused,
            .numberMismatch, .linkMismatch, .double,
        ]
        let harmless: [OpenError] = [
            .notAnEnvelope, .prefixMismatch, .notThisSession, .lost(number: 1),
        ]
        #expect(breaking.allSatisfy { $0.breaksSession })
        #expect(!harmless.contains { $0.breaksSession })
    }
}
