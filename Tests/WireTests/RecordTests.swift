import Primitives
import Testing
import Wire

@Suite("§9.3 record")
struct RecordTests {
    @Test("KD-3 a record has 2,048 bytes whatever it holds, and comes back as written (E10)")
    func roundTrip() throws {
        let fixture = Fixture()
        for (count, extensionByteCount) in [(1, 0), (8, 0), (1, 512), (8, 512)] {
            var contents = fixture.recordContents(number: .max)
            contents.certificates = (1...UInt32(count)).map { fixture.certificate(deviceID: $0) }
            contents.capabilities = 0x0102_0304_0506_0708
            contents.movedTo = Record.Person(
                server: Fixture.server(host: "[2001:db8::1]:99"), handle: Fixture.handle("bob"))
            if extensionByteCount > 0 {
                contents.extensions = TaggedFields([
                    TaggedFields.Field(
                        tag: 3, value: [UInt8](repeating: 9, count: extensionByteCount - 4))
                ])
            }
            let plain = Record(contents, signedBy: fixture.account)
            let recovered = Record(
                contents, signedBy: fixture.account, recoveredBy: fixture.recovery)
            for record in [plain, recovered] {
                #expect(record.bytes.count == Record.byteCount)
                let parsed = try Record(array: record.bytes)
                #expect(parsed == record)
                #expect(try parsed.verify().value == record)
            }
            #expect(recovered.recoveryProof?.key == fixture.recovery.publicKey)
        }
    }

    @Test("KD-3 no changed byte of a record passes, with a recovery proof or without")
    func flips() throws {
        let fixture = Fixture()
        let records = [
            fixture.record,
            Record(
                fixture.recordContents(), signedBy: fixture.account,
                recoveredBy: fixture.recovery),
        ]
        for record in records {
            for index in record.bytes.indices {
                let bad = try? Record(array: record.bytes.flipping(index)).verify()
                #expect(bad == nil, "byte \(index)")
            }
        }
    }

    @Test("WI-1 no shorter or longer encoding of a record parses")
    func size() {
        let bytes = Fixture().record.bytes
        for count in [0, 1, 245, 500, 2047] {
            #expect(throws: WireError.self) { _ = try Record(array: Array(bytes[..<count])) }
        }
        #expect(throws: WireError.self) { _ = try Record(array: (bytes + [0])) }
    }

    @Test("KD-3 another type or format is named as such")
    func head() {
        let bytes = Fixture().record.bytes
        for type: UInt8 in [0, 1, 3, 4, 5, 6, 255] {
            #expect(throws: WireError.otherType(found: type, expected: 2)) {
                _ = try Record(array: ([type] + bytes.dropFirst()))
            }
        }
        for format: UInt8 in [0, 2, 255] {
            #expect(throws: WireError.unknownFormat(format)) {
                _ = try Record(array: ([2, format] + bytes.dropFirst(2)))
            }
        }
    }

    @Test("KD-3 no devices, nine devices and one device twice are refused")
    func devices() {
        let bytes = Fixture().record.bytes
        for count: UInt8 in [0, 9, 255] {
            var bad = bytes
            bad[245] = count
            #expect(
                throws: WireError.outOfRange(value: UInt64(count), minimum: 1, maximum: 8)
            ) { _ = try Record(array: bad) }
        }
        var twice = Array(bytes[..<386])
        twice[245] = 2
        twice += bytes[246..<386]
        twice += [UInt8](repeating: 0, count: 2048 - twice.count)
        #expect(throws: WireError.duplicateID(1)) { _ = try Record(array: twice) }
    }

    @Test("KD-3 extensions of 513 bytes are refused by their length alone")
    func extensionLength() {
        var bytes = Fixture().record.bytes
        bytes[386] = 2
        bytes[387] = 1
        #expect(throws: WireError.outOfRange(value: 513, minimum: 0, maximum: 512)) {
            _ = try Record(array: bytes)
        }
    }

    @Test("KD-1 a device certified by another account is refused, though the account has signed")
    func foreignDevice() throws {
        let fixture = Fixture()
        let other = Fixture(seed: 2)
        var contents = fixture.recordContents()
        contents.certificates = [fixture.certificate, other.certificate(deviceID: 2)]
        let record = Record(contents, signedBy: fixture.account)
        #expect(throws: SignatureProblem.certificate(deviceID: 2)) { _ = try record.verify() }
    }

    @Test("KD-3 A3 another person's key in a record of one's own is refused, recovery proof or not")
    func foreignAccount() throws {
        let victim = Fixture()
        let mallory = Fixture(seed: 2)
        // Mallory's handle, the victim's account key and devices, Mallory's signatures.
        let contents = victim.recordContents(handle: "mallory")
        let plain = Record(contents, signedBy: mallory.account)
        #expect(throws: SignatureProblem.account) { _ = try plain.verify() }
        let recovered = Record(contents, signedBy: mallory.account, recoveredBy: mallory.recovery)
        #expect(throws: SignatureProblem.account) { _ = try recovered.verify() }
    }

    @Test("KD-3 a recovery proof by another key than it shows is refused")
    func foreignProof() throws {
        let fixture = Fixture()
        let other = Fixture(seed: 2)
        let good = Record(
            fixture.recordContents(), signedBy: fixture.account, recoveredBy: fixture.recovery)
        // The key of one proof over the signature of another, signed again by the account.
        var body = Array(good.bytes[..<388])
        body += [1] + other.recovery.publicKey.bytes.array
        body += try #require(good.recoveryProof).signature.array
        let message = "postern/1 account record".utf8Array + body
        body += fixture.account.sign(message.raw).array
        body += [UInt8](repeating: 0, count: 2048 - body.count)
        #expect(throws: SignatureProblem.recovery) { _ = try Record(array: body).verify() }
    }

    @Test("KD-6 an unknown critical extension is refused, another one is covered and skipped")
    func extensions() throws {
        let fixture = Fixture()
        var contents = fixture.recordContents()
        contents.extensions = TaggedFields([TaggedFields.Field(tag: 0x7000, value: [1, 2])])
        let skipped = Record(contents, signedBy: fixture.account)
        try skipped.verify().value.refuseUnknownCritical()
        contents.extensions = TaggedFields([TaggedFields.Field(tag: 0xf000, value: [1, 2])])
        let critical = Record(contents, signedBy: fixture.account)
        #expect(throws: WireError.unknownCritical(tag: 0xf000)) {
            try critical.verify().value.refuseUnknownCritical()
        }
    }

    @Test(
        "WI-3 a record that names a server moved to names a handle there, and the other way round")
    func moved() {
        let bytes = Fixture().record.bytes
        var onlyHandle = bytes
        onlyHandle.replaceSubrange(204..<208, with: [3] + "bob".utf8Array)
        #expect(throws: WireError.notZero(offset: 204)) { _ = try Record(array: onlyHandle) }
        var writer = Writer()
        ServerAddress.encode(Fixture.server(), into: &writer)
        var onlyServer = bytes
        onlyServer.replaceSubrange(107..<204, with: writer.bytes)
        #expect(throws: WireError.badHandle) { _ = try Record(array: onlyServer) }
    }
}

