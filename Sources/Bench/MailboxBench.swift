import Glibc
import Platform
import Primitives
import Wire

/// `mailbox-bench ADDRESS PID MODE [CONNECTIONS] [WINDOW] [SECONDS]`: drives a running `posternd`
/// and prints rate, latency and the server's processor time a message as one line of JSON.
///
/// Modes: `store` (P1: deposits of 1,024 bytes, nobody reads), `live` (P3: half the connections
/// write, half read and acknowledge), `relay` (P5: ephemeral frames, the writer's next one goes out
/// when one has arrived).
enum MailboxBench {
    private enum Mode: String { case store, live, relay }

    static func run(_ arguments: [String]) -> Int32? {
        guard arguments.count >= 3, case .server(let server)? = try? Address(arguments[0]),
            let socketAddress = SocketAddress(numeric: "\(server.host.text):\(server.port)"),
            let pid = Int32(arguments[1]), let mode = Mode(rawValue: arguments[2])
        else { return nil }
        func number(_ place: Int, _ standard: Int) -> Int {
            arguments.count > place ? Int(arguments[place]) ?? standard : standard
        }
        do throws(SystemError) {
            let work = try Work(
                server, socketAddress, mode, connections: number(3, 100), window: number(4, 16))
            try work.prepare()
            try work.measure(seconds: number(5, 5), pid: pid)
            return 0
        } catch {
            print("mailbox-bench: \(error)")
            return 74
        }
    }

    /// One run.
    private final class Work {
        private let mode: Mode
        private let pool: MailboxPool
        private let window: Int
        private let pairCount: Int
        private var boxes: [BenchMailboxBox] = []
        private var counters: [UInt64] = []
        private var places: [MailboxID: Int] = [:]
        private var readyCount = 0
        private var meter: LoadMeter?
        private var sentAt: [[Int64]] = []
        private var envelope = [UInt8](repeating: 0, count: EnvelopeSize.small.rawValue)

        init(
            _ server: ServerAddress, _ address: SocketAddress, _ mode: Mode, connections: Int,
            window: Int
        ) throws(SystemError) {
            self.mode = mode
            self.window = window
            pairCount = mode == .store ? connections : connections / 2
            pool = try MailboxPool(server: server, address: address, count: connections)
            var random = SystemRandom()
            let base: UInt64 = random.integer()
            for index in 0..<pairCount {
                let box = BenchMailboxBox(seed: base &+ UInt64(index))
                places[box.mailbox.id] = index
                boxes.append(box)
                counters.append(0)
                sentAt.append([])
            }
            envelope = random.bytes(count: EnvelopeSize.small.rawValue)
        }

        /// Connects, makes the mailboxes and attaches them.
        func prepare() throws(SystemError) {
            for link in pool.links {
                link.onOpen = { [unowned self] link in open(link) }
                link.onFrame = { [unowned self] link, frame, bytes in heard(link, frame, bytes) }
                link.onClose = { _ in
                    print("mailbox-bench: a connection was closed")
                    exit(76)
                }
                try pool.connect(link)
            }
            let links = pool.links.count
            guard try pool.run(milliseconds: 60_000, until: { readyCount == links }) else {
                print("mailbox-bench: not ready in time, \(readyCount) of \(links)")
                exit(124)
            }
        }

        func measure(seconds: Int, pid: Int32) throws(SystemError) {
            var meter = LoadMeter(pid: pid)
            meter.begin()
            self.meter = meter
            for index in 0..<pairCount {
                for _ in 0..<window { send(index) }
            }
            _ = try pool.run(milliseconds: 1_000, until: { false })
            self.meter?.begin()
            _ = try pool.run(milliseconds: Int64(seconds) * 1_000, until: { false })
            self.meter?.report(mode.rawValue, connections: pool.links.count, window: window)
        }

        private func open(_ link: MailboxLink) {
            let index = link.index % pairCount
            let box = boxes[index]
            switch mode {
            case .store:
                _ = box.mailbox.create(link)
                _ = box.mailbox.attach(link, .write)
            case .live, .relay:
                // Every connection makes the mailbox, so none has to wait for another.
                _ = box.mailbox.create(link)
                _ = box.mailbox.attach(link, link.index < pairCount ? .write : .read)
            }
            link.isDirty = true
        }

        private func send(_ index: Int) {
            let link = pool.links[index]
            counters[index] += 1
            sentAt[index].append(LoadMeter.nanoseconds())
            let mailbox = boxes[index].mailbox.id
            let bytes = envelope
            if mode == .relay {
                link.ephemeral(mailbox, bytes.raw)
            } else {
                link.deposit(mailbox, counters[index], bytes.raw)
            }
            link.isDirty = true
        }

        private func heard(_ link: MailboxLink, _ frame: ServerFrame, _ bytes: RawSpan) {
            let index = link.index % pairCount
            switch frame {
            case .attached:
                readyCount += 1
            case .done:
                if meter != nil && mode == .store { finished(index) }
            case .delivery(let delivery):
                let mailbox = delivery.mailbox
                let sequence = delivery.sequence
                // One acknowledge for what came in one turn would do; one for each is the harder
                // work and what the peers do.
                link.add {
                    .acknowledge(
                        AcknowledgeFrame(
                            request: $0, mailbox: mailbox, sequences: sequence...sequence))
                }
                link.isDirty = true
                finished(index)
            case .ephemeralDelivery:
                finished(index)
            case .error(let error):
                print("mailbox-bench: error \(error.rawCode)")
                exit(76)
            default: break
            }
        }

        private func finished(_ index: Int) {
            if !sentAt[index].isEmpty {
                meter?.finished(sentAt: sentAt[index].removeFirst())
            }
            send(index)
        }
    }
}
