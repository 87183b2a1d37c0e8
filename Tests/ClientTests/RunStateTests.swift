import Primitives
import Testing
import Wire

@testable import Client

@Suite("§10.7 what a run waits for")
struct RunStateTests {
    private static func server(_ host: String) throws -> ServerAddress {
        let seed = SecretBytes(copying: [UInt8](repeating: 9, count: 32).raw)
        return try ServerAddress(
            key: X25519KeyPair(secret: seed).publicKey, host: try Host(host))
    }

    private static func state(_ goal: RunGoal) throws -> RunState {
        RunState(
            goal: goal, options: RunOptions(stopsWhenUnreachable: true),
            ownServer: try server("own.example"), started: 0)
    }

    private static func lost(
        _ host: String, _ error: ClientError = .connectionLost, pause: UInt64 = 300
    ) throws -> ClientEvent {
        .connection(
            .lost(server: try server(host).text, error: error, retryMilliseconds: pause))
    }

    @Test("CL-43 losses of another server neither end a run nor keep it from its farewell")
    func otherServer() throws {
        for goal in [RunGoal.drained, .forever] {
            var run = try Self.state(goal)
            for _ in 0..<9 { run.note(try Self.lost("other.example")) }
            #expect(run.result(now: 0) == nil)
            #expect(!run.isLost)
            #expect(!run.wantsFarewell(after: .timedOut(receivedCount: 0)))
            run.note(.connection(.connected(server: try Self.server("own.example").text)))
            #expect(run.wantsFarewell(after: .timedOut(receivedCount: 0)))
        }
        var run = try Self.state(.drained)
        run.note(.drained)
        run.note(try Self.lost("other.example"))
        #expect(run.result(now: 0) == .reached)
    }

    @Test("The own server is given up at its first loss, at the second when it had answered")
    func ownServer() throws {
        var run = try Self.state(.drained)
        run.note(try Self.lost("own.example", .hostUnknown))
        #expect(run.result(now: 0) == .unreachable(.hostUnknown))
        run = try Self.state(.drained)
        run.note(.connection(.connected(server: try Self.server("own.example").text)))
        run.note(try Self.lost("own.example"))
        #expect(run.result(now: 0) == nil)
        #expect(run.isLost)
        run.note(try Self.lost("own.example"))
        #expect(run.result(now: 0) == .unreachable(.connectionLost))
        #expect(!run.wantsFarewell(after: .unreachable(.connectionLost)))
    }

    @Test("CL-42 a server that is away for longer than a command waits is given up at once")
    func away() throws {
        for (pause, isGivenUp) in [(5_000, false), (5_001, true)] as [(UInt64, Bool)] {
            var run = try Self.state(.drained)
            run.note(.connection(.connected(server: try Self.server("own.example").text)))
            run.note(try Self.lost("own.example", .serverShuttingDown, pause: pause))
            #expect((run.result(now: 0) != nil) == isGivenUp)
        }
    }
}
