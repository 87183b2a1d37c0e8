import Primitives
import Testing
import Wire

@testable import Client

/// How the people of a schedule meet.
enum Meeting: Int, CaseIterable {
    /// One makes an invite, the other accepts it.
    case byLink
    /// Both make and accept one, so that their first messages cross.
    case crossing
    /// One invite is accepted by two: the second comes too late.
    case contended
    /// One has a handle, the other adds it, and is accepted.
    case byHandle
}

/// One schedule of faults: people meet and talk while connections stall and drop, programs are
/// killed at any moment, and the server dies in and between commits and comes back.
struct FaultSchedule {
    let seed: UInt64
    let meeting: Meeting
    /// Server and clients keep what they have in real files.
    let isInFiles: Bool
    let bug: PlantedBug?
    let stepCount: Int

    init(seed: UInt64, bug: PlantedBug? = nil, stepCount: Int = 400) {
        self.seed = seed
        self.bug = bug
        self.stepCount = stepCount
        meeting = Meeting(rawValue: Int(seed % 4)) ?? .byLink
        // The key directory lies in the server's file.
        isInFiles = bug == nil && (meeting == .byHandle || seed % 16 == 1)
    }

    /// A text whose sending returned, or whose step was committed before the program was killed.
    struct Sent {
        let text: String
        let from: Int
        let to: Int
        /// Written when both sides had settled on a session: from then on the order is kept.
        let isInOrder: Bool
    }

    struct Outcome {
        let hash: FixedBytes<32>
        let problems: [String]
        let trace: [String]
    }

    /// Runs it, the same way every time.
    func run(keepsTrace: Bool = false) throws -> Outcome {
        let world = try World(seed: seed, isInFiles: isInFiles, bug: bug)
        world.keepsTrace = keepsTrace
        var problems: [String] = []
        do {
            problems = try run(in: world)
        } catch {
            problems = ["ended by \(error)"]
        }
        return Outcome(hash: world.traceHash(), problems: problems, trace: world.traceLines)
    }

    private func run(in world: World) throws -> [String] {
        let names = meeting == .contended ? ["alice", "bob", "carol"] : ["alice", "bob"]
        let clients = try names.map { try world.addClient($0) }
        for client in clients { try client.start() }
        let pairs = try meet(clients, in: world)
        var sent: [Sent] = []
        world.crashOneIn = 60
        for step in 0..<stepCount { try disturb(world, clients, pairs, step, &sent) }
        try world.endFaults()
        try settle(world, clients)
        return try Checker(world: world, meeting: meeting, pairs: pairs, sent: sent).problems()
    }

    // MARK: Meeting

    /// - Returns: who talks to whom, both ways.
    private func meet(_ clients: [SimulatedClient], in world: World) throws -> [(Int, Int)] {
        var pairs = [(0, 1), (1, 0)]
        switch meeting {
        case .byLink:
            let link = try clients[0].invite(name: "bob")
            try accept([(clients[1], link, "alice")], world)
        case .crossing:
            let first = try clients[0].invite(name: "bob")
            let second = try clients[1].invite(name: "alice")
            try accept([(clients[1], first, "alice"), (clients[0], second, "bob")], world)
        case .contended:
            let link = try clients[0].invite(name: "friend")
            let other = try clients[1].invite(name: "carol")
            try accept(
                [
                    (clients[1], link, "alice"), (clients[2], link, "alice"),
                    (clients[2], other, "bob"),
                ], world)
            pairs = [(1, 2), (2, 1)]
        case .byHandle:
            try clients[1].register("bob")
            try world.advance(milliseconds: 5_000)
            try clients[0].add("bob", name: "bob")
            try world.advance(milliseconds: 5_000)
            try #require(clients[1].requestNames == ["contact-1"])
            try clients[1].acceptRequest("contact-1", name: "alice")
        }
        // Somewhere in the meeting the faults begin.
        for _ in 0..<world.random.integer(below: 60) { try moveSome(world, world.clients) }
        return pairs
    }

