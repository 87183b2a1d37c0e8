import Database
import FaultyDisk
import Glibc
import Primitives
import Testing
import Wire

@testable import Mailbox

/// Which store a test of the conformance suite runs on.
enum StoreKind: CaseIterable, Sendable {
    case memory, sqlite
}

/// A mailbox as a test knows it.
struct StoreMailboxKeys: Sendable {
    let kind: MailboxKind
    let keys: [Ed25519PublicKey]
    let id: MailboxID

    /// Mailboxes of the same number have the same keys.
    init(_ kind: MailboxKind, _ number: Int) {
        self.kind = kind
        keys = (0..<kind.keyCount).map { Self.pool[(number * 2 + $0) % Self.pool.count] }
        id = kind.mailboxID(keys: keys) ?? .zero
    }

    static func chat(_ number: Int = 0) -> StoreMailboxKeys { StoreMailboxKeys(.chat, number) }
    static func contact(_ number: Int = 0) -> StoreMailboxKeys {
        StoreMailboxKeys(.contact, number)
    }

    /// Keys are slow to make: all tests share some.
    private static let pool: [Ed25519PublicKey] = {
        var random = SeededRandom(77)
        return (0..<128).map { _ in Ed25519KeyPair.generate(from: &random).publicKey }
    }()
}

/// A request with its bytes.
enum Ask {
    case create(StoreMailboxKeys)
    case findKey(MailboxID, AttachRole)
    case attachReader(MailboxID)
    case attachWriter(MailboxID)
    case deposit(MailboxID, UInt64, [UInt8])
    case depositContact(MailboxID, [UInt8])
    case acknowledge(MailboxID, fence: UInt32, ClosedRange<UInt64>)
    case setTimeToLive(MailboxID, fence: UInt32, UInt8)
    case setClosed(MailboxID, fence: UInt32, Bool)
    case delete(MailboxID, fence: UInt32)
    case read(MailboxID, fence: UInt32, from: UInt64 = 0, count: Int = 64, bytes: Int = 1 << 20)
    case renewLease(MailboxID)
    case putBlob(id: UInt8, erase: UInt8, hours: UInt32, [UInt8])
    case getBlob(id: UInt8)
    case eraseBlob(id: UInt8, erase: UInt8)
    case sweep
}

/// What came of it, with its bytes.
enum Outcome: Equatable {
    case done
    case key(FixedBytes<32>?)
    case reader(fence: UInt32, next: UInt64, waiting: UInt32, isClosed: Bool)
    case writer(next: UInt64)
    case deposited(UInt64, isKept: Bool)
    case gap(next: UInt64)
    case envelopes([Letter], more: Bool)
    case blob([UInt8])
    case directory([UInt8])
    case swept(more: Bool)
    case refused(ErrorCode)
}

/// An envelope that was read.
struct Letter: Equatable {
    let sequence: UInt64
    let bytes: [UInt8]

    init(_ sequence: UInt64, _ bytes: [UInt8]) {
        self.sequence = sequence
        self.bytes = bytes
    }
}

extension StorageBatch {
    mutating func add(_ ask: Ask) {
        requests.append(StorageRequest(origin: .server, operation: operation(of: ask)))
    }

    private mutating func keep(_ added: [UInt8]) -> Range<Int> {
        let start = bytes.count
        bytes += added
        return start..<bytes.count
    }

    private mutating func operation(of ask: Ask) -> StorageRequest.Operation {
        switch ask {
        case .create(let box):
            return .create(
                box.id, box.kind, readKey: box.keys[0],
                writeKey: box.kind == .contact ? nil : box.keys[1])
        case .findKey(let id, let role):
            return .findKey(id, role, signature: keep([UInt8](repeating: 0, count: 64)))
        case .attachReader(let id): return .attachReader(id)
        case .attachWriter(let id): return .attachWriter(id)
        case .deposit(let id, let counter, let bytes):
            return .deposit(id, counter: counter, envelope: keep(bytes))
        case .depositContact(let id, let bytes): return .depositContact(id, envelope: keep(bytes))
        case .acknowledge(let id, let fence, let range):
            return .acknowledge(id, fence: fence, range)
        case .setTimeToLive(let id, let fence, let days):
            return .setTimeToLive(id, fence: fence, days: days)
        case .setClosed(let id, let fence, let closed):
            return .setClosed(id, fence: fence, closed: closed)
        case .delete(let id, let fence): return .delete(id, fence: fence)
        case .read(let id, let fence, let first, let count, let bytes):
            return .read(id, fence: fence, from: first, envelopesMax: count, byteCountMax: bytes)
        case .renewLease(let id): return .renewLease(id)
        case .putBlob(let id, let erase, let hours, let bytes):
            return .putBlob(
                BlobPut(
                    idHash: FixedBytes(repeating: id), eraseHash: FixedBytes(repeating: erase),
                    expiry: Hours(hours)), bytes: keep(bytes))
        case .getBlob(let id): return .getBlob(idHash: FixedBytes(repeating: id))
        case .eraseBlob(let id, let erase):
            return .eraseBlob(
                idHash: FixedBytes(repeating: id), eraseHash: FixedBytes(repeating: erase))
        case .sweep: return .sweep
        }
    }
}

