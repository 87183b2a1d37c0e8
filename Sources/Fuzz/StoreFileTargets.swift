import Database
import KeyDirectory
import Mailbox
import Primitives
import Wire

/// The store's file after damage to its pages or its rows: it is refused, or what it answers can be
/// told to a client.
enum StoreFileTargets {
    static let all: [Target] = [
        Target("store-file", byteCountMax: 1_024, seeds: seeds, run: run)
    ]

    private static let keys = [Cast.alice.read.publicKey, Cast.alice.write.publicKey]
    private static let chat = MailboxKind.chat.mailboxID(keys: keys) ?? .zero
    private static let contact = MailboxKind.contact.mailboxID(keys: [keys[0]]) ?? .zero
    private static let blob = SHA256.hash([1].raw)
    private static let eraseHash = SHA256.hash([2].raw)

    /// A store's file and its log while it was open.
    private struct Template: Sendable {
        let main: [UInt8]
        let log: [UInt8]

        init() {
            let scratch = Scratch()
            let store = made("a store") { try StoreFileTargets.open(scratch) }
            var batch = Batch()
            batch.add(.create(chat, .chat, readKey: keys[0], writeKey: keys[1]))
            batch.add(.create(contact, .contact, readKey: keys[0], writeKey: nil))
            batch.add(.attachReader(chat))
            for frame in WireSeeds.directoryFrames.prefix(2) { batch.add(frame: frame) }
            for counter: UInt64 in 1...3 { batch.deposit(counter, .small) }
            made("a batch") { _ = try store.commit(batch.batch, wallSeconds: Cast.now) }
            _ = made("a checkpoint") { try store.tidy() }
            var more = Batch()
            for counter: UInt64 in 4...5 { more.deposit(counter, .small) }
            more.add(
                .depositContact(contact, envelope: more.append(EnvelopeSize.contact.rawValue)))
            let put = BlobPut(
                idHash: blob, eraseHash: eraseHash, expiry: Cast.hours.advanced(byHours: 48))
            more.add(.putBlob(put, bytes: more.append(700)))
            more.add(.sweep)
            made("a batch") { _ = try store.commit(more.batch, wallSeconds: Cast.now) }
            main = scratch.read("store.sqlite")
            log = scratch.read("store.sqlite-wal")
        }
    }

    private static let template = Template()

    /// Requests with their bytes.
    private struct Batch {
        var batch = StorageBatch()

        mutating func add(_ operation: StorageRequest.Operation) {
            batch.requests.append(StorageRequest(origin: .server, operation: operation))
        }

        mutating func append(_ byteCount: Int) -> Range<Int> {
            let start = batch.bytes.count
            batch.bytes += [UInt8](repeating: UInt8(start & 0x7f), count: byteCount)
            return start..<batch.bytes.count
        }

        mutating func deposit(_ counter: UInt64, _ size: EnvelopeSize) {
            let range = append(size.rawValue)
            add(.deposit(chat, counter: counter, envelope: range))
        }

        mutating func add(frame: [UInt8]) {
            let raw = RawFrame(type: frame[0], body: 3..<frame.count)
            guard let decoded = try? ClientFrame.decode(raw, in: frame.raw),
                let job = DirectoryJob(decoded, in: frame.raw, handshakeHash: .zero)
            else { preconditionFailure("a frame of the directory") }
            add(.directory(job))
        }
    }

    private static func open(_ scratch: Scratch) throws(StoreError) -> StoreSQLite {
        var options = Connection.Options()
        options.page = .kib4
        options.cache = .mib2
        let store = try StoreSQLite(
            path: scratch.path + "/store.sqlite", wallSeconds: Cast.now,
            withDirectory: true, random: SeededRandom(111), options: options)
        do throws(DatabaseError) {
            store.directory = try DirectoryAdapter(store.connection, random: SeededRandom(112))
        } catch {
            throw .cannotOpen(error)
        }
        return store
    }

    // MARK: Damaged rows

