import Database
import KeyDirectory
import Primitives
import Testing
import Wire

@Suite("§9.8 prekeys in the directory")
struct DirectoryPreKeyTests {
    @Test("KD-9 what is fetched verifies against the record, for device 0 and by name")
    func fetch() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        #expect(try test.fetch() == nil)
        let preKeys = alice.preKeys()
        #expect(try test.publish(alice.bundle(1, preKeys), preKeys) == nil)
        let record = try #require(try test.lookUp("alice")).verify()
        for device: UInt32 in [0, 1] {
            let fetched = try #require(try test.fetch(device: device))
            let verified = try fetched.verify(
                for: record, deviceID: device, secondsSince1970: test.now)
            #expect(verified.value.oneTime != nil)
        }
        #expect(try test.fetch(device: 2) == nil)
        #expect(try test.fetch("bob") == nil)
    }

    @Test("KD-19 no one-time prekey is handed out twice, and each is one of the bundle's")
    func once() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys(32)
        let kem = alice.kemPreKeys(32)
        #expect(try test.publish(alice.bundle(1, preKeys, kem: kem), preKeys, kem: kem) == nil)
        var seen: [UInt8] = []
        var seenKEM: [UInt8] = []
        for hour in 0..<8 {
            test.now = Person.start + Int64(hour) * 3600
            for _ in 0..<6 {
                let fetched = try #require(try test.fetch())
                #expect(fetched.isWhole)
                if let oneTime = fetched.oneTime {
                    #expect(preKeys[Int(oneTime.place.index)] == oneTime.preKey)
                    seen.append(oneTime.place.index)
                }
                if let oneTime = fetched.oneTimeKEM {
                    #expect(kem[Int(oneTime.place.index)] == oneTime.preKey)
                    seenKEM.append(oneTime.place.index)
                }
            }
        }
        #expect(Set(seen).count == 32 && seen.count == 32)
        #expect(Set(seenKEM).count == 32 && seenKEM.count == 32)
        // In no order that counts, or an index would tell how many came before; and in no order of
        // the other kind.
        #expect(seen != seen.sorted() && seenKEM != seenKEM.sorted() && seen != seenKEM)
    }

    @Test("KD-20 A9 10,000 fetches in an hour hand out the budget and no more; the bundle goes on")
    func budget() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys()
        let kem = alice.kemPreKeys()
        let bundle = try alice.bundle(1, preKeys, kem: kem)
        #expect(try test.publish(bundle, preKeys, kem: kem) == nil)
        let frame = try test.fetchFrame()
        var handedOut = 0
        var handedOutKEM = 0
        for batch in 0..<100 {
            let requests = try [TestDirectory.request(frame, now: test.now)]
            try test.connection.begin()
            for _ in 0..<100 {
                var answer: [UInt8] = []
                try test.directory.answer(
                    requests[0], secondsSince1970: test.now,
                    believed: Hours(secondsSince1970: test.now), into: &answer)
                // The places of both kinds begin with an id, which is 0 for none.
                if answer[8..<12] != [0, 0, 0, 0] { handedOut += 1 }
                if answer[206..<210] != [0, 0, 0, 0] { handedOutKEM += 1 }
                guard batch == 0 || batch == 99 else { continue }
                guard case .preKeys(let found) = try TestDirectory.decode(answer),
                    found.preKeys?.bundle == bundle
                else {
                    Issue.record("no bundle")
                    return
                }
            }
            try test.connection.commit()
        }
        #expect(handedOut == Limits.oneTimePreKeysPerDeviceHour)
        #expect(handedOutKEM == Limits.oneTimePreKeysPerDeviceHour)
        #expect(try test.connection.number("SELECT count(*) FROM directory_prekey") == 15)
        #expect(try test.connection.number("SELECT count(*) FROM directory_kem_prekey") == 15)
        // What is left over is a whole bundle with its last-resort KEM prekey.
        let last = try #require(try test.fetch())
        let record = try #require(try test.lookUp("alice")).verify()
        let verified = try last.verify(for: record, deviceID: 0, secondsSince1970: test.now)
        #expect(verified.value.oneTime == nil && verified.value.oneTimeKEM == nil)
        #expect(verified.value.kemPreKey == bundle.contents.lastResortKEM)
    }

    @Test("KD-20 the two kinds run out apart from each other")
    func uneven() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        for (number, counts) in [(1, 3), (3, 1), (0, 2), (2, 0)].enumerated() {
            let preKeys = alice.preKeys(counts.0)
            let kem = alice.kemPreKeys(counts.1)
            let bundle = try alice.bundle(UInt64(number + 1), preKeys, kem: kem)
            #expect(try test.publish(bundle, preKeys, kem: kem) == nil)
            test.now += 3600
            var found = (0, 0)
            for _ in 0..<5 {
                let fetched = try #require(try test.fetch())
                if fetched.oneTime != nil { found.0 += 1 }
                if fetched.oneTimeKEM != nil { found.1 += 1 }
            }
            #expect(found == counts)
        }
    }

    @Test("KD-20 A9 the budget is per device and hour; a drained device gives its bundle alone")
    func drained() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record(1, devices: [1, 2])) == nil)
        for device: UInt32 in [1, 2] {
            let preKeys = alice.preKeys(7)
            #expect(try test.publish(alice.bundle(1, preKeys, device: device), preKeys) == nil)
        }
        func take(_ device: UInt32) throws -> Int {
            var count = 0
            for _ in 0..<10 where try test.fetch(device: device)?.oneTime != nil { count += 1 }
            return count
        }
        #expect(try take(1) == 5)
        #expect(try take(2) == 5)
        test.now += 3600
        #expect(try take(1) == 2)
        test.now += 3600
        #expect(try take(1) == 0)
        #expect(try test.fetch(device: 1) != nil)
        #expect(try take(2) == 2)
        // A clock that goes back begins another hour; it does not stop handing out.
        test.now -= 3600
        let more = alice.preKeys(7)
        #expect(try test.publish(alice.bundle(2, more, device: 2), more) == nil)
        #expect(try take(2) == 5)
    }

    @Test("KD-19 A10 no id twice over fetches in shared batches, rollbacks and crashes in between")
    func crashes() throws {
        let alice = Person()
        var answered: Set<UInt32> = []
        var answeredKEM: Set<UInt32> = []
        var original = try TestDirectory()
        #expect(try original.publish(alice.record()) == nil)
        for round in 0..<40 {
            original.now += 3600
            if round % 10 == 0 {
                let preKeys = alice.preKeys(32)
                let kem = alice.kemPreKeys(32)
                let number = UInt64(round + 1)
                let bundle = try alice.bundle(number, preKeys, kem: kem, from: original.now)
                #expect(try original.publish(bundle, preKeys, kem: kem) == nil)
            }
            // As many as fetch at once are in one commit of the store.
            let frames = Array(repeating: try original.fetchFrame(), count: 64)
            // Nobody hears of a batch that is rolled back, so its keys may come again.
            if round % 3 == 0 {
                try original.batch(frames, rollback: true)
                original.now += 3600
            }
            for answer in try original.batch(frames) {
                guard case .preKeys(let found) = answer, let fetched = found.preKeys else {
                    Issue.record("no bundle")
                    return
                }
                if let oneTime = fetched.oneTime {
                    let isNew = answered.insert(oneTime.preKey.id).inserted
                    #expect(isNew)
                }
                if let oneTime = fetched.oneTimeKEM {
                    let isNew = answeredKEM.insert(oneTime.preKey.id).inserted
                    #expect(isNew)
                }
            }
            // The machine dies in the middle of the next batch: what is on the disk then is a
            // copy of the files while a transaction is open.
            if round % 5 == 4 {
                try original.connection.begin()
                for _ in 0..<3 {
                    let request = try TestDirectory.request(frames[0], now: original.now + 3600)
                    var answer: [UInt8] = []
                    try original.directory.answer(
                        request, secondsSince1970: original.now + 3600,
                        believed: Hours(secondsSince1970: original.now), into: &answer)
                }
                let survivor = try TestDirectory(copyOf: original.path)
                original.connection.rollback()
                survivor.now = original.now + 3600
                original = survivor
            }
        }
        // Four bundles of 32, of which the first two at least were drained.
        #expect(answered.count > 100 && answeredKEM.count > 100)
    }

    @Test("KD-17 bundle numbers only grow; a retry brings back no key that was handed out")
    func numbers() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys()
        let kem = alice.kemPreKeys()
        let second = try alice.bundle(2, preKeys, kem: kem)
        #expect(try test.publish(second, preKeys, kem: kem) == nil)
        _ = try test.fetch()
        #expect(try test.publish(second, preKeys, kem: kem) == nil)
        #expect(try test.connection.number("SELECT count(*) FROM directory_prekey") == 19)
        #expect(try test.connection.number("SELECT count(*) FROM directory_kem_prekey") == 19)
        let others = alice.preKeys()
        for number: UInt64 in [1, 2] {
            #expect(try test.publish(alice.bundle(number, others), others) == .bundleRefused)
        }
        #expect(try test.publish(alice.bundle(3, others), others) == nil)
        #expect(try test.connection.number("SELECT count(*) FROM directory_prekey") == 20)
        #expect(try test.connection.number("SELECT count(*) FROM directory_kem_prekey") == 0)
        #expect(try test.fetch()?.bundle.number == 3)
        // No one-time prekeys at all is a bundle too.
        #expect(try test.publish(alice.bundle(4, []), []) == nil)
        #expect(try test.fetch()?.oneTime == nil)
    }

    @Test("KD-8 KD-9 a bundle of another account, device or handle is refused")
    func foreign() throws {
        let test = try TestDirectory()
        let alice = Person()
        let mallory = Person(2)
        let preKeys = alice.preKeys()
        let bundle = try alice.bundle(1, preKeys)
        #expect(try test.publish(bundle, preKeys) == .bundleRefused)
        #expect(try test.publish(alice.record()) == nil)
        let theirs = mallory.preKeys()
        #expect(try test.publish(mallory.bundle(1, theirs), theirs) == .bundleRefused)
        #expect(try test.publish(alice.bundle(1, preKeys, device: 2), preKeys) == .bundleRefused)
        #expect(try test.publish(mallory.record(handle: "mallory")) == nil)
        #expect(try test.publish(bundle, preKeys, as: "mallory") == .bundleRefused)
        #expect(try test.publish(bundle, preKeys) == nil)
    }

    @Test("KD-7 one-time prekeys that are not those of the signed root are refused")
    func roots() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys(4)
        let kem = alice.kemPreKeys(3)
        let bundle = try alice.bundle(1, preKeys, kem: kem)
        let good = try test.bundleFrame(bundle, preKeys, kem: kem)
        let listKEM = good.count - 3 * 1188
        let list = listKEM - 1 - 4 * 36
        for (list, size, count) in [(list, 36, 4), (listKEM, 1188, 3)] {
            var swapped = good
            swapped.replaceSubrange(
                list..<(list + 2 * size),
                with: good[(list + size)..<(list + 2 * size)] + good[list..<(list + size)])
            #expect(try test.code(test.ask(swapped)) == .bundleRefused)
            var fewer = good
            fewer[list - 1] -= 1
            fewer.removeSubrange(list..<(list + size))
            #expect(try test.code(test.ask(fewer)) == .bundleRefused)
            var none = good
            none[list - 1] = 0
            none.removeSubrange(list..<(list + count * size))
            #expect(try test.code(test.ask(none)) == .bundleRefused)
            var more = good
            more[list - 1] += 1
            more.insert(contentsOf: good[list..<(list + size)], at: list)
            #expect(try test.code(test.ask(more)) == .bundleRefused)
        }
        // One id twice, signed by a device that does not know better; in the KEM's list that of the
        // last resort too.
        let twice = [preKeys[0], OneTimePreKey(id: preKeys[0].id, key: preKeys[1].key)]
        #expect(try test.publish(alice.bundle(1, twice), twice) == .bundleRefused)
        for id in [kem[0].id, bundle.contents.lastResortKEM.id] {
            let twice = [kem[0], KEMPreKey(id: id, key: kem[1].key)]
            let bundle = try alice.bundle(1, [], kem: twice)
            #expect(try test.publish(bundle, [], kem: twice) == .bundleRefused)
        }
        #expect(try test.code(test.ask(good)) == nil)
    }

    @Test("KD-11 A11 a bundle frame whose KEM part is taken away in any way is refused")
    func stripped() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys(2)
        let kem = alice.kemPreKeys(2)
        let good = try test.bundleFrame(
            try alice.bundle(1, preKeys, kem: kem), preKeys, kem: kem)
        let start = 3 + 4 + 33 + 2
        for part in [
            261..<262, 261..<294, 262..<294, 294..<298, 298..<1482, 294..<1482, 261..<1482,
        ] {
            var bad = good
            for index in part { bad[start + index] = 0 }
            #expect(try test.code(test.ask(bad)) == .bundleRefused)
            bad.removeLast(2 * 1188)
            bad[bad.count - 1] = 0
            #expect(try test.code(test.ask(bad)) == .bundleRefused)
        }
        #expect(try test.code(test.ask(good)) == nil)
    }

    @Test("KD-8 a bundle frame with any byte changed is refused or malformed and changes nothing")
    func flips() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys(3)
        let kem = alice.kemPreKeys(2)
        let good = try test.bundleFrame(try alice.bundle(1, preKeys, kem: kem), preKeys, kem: kem)
        for index in stride(from: 7, to: good.count, by: 11) {
            let bad = good.flipping(index)
            if let code = try? test.code(test.ask(bad)) {
                #expect(code == .bundleRefused, "byte \(index)")
            } else {
                #expect(throws: ClientFrame.Refusal.self) {
                    _ = try TestDirectory.request(bad, now: test.now)
                }
            }
        }
        #expect(try test.connection.number("SELECT count(*) FROM directory_device") == 0)
    }

    @Test("KD-10 A12 the server refuses a bundle too old, too early or too long")
    func window() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys(1)
        let bundle = try alice.bundle(1, preKeys)
        let skew: Int64 = 48 * 3600
        let end = Person.start + 168 * 3600 + skew
        for now in [Person.start - skew - 1, end + 1] {
            test.now = now
            #expect(try test.publish(bundle, preKeys) == .bundleRefused)
        }
        #expect(try test.publish(alice.bundle(1, preKeys, hours: 169), preKeys) == .bundleRefused)
        test.now = end
        #expect(try test.publish(bundle, preKeys) == nil)
    }

    @Test("KD-15 D5 a miss of either question has the size of a hit and ends in a commit alike")
    func shapes() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record(1, devices: [1, 2])) == nil)
        let preKeys = alice.preKeys()
        #expect(try test.publish(alice.bundle(1, preKeys), preKeys) == nil)
        func raw(_ frame: [UInt8]) throws -> (byteCount: Int, pages: Int) {
            _ = try test.connection.checkpoint(.truncate)
            try test.connection.begin()
            var answer: [UInt8] = []
            try test.directory.answer(
                try TestDirectory.request(frame, now: test.now), secondsSince1970: test.now,
                believed: Hours(secondsSince1970: test.now), into: &answer)
            try test.connection.commit()
            return (answer.count, test.connection.logPageCount)
        }
        let longest = String(repeating: "z", count: 32)
        for handle in ["alice", "bob", longest] {
            let question = written(.lookUp(LookUpFrame(request: 1, handle: try Handle(handle))))
            #expect(question.count == 43)
            let answer = try raw(question)
            #expect(answer.byteCount == 8192)
            #expect(answer.pages == 0)
        }
        // A hit, no such handle, no such device, a device without a bundle.
        for (handle, device) in [
            ("alice", UInt32(0)), ("bob", 0), (longest, 9), ("alice", 3), ("alice", 2),
        ] {
            let question = try test.fetchFrame(handle, device: device)
            #expect(question.count == 47)
            let answer = try raw(question)
            #expect(answer.byteCount == 4096)
            #expect(answer.pages > 0, "\(handle) \(device) ended in no write")
        }
    }

    @Test("KD-22 a device learns how many are left; others and other channels learn nothing")
    func status() throws {
        let test = try TestDirectory()
        let alice = Person()
        let bob = Person(2)
        #expect(try test.code(test.ask(alice.status())) == .notFound)
        #expect(try test.publish(alice.record(3)) == nil)
        func answer(_ frame: [UInt8]) throws -> PreKeyStatusAnswerFrame? {
            if case .preKeyStatus(let answer) = try test.ask(frame) { answer } else { nil }
        }
        let empty = try #require(try answer(alice.status()))
        #expect(empty.recordNumber == 3 && empty.bundleNumber == 0 && empty.published == 0)
        let preKeys = alice.preKeys()
        let kem = alice.kemPreKeys(9)
        #expect(try test.publish(alice.bundle(9, preKeys, kem: kem), preKeys, kem: kem) == nil)
        _ = try test.fetch()
        let full = try #require(try answer(alice.status()))
        #expect(full.bundleNumber == 9 && full.published == 20 && full.left == 19)
        #expect(full.publishedKEM == 9 && full.leftKEM == 8)
        #expect(full.bundleExpiry == (try alice.bundle(9, preKeys).contents.window.expiry))
        for frame in [
            try bob.status(), try alice.status(device: 2), try alice.status(handle: "bob"),
            try alice.status(channel: .zero),
        ] {
            #expect(try test.code(test.ask(frame)) == .notFound)
        }
        for index in (try alice.status()).indices.dropFirst(7) {
            let bad = try alice.status().flipping(index)
            if let code = try? test.code(test.ask(bad)) { #expect(code == .notFound) }
        }
    }

    @Test("E10 the answer about a person with eight devices is as long as about one with one")
    func deviceCount() throws {
        let test = try TestDirectory()
        #expect(try test.publish(Person(1).record(handle: "one")) == nil)
        #expect(try test.publish(Person(2).record(handle: "eight", devices: Array(1...8))) == nil)
        let sizes = try ["one", "eight"].map { handle in
            let question = written(.lookUp(LookUpFrame(request: 1, handle: try Handle(handle))))
            var answer: [UInt8] = []
            try test.directory.answer(
                try TestDirectory.request(question, now: test.now), secondsSince1970: test.now,
                believed: Hours(secondsSince1970: test.now), into: &answer)
            return answer.count
        }
        #expect(sizes == [8192, 8192])
    }
}