extension StorageAnswers {
    var outcomes: [Outcome] {
        results.map { result in
            switch result {
            case .done: .done
            case .key(let key): .key(key)
            case .reader(let fence, let next, let waiting, let isClosed):
                .reader(fence: fence, next: next, waiting: waiting, isClosed: isClosed)
            case .writer(let next): .writer(next: next)
            case .deposited(let sequence, let isKept): .deposited(sequence, isKept: isKept)
            case .counterGap(let next): .gap(next: next)
            case .envelopes(let range, let more):
                .envelopes(
                    envelopes[range].map { Letter($0.sequence, Array(bytes[$0.range])) }, more: more
                )
            case .blob(let range): .blob(Array(bytes[range]))
            case .directory(let range): .directory(Array(bytes[range]))
            case .swept(let more): .swept(more: more)
            case .refused(let code): .refused(code)
            }
        }
    }
}

/// One store and the time around it.
final class StoreWorld {
    /// 2026-01-15 00:00 UTC, a Thursday at a full hour.
    static let start: Int64 = 1_768_435_200
    static let hour: Int64 = 3_600
    static let day: Int64 = 86_400

    let kind: StoreKind
    let limits: StoreLimits
    let folder: String
    var store: any Store
    var now = StoreWorld.start

    init(_ kind: StoreKind, limits: StoreLimits = StoreLimits(), layer: String? = nil) throws {
        self.kind = kind
        self.limits = limits
        folder = Self.makeFolder()
        store = StoreMemory(limits: limits)
        if kind == .sqlite { store = try open(layer: layer) }
    }

    deinit {
        for suffix in ["", "-wal", "-shm", "-journal"] { _ = unsafe unlink(path + suffix) }
        _ = unsafe rmdir(folder)
    }

    var path: String { folder + "/store.sqlite" }

    /// The hour of now.
    var hours: UInt32 { UInt32(now / Self.hour) }

    func open(layer: String? = nil, mailboxesCachedMax: Int = 8) throws(StoreError) -> StoreSQLite {
        var options = Connection.Options()
        options.fileLayer = layer
        options.busyMilliseconds = 0
        // A small cache on purpose: what is forgotten must be found again in the file.
        return try StoreSQLite(
            path: path, wallSeconds: now, limits: limits, random: SeededRandom(1),
            options: options, mailboxesCachedMax: mailboxesCachedMax)
    }

    /// Closes the file and opens it again; nothing for a store in memory.
    func reopen() throws {
        guard kind == .sqlite else { return }
        store = StoreMemory()
        store = try open()
    }

    /// One batch.
    func ask(_ asks: Ask...) throws -> [Outcome] { try ask(asks) }

    func ask(_ asks: [Ask]) throws -> [Outcome] {
        var batch = StorageBatch()
        for ask in asks { batch.add(ask) }
        let answers = try store.commit(batch, wallSeconds: now)
        #expect(answers.results.count == asks.count)
        return answers.outcomes
    }

    func one(_ ask: Ask) throws -> Outcome {
        let outcomes = try self.ask([ask])
        return try #require(outcomes.first)
    }

    /// Makes a mailbox and attaches its reader.
    func make(_ box: StoreMailboxKeys) throws {
        #expect(try ask(.create(box), .attachReader(box.id)) == [.done, reader(1, next: 1)])
    }

    func reader(
        _ fence: UInt32, next: UInt64, waiting: UInt32 = 0, isClosed: Bool = false
    ) -> Outcome {
        .reader(fence: fence, next: next, waiting: waiting, isClosed: isClosed)
    }

    private static func makeFolder() -> String {
        let place = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(place)/postern-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.flatMap { unsafe mkdtemp($0) }.map {
                unsafe String(cString: $0)
            }
        }
        guard let made else { fatalError("no temporary folder") }
        return made
    }
}

/// An envelope whose bytes depend on a number.
func letter(_ number: Int, _ size: EnvelopeSize = .small) -> [UInt8] {
    var generator = SplitMix(seed: UInt64(truncatingIfNeeded: number))
    return unsafe [UInt8](unsafeUninitializedCapacity: size.rawValue) { buffer, count in
        for offset in stride(from: 0, to: size.rawValue, by: 8) {
            let word = generator.next()
            unsafe UnsafeMutableRawBufferPointer(buffer).storeBytes(
                of: word, toByteOffset: offset, as: UInt64.self)
        }
        count = size.rawValue
    }
}

func small(_ sequence: UInt64) -> Letter { Letter(sequence, letter(Int(sequence))) }

/// Numbers that are the same in every run, for the standard library's interface.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
