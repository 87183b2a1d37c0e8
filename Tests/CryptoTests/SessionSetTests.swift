import Primitives
import Testing

@testable import Crypto

@Suite("Which session is written in (SPEC §6.6)")
struct SessionSetTests {
    /// Ids in ascending order.
    private let ids: [SessionID] = (0..<24).map {
        var id = SessionID()
        id[0] = UInt8($0 + 1)
        return id
    }

    @Test("DR-18 nothing is written in without a session; an own one until something better comes")
    func fallbacks() {
        var set = SessionSet()
        #expect(set.writeSession == nil)
        _ = set.begin(ids[1], hours: 0)
        #expect(set.writeSession == ids[1])
        _ = set.begin(ids[2], hours: 0)
        // Of several own ones the newest.
        #expect(set.writeSession == ids[2])
        _ = set.accept(ids[9], hours: 0)
        // Received in, though unconfirmed and of the largest id.
        #expect(set.writeSession == ids[9])
        set.opened(ids[2], isConfirmed: true, hours: 0)
        #expect(set.writeSession == ids[2])
        set.opened(ids[9], isConfirmed: true, hours: 0)
        #expect(set.writeSession == ids[2])
        set.opened(ids[1], isConfirmed: true, hours: 0)
        #expect(set.writeSession == ids[1])
    }

    @Test("DR-16 an accepted first message supersedes all but own unanswered sessions")
    func superseding() {
        var set = SessionSet()
        _ = set.accept(ids[3], hours: 0)
        set.opened(ids[3], isConfirmed: true, hours: 0)
        _ = set.begin(ids[2], hours: 0)
        _ = set.accept(ids[5], hours: 0)
        #expect(set[ids[3]]?.isCandidate == false)
        #expect(set[ids[2]]?.isCandidate == true)
        #expect(set[ids[5]]?.isCandidate == true)
        #expect(set.writeSession == ids[5])
        // DR-17: an envelope in the old one makes it a candidate again, confirmed as it is.
        set.opened(ids[3], isConfirmed: true, hours: 0)
        #expect(set.writeSession == ids[3])
    }

    @Test("DR-16 what a first message names is ended, also when it comes later, and never revived")
    func ending() {
        var set = SessionSet()
        _ = set.begin(ids[1], hours: 0)
        set.opened(ids[1], isConfirmed: true, hours: 0)
        _ = set.begin(ids[2], hours: 0)
        _ = set.accept(ids[8], naming: [ids[1], ids[2], ids[7]], hours: 0)
        #expect(set.writeSession == ids[8])
        set.opened(ids[1], isConfirmed: true, hours: 0)
        set.opened(ids[2], isConfirmed: true, hours: 0)
        #expect(set.writeSession == ids[8])
        // The older reset that the newer one named comes last: read, and no candidate.
        _ = set.accept(ids[7], hours: 0)
        #expect(set[ids[7]]?.hasReceived == true && set[ids[7]]?.isCandidate == false)
        #expect(set.writeSession == ids[8])
        set.opened(ids[7], isConfirmed: true, hours: 0)
        #expect(set.writeSession == ids[8])
        // It supersedes nothing either.
        #expect(set[ids[8]]?.isCandidate == true)
        // Given up by this side: the same.
        _ = set.begin(ids[9], givingUp: [ids[8]], hours: 0)
        #expect(set.writeSession == ids[9])
    }

    @Test("DR-16 a first message that names its own session has not ended it")
    func namingItself() {
        var set = SessionSet()
        _ = set.accept(ids[3], naming: [ids[3], ids[4]], hours: 0)
        #expect(set[ids[3]]?.isCandidate == true && set[ids[3]]?.isEnded == false)
        #expect(set.writeSession == ids[3])
    }

    @Test("DR-16 a first message that comes again changes nothing")
    func acceptedTwice() {
        var set = SessionSet()
        _ = set.accept(ids[3], hours: 0)
        _ = set.begin(ids[1], hours: 0)
        set.opened(ids[1], isConfirmed: true, hours: 0)
        let before = set
        #expect(set.accept(ids[3], naming: [ids[1]], hours: 9).isEmpty)
        #expect(set == before)
    }

    @Test("DR-19 a receipt counts for what was sealed after its session was superseded")
    func receipts() {
        var set = SessionSet()
        _ = set.begin(ids[1], hours: 0)
        let early = set.stamp()
        #expect(set.countsReceipt(in: ids[1], forMessageStamped: early))
        set.opened(ids[1], isConfirmed: true, hours: 0)
        _ = set.accept(ids[2], hours: 0)
        // The peer may have lost what it had receipted.
        #expect(!set.countsReceipt(in: ids[1], forMessageStamped: early))
        #expect(set.countsReceipt(in: ids[2], forMessageStamped: early))
        let late = set.stamp()
        #expect(set.countsReceipt(in: ids[1], forMessageStamped: late))
        #expect(!set.countsReceipt(in: ids[7], forMessageStamped: late))
        _ = set.accept(ids[3], naming: [ids[1]], hours: 0)
        #expect(!set.countsReceipt(in: ids[1], forMessageStamped: set.stamp()))
    }

