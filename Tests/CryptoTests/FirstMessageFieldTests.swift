import Primitives
import Testing
import Wire

@testable import Crypto

@Suite("First message fields (SPEC §5.2)")
struct FirstMessageFieldTests {
    /// A first message from Alice to Bob with a changed inner or outer block, and what Bob says.
    private func outcome(
        introduction: consuming Introduction? = nil,
        outer: @escaping ([UInt8]) -> [UInt8] = { $0 },
        inner: @escaping ([UInt8]) -> [UInt8]
    ) throws -> Outcome {
        let alice = try Person("alice", seed: 1)
        let bob = try Person("bob", seed: 2)
        let preKeys = try bob.published()
        var forge = FirstMessageForge(
            introduction: try introduction ?? alice.introduction(),
            identity: alice.identity.duplicate())
        forge.changeInner = inner
        forge.changeOuter = outer
        let envelope = try forge.envelope(
            to: preKeys, text: alice.text("x"), random: &alice.random)
        do {
            switch try bob.accept(envelope) {
            case .accepted: return .accepted
            case .needsNewerVersion(let type): return .needsNewerVersion(type)
            }
        } catch let error as HandshakeError {
            return .refused(error)
        }
    }

    enum Outcome: Equatable {
        case accepted
        case needsNewerVersion(UInt8)
        case refused(HandshakeError)
    }

    private func changed(_ change: @escaping (inout [UInt8]) -> Void) -> ([UInt8]) -> [UInt8] {
        { block in
            var block = block
            change(&block)
            return block
        }
    }

    @Test("HS-8 the forge's unchanged message is accepted, so its refusals mean something")
    func control() throws {
        #expect(try outcome { $0 } == .accepted)
    }

    @Test("HS-7 an unknown type needs a newer version, and nothing behind it is read")
    func unknownType() throws {
        for type: UInt8 in [2, 3, 127, 255] {
            #expect(try outcome(inner: changed { $0[0] = type }) == .needsNewerVersion(type))
            // The rest may have any layout.
            let other = changed { block in
                block = [type] + [UInt8](repeating: 0xaa, count: block.count - 1)
            }
            #expect(try outcome(inner: other) == .needsNewerVersion(type))
        }
        #expect(try outcome(inner: changed { $0[0] = 1 }) == .accepted)
    }

    @Test("HS-6 A11 without a KEM prekey, or with one nobody has, a first message is refused")
    func kem() throws {
        let zeros = [UInt8](repeating: 0, count: 1088)
        let noID = changed { $0.replaceSubrange(4..<8, with: [0, 0, 0, 0]) }
        #expect(try outcome(outer: noID) { $0 } == .refused(.missingKEM))
        let nothing = changed {
            $0.replaceSubrange(4..<8, with: [0, 0, 0, 0])
            $0.replaceSubrange(10..., with: zeros)
        }
        #expect(try outcome(outer: nothing) { $0 } == .refused(.missingKEM))
        let unknown = changed { $0.replaceSubrange(4..<8, with: [0, 0, 0, 2]) }
        #expect(try outcome(outer: unknown) { $0 } == .refused(.unknownKEMPreKey(id: 2)))
    }

    @Test("HS-16 A5 A11 another ciphertext, none, or another KEM prekey opens nothing")
    func kemCiphertext() throws {
        let zeros = [UInt8](repeating: 0, count: 1088)
        let lastResort = Person.lastResortKEMID
        for outer in [
            changed { $0[10] ^= 1 }, changed { $0[1097] ^= 0x80 },
            changed { $0.replaceSubrange(10..., with: zeros) },
            changed { block in
                var id: [UInt8] = []
                id.append(bigEndian: lastResort)
                block.replaceSubrange(4..<8, with: id)
            },
        ] {
            #expect(try outcome(outer: outer) { $0 } == .refused(.innerRefused))
        }
    }

    @Test("HS-8 an inner size outside its bounds, or not that of the block, is refused")
    func innerSize() throws {
        func outer(_ count: Int) -> ([UInt8]) -> [UInt8] {
            changed {
                $0[8] = UInt8(count >> 8)
                $0[9] = UInt8(count & 0xff)
            }
        }
        for count in [0, 474, 988, 65535] {
            #expect(try outcome(outer: outer(count)) { $0 } == .refused(.malformedOuter))
        }
        for count in [476, 987] {
            #expect(try outcome(outer: outer(count)) { $0 } == .refused(.innerRefused))
        }
        let shorter = try outcome(inner: changed { $0.removeLast() })
        #expect(shorter == .refused(.malformedOuter))
        let longer = try outcome(inner: changed { $0.append(0) })
        #expect(longer == .refused(.malformedInner(.trailing(byteCount: 1))))
    }

