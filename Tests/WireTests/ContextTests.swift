import Primitives
import Testing
import Wire

@Suite("§2.2 signed objects")
struct ContextTests {
    @Test("WI-7 A7 contexts are unique and no one is the beginning of another")
    func prefixFree() {
        let labels = Context.allCases.map { [UInt8](copying: $0.label.raw) }
        for (index, one) in labels.enumerated() {
            #expect(one.starts(with: "postern/1 ".utf8Array))
            for (other, two) in labels.enumerated() where index != other {
                #expect(!two.starts(with: one), "\(Context.allCases[index])")
            }
        }
        #expect(Set(ObjectType.allCases.map(\.rawValue)).count == ObjectType.allCases.count)
    }

    /// Every kind of signature this module knows, all made with one key pair that stands in every
    /// role: whatever keeps them apart must lie in the signed bytes.
    private struct Slot {
        let name: String
        let signature: Ed25519Signature
        /// Puts a signature into this slot of an otherwise good object and asks the real verifier.
        let accepts: (Ed25519Signature) -> Bool
    }

    private static func slots() throws -> [Slot] {
        var random = SeededRandom(9)
        let key = Ed25519KeyPair.generate(from: &random)
        let publicKey = key.publicKey
        let agreement = X25519KeyPair.generate(from: &random).publicKey
        let identity = DeviceIdentity(deviceID: 1, identityKey: agreement, deviceKey: publicKey)
        let certificate = DeviceCertificate(
            identity: identity, expiry: Hours(1_000_000), signedBy: key)
        var contents = Record.Contents(
            number: 1, handle: Fixture.handle(), account: publicKey,
            recoveryHash: Record.recoveryHash(of: publicKey), certificates: [certificate])
        let record = Record(contents, signedBy: key)
        contents.number = 2
        let recovered = Record(contents, signedBy: key, recoveredBy: key)
        let from = Hours(secondsSince1970: Fixture.now)
        let bundle = PreKeyBundle(
            PreKeyBundle.Contents(
                number: 1, window: ValidityWindow(from: from, expiry: from.advanced(byHours: 24)),
                account: publicKey, certificate: certificate, signedPreKeyID: 1,
                signedPreKey: agreement, oneTimePreKeys: [],
                lastResortKEM: KEMPreKey(id: 1, key: Fixture.kemKeys[0]), oneTimeKEMPreKeys: [],
                contact: PreKeyBundle.Contact(server: Fixture.server(), mailbox: .zero)),
            signedBy: key)
        let status = DirectorySignatures.preKeyStatus(
            handle: Fixture.handle(), deviceID: 1, handshakeHash: .zero)
        let release = DirectorySignatures.handleRelease(
            handle: Fixture.handle(), recordNumber: 1, handshakeHash: .zero)
        let attach = AttachRole.read.signedBytes(id: .zero, handshakeHash: .zero)
        let attachToWrite = AttachRole.write.signedBytes(id: .zero, handshakeHash: .zero)

        func replaced(_ bytes: [UInt8], _ offset: Int, _ signature: Ed25519Signature) -> [UInt8] {
            var copy = bytes
            copy.replaceSubrange(offset..<(offset + 64), with: signature.array)
            return copy
        }
        func slot(_ name: String, _ message: [UInt8]) -> Slot {
            Slot(name: name, signature: key.sign(message.raw)) {
                publicKey.isValid($0, for: message.raw)
            }
        }
        let proof = try #require(recovered.recoveryProof)
        // One certificate: the recovery proof's signature stands at 388 + 33, the record's own
        // at 389, or at 485 behind a proof.
        return [
            Slot(name: "certificate", signature: certificate.signature) {
                (try? DeviceCertificate(array: replaced(certificate.bytes, 76, $0)))?
                    .isValid(under: publicKey) == true
            },
            Slot(name: "record", signature: record.signature) {
                (try? Record(array: replaced(record.bytes, 389, $0)).verify()) != nil
            },
            Slot(name: "recovered record", signature: recovered.signature) {
                (try? Record(array: replaced(recovered.bytes, 485, $0)).verify()) != nil
            },
            Slot(name: "recovery proof", signature: proof.signature) {
                // The record is signed anew around the proof, so that only the proof can fail.
                var body = Array(replaced(recovered.bytes, 421, $0)[..<485])
                body += key.sign(("postern/1 account record".utf8Array + body).raw).array
                body += [UInt8](repeating: 0, count: 2048 - body.count)
                return (try? Record(array: body).verify()) != nil
            },
            Slot(name: "bundle", signature: bundle.signature) {
                (try? PreKeyBundle(array: replaced(bundle.bytes, 1613, $0)).verify()) != nil
            },
            slot("status", status), slot("release", release), slot("attach", attach),
            slot("attach to write", attachToWrite),
        ]
    }

    @Test("WI-7 A6 each signature is taken in its own slot and in no other, under one key for all")
    func matrix() throws {
        let slots = try Self.slots()
        for one in slots {
            for other in slots {
                #expect(
                    other.accepts(one.signature) == (one.name == other.name),
                    "\(one.name) in \(other.name)")
            }
        }
    }

    @Test("WI-7 A6 no whole object parses in the slot of another")
    func objects() throws {
        let fixture = Fixture()
        let objects = [
            fixture.certificate.bytes, fixture.record.bytes, fixture.bundle.bytes,
            try fixture.invite().encoded,
        ]
        for (index, bytes) in objects.enumerated() {
            for size in [bytes.count, 140, 1677, 2048] {
                let fitted = Array((bytes + [UInt8](repeating: 0, count: size))[..<size])
                #expect(((try? Record(array: fitted)) != nil) == (index == 1 && size == 2048))
                #expect(((try? PreKeyBundle(array: fitted)) != nil) == (index == 2 && size == 1677))
            }
        }
    }

    @Test("MB-1 MB-3 a mailbox id binds kind, number and order of its keys")
    func mailboxID() throws {
        var random = SeededRandom(3)
        let keys = (0..<3).map { _ in Ed25519KeyPair.generate(from: &random).publicKey }
        var ids: Set<MailboxID> = []
        for kind in MailboxKind.allCases {
            for count in 0...4 {
                let list = (0..<count).map { keys[$0 % 3] }
                let id = kind.mailboxID(keys: list)
                #expect((id != nil) == (count == kind.keyCount))
                if let id { ids.insert(id) }
            }
        }
        ids.insert(try #require(MailboxKind.chat.mailboxID(keys: [keys[1], keys[0]])))
        #expect(ids.count == 4)
        // Contact: read key and 32 zero bytes, by hand.
        let bytes = "postern/1 mailbox".utf8Array + [2] + keys[0].bytes.array
        let expected = SHA256.hash((bytes + [UInt8](repeating: 0, count: 32)).raw)
        #expect(MailboxKind.contact.mailboxID(keys: [keys[0]]) == expected)
    }

    @Test("MB-4 what an attach signs is context, role, id and handshake hash")
    func attach() {
        let id = SHA256.hash("id".utf8Array.raw)
        let hash = SHA256.hash("hash".utf8Array.raw)
        for role in AttachRole.allCases {
            #expect(
                role.signedBytes(id: id, handshakeHash: hash)
                    == "postern/1 attach".utf8Array + [role.rawValue] + id.array + hash.array)
        }
    }
}
