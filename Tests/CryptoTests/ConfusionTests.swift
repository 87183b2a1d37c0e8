import Primitives
import Testing
import Wire

@testable import Crypto

@Suite("No key and no object in the place of another (SPEC §2.2, §9.4, §9.5, §6.7)")
struct ConfusionTests {
    /// All that a person has given to others to begin a session with.
    private struct Given {
        let record: [UInt8]
        var bundle: [UInt8]
        var issued: [UInt8]
        var issuedKEM: [UInt8]
        var recovery: [UInt8]
        let deviceKey: Ed25519PublicKey
        /// Every public key of every kind, by its place.
        let keys: [(slot: Slot, bytes: [UInt8])]

        /// Whether everything is taken, as an initiator takes it.
        var isTaken: Bool {
            guard let record = try? Record(parsing: record.raw).verify(),
                let bundle = try? PreKeyBundle(parsing: bundle.raw),
                let recovery = try? RecoveryBundle(parsing: recovery.raw),
                recovery.isValid(by: deviceKey)
            else { return false }
            var reader = Reader(issued.raw)
            var readerKEM = Reader(issuedKEM.raw)
            guard let oneTime = try? IssuedPreKey.optional(from: &reader),
                let oneTimeKEM = try? IssuedKEMPreKey.optional(from: &readerKEM)
            else { return false }
            let fetched = FetchedPreKeys(
                bundle: bundle, oneTime: oneTime, oneTimeKEM: oneTimeKEM)
            return
                (try? fetched.verify(
                    for: record, deviceID: 0, secondsSince1970: Person.now)) != nil
        }

        func putting(_ bytes: [UInt8], into slot: Slot) -> Given {
            var copy = self
            let size = slot.range.count
            let fitted = Array((bytes + [UInt8](repeating: 0, count: size)).prefix(size))
            copy[keyPath: slot.object].replaceSubrange(slot.range, with: fitted)
            return copy
        }
    }

    private enum Slot: CaseIterable {
        case account, identity, device, signed, lastResort, oneTime, oneTimeKEM
        case recovery, recoveryKEM

        var range: Range<Int> {
            switch self {
            case .account: 20..<52
            case .identity: 56..<88
            case .device: 88..<120
            case .signed: 196..<228
            case .lastResort: 298..<1482
            case .oneTime: 4..<36
            case .oneTimeKEM: 4..<1188
            case .recovery: 4..<36
            case .recoveryKEM: 40..<1224
            }
        }

        var object: WritableKeyPath<Given, [UInt8]> {
            switch self {
            case .account, .identity, .device, .signed, .lastResort: \.bundle
            case .oneTime: \.issued
            case .oneTimeKEM: \.issuedKEM
            case .recovery, .recoveryKEM: \.recovery
            }
        }
    }

    private func given() throws -> Given {
        var random = SeededRandom(66)
        let person = try Person("bob", seed: 2)
        let oneTime = OneTimePreKey(id: 5, key: X25519KeyPair.generate(from: &random).publicKey)
        let recoveryKey = X25519KeyPair.generate(from: &random).publicKey
        let oneTimeKEM = KEMPreKey(id: 6, key: MLKEM768KeyPair.generate(from: &random).publicKey)
        let recoveryKEM = KEMPreKey(id: 7, key: MLKEM768KeyPair.generate(from: &random).publicKey)
        let from = Hours(secondsSince1970: Person.now)
        let bundle = PreKeyBundle(
            PreKeyBundle.Contents(
                number: 1, window: ValidityWindow(from: from, expiry: from.advanced(byHours: 168)),
                account: person.account.publicKey, certificate: person.certificate,
                signedPreKeyID: 4, signedPreKey: person.signedPreKey.publicKey,
                oneTimePreKeys: [oneTime], lastResortKEM: person.lastResortKEM,
                oneTimeKEMPreKeys: [oneTimeKEM],
                contact: PreKeyBundle.Contact(server: person.server, mailbox: .zero)),
            signedBy: person.device)
        let record = Record(
            Record.Contents(
                number: 1, handle: try Handle("bob"), account: person.account.publicKey,
                recoveryHash: .zero, certificates: [person.certificate]),
            signedBy: person.account)
        var issued = Writer()
        IssuedPreKey.encode(IssuedPreKey(0, of: [oneTime]), into: &issued)
        var issuedKEM = Writer()
        IssuedKEMPreKey.encode(IssuedKEMPreKey(0, of: [oneTimeKEM]), into: &issuedKEM)
        let recovery = RecoveryBundle(
            signedPreKeyID: 3, signedPreKey: recoveryKey, kemPreKey: recoveryKEM,
            madeHours: Person.hours, signedBy: person.device)
        return Given(
            record: record.bytes, bundle: bundle.bytes, issued: issued.bytes,
            issuedKEM: issuedKEM.bytes, recovery: recovery.bytes,
            deviceKey: person.device.publicKey,
            keys: [
                (.account, person.account.publicKey.bytes.array),
                (.identity, person.identity.publicKey.bytes.array),
                (.device, person.device.publicKey.bytes.array),
                (.signed, person.signedPreKey.publicKey.bytes.array),
                (.lastResort, person.lastResortKEM.key.bytes.array),
                (.oneTime, oneTime.key.bytes.array), (.oneTimeKEM, oneTimeKEM.key.bytes.array),
                (.recovery, recoveryKey.bytes.array), (.recoveryKEM, recoveryKEM.key.bytes.array),
            ])
    }

