import Channel
import Glibc
import Primitives

/// What a channel handshake costs each side, in microseconds of this thread's processor time, with
/// the KEM and without.
enum ChannelBench {
    /// `channel-bench [ROUNDS]`: the fastest and the middle one of so many handshakes.
    @Sendable static func run(_ arguments: [String]) -> Int32? {
        guard arguments.count <= 1, let rounds = Int(arguments.first ?? "2000"), rounds > 0 else {
            return nil
        }
        for (name, pattern) in [("NKhfs", NoisePattern.nkHFS), ("NK", .nk)] {
            guard let found = try? measure(pattern, rounds: rounds) else { return 70 }
            print(
                """
                {"handshake":"\(name)","rounds":\(rounds),\
                "server_us":\(found.server.middle),"server_us_min":\(found.server.least),\
                "client_us":\(found.client.middle),"client_us_min":\(found.client.least)}
                """)
        }
        return 0
    }

    /// Times of one kind, in nanoseconds.
    private struct Times {
        private var all: [Int64] = []

        mutating func add(_ nanoseconds: Int64) { all.append(nanoseconds) }

        var least: Double { Double(all.min() ?? 0) / 1_000 }
        var middle: Double { all.isEmpty ? 0 : Double(all.sorted()[all.count / 2]) / 1_000 }
    }

    private static func measure(
        _ pattern: NoisePattern, rounds: Int
    ) throws(NoiseError) -> (server: Times, client: Times) {
        var random = SystemRandom()
        let key = X25519KeyPair.generate(from: &random, home: .guarded)
        let prologue: [UInt8] = Array("a prologue of usual length, postern.v0".utf8)
        var (server, client) = (Times(), Times())
        for _ in 0..<rounds {
            let begun = now()
            var initiator = try NoiseHandshake(
                pattern, role: .initiator, prologue: prologue.raw, remoteStaticKey: key.publicKey)
            let first = try initiator.write(payload: RawSpan(), from: &random)
            let received = now()
            var responder = try NoiseHandshake(
                pattern, role: .responder, prologue: prologue.raw, staticKey: key.duplicate())
            _ = try responder.read(first.raw)
            let second = try responder.write(payload: RawSpan(), from: &random)
            let hash = try responder.finish().handshakeHash
            let answered = now()
            _ = try initiator.read(second.raw)
            let own = try initiator.finish().handshakeHash
            let finished = now()
            precondition(hash == own, "two sides have two hashes")
            server.add(answered - received)
            client.add(received - begun + finished - answered)
        }
        return (server, client)
    }

    private static func now() -> Int64 {
        var time = timespec()
        // Safe: a structure of this function.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
