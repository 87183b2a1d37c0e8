import Channel
import Platform
import Primitives
import Wire

/// The operator's listener: `GET /health`, on the loopback only, one request at a time on a thread
/// of its own, so that it answers whatever the event loops are doing (H6, O1).
///
/// - SPEC: §11.1, CH-1 to CH-4
struct AdminListener: ~Copyable {
    private let listener: Descriptor
    private let address: SocketAddress
    private let counters: ServerCounters

    /// As large as a head may be for the clients' listener. CH-2
    static let limits = HTTPLimits(
        headByteCountMax: Limits.headByteCountMax, fieldCountMax: Limits.headFieldsMax)
    /// How long a client has for its request.
    private static let requestMilliseconds: Int64 = 1_000

    /// - Parameter address: where it listens, with the port the system chose.
    init(listener: consuming Descriptor, address: SocketAddress, counters: ServerCounters) {
        self.listener = listener
        self.address = address
        self.counters = counters
    }

    /// Serves until `ended` becomes readable.
    func run(until ended: Int32) {
        let clock = SystemClock()
        while true {
            var poller = Poller()
            poller.watch(listener.raw, [.read])
            poller.watch(ended, [.read])
            guard (try? poller.wait(timeoutMilliseconds: -1)) != nil else { return }
            if !poller.readiness(of: ended).isEmpty { return }
            guard let accepted = try? TCP.accept(on: listener) else { continue }
            switch consume accepted {
            case .connection(let socket, from: _): serve(socket, clock)
            case .none: continue
            case .exhausted:
                // Nothing of ours can be closed to make room: wait until somebody else has.
                var rest = Poller()
                rest.watch(ended, [.read])
                _ = try? rest.wait(timeoutMilliseconds: 100)
            }
        }
    }

    private func serve(_ socket: borrowing Descriptor, _ clock: SystemClock) {
        let deadline = clock.monotonicMilliseconds + Self.requestMilliseconds
        var input = ByteBuffer()
        var reader = HTTPRequestReader(limits: Self.limits)
        while true {
            let left = deadline - clock.monotonicMilliseconds
            var poller = Poller()
            poller.watch(socket.raw, [.read])
            guard left > 0, let ready = try? poller.wait(timeoutMilliseconds: Int32(left)),
                ready > 0, case .bytes? = try? socket.read(into: &input, room: 4_096)
            else { return }
            do throws(HTTPError) {
                guard let head = try reader.receive(input.readable) else { continue }
                let answer = Self.answer(head, at: address, counters.health.value)
                send(answer, on: socket)
            } catch {
                send(error.response, on: socket)
            }
            return
        }
    }

    /// What a request is answered. One that names another host than this listener's was sent here
    /// by a web page whose name leads to this machine (DNS rebinding), and one with an Origin by
    /// a web page in any case: neither hears anything.
    static func answer(
        _ head: HTTPRequestHead, at address: SocketAddress, _ health: HealthState.Condition
    ) -> HTTPResponse {
        guard isOwn(head.host, address), head.fields.values(of: .origin).isEmpty else {
            return HTTPResponse(.forbidden)
        }
        guard head.target == "/health" else { return HTTPResponse(.notFound) }
        let word: StaticString =
            switch health {
            case .serving: "ok"
            case .starting: "starting"
            case .draining: "draining"
            case .failed: "failed"
            }
        return HTTPResponse(
            health == .serving ? .ok : .serviceUnavailable, contentType: "application/json",
            body: "{\"status\":\"\(word)\"}\n")
    }

    /// Whether a Host field names the listener: its address or localhost, with its port or none.
    private static func isOwn(_ host: String, _ address: SocketAddress) -> Bool {
        let port = ":\(address.port)"
        let own = address.description.dropLast(port.count)
        let name = host.hasSuffix(port) ? host.dropLast(port.count) : host[...]
        return name == own || name.lowercased() == "localhost"
    }

    private func send(_ response: HTTPResponse, on socket: borrowing Descriptor) {
        // A few hundred bytes always fit into a fresh socket's buffer.
        _ = try? socket.send(response.encoded.raw)
        TCP.finishSending(socket)
    }
}