    @Test("WI-7 A6 every key of every kind in every place: exactly the diagonal is taken")
    func keys() throws {
        let given = try given()
        #expect(given.isTaken)
        #expect(given.keys.count == Slot.allCases.count)
        for slot in Slot.allCases {
            for key in given.keys {
                #expect(
                    given.putting(key.bytes, into: slot).isTaken == (key.slot == slot),
                    "\(key.slot) in \(slot)")
            }
        }
    }

    @Test(
        "KD-7 KD-11 A6 a one-time KEM prekey is no last resort, nor the other way, with its id or not"
    )
    func kemKinds() throws {
        let given = try given()
        let lastResort = Array(given.bundle[294..<1482])
        let oneTime = Array(given.issuedKEM[0..<1188])
        let recovery = Array(given.recovery[36..<1224])
        for other in [oneTime, recovery] {
            var swapped = given
            swapped.bundle.replaceSubrange(294..<1482, with: other)
            #expect(!swapped.isTaken)
        }
        for other in [lastResort, recovery] {
            var swapped = given
            swapped.issuedKEM.replaceSubrange(0..<1188, with: other)
            #expect(!swapped.isTaken)
        }
        for other in [lastResort, oneTime] {
            var swapped = given
            swapped.recovery.replaceSubrange(36..<1224, with: other)
            #expect(!swapped.isTaken)
        }
    }

    @Test(
        "WI-7 A6 each object in each parser, cut or filled up to fit: exactly the diagonal is taken"
    )
    func objects() throws {
        let given = try given()
        let certificate = Array(given.bundle[52..<192])
        let person = try Person("bob", seed: 2)
        let objects: [(name: String, bytes: [UInt8], isTaken: ([UInt8]) -> Bool)] = [
            (
                "certificate", certificate,
                {
                    (try? DeviceCertificate(parsing: $0.raw))?
                        .isValid(under: person.account.publicKey) == true
                }
            ),
            ("record", given.record, { (try? Record(parsing: $0.raw).verify()) != nil }),
            ("bundle", given.bundle, { (try? PreKeyBundle(parsing: $0.raw).verify()) != nil }),
            (
                "recovery bundle", given.recovery,
                {
                    (try? RecoveryBundle(parsing: $0.raw))?.isValid(by: given.deviceKey) == true
                }
            ),
            (
                "issued", given.issued,
                { bytes in
                    var copy = given
                    copy.issued = bytes
                    return bytes.count == 198 && copy.isTaken
                }
            ),
            (
                "issued KEM", given.issuedKEM,
                { bytes in
                    var copy = given
                    copy.issuedKEM = bytes
                    return bytes.count == 1350 && copy.isTaken
                }
            ),
        ]
        for place in objects {
            for object in objects {
                let size = place.bytes.count
                let zeros = [UInt8](repeating: 0, count: size)
                let fitted = Array((object.bytes + zeros).prefix(size))
                let isOwn = place.name == object.name
                #expect(place.isTaken(object.bytes) == isOwn, "\(object.name) in \(place.name)")
                #expect(place.isTaken(fitted) == isOwn, "\(object.name) in \(place.name), fitted")
            }
        }
    }

    @Test("WI-7 A6 one signing key in every role: each signature is taken in its own object only")
    func signatures() throws {
        var random = SeededRandom(67)
        let key = Ed25519KeyPair.generate(from: &random)
        let person = try Person("bob", seed: 2)
        let identity = DeviceIdentity(
            deviceID: 7, identityKey: person.identity.publicKey, deviceKey: key.publicKey)
        let from = Hours(secondsSince1970: Person.now)
        let certificate = DeviceCertificate(
            identity: identity, expiry: from.advanced(byHours: 9600), signedBy: key)
        let bundle = PreKeyBundle(
            PreKeyBundle.Contents(
                number: 1, window: ValidityWindow(from: from, expiry: from.advanced(byHours: 168)),
                account: key.publicKey, certificate: certificate, signedPreKeyID: 4,
                signedPreKey: person.signedPreKey.publicKey, oneTimePreKeys: [],
                lastResortKEM: person.lastResortKEM, oneTimeKEMPreKeys: [],
                contact: PreKeyBundle.Contact(server: person.server, mailbox: .zero)),
            signedBy: key)
        let record = Record(
            Record.Contents(
                number: 1, handle: try Handle("bob"), account: key.publicKey, recoveryHash: .zero,
                certificates: [certificate]), signedBy: key)
        let recovery = RecoveryBundle(
            signedPreKeyID: 3, signedPreKey: person.signedPreKey.publicKey,
            kemPreKey: person.lastResortKEM, madeHours: Person.hours, signedBy: key)
        let publicKey = key.publicKey
        let objects: [(bytes: [UInt8], place: Int, isTaken: ([UInt8]) -> Bool)] = [
            (
                certificate.bytes, 76,
                { (try? DeviceCertificate(parsing: $0.raw))?.isValid(under: publicKey) == true }
            ),
            (record.bytes, 389, { (try? Record(parsing: $0.raw).verify()) != nil }),
            (
                bundle.bytes, bundle.bytes.count - 64,
                { (try? PreKeyBundle(parsing: $0.raw).verify()) != nil }
            ),
            (
                recovery.bytes, 1228,
                { (try? RecoveryBundle(parsing: $0.raw))?.isValid(by: publicKey) == true }
            ),
        ]
        for (index, place) in objects.enumerated() {
            for (other, object) in objects.enumerated() {
                var bytes = place.bytes
                bytes.replaceSubrange(
                    place.place..<place.place + 64,
                    with: object.bytes[object.place..<object.place + 64])
                #expect(place.isTaken(bytes) == (index == other), "\(other) in \(index)")
            }
        }
    }
}