@Suite("§9 tables of the directory")
struct DirectorySchemaTests {
    @Test("Z4 the description names every column of every table, and no other")
    func columns() throws {
        let test = try TestDirectory()
        var found: Set<String> = []
        var statement = try Statement(
            test.connection,
            """
            SELECT t.name || '.' || c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
            WHERE t.type = 'table'
            """)
        try statement.forEach { row throws(DatabaseError) in
            found.insert(try row.text(0))
            return true
        }
        let described = DirectorySchema.descriptions.flatMap { table in
            table.columns.map { "\(table.name).\($0.name)" }
        }
        #expect(Set(described) == found)
        #expect(described.count == found.count)
    }

    @Test("Z4 every value of a directory in use is of its column's kind, and other values are not")
    func values() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys()
        let kem = alice.kemPreKeys()
        #expect(try test.publish(alice.bundle(1, preKeys, kem: kem), preKeys, kem: kem) == nil)
        _ = try test.fetch()
        #expect(try faults(test) == [:])
        try test.connection.execute(
            "UPDATE directory_account SET record = zeroblob(length(record))")
        try test.connection.execute("UPDATE directory_account SET handle = 'Alice In Chains'")
        try test.connection.execute(
            "UPDATE directory_device SET bundle = CAST(bundle || x'00' AS BLOB)")
        try test.connection.execute("UPDATE directory_prekey SET issued = zeroblob(198)")
        try test.connection.execute("UPDATE directory_kem_prekey SET issued = zeroblob(1350)")
        #expect(
            try faults(test) == [
                "directory_account.record": 1, "directory_account.handle": 1,
                "directory_device.bundle": 1, "directory_prekey.issued": 19,
                "directory_kem_prekey.issued": 19,
            ])
    }

    private func faults(_ test: TestDirectory) throws -> [String: Int] {
        var faults: [String: Int] = [:]
        for table in DirectorySchema.descriptions {
            var statement = try Statement(test.connection, table.rows)
            try statement.forEach { row throws(DatabaseError) in
                for (index, column) in table.columns.enumerated()
                where try column.kind.judge(row, Int32(index)) != nil {
                    faults["\(table.name).\(column.name)", default: 0] += 1
                }
                return true
            }
        }
        return faults
    }

    @Test("Z11 J2 handed out prekeys and released records are in no file after a checkpoint")
    func erased() throws {
        let test = try TestDirectory()
        let alice = Person()
        #expect(try test.publish(alice.record()) == nil)
        let preKeys = alice.preKeys()
        let kem = alice.kemPreKeys(2)
        #expect(try test.publish(alice.bundle(1, preKeys, kem: kem), preKeys, kem: kem) == nil)
        let fetched = try #require(try test.fetch())
        let given = try #require(fetched.oneTime).preKey.key.bytes.array
        // The id with the beginning of the key: others may have the same key in this test.
        let givenKEM = [UInt8](
            written { fetched.oneTimeKEM?.preKey.encode(into: &$0) }.prefix(32))
        let kept = try test.connection.number("SELECT count(*) FROM directory_prekey")
        #expect(kept == 19)
        #expect(try test.connection.checkpoint(.truncate))
        #expect(!contains(test, given))
        #expect(!contains(test, givenKEM))
        // The search finds what is there.
        #expect(contains(test, alice.account.publicKey.bytes.array))
        #expect(try test.ask(alice.release(1)) == .done(request: 5))
        #expect(try test.connection.checkpoint(.truncate))
        #expect(!contains(test, alice.account.publicKey.bytes.array))
    }

    private func contains(_ test: TestDirectory, _ needle: [UInt8]) -> Bool {
        let bytes = TestDirectory.bytes(of: test.path) + TestDirectory.bytes(of: test.path + "-wal")
        guard bytes.count >= needle.count else { return false }
        return (0...(bytes.count - needle.count)).contains { start in
            bytes[start] == needle[0] && bytes[start..<(start + needle.count)].elementsEqual(needle)
        }
    }
}
