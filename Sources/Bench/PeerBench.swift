import Glibc
import Platform
import Primitives

/// `peer-bench redis|mqtt HOST:PORT PID store|live [CONNECTIONS] [WINDOW] [SECONDS]`: does with
/// another server what `mailbox-bench` does with ours, on one thread with the same parts.
enum PeerBench {
    static func run(_ arguments: [String]) -> Int32? {
        guard arguments.count >= 4, let address = SocketAddress(numeric: arguments[1]),
            let pid = Int32(arguments[2]), ["store", "live"].contains(arguments[3])
        else { return nil }
        func number(_ place: Int, _ standard: Int) -> Int {
            arguments.count > place ? Int(arguments[place]) ?? standard : standard
        }
        let shape = Shape(
            isLive: arguments[3] == "live", connections: number(4, 100), window: number(5, 16),
            seconds: number(6, 5))
        do throws(SystemError) {
            switch arguments[0] {
            case "redis": try Work<RedisPeer>(address, shape).run(pid: pid)
            case "mqtt": try Work<MQTTPeer>(address, shape).run(pid: pid)
            default: return nil
            }
            return 0
        } catch {
            print("peer-bench: \(error)")
            return 74
        }
    }

    private struct Shape {
        let isLive: Bool
        let connections: Int
        let window: Int
        let seconds: Int
    }

    private final class Link<Peer: PeerProtocol> {
        var peer: Peer
        let socket: MailboxLink.SocketBox
        var input = ByteBuffer()
        var output = ByteBuffer()
        var wantsWrite = false
        var sentAt: [Int64] = []

        init(_ peer: Peer, _ socket: MailboxLink.SocketBox) {
            self.peer = peer
            self.socket = socket
        }
    }

    private final class Work<Peer: PeerProtocol> {
        private let address: SocketAddress
        private let shape: Shape
        private let epoll: Epoll
        private var links: [Link<Peer>] = []
        private var readyCount = 0
        private var boxCount: Int { shape.isLive ? shape.connections / 2 : shape.connections }
        private var meter: LoadMeter?

        init(_ address: SocketAddress, _ shape: Shape) throws(SystemError) {
            self.address = address
            self.shape = shape
            epoll = try Epoll(eventsMax: 1_024)
        }

        func run(pid: Int32) throws(SystemError) {
            if !shape.isLive && Peer.needsReaderFirst {
                try connect(writers: 0, readers: boxCount)
                links = []
            }
            try connect(writers: boxCount, readers: shape.isLive ? boxCount : 0)
            var meter = LoadMeter(pid: pid)
            meter.begin()
            self.meter = meter
            for index in 0..<boxCount {
                for _ in 0..<shape.window { send(index) }
                try flush(index)
            }
            try turn(milliseconds: 1_000)
            self.meter?.begin()
            try turn(milliseconds: Int64(shape.seconds) * 1_000)
            self.meter?.report(
                shape.isLive ? "live" : "store", connections: links.count, window: shape.window)
        }

        /// Opens connections, the writers first in `links`, and waits until all are ready.
        private func connect(writers: Int, readers: Int) throws(SystemError) {
            readyCount = 0
            for index in 0..<writers + readers {
                let isWriter = index < writers
                let descriptor = try TCP.connect(
                    toAnyOf: [address], timeoutMilliseconds: 5_000, clock: SystemClock())
                try epoll.add(descriptor.raw, token: UInt64(index), for: [.read])
                let peer = Peer(box: isWriter ? index : index - writers, isWriter: isWriter)
                let link = Link(peer, MailboxLink.SocketBox(descriptor))
                links.append(link)
                link.output.append(link.peer.hello().raw)
                try flush(index)
            }
            let deadline = SystemClock().monotonicMilliseconds + 20_000
            while readyCount < links.count {
                guard SystemClock().monotonicMilliseconds < deadline else {
                    print("peer-bench: not ready in time")
                    exit(124)
                }
                try turn(milliseconds: 10)
            }
        }

        private func turn(milliseconds: Int64) throws(SystemError) {
            let clock = SystemClock()
            let deadline = clock.monotonicMilliseconds + milliseconds
            while clock.monotonicMilliseconds < deadline {
                let count = try epoll.wait(timeoutMilliseconds: 10)
                var touched: Set<Int> = []
                for place in 0..<count {
                    let (token, _) = epoll.event(at: place)
                    let index = Int(token)
                    touched.insert(index)
                    for other in try read(index) { touched.insert(other) }
                }
                for index in touched { try flush(index) }
            }
        }

        /// Reads what a connection has; returns the writers that have sent for it.
        private func read(_ index: Int) throws(SystemError) -> [Int] {
            let link = links[index]
            switch try link.socket.descriptor.read(into: &link.input, room: 1 << 17) {
            case .wouldBlock: return []
            case .closed: fail("a connection was closed")
            case .bytes: break
            }
            let bytes = [UInt8](copying: link.input.readable)
            let writer = index % max(boxCount, 1)
            var finished = 0
            let result = link.peer.receive(bytes) { event in
                switch event {
                case .ready: readyCount += 1
                case .acknowledged: finished += shape.isLive ? 0 : 1
                case .delivered: finished += shape.isLive ? 1 : 0
                }
            }
            guard let (consumed, answer) = result else { fail("the server refused something") }
            link.input.consume(consumed)
            link.output.append(answer.raw)
            for _ in 0..<finished {
                meter?.finished(sentAt: links[writer].sentAt.removeFirst())
                send(writer)
            }
            return finished > 0 ? [writer] : []
        }

        private func send(_ index: Int) {
            let link = links[index]
            link.sentAt.append(LoadMeter.nanoseconds())
            link.output.append(link.peer.deposit().raw)
        }

        private func flush(_ index: Int) throws(SystemError) {
            let link = links[index]
            while !link.output.isEmpty {
                guard
                    case .bytes(let count) = try link.socket.descriptor.send(link.output.readable)
                else { break }
                link.output.consume(count)
            }
            let wantsWrite = !link.output.isEmpty
            guard wantsWrite != link.wantsWrite else { return }
            link.wantsWrite = wantsWrite
            try epoll.modify(
                link.socket.descriptor.raw, token: UInt64(index),
                for: wantsWrite ? [.read, .write] : [.read])
        }

        private func fail(_ text: String) -> Never {
            print("peer-bench: \(text)")
            exit(76)
        }
    }
}
