internal import Primitives
internal import Wire

/// When to ping, and when to take the server for gone.
///
/// - SPEC: §11.3, CH-44
struct KeepAlive {
    /// What is due.
    enum Due: Equatable {
        case nothing
        case ping
        /// Neither frame nor pong came for two pings and a while.
        case dead
    }

    /// Two pings that both had their whole time, in milliseconds: one lost packet is no reason.
    static let silenceMillisecondsMax = Int64(Limits.keepAliveSecondsMax) * 2_000

    private var nextPing: Int64
    private var lastReceived: Int64

    init(now: Int64, random: inout AnyRandom) {
        lastReceived = now
        nextPing = now + Self.interval(&random)
    }

    /// When `tick` is due, in milliseconds.
    var deadline: Int64 { min(nextPing, lastReceived + Self.silenceMillisecondsMax) }

    mutating func received(now: Int64) { lastReceived = now }

    mutating func tick(now: Int64, random: inout AnyRandom) -> Due {
        if now >= lastReceived + Self.silenceMillisecondsMax { return .dead }
        guard now >= nextPing else { return .nothing }
        nextPing = now + Self.interval(&random)
        return .ping
    }

    /// Random, so that the moments of two connections do not tell that they are one client's.
    private static func interval(_ random: inout AnyRandom) -> Int64 {
        let least = UInt64(Limits.keepAliveSecondsMin) * 1_000
        let most = UInt64(Limits.keepAliveSecondsMax) * 1_000
        return Int64(least + random.integer(below: most - least + 1))
    }
}
