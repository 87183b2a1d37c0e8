import Primitives
import Testing
import Wire

@Suite("§9.2 device certificate")
struct CertificateTests {
    @Test("KD-1 a certificate has 140 bytes and verifies under the account key that signed it only")
    func account() throws {
        let fixture = Fixture()
        let certificate = fixture.certificate
        #expect(certificate.bytes.count == DeviceCertificate.byteCount)
        #expect(try DeviceCertificate(array: certificate.bytes) == certificate)
        #expect(certificate.isValid(under: fixture.account.publicKey))
        #expect(!certificate.isValid(under: fixture.recovery.publicKey))
        #expect(!certificate.isValid(under: fixture.device.publicKey))
        #expect(!certificate.isValid(under: Fixture(seed: 2).account.publicKey))
    }

    @Test("KD-1 no changed byte passes, no shorter or longer encoding parses")
    func flips() throws {
        let fixture = Fixture()
        let bytes = fixture.certificate.bytes
        for index in bytes.indices {
            for mask: UInt8 in [1, 0x80] {
                let bad = try? DeviceCertificate(array: bytes.flipping(index, by: mask))
                #expect(bad?.isValid(under: fixture.account.publicKey) != true)
            }
        }
        for count in 0..<bytes.count {
            #expect(throws: WireError.self) {
                _ = try DeviceCertificate(array: Array(bytes[..<count]))
            }
        }
        #expect(throws: WireError.trailing(byteCount: 1)) {
            _ = try DeviceCertificate(array: (bytes + [0]))
        }
    }

    @Test("KD-1 device id 0 is refused: it means the first device")
    func deviceID() {
        var bytes = Fixture().certificate.bytes
        bytes.replaceSubrange(0..<4, with: [0, 0, 0, 0])
        #expect(throws: WireError.outOfRange(value: 0, minimum: 1, maximum: UInt64(UInt32.max))) {
            _ = try DeviceCertificate(array: bytes)
        }
    }

    @Test("WI-6 A14 every second encoding of an identity key is refused")
    func aliases() {
        for alias in Alias.x25519 {
            var bytes = Fixture().certificate.bytes
            bytes.replaceSubrange(4..<36, with: alias.array)
            #expect(throws: WireError.badKey(offset: 4)) {
                _ = try DeviceCertificate(array: bytes)
            }
        }
    }

    @Test("KD-2 A12 a certificate lives until the second of its expiry")
    func expiry() {
        let certificate = Fixture().certificate
        let end = certificate.expiry.secondsSince1970
        #expect(certificate.isLive(secondsSince1970: Fixture.now))
        #expect(certificate.isLive(secondsSince1970: end - 1))
        #expect(!certificate.isLive(secondsSince1970: end))
        #expect(end - Fixture.now == 400 * 24 * 3600)
    }

    @Test("KD-2 an expired certificate keeps a record readable")
    func recordStaysReadable() throws {
        let fixture = Fixture()
        var contents = fixture.recordContents()
        contents.certificates = [
            DeviceCertificate(
                identity: fixture.deviceIdentity, expiry: Hours(1), signedBy: fixture.account)
        ]
        let record = Record(contents, signedBy: fixture.account)
        _ = try Record(array: record.bytes).verify()
    }

    @Test("a time is kept in whole hours and cut off at both ends")
    func hours() {
        #expect(Hours(secondsSince1970: 7199).count == 1)
        #expect(Hours(secondsSince1970: -5000).count == 0)
        #expect(Hours(secondsSince1970: .max).count == .max)
        #expect(Hours(.max).advanced(byHours: 1).count == .max)
        #expect(Hours(5).advanced(byHours: 2) == Hours(7))
    }
}
