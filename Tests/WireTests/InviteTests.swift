import Primitives
import Testing
import Wire

@Suite("§9.6 invite")
struct InviteTests {
    private func open(_ blob: [UInt8], _ key: LinkKey) throws(InviteError) -> Invite {
        try Invite.open(blob.raw, with: key)
    }

    /// Seals any plaintext as an invite under its own hash, as a hostile maker could.
    private func seal(_ plaintext: [UInt8], under key: LinkKey? = nil) -> (LinkKey, [UInt8]) {
        var hash = SHA256()
        hash.update("postern/1 invite".utf8Array.raw)
        hash.update(plaintext.raw)
        let linkKey = key ?? LinkKey(hash.finish())
        let blobKey = HKDFSHA256.derive(
            from: SecretBytes(copying: linkKey.bytes.raw), salt: RawSpan(),
            info: "postern/1 link blob key".utf8Array.raw, byteCount: 32)
        return (linkKey, ChaChaPoly.seal(plaintext.raw, key: blobKey, nonce: .zero))
    }

    @Test("KD-12 an invite seals into 8,192 bytes and opens under its link key to the same invite")
    func roundTrip() throws {
        for (handle, preKeyCount) in [("alice", 20), ("alice", 0), (nil, 1)] as [(String?, Int)] {
            let fixture = Fixture(preKeyCount: preKeyCount)
            let record = Record(fixture.recordContents(handle: handle), signedBy: fixture.account)
            let bundle = PreKeyBundle(
                fixture.bundleContents(windowHours: 720), signedBy: fixture.device)
            let invite = Invite(
                random: .zero, record: try record.verify(),
                oneTime: preKeyCount == 0 ? nil : IssuedPreKey(0, of: fixture.preKeys),
                oneTimeKEM: preKeyCount == 1 ? nil : IssuedKEMPreKey(4, of: fixture.kemPreKeys),
                bundle: try bundle.verify())
            #expect(invite.encoded.count == Invite.plaintextByteCount)
            let sealed = invite.seal()
            #expect(sealed.blob.count == Invite.blobByteCount)
            #expect(sealed.blobID == sealed.linkKey.blobID)
            #expect(sealed.blobID != sealed.linkKey.bytes)
            let opened = try open(sealed.blob, sealed.linkKey)
            #expect(opened == invite)
            let verified = try opened.verify(secondsSince1970: Fixture.now)
            #expect(verified.record.value == record)
            #expect(verified.preKeys.value.bundle == bundle)
            // The independent sealing of this test gives the same bytes.
            #expect(seal(invite.encoded).1 == sealed.blob)
        }
    }

    @Test("KD-12 two invites of equal content have different links; the record fits with 8 devices")
    func fresh() throws {
        let fixture = Fixture()
        var contents = fixture.recordContents()
        contents.certificates = (1...8).map { fixture.certificate(deviceID: $0) }
        let record = try Record(contents, signedBy: fixture.account).verify()
        let bundle = try fixture.bundle.verify()
        var other = FixedBytes<32>()
        other[0] = 1
        let one = Invite(
            random: .zero, record: record, oneTime: nil, oneTimeKEM: nil, bundle: bundle
        )
        .seal()
        let two = Invite(
            random: other, record: record, oneTime: nil, oneTimeKEM: nil, bundle: bundle
        )
        .seal()
        #expect(one.linkKey != two.linkKey)
        #expect(one.blobID != two.blobID)
    }

