import Primitives
import Wire

/// One account with one device and everything it publishes, made from a seed.
struct Fixture: ~Copyable {
    /// 2026-11-21T00:00Z.
    static let now: Int64 = 1_795_219_200

    var random: SeededRandom
    let account: Ed25519KeyPair
    let recovery: Ed25519KeyPair
    let device: Ed25519KeyPair
    let identity: X25519PublicKey
    let signedPreKey: X25519PublicKey
    let preKeys: [OneTimePreKey]
    let kem: KEMPreKey
    let kemPreKeys: [KEMPreKey]

    /// Keys that cost nothing to make again: nothing here uses them.
    static let kemKeys: [MLKEM768PublicKey] = {
        var random = SeededRandom(90)
        return (0..<4).map { _ in MLKEM768KeyPair.generate(from: &random).publicKey }
    }()

    init(seed: UInt64 = 1, preKeyCount: Int = 20, kemPreKeyCount: Int = 5) {
        var random = SeededRandom(seed)
        account = .generate(from: &random)
        recovery = .generate(from: &random)
        device = .generate(from: &random)
        identity = X25519KeyPair.generate(from: &random).publicKey
        signedPreKey = X25519KeyPair.generate(from: &random).publicKey
        var keys: [OneTimePreKey] = []
        for index in 0..<preKeyCount {
            keys.append(
                OneTimePreKey(
                    id: UInt32(index) * 7 + 1,
                    key: X25519KeyPair.generate(from: &random).publicKey))
        }
        preKeys = keys
        kem = KEMPreKey(id: UInt32(seed) | 0x100, key: Self.kemKeys[Int(seed % 4)])
        kemPreKeys = (0..<kemPreKeyCount).map { index in
            KEMPreKey(
                id: UInt32(index) * 7 + 2, key: Self.kemKeys[(index + Int(seed)) % 4])
        }
        self.random = random
    }

    var deviceIdentity: DeviceIdentity {
        DeviceIdentity(deviceID: 1, identityKey: identity, deviceKey: device.publicKey)
    }

    var certificate: DeviceCertificate { certificate(deviceID: 1) }

    func certificate(deviceID: UInt32) -> DeviceCertificate {
        DeviceCertificate(
            identity: DeviceIdentity(
                deviceID: deviceID, identityKey: identity, deviceKey: device.publicKey),
            expiry: Hours(secondsSince1970: Self.now)
                .advanced(byHours: DeviceCertificate.lifetimeHours),
            signedBy: account)
    }

    static func server(host: String = "mail.example.org") -> ServerAddress {
        var random = SeededRandom(77)
        let key = X25519KeyPair.generate(from: &random).publicKey
        guard let address = try? ServerAddress(key: key, hostAndPort: host) else {
            preconditionFailure("a host of a test")
        }
        return address
    }

    static func handle(_ text: String = "alice") -> Handle {
        guard let handle = try? Handle(text) else { preconditionFailure("a handle of a test") }
        return handle
    }

    func recordContents(number: UInt64 = 1, handle: String? = "alice") -> Record.Contents {
        Record.Contents(
            number: number, handle: handle.map { Self.handle($0) }, account: account.publicKey,
            recoveryHash: Record.recoveryHash(of: recovery.publicKey), certificates: [certificate])
    }

    var record: Record { Record(recordContents(), signedBy: account) }

    func bundleContents(number: UInt64 = 1, windowHours: UInt32 = 168) -> PreKeyBundle.Contents {
        let from = Hours(secondsSince1970: Self.now)
        return PreKeyBundle.Contents(
            number: number,
            window: ValidityWindow(from: from, expiry: from.advanced(byHours: windowHours)),
            account: account.publicKey, certificate: certificate, signedPreKeyID: 5,
            signedPreKey: signedPreKey, oneTimePreKeys: preKeys,
            lastResortKEM: kem, oneTimeKEMPreKeys: kemPreKeys,
            contact: PreKeyBundle.Contact(
                server: Self.server(), mailbox: SHA256.hash("mailbox".utf8Array.raw)))
    }

    var bundle: PreKeyBundle { PreKeyBundle(bundleContents(), signedBy: device) }

    func invite(index: Int = 3) throws -> Invite {
        Invite(
            random: SHA256.hash("random".utf8Array.raw), record: try record.verify(),
            oneTime: preKeys.isEmpty ? nil : IssuedPreKey(index, of: preKeys),
            oneTimeKEM: kemPreKeys.isEmpty ? nil : IssuedKEMPreKey(1, of: kemPreKeys),
            bundle: try bundle.verify())
    }
}

extension String {
    var utf8Array: [UInt8] { Array(utf8) }
}

extension [UInt8] {
    /// The same bytes with one changed.
    func flipping(_ index: Int, by mask: UInt8 = 1) -> [UInt8] {
        var copy = self
        copy[index] ^= mask
        return copy
    }
}

/// Every encoding of 32 bytes that is the same X25519 key as another one: k and k + p for the
/// smallest keys (p is 2^255 − 19), and the top bit over a canonical key.
enum Alias {
    static let x25519: [FixedBytes<32>] = {
        var all: [FixedBytes<32>] = []
        for k in 0...18 {
            var bytes = FixedBytes<32>()
            for index in 1..<31 { bytes[index] = 0xff }
            bytes[0] = 0xed + UInt8(k)
            bytes[31] = 0x7f
            all.append(bytes)
            bytes[31] = 0xff
            all.append(bytes)
        }
        var nine = FixedBytes<32>()
        nine[0] = 9
        nine[31] = 0x80
        all.append(nine)
        return all
    }()
}

// A borrowed span cannot be made inside the expectation macros, so tests hand over arrays.

extension Record {
    init(array: [UInt8]) throws(WireError) { try self.init(parsing: array.raw) }
}

extension PreKeyBundle {
    init(array: [UInt8]) throws(WireError) { try self.init(parsing: array.raw) }
}

extension DeviceCertificate {
    init(array: [UInt8]) throws(WireError) { try self.init(parsing: array.raw) }
}

extension TaggedFields {
    init(array: [UInt8]) throws(WireError) { try self.init(parsing: array.raw) }
}

extension MerkleTree {
    static func leaf(array: [UInt8]) -> Hash { leaf(array.raw) }
}

extension IssuedKEMPreKey {
    static func optional(array: [UInt8]) throws(WireError) -> IssuedKEMPreKey? {
        var reader = Reader(array.raw)
        let issued = try optional(from: &reader)
        try reader.finish()
        return issued
    }
}

extension IssuedPreKey {
    static func optional(array: [UInt8]) throws(WireError) -> IssuedPreKey? {
        var reader = Reader(array.raw)
        let issued = try optional(from: &reader)
        try reader.finish()
        return issued
    }
}
