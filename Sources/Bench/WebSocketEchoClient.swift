import Channel
import Glibc
import Platform
import Primitives

/// A client that sends every message back, over the state machines of the product: runs every case
/// of Autobahn's fuzzing server.
enum WebSocketEchoClient {
    /// The name under which the suite reports.
    private static let agent = "postern"

    /// `ws-echo-client ws://HOST:PORT`: asks for the number of cases, runs them all and has the
    /// report written. Exits 74 when the server cannot be talked to.
    static func run(_ arguments: [String]) -> Int32? {
        let scheme = "ws://"
        guard arguments.count == 1, arguments[0].hasPrefix(scheme) else { return nil }
        let authority = String(arguments[0].dropFirst(scheme.count))
        guard let address = SocketAddress(numeric: authority) else { return nil }
        let client = Connector(authority: authority, address: address)

        do throws(WebSocketEchoFailure) {
            var text: [UInt8] = []
            try client.run("/getCaseCount") { text += $0 }
            guard let count = Int(String(decoding: text, as: UTF8.self)), count > 0 else {
                print("ws-echo-client: no case count")
                return 76
            }
            for number in 1...count {
                do throws(WebSocketEchoFailure) {
                    try client.run("/runCase?case=\(number)&agent=\(agent)")
                } catch {
                    // Some cases end with the server breaking off; the report says what it saw.
                    guard case .disconnected = error else { throw error }
                }
            }
            try client.run("/updateReports?agent=\(agent)")
            print("ran \(count) cases")
            return 0
        } catch {
            print("ws-echo-client: \(error)")
            return 74
        }
    }

    /// What every connection of a run has in common.
    private struct Connector {
        let authority: String
        let address: SocketAddress

        /// Opens one connection and serves it to its end. Messages are sent back, unless `observe`
        /// takes them.
        func run(
            _ path: String, observe: (([UInt8]) -> Void)? = nil
        ) throws(WebSocketEchoFailure) {
            var session = try connect()
            do throws(WebSocketEchoFailure) {
                try upgrade(&session, path)
                try session.serve(
                    WebSocketClient(
                        limits: WebSocketEchoSession.limits, acceptance: .textAndBinary),
                    observe: observe)
            } catch {
                session.finish()
                throw error
            }
            session.finish()
        }

        private func connect() throws(WebSocketEchoFailure) -> WebSocketEchoSession {
            do throws(SystemError) {
                return WebSocketEchoSession(
                    try TCP.connect(
                        toAnyOf: [address], timeoutMilliseconds: 10_000, clock: SystemClock()))
            } catch {
                throw .system(error)
            }
        }

        private func upgrade(
            _ session: inout WebSocketEchoSession, _ path: String
        ) throws(WebSocketEchoFailure) {
            var random = SystemRandom()
            var handshake: WebSocketClientHandshake
            do throws(WebSocketHandshakeError) {
                handshake = try WebSocketClientHandshake(
                    host: authority, path: path, subprotocols: [],
                    limits: WebSocketEchoSession.headLimits, random: &random)
            } catch {
                throw .handshake(error)
            }
            var request = handshake.request
            try session.send(&request)
            while true {
                try session.fill()
                do throws(WebSocketHandshakeError) {
                    if let accepted = try handshake.receive(session.input.readable) {
                        session.input.consume(accepted.byteCount)
                        return
                    }
                } catch {
                    throw .handshake(error)
                }
            }
        }
    }
}
