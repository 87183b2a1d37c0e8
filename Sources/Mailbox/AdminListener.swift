import Channel
import Platform
import Primitives

/// The operator's listener: `GET /health`, on the loopback only, one request at a time on a thread
/// of its own, so that it answers whatever the event loops are doing (H6, O1).
struct AdminListener: ~Copyable {
    private let listener: Descriptor
    private let counters: ServerCounters

    /// How long a client has for its request.
    private static let requestMilliseconds: Int64 = 1_000

    init(listener: consuming Descriptor, counters: ServerCounters) {
        self.listener = listener
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
        var reader = HTTPRequestReader(
            limits: HTTPLimits(headByteCountMax: 4_096, fieldCountMax: 32))
        while true {
            let left = deadline - clock.monotonicMilliseconds
            var poller = Poller()
            poller.watch(socket.raw, [.read])
            guard left > 0, let ready = try? poller.wait(timeoutMilliseconds: Int32(left)),
                ready > 0, case .bytes? = try? socket.read(into: &input, room: 4_096)
            else { return }
            do throws(HTTPError) {
                guard let head = try reader.receive(input.readable) else { continue }
                send(answer(head.target), on: socket)
            } catch {
                send(error.response, on: socket)
            }
            return
        }
    }

    private func answer(_ target: String) -> HTTPResponse {
        guard target == "/health" else { return HTTPResponse(.notFound) }
        let json = "application/json"
        return switch counters.health.value {
        case .serving: HTTPResponse(.ok, contentType: json, body: "{\"status\":\"ok\"}\n")
        case .starting:
            HTTPResponse(
                .serviceUnavailable, contentType: json, body: "{\"status\":\"starting\"}\n")
        case .draining:
            HTTPResponse(
                .serviceUnavailable, contentType: json, body: "{\"status\":\"draining\"}\n")
        case .failed:
            HTTPResponse(
                .serviceUnavailable, contentType: json, body: "{\"status\":\"failed\"}\n")
        }
    }

    private func send(_ response: HTTPResponse, on socket: borrowing Descriptor) {
        // A few hundred bytes always fit into a fresh socket's buffer.
        _ = try? socket.send(response.encoded.raw)
        TCP.finishSending(socket)
    }
}
