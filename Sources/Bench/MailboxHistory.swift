import Glibc
import Platform
import Primitives
import Wire

/// `mailbox-history ADDRESS FILE SEED PAIRS SECONDS`: writes and reads without pause while somebody kills
/// the server again and again, and notes what it sent and what it was told, for the checker of
/// Tests/crash to judge.
///
/// The line `drain` on standard input ends the writing; it then waits until every reader has all
/// that its writer was promised, or SECONDS have passed, and ends. A line of the history is one
/// letter and what it is about, `BOX` being the number of a mailbox:
///
///     S BOX COUNTER HASH    the writer sends a deposit, again with the same bytes if need be
///     A BOX COUNTER         the server answered it with done
///     T BOX COUNTER         … with counterTaken
///     G BOX NEXT            … with counterGap
///     N BOX NEXT            a write attach named the next counter
///     O BOX                 a reader's connection is open; it attaches
///     R BOX COUNT WAITING   its attach was counted
///     D BOX COUNTER HASH    an envelope was delivered
///     K BOX COUNTER         the server answered its acknowledgement with done
///     E BOX CODE            any other error
///     C BOX ROLE COUNT MS   the connection of the writer (w) or reader (r) was lost at this
///                           millisecond of the machine's clock with so many deposits unanswered
enum MailboxHistory {
    static func run(_ arguments: [String]) -> Int32? {
        guard arguments.count == 5, case .server(let server)? = try? Address(arguments[0]),
            let address = SocketAddress(numeric: "\(server.host.text):\(server.port)"),
            let seed = UInt64(arguments[2]), let pairs = Int(arguments[3]),
            (1...1_000).contains(pairs), let seconds = Int64(arguments[4])
        else { return nil }
        do throws(SystemError) {
            let history: Descriptor
            do throws(UnsafeFile) {
                history = try SafeFile.create(arguments[1])
            } catch {
                print("mailbox-history: the history cannot be made")
                return 74
            }
            let work = try Work(server, address, history, seed: seed, pairs: pairs)
            try work.run(drainMilliseconds: 1_000 * seconds)
            try work.save()
            return work.isComplete ? 0 : 124
        } catch {
            print("mailbox-history: \(error)")
            return 74
        }
    }

    /// One mailbox with its writer and its reader.
    private final class Pair {
        let box: BenchMailboxBox
        /// Deposits that were sent and not answered, oldest first.
        var pending: [(counter: UInt64, bytes: [UInt8])] = []
        /// Request ids of the writer's deposits under way.
        var deposits: [UInt32: UInt64] = [:]
        /// Request ids of the reader's acknowledgements under way.
        var acknowledgements: [UInt32: UInt64] = [:]
        var nextCounter: UInt64 = 1
        /// The highest counter the server has promised to keep.
        var promised: UInt64 = 0
        /// The highest counter delivered.
        var delivered: UInt64 = 0
        var isAttached = false

        init(seed: UInt64) { box = BenchMailboxBox(seed: seed) }

        /// All counters below `next` are in the server's hands.
        func settle(next: UInt64) {
            pending.removeAll { $0.counter < next }
            promised = max(promised, next &- 1)
        }

        /// One of its connections has gone, with what was under way on it.
        func lost(_ wasWriter: Bool) {
            if wasWriter {
                isAttached = false
                deposits = [:]
            } else {
                acknowledgements = [:]
            }
        }
    }

    private final class Work {
        private let pool: MailboxPool
        private var pairs: [Pair] = []
        private let history: Descriptor
        private var unsaved: [UInt8] = []
        private var random: SeededRandom
        private var isDraining = false
        private var reconnects: [(at: Int64, link: MailboxLink)] = []
        private let clock = SystemClock()
        private let window = 8

        init(
            _ server: ServerAddress, _ address: SocketAddress, _ history: consuming Descriptor,
            seed: UInt64, pairs count: Int
        ) throws(SystemError) {
            random = SeededRandom(seed)
            self.history = history
            pool = try MailboxPool(server: server, address: address, count: 2 * count)
            for index in 0..<count {
                pairs.append(Pair(seed: seed &* 1_000_003 &+ UInt64(index)))
            }
        }

        /// Whether every reader has what its writer was promised.
        var isComplete: Bool {
            pairs.allSatisfy { $0.pending.isEmpty && $0.delivered >= $0.promised }
        }

        func run(drainMilliseconds: Int64) throws(SystemError) {
            for link in pool.links {
                link.onOpen = { [unowned self] in open($0) }
                link.onFrame = { [unowned self] in heard($0, $1, $2) }
                link.onClose = { [unowned self] link in
                    lost(link)
                }
                connect(link)
            }
            var deadline = Int64.max
            while !(isDraining && isComplete) {
                if !isDraining, isTold() {
                    isDraining = true
                    deadline = clock.monotonicMilliseconds + drainMilliseconds
                }
                if clock.monotonicMilliseconds >= deadline { return }
                let now = clock.monotonicMilliseconds
                let due = reconnects.filter { $0.at <= now }
                reconnects.removeAll { $0.at <= now }
                for (_, link) in due { connect(link) }
                try pool.turn(timeoutMilliseconds: 10)
                if unsaved.count > 1 << 20 { try save() }
            }
        }

