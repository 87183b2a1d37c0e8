import Primitives
import Testing
import Wire

@Suite("§9.5 prekey bundle")
struct BundleTests {
    @Test("KD-8 a bundle has 1,677 bytes and its extensions, and comes back as written")
    func roundTrip() throws {
        for (preKeyCount, extensionByteCount) in [(0, 0), (1, 0), (20, 4), (32, 512)] {
            let fixture = Fixture(preKeyCount: preKeyCount)
            var contents = fixture.bundleContents(number: .max)
            contents.versionFloor = 3
            if extensionByteCount > 0 {
                contents.extensions = TaggedFields([
                    TaggedFields.Field(
                        tag: 1, value: [UInt8](repeating: 1, count: extensionByteCount - 4))
                ])
            }
            let bundle = PreKeyBundle(contents, signedBy: fixture.device)
            #expect(bundle.bytes.count == 1677 + extensionByteCount)
            let parsed = try PreKeyBundle(array: bundle.bytes)
            #expect(parsed == bundle)
            #expect(try parsed.verify().value == bundle)
        }
    }

    @Test("KD-8 no changed byte of a bundle passes")
    func flips() {
        let bytes = Fixture().bundle.bytes
        for index in bytes.indices {
            let bad = try? PreKeyBundle(array: bytes.flipping(index)).verify()
            #expect(bad == nil, "byte \(index)")
        }
    }