    @Test("DR-20 messages are sealed anew once another session is confirmed, and not before")
    func sealingAnew() {
        var set = SessionSet()
        _ = set.begin(ids[5], hours: 0)
        let stamp = set.stamp()
        #expect(!set.mustSealAnew(messageIn: ids[5], stamped: stamp))
        _ = set.accept(ids[2], hours: 0)
        #expect(set.writeSession == ids[2])
        #expect(!set.mustSealAnew(messageIn: ids[5], stamped: stamp))
        set.opened(ids[2], isConfirmed: true, hours: 0)
        #expect(set.mustSealAnew(messageIn: ids[5], stamped: stamp))
        #expect(!set.mustSealAnew(messageIn: ids[2], stamped: set.stamp()))
        // Superseded and revived: what was sealed in it before lies there uncounted for ever.
        let before = set.stamp()
        _ = set.accept(ids[9], hours: 0)
        set.opened(ids[2], isConfirmed: true, hours: 0)
        #expect(set.writeSession == ids[2])
        #expect(set.mustSealAnew(messageIn: ids[2], stamped: before))
        #expect(!set.mustSealAnew(messageIn: ids[2], stamped: set.stamp()))
    }

    @Test("DR-21 six sessions are kept, with a seventh the one silent for longest goes")
    func limit() {
        var set = SessionSet()
        for index in 0..<6 {
            #expect(set.accept(ids[index], hours: UInt32(10 + index)).isEmpty)
        }
        set.opened(ids[0], isConfirmed: true, hours: 100)
        set.opened(ids[1], isConfirmed: false, hours: 11)
        // 0 is written in; 1 and 5 are candidates; 2, 3 and 4 are none and 2 is silent longest.
        #expect(set.writeSession == ids[0])
        #expect(set.begin(ids[6], hours: 101) == [ids[2]])
        #expect(set.entries.count == 6 && set[ids[2]] == nil)
        set.opened(ids[2], isConfirmed: true, hours: 102)
        #expect(set[ids[2]] == nil)
    }

    @Test("DR-21 a session not written in goes after 30 days of silence and not an hour earlier")
    func expiry() {
        var set = SessionSet()
        _ = set.accept(ids[1], hours: 1000)
        _ = set.accept(ids[2], hours: 1010)
        #expect(set.expire(atHours: 1000 + 719).isEmpty)
        #expect(set.expire(atHours: 0).isEmpty)
        #expect(set.expire(atHours: 1000 + 720) == [ids[1]])
        // The one written in stays for ever.
        #expect(set.expire(atHours: .max).isEmpty && set.writeSession == ids[2])
    }

    @Test("DR-16 a report names what was read in or given up, the newest eighteen")
    func reports() {
        var set = SessionSet()
        _ = set.begin(ids[1], hours: 0)
        _ = set.accept(ids[2], hours: 0)
        _ = set.begin(ids[3], givingUp: [ids[1]], hours: 0)
        let reports = set.reports { $0 == ids[2] ? 7 : 0 }
        #expect(
            reports == [
                SessionReport(id: ids[1], completeThrough: 0),
                SessionReport(id: ids[2], completeThrough: 7),
            ])
    }

    @Test("DR-16 ids named before they come are remembered, the newest 64")
    func namedLimit() {
        var set = SessionSet()
        func id(_ number: Int) -> SessionID {
            var id = SessionID()
            id[30] = UInt8(number)
            return id
        }
        _ = set.accept(ids[0], naming: (1...65).map(id), hours: 0)
        _ = set.accept(id(2), hours: 0)
        #expect(set[id(2)]?.isEnded == true)
        _ = set.accept(id(1), hours: 0)
        #expect(set[id(1)]?.isCandidate == true)
    }

    @Test("DR-21 a stored set is restored as it was; cut, longer and doubled forms are refused")
    func storage() throws {
        var set = SessionSet()
        _ = set.begin(ids[1], hours: 5)
        _ = set.accept(ids[2], naming: [ids[7]], hours: 6)
        set.opened(ids[1], isConfirmed: true, hours: 7)
        let stored = set.stored
        #expect(try SessionSet(restoring: stored.raw) == set)
        for count in stored.indices {
            let cut = Array(stored[..<count])
            #expect(throws: (any Error).self) { try SessionSet(restoring: cut.raw) }
        }
        let longer = stored + [0]
        #expect(throws: (any Error).self) { try SessionSet(restoring: longer.raw) }
        var doubled = stored
        doubled.replaceSubrange(63..<95, with: stored[10..<42])
        #expect(throws: (any Error).self) { try SessionSet(restoring: doubled.raw) }
        for index in stored.indices {
            for bit in 0..<8 {
                var changed = stored
                changed[index] ^= 1 << UInt8(bit)
                guard var other = try? SessionSet(restoring: changed.raw) else { continue }
                #expect(other.stored == changed)
                // Whatever it says, nothing traps on it.
                _ = other.accept(ids[20], hours: 0)
                _ = other.expire(atHours: .max)
            }
        }
    }
}