    @Test("HS-8 a certificate of another account, a changed one or an expired one is refused")
    func certificates() throws {
        let mallory = try Person("mallory", seed: 3)
        let account = mallory.account.publicKey.bytes.array
        #expect(
            try outcome(inner: changed { $0.replaceSubrange(1..<33, with: account) })
                == .refused(.certificate))
        // Device id, device key, expiry, capabilities, signature.
        for offset in [33 + 3, 33 + 71, 33 + 75, 33 + 100] {
            #expect(
                try outcome(inner: changed { $0[offset] ^= 1 }) == .refused(.certificate),
                "offset \(offset)")
        }
        let now = Hours(secondsSince1970: Person.now)
        let expired = try Person("alice", seed: 1, expiry: now)
        #expect(
            try outcome(introduction: expired.introduction()) { $0 }
                == .refused(.certificateExpired))
        let live = try Person("alice", seed: 1, expiry: now.advanced(byHours: 1))
        #expect(try outcome(introduction: live.introduction()) { $0 } == .accepted)
    }

    @Test("HS-8 bad keys, padding, handle, server and log head are refused")
    func malformed() throws {
        let zero = [UInt8](repeating: 0, count: 32)
        let cases: [(String, (inout [UInt8]) -> Void)] = [
            ("account of low order", { $0.replaceSubrange(1..<33, with: zero) }),
            ("device id 0", { $0.replaceSubrange(33..<37, with: [0, 0, 0, 0]) }),
            ("identity key of low order", { $0.replaceSubrange(37..<69, with: zero) }),
            ("identity key not canonical", { $0[68] |= 0x80 }),
            ("device key of low order", { $0.replaceSubrange(69..<101, with: zero) }),
            ("handle too long", { $0[173] = 33 }),
            ("handle in upper case", { $0[174] = UInt8(ascii: "A") }),
            ("handle padding", { $0[205] = 1 }),
            ("server key of low order", { $0.replaceSubrange(206..<238, with: zero) }),
            ("server without host", { $0[238] = 0 }),
            ("server padding", { $0[302] = 1 }),
            ("read key of low order", { $0.replaceSubrange(303..<335, with: zero) }),
            ("log head", { $0[369] = 1 }),
            ("log head's end", { $0[472] = 1 }),
            ("extensions beyond the end", { $0[474] = 1 }),
        ]
        for (name, change) in cases {
            guard case .refused(.malformedInner) = try outcome(inner: changed(change)) else {
                Issue.record("accepted or refused otherwise: \(name)")
                continue
            }
        }
    }

    @Test("HS-9 a message below what both sides speak is refused")
    func downgrade() throws {
        #expect(
            try outcome(
                inner: changed {
                    $0[367] = 1
                    $0[368] = 1
                }) == .refused(.downgraded))
        #expect(try outcome(inner: changed { $0[368] = 9 }) == .accepted)
    }

    @Test("HS-8 unknown extensions are kept, critical ones refused")
    func extensions() throws {
        let alice = try Person("alice", seed: 1)
        let skipped = TaggedFields([TaggedFields.Field(tag: 0x7fff, value: [1, 2, 3])])
        #expect(
            try outcome(introduction: alice.introduction(extensions: skipped)) { $0 } == .accepted)
        let critical = TaggedFields([TaggedFields.Field(tag: 0x8001, value: [])])
        #expect(
            try outcome(introduction: alice.introduction(extensions: critical)) { $0 }
                == .refused(.unknownCritical(tag: 0x8001)))
        let longest = TaggedFields([
            TaggedFields.Field(tag: 1, value: [UInt8](repeating: 7, count: 508))
        ])
        #expect(longest.byteCount == 512)
        #expect(
            try outcome(introduction: alice.introduction(extensions: longest)) { $0 } == .accepted)
    }

    @Test("HS-10 a first message that shows the recipient's own identity key is refused")
    func ownIdentity() throws {
        let bob = try Person("bob", seed: 2)
        let mallory = try Person("mallory", seed: 3)
        let certificate = DeviceCertificate(
            identity: DeviceIdentity(
                deviceID: 1, identityKey: bob.identity.publicKey,
                deviceKey: mallory.device.publicKey),
            expiry: Hours(.max), signedBy: mallory.account)
        let introduction = Introduction(
            type: .hello, account: mallory.account.publicKey, certificate: certificate,
            handle: nil, replyMailbox: mallory.chatMailbox)
        #expect(try outcome(introduction: introduction) { $0 } == .refused(.ownIdentity))
    }
}