        /// Writes what was noted to the file.
        func save() throws(SystemError) {
            // A span of a class's property could outlive it, so the bytes are taken out.
            var bytes: [UInt8] = []
            swap(&bytes, &unsaved)
            try history.writeAll(bytes.raw)
        }

        private func note(_ line: String) {
            unsaved.append(contentsOf: line.utf8)
            unsaved.append(UInt8(ascii: "\n"))
        }

        private func lost(_ link: MailboxLink) {
            let now = clock.monotonicMilliseconds
            let pair = pair(of: link)
            let role = isWriter(link) ? "w" : "r"
            let unanswered = isWriter(link) ? pair.deposits.count : 0
            note("C \(link.index % pairs.count) \(role) \(unanswered) \(now)")
            pair.lost(isWriter(link))
            reconnects.append((now + 15, link))
        }

        private func isWriter(_ link: MailboxLink) -> Bool { link.index < pairs.count }
        private func pair(of link: MailboxLink) -> Pair { pairs[link.index % pairs.count] }

        private func connect(_ link: MailboxLink) {
            do throws(SystemError) {
                try pool.connect(link)
            } catch {
                reconnects.append((clock.monotonicMilliseconds + 50, link))
            }
        }

        /// Whether `drain` has come; anything on standard input means it, its end too.
        private func isTold() -> Bool {
            var poller = Poller()
            poller.watch(0, [.read])
            _ = try? poller.wait(timeoutMilliseconds: 0)
            return !poller.readiness(of: 0).isEmpty
        }

        private func open(_ link: MailboxLink) {
            let pair = pair(of: link)
            if !isWriter(link) { note("O \(link.index % pairs.count)") }
            _ = pair.box.mailbox.create(link)
            _ = pair.box.mailbox.attach(link, isWriter(link) ? .write : .read)
            link.isDirty = true
        }

        private func heard(_ link: MailboxLink, _ frame: ServerFrame, _ bytes: RawSpan) {
            let number = link.index % pairs.count
            let pair = pairs[number]
            switch frame {
            case .attached(let answer):
                if isWriter(link) {
                    note("N \(number) \(answer.nextCounter)")
                    pair.settle(next: answer.nextCounter)
                    pair.isAttached = true
                    for deposit in pair.pending { send(deposit, pair, number, link) }
                    fill(pair, number, link)
                } else {
                    note("R \(number) \(answer.readAttaches) \(answer.waiting)")
                }
            case .done(let request):
                // Both connections number their requests from 1.
                if isWriter(link) {
                    guard let counter = pair.deposits.removeValue(forKey: request) else { break }
                    note("A \(number) \(counter)")
                    pair.settle(next: counter + 1)
                    fill(pair, number, link)
                } else if let counter = pair.acknowledgements.removeValue(forKey: request) {
                    note("K \(number) \(counter)")
                }
            case .delivery(let delivery):
                let envelope = bytes.extracting(delivery.envelope)
                let hash = Hex.encode(SHA256.hash(envelope).raw.extracting(0..<8))
                note("D \(number) \(delivery.sequence) \(hash)")
                pair.delivered = max(pair.delivered, delivery.sequence)
                let sequence = delivery.sequence
                let request = link.add {
                    .acknowledge(
                        AcknowledgeFrame(
                            request: $0, mailbox: delivery.mailbox, sequences: sequence...sequence))
                }
                pair.acknowledgements[request] = sequence
                link.isDirty = true
            case .error(let error):
                refused(error, pair, number, link)
            default: break
            }
        }

        private func refused(
            _ error: ErrorFrame, _ pair: Pair, _ number: Int, _ link: MailboxLink
        ) {
            let counter = isWriter(link) ? pair.deposits.removeValue(forKey: error.request) : nil
            switch error.code {
            case .counterTaken:
                note("T \(number) \(counter ?? 0)")
                if let counter { pair.settle(next: counter + 1) }
                fill(pair, number, link)
            case .counterGap:
                note("G \(number) \(error.nextCounter ?? 0)")
            default:
                note("E \(number) \(error.rawCode)")
            }
        }

        private func fill(_ pair: Pair, _ number: Int, _ link: MailboxLink) {
            guard pair.isAttached, !isDraining else { return }
            while pair.pending.count < window {
                let size: EnvelopeSize = random.integer(below: 16) == 0 ? .medium : .small
                let deposit = (pair.nextCounter, random.bytes(count: size.rawValue))
                pair.nextCounter += 1
                pair.pending.append(deposit)
                send(deposit, pair, number, link)
            }
        }

        private func send(
            _ deposit: (counter: UInt64, bytes: [UInt8]), _ pair: Pair, _ number: Int,
            _ link: MailboxLink
        ) {
            let hash = Hex.encode(SHA256.hash(deposit.bytes.raw).raw.extracting(0..<8))
            note("S \(number) \(deposit.counter) \(hash)")
            let request = link.deposit(pair.box.mailbox.id, deposit.counter, deposit.bytes.raw)
            pair.deposits[request] = deposit.counter
            link.isDirty = true
        }
    }
}