    /// An accepted link is of this process until its first message is in the vault; only then may a
    /// kill come.
    private func accept(
        _ wishes: [(client: SimulatedClient, link: String, name: String)], _ world: World
    ) throws {
        for wish in wishes { try wish.client.accept(wish.link, name: wish.name) }
        for _ in 0..<10_000 {
            let open = try wishes.contains { wish in
                try !wish.client.contactNames.contains(wish.name) && !wish.client.hasFailed
            }
            if !open { return }
            try moveSome(world, world.clients)
            world.move(to: world.now.monotonic + 1)
        }
        throw WorldError.neverRests
    }

    // MARK: Faults

    private func disturb(
        _ world: World, _ clients: [SimulatedClient], _ pairs: [(Int, Int)], _ step: Int,
        _ sent: inout [Sent]
    ) throws {
        let client = clients[Int(world.random.integer(below: UInt64(clients.count)))]
        switch world.random.integer(below: 100) {
        case 0..<12:
            let pair = pairs[Int(world.random.integer(below: UInt64(pairs.count)))]
            try send(clients, pair, step, &sent)
        case 12..<15:
            if let id = client.linkIDs.randomElement(using: &world.shuffler) {
                world.trace("\(client.name) loses a connection")
                try world.mayCrash { try client.drop(id) }
            }
        case 15..<18:
            if let id = client.linkIDs.randomElement(using: &world.shuffler) {
                client.stall(id, milliseconds: world.random.integer(below: 60_000))
            }
        case 18..<21: client.kill()
        case 21..<31: try world.mayCrash { try client.start() }
        case 31: world.killServer()
        case 32: world.failNextCommit()
        case 33..<38: try world.startServer()
        case 38..<48:
            let far = world.random.integer(below: 8) == 0
            pass(far ? 40_000 : 4_000, in: world)
            for client in clients where (client.deadline ?? .max) <= world.now.monotonic {
                try world.mayCrash { try client.tick() }
            }
        default: try moveSome(world, clients)
        }
    }

    private func pass(_ millisecondsMax: UInt64, in world: World) {
        world.move(to: world.now.monotonic + world.random.integer(below: millisecondsMax))
    }

    private func send(
        _ clients: [SimulatedClient], _ pair: (Int, Int), _ step: Int, _ sent: inout [Sent]
    ) throws {
        let client = clients[pair.0]
        guard client.isRunning else { return }
        let text = "text \(step) of \(client.name)"
        do {
            let isInOrder = try client.hasSettled(with: clients[pair.1].name)
            let words = Sent(text: text, from: pair.0, to: pair.1, isInOrder: isInOrder)
            do {
                try client.send(text, to: clients[pair.1].name)
                sent.append(words)
            } catch WorldError.crashed(let committed) {
                if committed { sent.append(words) }
            }
        } catch WorldError.crashed {
            // While it was looked at.
        } catch ClientError.unknownContact, ClientError.notAccepted {
            // Not met yet.
        }
    }

    /// Moves a few bytes on one connection, whole or in pieces: what two connections carry comes
    /// in any order.
    private func moveSome(_ world: World, _ clients: [SimulatedClient]) throws {
        let client = clients[Int(world.random.integer(below: UInt64(clients.count)))]
        world.turnServer()
        guard let id = client.linkIDs.randomElement(using: &world.shuffler) else {
            return try world.mayCrash { _ = try client.takeFailures() }
        }
        try world.mayCrash {
            _ = try client.takeFailures()
            _ = client.push(id)
            let pieces = [1, 100, 5_000, Int.max]
            let piece = pieces[Int(world.random.integer(below: 4))]
            _ = try client.pull(id, byteCountMax: piece)
        }
    }

    /// Everything works again: what was on its way arrives, and what is tried again hourly is.
    private func settle(_ world: World, _ clients: [SimulatedClient]) throws {
        for client in clients { try client.start() }
        for _ in 0..<65 { try world.advance(milliseconds: 60_000) }
    }
}