    /// Puts a number, or bytes, into a column of every row.
    private static let numberDamages: [StaticString] = [
        "UPDATE mailbox SET number = ?1 WHERE kind = 1", "UPDATE mailbox SET kind = ?1",
        "UPDATE mailbox SET read_attaches = ?1", "UPDATE mailbox SET floor = ?1",
        "UPDATE mailbox SET closed = ?1", "UPDATE mailbox SET time_to_live = ?1",
        "UPDATE mailbox SET lease_week = ?1", "UPDATE envelope SET row = ?1 WHERE counter = 3",
        "UPDATE envelope SET mailbox = ?1 WHERE counter = 2",
        "UPDATE envelope SET counter = ?1 WHERE counter = 2", "UPDATE envelope SET expiry = ?1",
        "UPDATE blob SET expiry = ?1", "UPDATE blob SET row = ?1",
        "INSERT OR REPLACE INTO sweep VALUES(1, ?1, 0, 0)",
        "INSERT OR REPLACE INTO sweep VALUES(1, 498000, ?1, 0)",
        "INSERT OR REPLACE INTO sweep VALUES(1, 498000, 0, ?1)",
        "UPDATE directory_account SET first_device = ?1",
        "UPDATE directory_account SET row = ?1", "UPDATE directory_device SET account = ?1",
        "UPDATE directory_device SET device = ?1", "UPDATE directory_prekey SET device = ?1",
        "UPDATE directory_prekey SET draw = ?1 WHERE draw = 1",
    ]

    private static let byteDamages: [StaticString] = [
        "UPDATE mailbox SET id = ?1 WHERE kind = 2", "UPDATE mailbox SET read_key = ?1",
        "UPDATE mailbox SET write_key = ?1", "UPDATE envelope SET body = ?1",
        "UPDATE blob SET body = ?1", "UPDATE blob SET id_hash = ?1",
        "UPDATE blob SET erase_hash = ?1", "UPDATE directory_account SET account_key = ?1",
        "UPDATE directory_account SET record = ?1", "UPDATE directory_device SET bundle = ?1",
        "UPDATE directory_prekey SET issued = ?1",
    ]

    private static let numbers: [Int64] = [
        0, 1, -1, .max, .min, 1 << 32, 1 << 52, 1 << 53, .max - 1, 498_700, 255, 256,
    ]

    private static func damageRows(_ choices: inout Choices, in scratch: Scratch) {
        for _ in 0..<choices.byte() & 3 {
            let kind = choices.byte()
            let choice = choices.byte()
            do throws(DatabaseError) {
                let connection = try Connection(path: scratch.path + "/store.sqlite")
                if kind & 1 == 0 {
                    var update = try Statement(
                        connection, numberDamages[Int(kind >> 1) % numberDamages.count])
                    let number =
                        Int(choice) < numbers.count
                        ? numbers[Int(choice)] : Int64(bitPattern: choices.u64())
                    update.bind(1, number)
                    try update.run()
                } else {
                    var update = try Statement(
                        connection, byteDamages[Int(kind >> 1) % byteDamages.count])
                    let bytes = choices.exactly(Int(choice) << (kind >> 6))
                    update.bind(1, copying: bytes.raw)
                    try update.run()
                }
            } catch {
                // Damage that the file does not take is none.
            }
        }
    }

    // MARK: Asking

    @Sendable private static func seeds() -> [[UInt8]] {
        var all: [[UInt8]] = [
            [0, 0], [1, 0], [2, 0], [3, 1, 0, 0, 0, 0x30, 0, 4], [6, 0], [8, 0],
            [5, 1, 4, 0, 0, 0x40, 0], [2, 1, 0x19, 0, 0, 0, 18, 2, 2, 9],
        ]
        for kind in 0..<numberDamages.count {
            all.append([1, 0, 0, 1, UInt8(2 * kind), UInt8(kind % numbers.count)])
        }
        for kind in 0..<byteDamages.count { all.append([5, 0, 0, 1, UInt8(2 * kind + 1), 32]) }
        // Inputs grow slowly beyond the longest one of the beginning.
        return all + [[1, 0, 0, 3, 4, 4, 1, 32, 6, 3].sized(96)]
    }