@Suite("§9.3 succession of records")
struct SuccessionTests {
    private func verified(
        _ contents: Record.Contents, _ account: borrowing Ed25519KeyPair
    ) throws -> Verified<Record> {
        try Record(contents, signedBy: account).verify()
    }

    @Test(
        "KD-4 the same bytes are no new version, a greater number is, an equal or lower is refused")
    func numbers() throws {
        let fixture = Fixture()
        let five = try verified(fixture.recordContents(number: 5), fixture.account)
        #expect(try five.succession(after: five.value) == .same)
        let six = try verified(fixture.recordContents(number: 6), fixture.account)
        #expect(try six.succession(after: five.value) == .newer)
        #expect(throws: SuccessionProblem.number(found: 5, after: 6)) {
            _ = try five.succession(after: six.value)
        }
        var changed = fixture.recordContents(number: 5)
        changed.capabilities = 1
        let otherFive = try verified(changed, fixture.account)
        #expect(throws: SuccessionProblem.number(found: 5, after: 5)) {
            _ = try otherFive.succession(after: five.value)
        }
    }

    @Test("KD-4 a record of another handle follows nothing")
    func handle() throws {
        let fixture = Fixture()
        let one = try verified(fixture.recordContents(number: 1), fixture.account)
        let other = try verified(fixture.recordContents(number: 2, handle: "bob"), fixture.account)
        #expect(throws: SuccessionProblem.otherHandle) {
            _ = try other.succession(after: one.value)
        }
    }

    @Test("KD-5 another account key needs the proof of the recovery key named before")
    func accountChange() throws {
        let old = Fixture()
        let new = Fixture(seed: 2)
        let before = try verified(old.recordContents(number: 1), old.account)
        var contents = new.recordContents(number: 2)
        let unproven = try verified(contents, new.account)
        #expect(throws: SuccessionProblem.noRecoveryProof) {
            _ = try unproven.succession(after: before.value)
        }
        let wrong = try Record(contents, signedBy: new.account, recoveredBy: new.recovery).verify()
        #expect(throws: SuccessionProblem.otherRecoveryKey) {
            _ = try wrong.succession(after: before.value)
        }
        let right = try Record(contents, signedBy: new.account, recoveredBy: old.recovery).verify()
        #expect(try right.succession(after: before.value) == .recovered)
        contents.number = 1
        let late = try Record(contents, signedBy: new.account, recoveredBy: old.recovery).verify()
        #expect(throws: SuccessionProblem.number(found: 1, after: 1)) {
            _ = try late.succession(after: before.value)
        }
    }

    @Test("KD-5 the account key alone cannot name another recovery key")
    func recoveryChange() throws {
        let fixture = Fixture()
        let other = Fixture(seed: 2)
        let before = try verified(fixture.recordContents(number: 1), fixture.account)
        var contents = fixture.recordContents(number: 2)
        contents.recoveryHash = Record.recoveryHash(of: other.recovery.publicKey)
        let alone = try verified(contents, fixture.account)
        #expect(throws: SuccessionProblem.noRecoveryProof) {
            _ = try alone.succession(after: before.value)
        }
        let selfMade = try Record(contents, signedBy: fixture.account, recoveredBy: other.recovery)
            .verify()
        #expect(throws: SuccessionProblem.otherRecoveryKey) {
            _ = try selfMade.succession(after: before.value)
        }
        let agreed = try Record(
            contents, signedBy: fixture.account, recoveredBy: fixture.recovery
        ).verify()
        #expect(try agreed.succession(after: before.value) == .newer)
    }

    @Test("KD-5 a proof by a key that nobody named is refused even where none was needed")
    func needlessProof() throws {
        let fixture = Fixture()
        let other = Fixture(seed: 2)
        let before = try verified(fixture.recordContents(number: 1), fixture.account)
        let after = try Record(
            fixture.recordContents(number: 2), signedBy: fixture.account,
            recoveredBy: other.recovery
        ).verify()
        #expect(throws: SuccessionProblem.otherRecoveryKey) {
            _ = try after.succession(after: before.value)
        }
    }
}
