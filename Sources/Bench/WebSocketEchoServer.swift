import Channel
import Glibc
import Platform
import Primitives

/// A server that sends every message back, over the state machines of the product: for Autobahn's
/// fuzzing client. It serves one connection after the other.
enum WebSocketEchoServer {
    /// `ws-echo-server PORT`: listens on loopback and prints the port, which the system chooses if
    /// 0 is given.
    static func run(_ arguments: [String]) -> Int32? {
        guard arguments.count == 1, let port = UInt16(arguments[0]),
            let address = SocketAddress(host: "127.0.0.1", port: port)
        else { return nil }
        do throws(SystemError) {
            let listener = try TCP.listen(on: address)
            print("listening on \(try TCP.localAddress(of: listener))")
            fflush(nil)
            while true { try acceptOne(listener) }
        } catch {
            print("ws-echo-server: \(error)")
            return 74
        }
    }

    private static func acceptOne(_ listener: borrowing Descriptor) throws(SystemError) {
        switch try TCP.accept(on: listener) {
        case .connection(let socket, from: _):
            var session = WebSocketEchoSession(socket)
            // A peer that breaks off or misbehaves is what the suite tests.
            try? serve(&session)
            session.finish()
        default:
            var poller = Poller()
            poller.watch(listener.raw, .read)
            _ = try poller.wait(timeoutMilliseconds: -1)
        }
    }

    private static func serve(
        _ session: inout WebSocketEchoSession
    ) throws(WebSocketEchoFailure) {
        var output: [UInt8] = []
        var reader = HTTPRequestReader(limits: WebSocketEchoSession.headLimits)
        do throws(HTTPError) {
            var head: HTTPRequestHead?
            while head == nil {
                do throws(WebSocketEchoFailure) { try session.fill() } catch { return }
                head = try reader.receive(session.input.readable)
            }
            guard let head else { return }
            // The suite's client states the origin of its own address.
            let policy = WebSocketUpgradePolicy(
                allowedOrigins: head.fields.values(of: .origin), subprotocols: [])
            output = try WebSocketUpgrade(answering: head, policy: policy).response
            session.input.consume(head.byteCount)
        } catch {
            output = error.response.encoded
            try session.send(&output)
            return
        }
        try session.send(&output)
        try session.serve(
            WebSocketServer(limits: WebSocketEchoSession.limits, acceptance: .textAndBinary))
    }
}