    @Test("WI-1 WI-2 a bundle cut anywhere or with a byte more does not parse")
    func size() {
        let bytes = Fixture().bundle.bytes
        for count in stride(from: 0, to: bytes.count, by: 13) {
            #expect(throws: WireError.self) {
                _ = try PreKeyBundle(array: Array(bytes[..<count]))
            }
        }
        #expect(throws: WireError.trailing(byteCount: 1)) {
            _ = try PreKeyBundle(array: (bytes + [0]))
        }
        let endless = [UInt8](repeating: 3, count: PreKeyBundle.byteCountMax + 1)
        #expect(throws: WireError.self) { _ = try PreKeyBundle(array: endless) }
    }

    @Test("KD-8 a certificate of another account and a signature of another device are refused")
    func signatures() throws {
        let fixture = Fixture()
        let other = Fixture(seed: 2)
        var contents = fixture.bundleContents()
        contents.account = other.account.publicKey
        let foreignAccount = PreKeyBundle(contents, signedBy: fixture.device)
        #expect(throws: SignatureProblem.certificate(deviceID: 1)) {
            _ = try foreignAccount.verify()
        }
        let foreignDevice = PreKeyBundle(fixture.bundleContents(), signedBy: other.device)
        #expect(throws: SignatureProblem.device) { _ = try foreignDevice.verify() }
        let accountSigned = PreKeyBundle(fixture.bundleContents(), signedBy: fixture.account)
        #expect(throws: SignatureProblem.device) { _ = try accountSigned.verify() }
    }

    @Test("KD-9 a bundle belongs to a record with its account and device, renewed or not")
    func record() throws {
        let fixture = Fixture()
        let other = Fixture(seed: 2)
        let bundle = fixture.bundle
        #expect(bundle.matches(fixture.record))
        #expect(!bundle.matches(other.record))
        var contents = fixture.recordContents(number: 2)
        contents.certificates = [
            DeviceCertificate(
                identity: fixture.deviceIdentity, expiry: Hours(1_000_000),
                signedBy: fixture.account)
        ]
        #expect(bundle.matches(Record(contents, signedBy: fixture.account)))
        contents.certificates = [fixture.certificate(deviceID: 2)]
        #expect(!bundle.matches(Record(contents, signedBy: fixture.account)))
        // The same device, certified by another account.
        var theirs = other.recordContents()
        theirs.certificates = [
            DeviceCertificate(
                identity: fixture.deviceIdentity, expiry: Hours(1_000_000), signedBy: other.account)
        ]
        #expect(!bundle.matches(Record(theirs, signedBy: other.account)))
    }

    @Test("KD-10 A12 expired by 48 hours and one second is refused, and so is as much too early")
    func window() throws {
        let bundle = Fixture().bundle
        let begin = bundle.contents.window.from.secondsSince1970
        let end = bundle.contents.window.expiry.secondsSince1970
        let skew: Int64 = 48 * 3600
        for (now, problem) in [
            (begin - skew - 1, ValidityWindow.Problem.notYet), (begin - skew, nil), (begin, nil),
            (end, nil), (end + skew, nil), (end + skew + 1, .expired), (Int64.max, .expired),
            (Int64.min, .notYet),
        ] {
            if let problem {
                #expect(throws: problem) {
                    try bundle.checkWindow(secondsSince1970: now, use: .directory)
                }
            } else {
                try bundle.checkWindow(secondsSince1970: now, use: .directory)
            }
        }
        // A12: a clock off by anything up to the allowance reads a bundle in its middle.
        let middle = begin + (end - begin) / 2
        for hours in Int64(-48)...48 {
            try bundle.checkWindow(secondsSince1970: middle + hours * 3600, use: .directory)
        }
    }

    @Test("KD-10 a window of 168 hours is taken, 169 only in an invite, 721 nowhere, none nowhere")
    func windowLength() throws {
        let fixture = Fixture()
        for (hours, directory, invite) in [
            (UInt32(0), false, false), (1, true, true), (168, true, true), (169, false, true),
            (720, false, true), (721, false, false),
        ] {
            let bundle = PreKeyBundle(
                fixture.bundleContents(windowHours: hours), signedBy: fixture.device)
            for (use, taken) in [(PreKeyBundle.Use.directory, directory), (.invite, invite)] {
                let problem = ValidityWindow.Problem.length(
                    hours: Int64(hours), limit: use.windowHoursMax)
                if taken {
                    try bundle.checkWindow(secondsSince1970: Fixture.now, use: use)
                } else {
                    #expect(throws: problem) {
                        try bundle.checkWindow(secondsSince1970: Fixture.now, use: use)
                    }
                }
            }
        }
    }

    @Test("KD-11 A11 a bundle from which the KEM prekey, a count or a root was taken is refused")
    func stripped() throws {
        let fixture = Fixture()
        let bytes = fixture.bundle.bytes
        func without(_ range: Range<Int>) -> [UInt8] {
            var copy = bytes
            for index in range { copy[index] = 0 }
            return copy
        }
        let noID = WireError.outOfRange(value: 0, minimum: 1, maximum: UInt64(UInt32.max))
        #expect(throws: noID) { _ = try PreKeyBundle(array: without(294..<298)) }
        #expect(throws: noID) { _ = try PreKeyBundle(array: without(294..<1482)) }
        #expect(throws: noID) { _ = try PreKeyBundle(array: without(261..<1482)) }
        #expect(throws: WireError.badKey(offset: 298)) {
            _ = try PreKeyBundle(array: without(298..<1482))
        }
        #expect(throws: WireError.notZero(offset: 262)) {
            _ = try PreKeyBundle(array: without(261..<262))
        }
        // What parses without its trees is not what was signed.
        for range in [228..<261, 261..<294, 262..<294] {
            let bundle = try PreKeyBundle(array: without(range))
            #expect(throws: SignatureProblem.device) { _ = try bundle.verify() }
        }
    }

    @Test("KD-11 PR-11 a KEM key with a coefficient of 3,329 is refused at each of its places")
    func modulus() throws {
        let bytes = Fixture().bundle.bytes
        for triple in stride(from: 0, to: 1152, by: 3) {
            for isSecond in [false, true] {
                var bad = bytes
                let place = 298 + triple
                if isSecond {
                    bad[place + 1] = bad[place + 1] & 0x0f | 0x10
                    bad[place + 2] = 0xd0
                } else {
                    bad[place] = 0x01
                    bad[place + 1] = bad[place + 1] & 0xf0 | 0x0d
                }
                #expect(throws: WireError.badKey(offset: 298)) {
                    _ = try PreKeyBundle(array: bad)
                }
            }
        }
    }

    @Test("KD-7 33 KEM prekeys are refused; an issued one of 1,350 bytes comes back as written")
    func issuedKEM() throws {
        var tooMany = Fixture().bundle.bytes
        tooMany[261] = 33
        #expect(throws: WireError.outOfRange(value: 33, minimum: 0, maximum: 32)) {
            _ = try PreKeyBundle(array: tooMany)
        }
        let fixture = Fixture(kemPreKeyCount: 32)
        for index in 0..<32 {
            let issued = IssuedKEMPreKey(index, of: fixture.kemPreKeys)
            #expect(issued.belongs(to: fixture.bundle))
            let bytes = Frames.write { IssuedKEMPreKey.encode(issued, into: &$0) }
            #expect(bytes.count == 1350)
            #expect(try IssuedKEMPreKey.optional(array: bytes) == issued)
        }
        let none = [UInt8](repeating: 0, count: 1350)
        #expect(try IssuedKEMPreKey.optional(array: none) == nil)
        for index in [4, 1187, 1188, 1349] {
            #expect(throws: WireError.notZero(offset: index)) {
                _ = try IssuedKEMPreKey.optional(array: none.flipping(index))
            }
        }
        // No changed byte belongs to the bundle.
        let issued = Frames.write {
            IssuedKEMPreKey.encode(IssuedKEMPreKey(5, of: fixture.kemPreKeys), into: &$0)
        }
        for index in issued.indices {
            let bad = (try? IssuedKEMPreKey.optional(array: issued.flipping(index))) ?? nil
            #expect(bad?.belongs(to: fixture.bundle) != true, "byte \(index)")
        }
    }

    @Test("KD-8 33 one-time prekeys, id 0 and a root without keys are refused")
    func bounds() {
        let bytes = Fixture().bundle.bytes
        var tooMany = bytes
        tooMany[228] = 33
        #expect(throws: WireError.outOfRange(value: 33, minimum: 0, maximum: 32)) {
            _ = try PreKeyBundle(array: tooMany)
        }
        var noKEM = bytes
        noKEM[261] = 0
        #expect(throws: WireError.self) { _ = try PreKeyBundle(array: noKEM) }
        var noKeys = bytes
        noKeys[228] = 0
        #expect(throws: WireError.self) { _ = try PreKeyBundle(array: noKeys) }
        for (range, label) in [(4..<12, "bundle number"), (192..<196, "signed prekey id")] {
            var zero = bytes
            for index in range { zero[index] = 0 }
            #expect(throws: WireError.self, "\(label)") { _ = try PreKeyBundle(array: zero) }
        }
    }

    @Test("WI-6 A14 every second encoding of the signed prekey, device key place or contact server")
    func aliases() {
        let bytes = Fixture().bundle.bytes
        for alias in Alias.x25519 {
            for offset in [56, 196, 1482] {
                var bad = bytes
                bad.replaceSubrange(offset..<(offset + 32), with: alias.array)
                #expect(throws: WireError.badKey(offset: offset)) {
                    _ = try PreKeyBundle(array: bad)
                }
            }
        }
    }

    @Test("KD-9 KD-7 fetched prekeys are taken for the record and device asked for only")
    func fetched() throws {
        let fixture = Fixture()
        let other = Fixture(seed: 2)
        let record = try fixture.record.verify()
        let fetched = FetchedPreKeys(
            bundle: fixture.bundle, oneTime: IssuedPreKey(7, of: fixture.preKeys),
            oneTimeKEM: IssuedKEMPreKey(3, of: fixture.kemPreKeys))
        #expect(fetched.kemPreKey == fixture.kemPreKeys[3])
        for deviceID: UInt32 in [0, 1] {
            #expect(
                try fetched.verify(
                    for: record, deviceID: deviceID, secondsSince1970: Fixture.now
                ).value == fetched)
        }
        func problem(
            _ fetched: FetchedPreKeys, _ record: Verified<Record>, device: UInt32 = 0,
            now: Int64 = Fixture.now
        ) -> FetchedPreKeys.Problem? {
            do throws(FetchedPreKeys.Problem) {
                _ = try fetched.verify(for: record, deviceID: device, secondsSince1970: now)
                return nil
            } catch {
                return error
            }
        }
        #expect(problem(fetched, record, device: 2) == .mismatch)
        #expect(problem(fetched, try other.record.verify()) == .mismatch)
        #expect(problem(fetched, record, now: .max) == .window(.expired))
        let mixed = FetchedPreKeys(
            bundle: fixture.bundle, oneTime: IssuedPreKey(7, of: other.preKeys), oneTimeKEM: nil)
        #expect(problem(mixed, record) == .oneTimePreKey)
        // A KEM key of another tree: one key of five fewer.
        let fewer = Array(fixture.kemPreKeys.dropLast())
        let mixedKEM = FetchedPreKeys(
            bundle: fixture.bundle, oneTime: nil, oneTimeKEM: IssuedKEMPreKey(3, of: fewer))
        #expect(problem(mixedKEM, record) == .oneTimePreKey)
        let unsigned = FetchedPreKeys(
            bundle: PreKeyBundle(fixture.bundleContents(), signedBy: other.device), oneTime: nil,
            oneTimeKEM: nil)
        #expect(problem(unsigned, record) == .signature(.device))
        var contents = fixture.bundleContents()
        contents.extensions = TaggedFields([TaggedFields.Field(tag: 0x8002, value: [])])
        let newer = FetchedPreKeys(
            bundle: PreKeyBundle(contents, signedBy: fixture.device), oneTime: nil,
            oneTimeKEM: nil)
        #expect(problem(newer, record) == .unknownCritical(tag: 0x8002))
        let alone = FetchedPreKeys(bundle: fixture.bundle, oneTime: nil, oneTimeKEM: nil)
        #expect(problem(alone, record) == nil)
        #expect(alone.kemPreKey == fixture.kem)
    }
}
