import Database
import Glibc
import KeyDirectory
import Primitives
import Wire

/// A directory in a file of its own, used as the store uses one: requests in batches, each batch
/// one transaction.
final class TestDirectory {
    static let application: Int32 = 0x4b44_5445
    static let handshakeHash = SHA256.hash("channel".utf8Array.raw)

    let folder: String
    let connection: Connection
    let directory: Directory
    var now: Int64 = Person.start
    /// The time that the store believes, when it is another.
    var believed: Int64?

    init(copyOf original: String? = nil) throws {
        let place = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(place)/postern-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.flatMap { unsafe mkdtemp($0) }.map {
                unsafe String(cString: $0)
            }
        }
        guard let made else { fatalError("no temporary folder") }
        folder = made
        if let original {
            for suffix in ["", "-wal"] { Self.copy(original + suffix, made + "/d.db" + suffix) }
        }
        connection = try Connection(path: made + "/d.db")
        try connection.migrate(
            [
                Migration(
                    version: 1,
                    DirectorySchema.tables
                        + ["PRAGMA application_id=0x4b445445", "PRAGMA user_version=1"]),
                Migration(
                    version: 2, DirectorySchema.kemTables + ["PRAGMA user_version=2"]),
            ], applicationID: Self.application)
        directory = try Directory(connection, random: SeededRandom(99))
    }

    var path: String { folder + "/d.db" }

    deinit {
        for suffix in ["", "-wal", "-shm"] { _ = unsafe unlink(folder + "/d.db" + suffix) }
        _ = unsafe rmdir(folder)
    }

    /// All bytes of a file, none if it is not there.
    static func bytes(of file: String) -> [UInt8] {
        let source = unsafe Glibc.open(file, O_RDONLY)
        if source < 0 { return [] }
        defer { close(source) }
        var all: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe Glibc.read(source, &block, block.count)
            if count <= 0 { return all }
            all += block.prefix(count)
        }
    }

    private static func copy(_ from: String, _ to: String) {
        let bytes = bytes(of: from)
        let target = unsafe Glibc.open(to, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        let count = unsafe Glibc.write(target, bytes, bytes.count)
        precondition(count == bytes.count, "the copy is whole")
        close(target)
    }

    // MARK: Requests

    /// Frames in, frames out, all in one transaction. Nil when it is rolled back instead, as after
    /// a crash: nobody was answered.
    @discardableResult
    func batch(
        _ frames: [[UInt8]], rollback: Bool = false, refusesGrowth: Bool = false
    ) throws -> [ServerFrame] {
        let requests = try frames.map { try Self.request($0, now: now) }
        try connection.begin()
        var answers: [[UInt8]] = []
        for request in requests {
            var answer: [UInt8] = []
            try directory.answer(
                request, secondsSince1970: now,
                believed: Hours(secondsSince1970: believed ?? now), refusesGrowth: refusesGrowth,
                into: &answer)
            answers.append(answer)
        }
        if rollback {
            connection.rollback()
            return []
        }
        try connection.commit()
        return try answers.map { try Self.decode($0) }
    }

    /// One request in a batch of its own.
    func ask(_ frame: [UInt8], refusesGrowth: Bool = false) throws -> ServerFrame {
        try batch([frame], refusesGrowth: refusesGrowth)[0]
    }

    static func request(_ frame: [UInt8], now: Int64) throws -> DirectoryRequest {
        let raw = RawFrame(type: frame[0], body: 3..<frame.count)
        let decoded = try ClientFrame.decode(raw, in: frame.raw)
        guard let job = DirectoryJob(decoded, in: frame.raw, handshakeHash: handshakeHash) else {
            throw ErrorCode.unsupported
        }
        return job.check(secondsSince1970: now)
    }

    static func decode(_ answer: [UInt8]) throws -> ServerFrame {
        try ServerFrame.decode(RawFrame(type: answer[0], body: 3..<answer.count), in: answer.raw)
    }

    // MARK: What tests ask

    /// Nil for `done`.
    func publish(_ record: Record, refusesGrowth: Bool = false) throws -> ErrorCode? {
        try code(
            ask(
                written { PublishRecordFrame.encode(request: 1, record: record, into: &$0) },
                refusesGrowth: refusesGrowth))
    }

    /// Nil for `done`.
    func publish(
        _ bundle: PreKeyBundle, _ preKeys: [OneTimePreKey], kem: [KEMPreKey] = [],
        as handle: String = "alice", refusesGrowth: Bool = false
    ) throws -> ErrorCode? {
        try code(
            ask(
                bundleFrame(bundle, preKeys, kem: kem, as: handle), refusesGrowth: refusesGrowth))
    }

    func bundleFrame(
        _ bundle: PreKeyBundle, _ preKeys: [OneTimePreKey], kem: [KEMPreKey] = [],
        as handle: String = "alice"
    ) throws -> [UInt8] {
        let handle = try Handle(handle)
        return written {
            PublishBundleFrame.encode(
                request: 2, handle: handle, bundle: bundle, preKeys: preKeys,
                kemPreKeys: kem, into: &$0)
        }
    }

    func lookUp(_ handle: String) throws -> Record? {
        let frame = written(.lookUp(LookUpFrame(request: 3, handle: try Handle(handle))))
        guard case .record(let found) = try ask(frame) else { throw ErrorCode.internalError }
        return found.record
    }

    func fetchFrame(_ handle: String = "alice", device: UInt32 = 0) throws -> [UInt8] {
        written(
            .fetchPreKeys(
                FetchPreKeysFrame(request: 4, handle: try Handle(handle), deviceID: device)))
    }

    func fetch(_ handle: String = "alice", device: UInt32 = 0) throws -> FetchedPreKeys? {
        guard case .preKeys(let found) = try ask(fetchFrame(handle, device: device)) else {
            throw ErrorCode.internalError
        }
        return found.preKeys
    }

    func code(_ frame: ServerFrame) throws -> ErrorCode? {
        switch frame {
        case .done: return nil
        case .error(let error): return error.code ?? .internalError
        default: throw ErrorCode.internalError
        }
    }
}