    @Sendable private static func run(_ input: RawSpan) {
        var choices = Choices(input)
        let mode = choices.byte()
        let scratch = Scratch()
        var main = template.main
        var log = template.log
        Damage.apply(&choices, to: &main)
        Damage.apply(&choices, to: &log)
        scratch.write(main, to: "store.sqlite")
        if mode & 2 == 0 { scratch.write(log, to: "store.sqlite-wal") }
        if mode & 1 != 0 { damageRows(&choices, in: scratch) }
        if mode & 8 != 0 { _ = try? StoreAudit(DataFolder(scratch.path)) }
        do throws(StoreError) {
            let store = try open(scratch)
            var time = Cast.now
            for step in 0..<3 {
                let batch = requests(fence: UInt32(2 + step), mode, &choices)
                let answers = try store.commit(batch, wallSeconds: time)
                check(answers, batch)
                time += mode & 4 == 0 ? 3_600 : 40 * 86_400
            }
            _ = try store.counts()
            try store.believeClock(wallSeconds: time)
            try store.tidy()
        } catch {
            let isWhole = main == template.main && (mode & 2 != 0 || log == template.log)
            precondition(!isWhole || mode & 1 != 0, "a store without damage is refused")
        }
    }

    /// Everything that reads.
    private static func requests(
        fence: UInt32, _ mode: UInt8, _ choices: inout Choices
    ) -> StorageBatch {
        var batch = Batch()
        let signature = batch.append(64)
        batch.add(.findKey(chat, .read, signature: signature))
        batch.add(.attachReader(chat))
        batch.add(.attachReader(contact))
        batch.add(.attachWriter(chat))
        for id in [chat, contact] {
            batch.add(
                .read(
                    id, fence: id == chat ? fence : fence - 1, from: 1, envelopesMax: 4,
                    byteCountMax: 1 << 20))
        }
        batch.add(.acknowledge(chat, fence: fence, 1...UInt64(choices.byte()) + 1))
        batch.deposit(UInt64(4 + fence), .large)
        batch.add(.depositContact(contact, envelope: batch.append(EnvelopeSize.contact.rawValue)))
        batch.add(.getBlob(idHash: blob))
        for frame in WireSeeds.directoryQuestions { batch.add(frame: frame) }
        if mode & 16 != 0 {
            for frame in WireSeeds.directoryFrames.prefix(3) { batch.add(frame: frame) }
        }
        batch.add(.eraseBlob(idHash: blob, eraseHash: eraseHash))
        batch.add(.renewLease(chat))
        batch.add(.setTimeToLive(chat, fence: fence, days: 3))
        batch.add(.read(chat, fence: fence, from: 1, envelopesMax: 9, byteCountMax: 20_000))
        batch.add(.sweep)
        if mode & 32 != 0 { batch.add(.delete(chat, fence: fence)) }
        return batch.batch
    }

    private static func check(_ answers: StorageAnswers, _ batch: StorageBatch) {
        precondition(answers.results.count == batch.requests.count, "a request without a result")
        for result in answers.results {
            switch result {
            case .envelopes(let range, more: _):
                var last: UInt64 = 0
                for envelope in answers.envelopes[range] {
                    precondition(envelope.sequence > last, "envelopes out of order")
                    last = envelope.sequence
                    let byteCount = answers.bytes[envelope.range].count
                    precondition(EnvelopeSize(rawValue: byteCount) != nil, "an envelope's size")
                }
            case .blob(let range):
                precondition(answers.bytes[range].count <= Limits.blobByteCountMax)
            case .directory(let range):
                let frame = Array(answers.bytes[range])
                let raw = RawFrame(type: frame[0], body: 3..<frame.count)
                // What stands in a record or a bundle is signed, and judged by whoever asked.
                _ = try? ServerFrame.decode(raw, in: frame.raw)
            default: break
            }
        }
    }
}
