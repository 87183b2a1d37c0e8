import Database
import KeyDirectory
import Primitives
import Testing
import Wire

@Suite("§9.8 records in the directory")
struct DirectoryRecordTests {
    @Test("KD-16 a record is registered, found under its handle and nowhere else")
    func register() throws {
        let test = try TestDirectory()
        let alice = Person()
        let record = alice.record()
        #expect(try test.lookUp("alice") == nil)
        #expect(try test.publish(record) == nil)
        #expect(try test.lookUp("alice") == record)
        #expect(try test.lookUp("alice.") == nil)
        #expect(try test.lookUp("alicf") == nil)
    }

    @Test("KD-16 a handle that somebody holds is taken, whatever the other's number or proof")
    func taken() throws {
        let test = try TestDirectory()
        let alice = Person()
        let mallory = Person(2)
        #expect(try test.publish(alice.record(5)) == nil)
        #expect(try test.publish(mallory.record(6)) == .handleTaken)
        #expect(try test.publish(mallory.record(4)) == .handleTaken)
        let proof = Record(
            mallory.contents(7), signedBy: mallory.account, recoveredBy: mallory.recovery)
        #expect(try test.publish(proof) == .handleTaken)
        #expect(try test.lookUp("alice") == alice.record(5))
    }

    @Test("KD-16 an account holds one handle at a time")
    func oneHandle() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record(1)) == nil)
        #expect(try test.publish(alice.record(2, handle: "alice2")) == .recordRefused)
        #expect(try test.lookUp("alice2") == nil)
        #expect(try test.ask(alice.release(1)) == .done(request: 5))
        #expect(try test.publish(alice.record(2, handle: "alice2")) == nil)
        // Nor may a recovery bring in an account key that has a handle already.
        let bob = Person(2)
        #expect(try test.publish(bob.record(1, handle: "bob")) == nil)
        var contents = alice.contents(2, handle: "bob")
        contents.recoveryHash = bob.contents().recoveryHash
        let merged = Record(contents, signedBy: alice.account, recoveredBy: bob.recovery)
        #expect(try test.publish(merged) == .recordRefused)
    }

    @Test("KD-17 KD-4 numbers only grow; the same bytes again change nothing and are fine")
    func numbers() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record(5)) == nil)
        #expect(try test.publish(alice.record(5)) == nil)
        var changed = alice.contents(5)
        changed.capabilities = 1
        #expect(try test.publish(Record(changed, signedBy: alice.account)) == .recordRefused)
        #expect(try test.publish(alice.record(4)) == .recordRefused)
        #expect(try test.publish(alice.record(6)) == nil)
        #expect(try test.publish(alice.record(5)) == .recordRefused)
        #expect(try test.lookUp("alice")?.number == 6)
        #expect(try test.publish(alice.record(.max)) == nil)
        #expect(try test.lookUp("alice")?.number == .max)
    }

    @Test("KD-5 the recovery key named before replaces the account key, nothing else does")
    func recovery() throws {
        let test = try TestDirectory()
        let old = Person()
        let new = Person(2)
        #expect(try test.publish(old.record(1)) == nil)
        let contents = new.contents(2)
        #expect(try test.publish(Record(contents, signedBy: new.account)) == .handleTaken)
        let recovered = Record(contents, signedBy: new.account, recoveredBy: old.recovery)
        #expect(try test.publish(recovered) == nil)
        #expect(try test.lookUp("alice")?.account == new.account.publicKey)
        // The old key is worth nothing now, nor is the old recovery key.
        #expect(try test.publish(old.record(3)) == .handleTaken)
        let back = Record(old.contents(3), signedBy: old.account, recoveredBy: old.recovery)
        #expect(try test.publish(back) == .handleTaken)
        #expect(try test.publish(new.record(3)) == nil)
    }

    @Test("KD-5 a stolen account key cannot name another recovery key")
    func recoveryHash() throws {
        let test = try TestDirectory()
        let alice = Person()
        let mallory = Person(2)
        #expect(try test.publish(alice.record(1)) == nil)
        var contents = alice.contents(2)
        contents.recoveryHash = mallory.contents().recoveryHash
        #expect(try test.publish(Record(contents, signedBy: alice.account)) == .recordRefused)
        let selfMade = Record(contents, signedBy: alice.account, recoveredBy: mallory.recovery)
        #expect(try test.publish(selfMade) == .recordRefused)
        let agreed = Record(contents, signedBy: alice.account, recoveredBy: alice.recovery)
        #expect(try test.publish(agreed) == nil)
    }

    @Test("KD-3 a record with any byte changed is refused and leaves no trace")
    func flips() throws {
        let test = try TestDirectory()
        let alice = Person()
        let frame = written {
            PublishRecordFrame.encode(request: 1, record: alice.record(), into: &$0)
        }
        for index in stride(from: 10, to: frame.count, by: 7) {
            let code = try test.code(test.ask(frame.flipping(index)))
            #expect(code == .recordRefused, "byte \(index)")
        }
        #expect(try test.lookUp("alice") == nil)
        #expect(try test.publish(alice.record()) == nil)
    }

    @Test("KD-3 a record without a handle is for invites and never published")
    func noHandle() throws {
        let test = try TestDirectory()
        #expect(try test.publish(Person().record(handle: nil)) == .recordRefused)
    }

    @Test("KD-6 the server serves an extension it does not know, critical or not")
    func extensions() throws {
        let test = try TestDirectory()
        let alice = Person()
        var contents = alice.contents()
        contents.extensions = TaggedFields([TaggedFields.Field(tag: 0x8001, value: [1])])
        let record = Record(contents, signedBy: alice.account)
        #expect(try test.publish(record) == nil)
        #expect(try test.lookUp("alice") == record)
    }

    @Test("KD-23 A6 a release signed on another channel, at another server say, is refused")
    func releaseOfAnotherChannel() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record(1)) == nil)
        let other = FixedBytes<32>(repeating: 9)
        #expect(try test.code(test.ask(alice.release(1, channel: other))) == .recordRefused)
        #expect(try test.ask(alice.release(1)) == .done(request: 5))
    }

    @Test("KD-18 D8 a released handle rests for a year, also for its owner, and is then free")
    func release() throws {
        let test = try TestDirectory()
        let alice = Person()
        let bob = Person(2)
        #expect(try test.publish(alice.record(3)) == nil)
        let preKeys = alice.preKeys()
        #expect(try test.publish(alice.bundle(1, preKeys), preKeys) == nil)
        // KD-17: only the record's own number, only its account key.
        #expect(try test.code(test.ask(alice.release(2))) == .recordRefused)
        #expect(try test.code(test.ask(alice.release(4))) == .recordRefused)
        #expect(try test.code(test.ask(bob.release(3))) == .recordRefused)
        #expect(try test.code(test.ask(alice.release(3, handle: "bob"))) == .notFound)
        #expect(try test.ask(alice.release(3)) == .done(request: 5))
        #expect(try test.lookUp("alice") == nil)
        #expect(try test.fetch() == nil)
        #expect(try test.connection.number("SELECT count(*) FROM directory_prekey") == 0)
        #expect(try test.code(test.ask(alice.release(3))) == .notFound)

        let hour: Int64 = 3600
        for wait in [0, 8783 * hour] {
            test.now = Person.start + wait
            #expect(try test.publish(bob.record()) == .handleTaken)
            #expect(try test.publish(alice.record(4)) == .handleTaken)
            #expect(try test.directory.sweep(secondsSince1970: test.now) == 0)
        }
        test.now = Person.start + 8784 * hour
        #expect(try test.publish(bob.record()) == nil)
        #expect(try test.lookUp("alice") == bob.record())
        #expect(try test.connection.number("SELECT count(*) FROM directory_rest") == 0)
    }

    @Test("KD-18 MB-29 a clock that jumps a year ahead gives no resting handle away")
    func jump() throws {
        let test = try TestDirectory()
        let alice = Person()
        let bob = Person(2)
        #expect(try test.publish(alice.record()) == nil)
        #expect(try test.ask(alice.release(1)) == .done(request: 5))
        let free = Person.start + 8784 * 3600
        test.now = free + 1_000 * 3600
        test.believed = free - 3600
        #expect(try test.publish(bob.record()) == .handleTaken)
        test.believed = free
        #expect(try test.publish(bob.record()) == nil)
    }

    @Test("KD-18 MB-29 a handle given up while the clock is wrong rests for a year all the same")
    func releasedAtAWrongTime() throws {
        let test = try TestDirectory()
        let alice = Person()
        let year: Int64 = 8784 * 3600
        #expect(try test.publish(alice.record()) == nil)
        // Two years back: the rest counts from what is believed.
        test.believed = Person.start
        test.now = Person.start - 2 * year
        #expect(try test.ask(alice.release(1)) == .done(request: 5))
        #expect(try test.directory.sweep(secondsSince1970: Person.start + year - 1) == 0)
        #expect(try test.directory.sweep(secondsSince1970: Person.start + year) == 1)
        // Ten years ahead: when the clock is right again the rest ends when it should.
        test.now = Person.start
        #expect(try test.publish(alice.record(2)) == nil)
        test.now = Person.start + 10 * year
        #expect(try test.ask(alice.release(2)) == .done(request: 5))
        #expect(try test.directory.sweep(secondsSince1970: Person.start) == 0)
        #expect(try test.directory.sweep(secondsSince1970: Person.start + year - 1) == 0)
        #expect(try test.directory.sweep(secondsSince1970: Person.start + year) == 1)
        // A release up to three days past the last sweep keeps its own end.
        test.now = Person.start
        #expect(try test.publish(alice.record(3)) == nil)
        test.now = Person.start + 72 * 3600
        #expect(try test.ask(alice.release(3)) == .done(request: 5))
        #expect(try test.directory.sweep(secondsSince1970: Person.start) == 0)
        #expect(try test.directory.sweep(secondsSince1970: Person.start + year) == 0)
    }

    @Test("KD-18 a handle given up is forgotten by the sweep once it is free")
    func sweep() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        #expect(try test.ask(alice.release(1)) == .done(request: 5))
        let free = Person.start + 8784 * 3600
        #expect(try test.directory.sweep(secondsSince1970: free - 1) == 0)
        #expect(try test.directory.sweep(secondsSince1970: free) == 1)
    }

    @Test("KD-21 a device or account that the record drops loses bundle and prekeys at once")
    func orphans() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record(1, devices: [1, 2])) == nil)
        for device: UInt32 in [1, 2] {
            let preKeys = alice.preKeys(3)
            #expect(try test.publish(alice.bundle(1, preKeys, device: device), preKeys) == nil)
        }
        #expect(try test.fetch(device: 2) != nil)
        // A renewed certificate changes nothing.
        #expect(try test.publish(alice.record(2, devices: [1, 2])) == nil)
        #expect(try test.fetch(device: 2) != nil)
        #expect(try test.publish(alice.record(3, devices: [1])) == nil)
        #expect(try test.fetch(device: 2) == nil)
        #expect(try test.fetch(device: 1) != nil)
        #expect(try test.connection.number("SELECT count(*) FROM directory_device") == 1)
        #expect(try test.connection.number("SELECT count(*) FROM directory_prekey") == 2)
        let new = Person(2)
        let recovered = Record(
            new.contents(4), signedBy: new.account, recoveredBy: alice.recovery)
        #expect(try test.publish(recovered) == nil)
        #expect(try test.fetch() == nil)
        #expect(try test.connection.number("SELECT count(*) FROM directory_prekey") == 0)
    }

    @Test("MB-17 below the free-disk floor nothing is added; reading and releasing go on")
    func noGrowth() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record(), refusesGrowth: true) == .storageFull)
        #expect(try test.lookUp("alice") == nil)
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys()
        let bundle = try alice.bundle(1, preKeys)
        #expect(try test.publish(bundle, preKeys, refusesGrowth: true) == .storageFull)
        #expect(try test.publish(bundle, preKeys) == nil)
        guard case .preKeys(let found) = try test.ask(test.fetchFrame(), refusesGrowth: true)
        else {
            Issue.record("no prekeys")
            return
        }
        #expect(found.preKeys?.oneTime != nil)
        #expect(try test.ask(alice.release(1), refusesGrowth: true) == .done(request: 5))
    }

    @Test("WI-10 D9 what is no handle never reaches the store")
    func badHandle() throws {
        var frame = written(.lookUp(LookUpFrame(request: 3, handle: try Handle("alice"))))
        frame[8] = UInt8(ascii: "A")
        #expect(throws: ClientFrame.Refusal.self) {
            _ = try TestDirectory.request(frame, now: 0)
        }
    }
}