/// Somebody with an account and devices.
final class Person {
    /// 2026-11-21T00:00Z.
    static let start: Int64 = 1_795_219_200

    var random: SeededRandom
    let account: Ed25519KeyPair
    let recovery: Ed25519KeyPair
    let device: Ed25519KeyPair
    let identity: X25519PublicKey

    init(_ seed: UInt64 = 1) {
        var random = SeededRandom(seed)
        account = .generate(from: &random)
        recovery = .generate(from: &random)
        device = .generate(from: &random)
        identity = X25519KeyPair.generate(from: &random).publicKey
        self.random = random
    }

    func certificate(deviceID: UInt32 = 1) -> DeviceCertificate {
        DeviceCertificate(
            identity: DeviceIdentity(
                deviceID: deviceID, identityKey: identity, deviceKey: device.publicKey),
            expiry: Hours(secondsSince1970: Self.start).advanced(byHours: 9600), signedBy: account)
    }

    func contents(
        _ number: UInt64 = 1, handle: String? = "alice", devices: [UInt32] = [1]
    ) -> Record.Contents {
        Record.Contents(
            number: number, handle: handle.flatMap { try? Handle($0) },
            account: account.publicKey,
            recoveryHash: Record.recoveryHash(of: recovery.publicKey),
            certificates: devices.map { certificate(deviceID: $0) })
    }

    func record(
        _ number: UInt64 = 1, handle: String? = "alice", devices: [UInt32] = [1]
    ) -> Record {
        Record(contents(number, handle: handle, devices: devices), signedBy: account)
    }

    func preKeys(_ count: Int = 20) -> [OneTimePreKey] {
        var keys: [OneTimePreKey] = []
        for _ in 0..<count {
            keys.append(
                OneTimePreKey(
                    id: random.integer(UInt32.self) | 1,
                    key: X25519KeyPair.generate(from: &random).publicKey))
        }
        return keys
    }

    /// Keys that cost nothing to make again: the directory never uses them.
    static let kemKeys: [MLKEM768PublicKey] = {
        var random = SeededRandom(90)
        return (0..<4).map { _ in MLKEM768KeyPair.generate(from: &random).publicKey }
    }()

    /// One-time KEM prekeys of as many ids, and fewer keys.
    func kemPreKeys(_ count: Int = 20) -> [KEMPreKey] {
        (0..<count).map {
            KEMPreKey(id: random.integer(UInt32.self) | 2, key: Self.kemKeys[$0 % 4])
        }
    }

    func bundle(
        _ number: UInt64 = 1, _ preKeys: [OneTimePreKey], kem: [KEMPreKey] = [],
        device deviceID: UInt32 = 1,
        from: Int64 = Person.start, hours: UInt32 = 168
    ) throws -> PreKeyBundle {
        let begin = Hours(secondsSince1970: from)
        return PreKeyBundle(
            PreKeyBundle.Contents(
                number: number,
                window: ValidityWindow(from: begin, expiry: begin.advanced(byHours: hours)),
                account: account.publicKey, certificate: certificate(deviceID: deviceID),
                signedPreKeyID: 1, signedPreKey: identity, oneTimePreKeys: preKeys,
                lastResortKEM: KEMPreKey(id: 1, key: Self.kemKeys[0]), oneTimeKEMPreKeys: kem,
                contact: PreKeyBundle.Contact(
                    server: try ServerAddress(key: identity, hostAndPort: "localhost:9"),
                    mailbox: .zero)),
            signedBy: device)
    }

    func release(
        _ recordNumber: UInt64, handle: String = "alice",
        channel: FixedBytes<32> = TestDirectory.handshakeHash
    ) throws -> [UInt8] {
        let handle = try Handle(handle)
        let message = DirectorySignatures.handleRelease(
            handle: handle, recordNumber: recordNumber, handshakeHash: channel)
        return written(
            .releaseHandle(
                ReleaseHandleFrame(
                    request: 5, handle: handle, recordNumber: recordNumber,
                    signature: account.sign(message.raw))))
    }

    func status(
        device deviceID: UInt32 = 1, handle: String = "alice",
        channel: FixedBytes<32> = TestDirectory.handshakeHash
    ) throws -> [UInt8] {
        let handle = try Handle(handle)
        let message = DirectorySignatures.preKeyStatus(
            handle: handle, deviceID: deviceID, handshakeHash: channel)
        return written(
            .preKeyStatus(
                PreKeyStatusFrame(
                    request: 6, handle: handle, deviceID: deviceID,
                    signature: device.sign(message.raw))))
    }
}

func written(_ body: (inout Writer) -> Void) -> [UInt8] {
    var writer = Writer()
    body(&writer)
    return writer.bytes
}

func written(_ request: ClientRequest) -> [UInt8] { written { request.encode(into: &$0) } }

extension String {
    var utf8Array: [UInt8] { Array(utf8) }
}

extension [UInt8] {
    func flipping(_ index: Int, by mask: UInt8 = 1) -> [UInt8] {
        var copy = self
        copy[index] ^= mask
        return copy
    }
}