    @Test("KD-12 no changed byte of a blob opens, no other size is tried, no other link fits")
    func sealed() throws {
        let sealed = try Fixture().invite().seal()
        for index in stride(from: 0, to: sealed.blob.count, by: 61) {
            #expect(throws: InviteError.sealed) {
                _ = try open(sealed.blob.flipping(index), sealed.linkKey)
            }
        }
        for count in [0, 15, 8191] {
            #expect(throws: InviteError.size(byteCount: count)) {
                _ = try open(Array(sealed.blob[..<count]), sealed.linkKey)
            }
        }
        #expect(throws: InviteError.size(byteCount: 8193)) {
            _ = try open(sealed.blob + [0], sealed.linkKey)
        }
        for index in 0..<32 {
            var bytes = sealed.linkKey.bytes
            bytes[index] ^= 1
            #expect(throws: InviteError.sealed) { _ = try open(sealed.blob, LinkKey(bytes)) }
        }
    }

    @Test("KD-12 a blob swapped by who knows the link opens and is refused by its hash (B8)")
    func swapped() throws {
        let genuine = try Fixture().invite().seal()
        let forged = try Fixture(seed: 2).invite().encoded
        let (_, blob) = seal(forged, under: genuine.linkKey)
        #expect(throws: InviteError.otherInvite) { _ = try open(blob, genuine.linkKey) }
    }

    @Test("KD-13 reserved and unknown purposes are refused by number, whatever follows")
    func purpose() throws {
        for purpose: UInt8 in [1, 2, 3, 255] {
            let garbage = [UInt8](repeating: purpose, count: Invite.plaintextByteCount)
            let (key, blob) = seal(garbage)
            #expect(throws: InviteError.purpose(purpose)) { _ = try open(blob, key) }
        }
    }

    @Test("WI-3 padding and lengths of an invite are strict")
    func malformed() throws {
        let plaintext = try Fixture().invite().encoded
        let bundleEnd = 3631 + 1677
        for index in [3628, bundleEnd, Invite.plaintextByteCount - 1] {
            let (key, blob) = seal(plaintext.flipping(index))
            #expect(throws: InviteError.malformed(.notZero(offset: index))) {
                _ = try open(blob, key)
            }
        }
        for length: UInt16 in [0, 1676, 2190, 65535] {
            var bad = plaintext
            bad[3629] = UInt8(length >> 8)
            bad[3630] = UInt8(length & 255)
            let (key, blob) = seal(bad)
            #expect(throws: InviteError.self) { _ = try open(blob, key) }
        }
    }

    @Test("KD-14 no changed byte of record, prekey or bundle passes, even with the link remade")
    func flips() throws {
        let plaintext = try Fixture().invite().encoded
        for index in stride(from: 33, to: 3631 + 1677, by: 17) {
            let (key, blob) = seal(plaintext.flipping(index))
            let verified = try? open(blob, key).verify(secondsSince1970: Fixture.now)
            #expect(verified == nil, "byte \(index)")
        }
    }

    @Test("KD-14 parts of two people or two bundles are refused")
    func mixed() throws {
        let fixture = Fixture()
        let other = Fixture(seed: 2)
        let mine = try fixture.invite().encoded
        let theirs = try other.invite().encoded
        // Of the KEM prekey's place the key, or index and path: the two trees have keys in common.
        for range in [33..<2081, 2081..<2279, 2283..<3467, 3631..<(3631 + 1677)] {
            var mixed = mine
            mixed.replaceSubrange(range, with: theirs[range])
            let (key, blob) = seal(mixed)
            let invite = try open(blob, key)
            #expect(throws: InviteError.mismatch) {
                _ = try invite.verify(secondsSince1970: Fixture.now)
            }
        }
    }

    @Test("KD-14 A12 an invite ends with its bundle, and a critical extension is refused")
    func window() throws {
        let fixture = Fixture()
        let invite = try fixture.invite()
        let end = fixture.bundle.contents.window.expiry.secondsSince1970 + 48 * 3600
        _ = try invite.verify(secondsSince1970: end)
        #expect(throws: InviteError.window(.expired)) {
            _ = try invite.verify(secondsSince1970: end + 1)
        }
        var contents = fixture.recordContents()
        contents.extensions = TaggedFields([TaggedFields.Field(tag: 0x8000, value: [])])
        let newer = Invite(
            random: .zero, record: try Record(contents, signedBy: fixture.account).verify(),
            oneTime: nil, oneTimeKEM: nil, bundle: try fixture.bundle.verify())
        #expect(throws: InviteError.malformed(.unknownCritical(tag: 0x8000))) {
            _ = try newer.verify(secondsSince1970: Fixture.now)
        }
        var bundle = fixture.bundleContents()
        bundle.extensions = TaggedFields([TaggedFields.Field(tag: 0x8001, value: [])])
        let newerBundle = Invite(
            random: .zero, record: try fixture.record.verify(), oneTime: nil,
            oneTimeKEM: nil, bundle: try PreKeyBundle(bundle, signedBy: fixture.device).verify())
        #expect(throws: InviteError.malformed(.unknownCritical(tag: 0x8001))) {
            _ = try newerBundle.verify(secondsSince1970: Fixture.now)
        }
    }
}
