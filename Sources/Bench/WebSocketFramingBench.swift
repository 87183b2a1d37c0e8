import Channel
import Primitives

/// What WebSocket framing costs, without sockets: 1 KiB messages, sixteen to a buffer.
enum WebSocketFramingBench {
    /// `ws-framing`: prints nanoseconds a message, the least of many rounds.
    static func run(_ arguments: [String]) -> Int32? {
        guard arguments.isEmpty else { return nil }
        let payload = [UInt8](repeating: 7, count: 1_024)
        let limits = WebSocketLimits(messageByteCountMax: 65_535)
        let messageCount = 16
        var random = SystemRandom()

        var client = WebSocketClient(limits: limits)
        var masked: [UInt8] = []
        for _ in 0..<messageCount {
            client.appendMessage(payload.raw, to: &masked, random: &random)
        }

        // Unmasking twice gives the masked bytes again, so a buffer can be used once only.
        var buffers = [[UInt8]](repeating: masked, count: 64)
        var server = WebSocketServer(limits: limits)
        report("receive, server") {
            var received = 0
            for index in buffers.indices { received += receive(&server, &buffers[index]) }
            precondition(received == messageCount * buffers.count)
            return received
        } prepare: {
            for index in buffers.indices { buffers[index].replaceSubrange(0..., with: masked) }
        }

        var output: [UInt8] = []
        report("send, server") {
            output.removeAll(keepingCapacity: true)
            for _ in 0..<1_024 { server.appendMessage(payload.raw, to: &output) }
            return 1_024
        }
        report("send, client") {
            output.removeAll(keepingCapacity: true)
            for _ in 0..<1_024 {
                client.appendMessage(payload.raw, to: &output, random: &random)
            }
            return 1_024
        }
        upgrades(&random)
        return 0
    }

    /// What an upgrade costs each side, once a connection.
    private static func upgrades(_ random: inout SystemRandom) {
        let headLimits = HTTPLimits(headByteCountMax: 8_192, fieldCountMax: 64)
        let policy = WebSocketUpgradePolicy(subprotocols: ["postern.v1"])
        func handshake() -> WebSocketClientHandshake? {
            try? WebSocketClientHandshake(
                host: "server.example:8437", subprotocols: ["postern.v1"], limits: headLimits,
                random: &random)
        }
        guard let request = handshake()?.request else { preconditionFailure("a good host") }
        report("upgrade, server", unit: "an upgrade") {
            var count = 0
            for _ in 0..<100 {
                var reader = HTTPRequestReader(limits: headLimits)
                if let head = try? reader.receive(request.raw),
                    let upgrade = try? WebSocketUpgrade(answering: head, policy: policy)
                {
                    count += upgrade.response.isEmpty ? 0 : 1
                }
            }
            return count
        }
        report("upgrade, request of a client", unit: "an upgrade") {
            var count = 0
            for _ in 0..<100 { count += handshake() == nil ? 0 : 1 }
            return count
        }
    }

    private static func receive(_ server: inout WebSocketServer, _ buffer: inout [UInt8]) -> Int {
        var bytes = buffer.mutableRaw
        var position = 0
        var count = 0
        do throws(WebSocketError) {
            while true {
                switch try server.receive(&bytes, position: &position) {
                case .message(_, let range): count += range.count >> 10
                case .incomplete: return count
                default: break
                }
            }
        } catch {
            return 0
        }
    }

    private static func report(
        _ name: String, unit: String = "a message", _ round: () -> Int, prepare: () -> Void = {}
    ) {
        let clock = ContinuousClock()
        var best = Duration.seconds(1)
        for _ in 0..<200 {
            prepare()
            var count = 0
            let time = clock.measure { count = round() }
            best = min(best, time / count)
        }
        let nanoseconds = best.components.attoseconds / 1_000_000_000
        print("\(name): \(nanoseconds) ns \(unit)")
    }
}
