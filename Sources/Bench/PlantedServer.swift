import Mailbox
import Platform
import Primitives
import Wire

/// `planted-server BUG DIR ADDRESS:PORT`: a server with one bug on purpose, so that the checker of
/// Tests/crash can be shown to find it. The bugs lie here, around the store that posternd has; no
/// program that ships holds them.
enum PlantedServer {
    enum Bug: String, CaseIterable {
        /// Deposits and acknowledgements are answered before the commit that holds them.
        case ackEarly = "ack-early"
        /// One deposit in two hundred is answered and counted, and not kept.
        case lose
        /// One envelope in two hundred is stored with one bit turned.
        case alter
        /// Acknowledged envelopes are not erased.
        case keepAcknowledged = "keep-acknowledged"
        /// What waits is delivered with its first envelope twice.
        case double
    }

    static func run(_ arguments: [String]) -> Int32? {
        guard arguments.count == 3, let bug = Bug(rawValue: arguments[0]),
            let listen = SocketAddress(numeric: arguments[2])
        else { return nil }
        let folder = DataFolder(arguments[1])
        do {
            let keys = try folder.holdsServer() ? folder.readKeys() : folder.create(host: nil)
            let lock = try folder.lock()
            let maker = keys.addressMaker
            let signals = try SignalDescriptor([.terminate, .interrupt])
            let server = try Server(
                ServerConfiguration(listen: listen, admin: nil, connectionsMax: 10_000),
                keys: keys,
                storageThread: ServerStorage.thread(in: folder, diskFloorByteCount: 0) {
                    BuggyStore($0, bug)
                })
            // Not print, which holds lines back when nobody sits before a terminal.
            let text =
                "address: \(maker(server.listenAddress.description) ?? "")\n"
                + "ready \(server.listenAddress)\n"
            _ = writeAll(Array(text.utf8), to: 1)
            _ = server.run(until: signals)
            _ = consume lock
            return 0
        } catch {
            print("planted-server: \(error)")
            return 74
        }
    }
}

/// The store with a bug around it.
private final class BuggyStore: Store {
    private let inner: any Store
    private let bug: PlantedServer.Bug
    /// Batches that were answered and are not committed.
    private var owed: [StorageBatch] = []
    /// The fences of readers, which the erasing of a lost envelope needs.
    private var fences: [MailboxID: UInt32] = [:]
    private var depositCount = 0

    private static let oneIn = 200

    init(_ inner: any Store, _ bug: PlantedServer.Bug) {
        self.inner = inner
        self.bug = bug
    }

    var refusesGrowth: Bool {
        get { inner.refusesGrowth }
        set { inner.refusesGrowth = newValue }
    }
    var directory: (any DirectoryRequests)? {
        get { inner.directory }
        set { inner.directory = newValue }
    }
    var lastSweep: SweepReport { inner.lastSweep }

    func commit(
        _ batch: StorageBatch, wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers {
        switch bug {
        case .ackEarly: try commitLate(batch, wallSeconds)
        case .lose, .alter, .keepAcknowledged: try commitOther(batch, wallSeconds)
        case .double: doubling(try inner.commit(batch, wallSeconds: wallSeconds))
        }
    }

    func believeClock(wallSeconds: Int64) throws(StoreError) {
        try inner.believeClock(wallSeconds: wallSeconds)
    }
    func counts() throws(StoreError) -> StoreCounts { try inner.counts() }

    @discardableResult
    func tidy() throws(StoreError) -> Bool {
        try settle(0)
        return try inner.tidy()
    }

    /// Answers deposits and acknowledgements before they are written; anything else settles what is
    /// owed first.
    private func commitLate(
        _ batch: StorageBatch, _ wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers {
        var answers = StorageAnswers(to: batch)
        for request in batch.requests {
            switch request.operation {
            case .deposit(_, let counter, _):
                answers.results.append(.deposited(sequence: counter, isKept: true))
            case .acknowledge:
                answers.results.append(.done)
            default:
                try settle(wallSeconds)
                return try inner.commit(batch, wallSeconds: wallSeconds)
            }
        }
        owed.append(batch)
        if owed.count > 4 { try settle(wallSeconds) }
        return answers
    }

    private func settle(_ wallSeconds: Int64) throws(StoreError) {
        for batch in owed { _ = try inner.commit(batch, wallSeconds: wallSeconds) }
        owed = []
    }

    /// Commits something else than what was asked for, and answers as if it were not so.
    private func commitOther(
        _ batch: StorageBatch, _ wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers {
        var other = StorageBatch()
        other.bytes = batch.bytes
        // Where the request of each result lies in `other`; nil for one that was left out.
        var places: [Int?] = []
        var lost: Set<Int> = []
        for request in batch.requests {
            places.append(other.requests.count)
            switch request.operation {
            case .acknowledge where bug == .keepAcknowledged:
                places[places.count - 1] = nil
                continue
            case .deposit(let mailbox, let counter, let range):
                depositCount += 1
                guard depositCount % Self.oneIn == 0 else { break }
                if bug == .alter { other.bytes[range.lowerBound + 100] ^= 1 }
                guard bug == .lose, let fence = fences[mailbox] else { break }
                lost.insert(other.requests.count)
                other.requests.append(request)
                other.requests.append(
                    StorageRequest(
                        origin: .server,
                        operation: .acknowledge(mailbox, fence: fence, counter...counter)))
                continue
            default: break
            }
            other.requests.append(request)
        }
        let done = try inner.commit(other, wallSeconds: wallSeconds)
        var answers = StorageAnswers(to: bug == .alter ? other : batch)
        answers.envelopes = done.envelopes
        answers.bytes = done.bytes
        for (request, place) in zip(batch.requests, places) {
            guard let place else {
                answers.results.append(.done)
                continue
            }
            let result = done.results[place]
            if case .attachReader(let mailbox) = request.operation,
                case .reader(let fence, _, _, _) = result
            {
                fences[mailbox] = fence
            }
            if lost.contains(place), case .deposited(let sequence, _) = result {
                // The router delivers what is kept from memory.
                answers.results.append(.deposited(sequence: sequence, isKept: false))
            } else {
                answers.results.append(result)
            }
        }
        return answers
    }

    private func doubling(_ done: StorageAnswers) -> StorageAnswers {
        var answers = done
        for place in answers.results.indices {
            guard case .envelopes(let range, let more) = answers.results[place],
                let first = range.first
            else { continue }
            let start = answers.envelopes.count
            answers.envelopes.append(answers.envelopes[first])
            for index in range { answers.envelopes.append(answers.envelopes[index]) }
            answers.results[place] = .envelopes(start..<answers.envelopes.count, more: more)
        }
        return answers
    }
}
