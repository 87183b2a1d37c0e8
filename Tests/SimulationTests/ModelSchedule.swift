import Crypto
import Primitives
import Wire

@testable import Client

/// Two clients under a seeded adversary, against a plain list of what was written.
final class ModelSchedule {
    /// What the adversary does.
    enum Kind: Int, CaseIterable {
        /// Delays, cut connections, programs killed and started.
        case honest
        /// Besides: drops, doubles, reorders, replays, delivers under the wrong mailbox.
        case hostile
        /// As honest; besides, vaults go back to a copy or are made anew from a backup.
        case restoring
        /// All of it.
        case everything
    }

    struct Outcome {
        var problems: [String] = []
        var sentCount = 0
        var readCount = 0
        /// Confirmed once, gone on the reader's side, and named to both.
        var namedCount = 0
        /// Known to nobody any more: both sides, or the author before the envelope came, went back.
        var goneCount = 0
        var droppedCount = 0
        var disturbedCount = 0
        var wentBackCount = 0
        var resetCount = 0
        /// Messages of both sides from a theft of all keys to the first one the thief cannot read.
        var turnsUntilHealing: [Int] = []
        var log: [String] = []
    }

    private struct Sent {
        let id: Client.MessageID
        let text: String
        let author: Int
    }

    let seed: UInt64
    let kind: Kind
    private let messageCount: Int
    private let server: LeanServer
    private let clients: [LeanClient]
    private var random: SeededRandom
    private var now: Moment
    private var sent: [Sent] = []
    private var copies: [[MemoryVault]] = [[], []]
    private var backups: [[[UInt8]]] = [[], []]
    /// Moments at which a side went back, as numbers of texts written by then.
    private var wentBack: [Int] = [0, 0]
    private var mailboxes: [MailboxID] = []
    private var thieves: [Thief] = []
    private var outcome = Outcome()
    /// A bug planted on purpose, so that the model shows that it can fail.
    var forgetsOne = false

    init(seed: UInt64, messageCount: Int, kind: Kind? = nil, keepsLog: Bool = false) throws {
        self.seed = seed
        self.messageCount = messageCount
        self.kind = kind ?? Kind(rawValue: Int(seed % 4)) ?? .honest
        server = try LeanServer(seed: seed)
        let now = Moment(wall: 1_800_000_000_000, monotonic: 1_000_000)
        self.now = now
        random = SeededRandom(seed &* 31 &+ 7)
        var clients: [LeanClient] = []
        for (index, name) in ["alice", "bob"].enumerated() {
            clients.append(
                try LeanClient(
                    name, server: server, seed: seed &* 2 &+ UInt64(index), now: now))
        }
        self.clients = clients
        for client in clients { client.keepsLog = keepsLog }
    }

    private func name(_ index: Int) -> String { clients[index].name }

    func run() -> Outcome {
        do {
            try meet()
            while sent.count < messageCount { try act() }
            try settle()
            try check()
        } catch {
            outcome.problems.append("ended by \(error)")
        }
        outcome.sentCount = sent.count
        outcome.droppedCount = server.droppedCount
        outcome.disturbedCount = server.disturbedCount
        outcome.resetCount = clients.reduce(0) { $0 + $1.resetCount }
        if server.repeatedNonces > 0 {
            outcome.problems.append("B2 \(server.repeatedNonces) nonces were used twice")
        }
        outcome.log = clients.flatMap(\.log).sorted()
        return outcome
    }

    // MARK: Meeting

    private func meet() throws {
        for client in clients { try client.start() }
        let moment = now
        try clients[0].step { engine throws(ClientError) in
            try engine.createInvite(name: "bob", days: 7, at: moment)
        }
        try pass(5_000)
        guard let link = clients[0].link else { throw WorldError.noConnection }
        try clients[1].step { engine throws(ClientError) in
            try engine.accept(link: link, name: "alice", at: moment)
        }
        try pass(30_000)
        for index in 0..<2 {
            guard let own = try clients[index].ownMailbox(with: name(1 - index)) else {
                throw WorldError.noConnection
            }
            mailboxes.append(own)
        }
        if kind == .hostile || kind == .everything {
            server.hostility = LeanServer.Hostility(
                drops: 20, doubles: 30, reorders: 60, replays: 20, misplaces: 20, delays: 60)
        }
        server.observer = { [unowned self] mailbox, envelope in
            for thief in thieves { thief.see(envelope, isToVictim: mailbox == mailboxes[0]) }
        }
    }

    // MARK: Steps

    private func act() throws {
        let index = Int(random.integer(below: 2))
        let client = clients[index]
        switch random.integer(below: 1_000) {
        case 0..<420: try write(index)
        case 420..<850: _ = try client.work(1 + Int(random.integer(below: 8)))
        case 850..<930: try pass(1 + random.integer(below: 20_000), isQuiet: false)
        case 930..<940: try pass(random.integer(below: 7_200_000), isQuiet: false)
        case 940..<960: client.kill()
        case 960..<980: try client.drop()
        case 980..<990: try goBack(index)
        default: try remember(index)
        }
        if !client.isRunning, random.integer(below: 4) == 0 { try client.start() }
    }

    private func write(_ index: Int) throws {
        let client = clients[index]
        guard client.isRunning else { return }
        let text = "\(sent.count) of \(client.name)"
        let id = try client.send(text, to: name(1 - index))
        sent.append(Sent(id: id, text: text, author: index))
        if kind == .honest, sent.count % 40 == 0, let thief = try Thief(of: clients[0]) {
            thieves.append(thief)
        }
    }

    private var goesBack: Bool { kind == .restoring || kind == .everything }

    private func remember(_ index: Int) throws {
        guard goesBack, clients[index].isRunning else { return }
        if random.integer(below: 2) == 0 {
            copies[index].append(clients[index].vault.copy())
        } else {
            backups[index].append(try clients[index].backup())
        }
    }

    /// Puts an old copy back, or restores a backup.
    private func goBack(_ index: Int) throws {
        guard goesBack else { return }
        if random.integer(below: 2) == 0 {
            guard let copy = copies[index].picked(by: &random) else { return }
            clients[index].replaceVault(with: copy.copy())
        } else {
            guard let backup = backups[index].picked(by: &random) else { return }
            try clients[index].restore(backup)
        }
        clients[index].log("went back")
        wentBack[index] += 1
        outcome.wentBackCount += 1
    }

    private func pass(_ milliseconds: UInt64, isQuiet: Bool = true) throws {
        let end = now.monotonic + milliseconds
        if isQuiet { try rest() }
        for _ in 0..<200 where now.monotonic < end {
            let due = clients.compactMap(\.deadline).filter { $0 > now.monotonic }.min() ?? end
            try move(to: min(due, end))
            if isQuiet { try rest() }
            // Under faults no more than one thing happens in a while.
            if !isQuiet { break }
        }
        if now.monotonic < end { try move(to: end) }
        if isQuiet { try rest() }
    }

    private func move(to monotonic: UInt64) throws {
        now = Moment(wall: now.wall + monotonic - now.monotonic, monotonic: monotonic)
        for client in clients { try client.move(to: now) }
    }

    private func rest() throws {
        for _ in 0..<5_000 {
            var moved = false
            for client in clients where try client.work() { moved = true }
            if !moved { return }
        }
        throw WorldError.neverRests
    }

    // MARK: The end

    /// An honest server and time: what has no receipt comes. Then both sides begin anew once more,
    /// so that whatever was lost without a break is reported.
    private func settle() throws {
        server.observer = nil
        server.endHostility()
        for client in clients { try client.start() }
        for _ in 0..<3 { try pass(3_700_000) }
        for mailbox in mailboxes where goesBack || kind == .hostile {
            server.putGarbage(in: mailbox)
            try pass(120_000)
        }
        for _ in 0..<4 { try pass(3_700_000) }
        for index in 0..<2 { try write(index) }
        try pass(240_000)
    }

    private func check() throws {
        let probes = sent.suffix(2)
        for text in probes where !clients[1 - text.author].shown.contains(text.text) {
            outcome.problems.append("the chat does not work: no \(text.text)")
        }
        let written = try [0, 1].map { try clients[$0].written(with: name(1 - $0)) }
        if written[0] == nil || written[0] != written[1] {
            outcome.problems.append("two sessions are written in")
        }
        for author in 0..<2 { try check(author: author) }
    }

    private func check(author: Int) throws {
        let reader = clients[1 - author]
        let own = try clients[author].texts(of: reader.name, by: .me)
        let received = try reader.texts(of: name(author), by: .peer)
        var mine = sent.filter { $0.author == author }
        if forgetsOne { _ = mine.removeFirst() }
        let known = Set(mine.map(\.id))
        for id in received.keys where !known.contains(id) {
            outcome.problems.append("\(reader.name) has what nobody wrote")
        }
        var counts: [String: Int] = [:]
        for text in reader.shown { counts[text, default: 0] += 1 }
        for text in mine {
            if counts[text.text, default: 0] > 1 + wentBack[1 - author] {
                outcome.problems.append("\(reader.name) was shown \(text.text) twice")
            }
            if let read = received[text.id] {
                outcome.readCount += 1
                if read.0 != text.text { outcome.problems.append("\(text.text) was changed") }
                continue
            }
            guard let state = own[text.id]?.1 else {
                // Its author has forgotten it: it never left, or the server dropped it, or the
                // reader had it and went back, or had lost the session before it came.
                outcome.goneCount += 1
                let hasLeft = clients[author].taken.contains(text.id)
                if wentBack[author] == 0
                    || hasLeft && server.droppedCount == 0 && wentBack[1 - author] == 0
                {
                    outcome.problems.append("\(text.text) is gone")
                }
                continue
            }
            if state < .delivered {
                outcome.problems.append("\(text.text) is \(state) and was not sent again")
            } else if clients[author].namedOwn.contains(text.id),
                reader.namedPeer.contains(text.id)
            {
                outcome.namedCount += 1
            } else {
                outcome.problems.append("\(text.text) is \(state), not there and not named")
            }
        }
        outcome.turnsUntilHealing += author == 0 ? thieves.compactMap(\.turnsUntilHealing) : []
    }
}

/// Who has copied all of a client's keys at one moment, and reads along.
final class Thief {
    private final class Held {
        var session: Session?

        init(_ session: consuming Session) { self.session = consume session }
    }

    private var held: [Held] = []
    private var count = 0
    private(set) var turnsUntilHealing: Int?

    init?(of client: LeanClient) throws {
        let rows = try client.vault.rows(
            .session, group: SessionRecord.stateGroup, page: VaultPage())
        for row in rows { held.append(Held(try Session.restore(row.value.raw))) }
        if held.isEmpty { return nil }
    }

    /// - Parameter isToVictim: what the victim writes the thief can read or not all the same.
    func see(_ envelope: [UInt8], isToVictim: Bool) {
        guard turnsUntilHealing == nil else { return }
        count += 1
        guard isToVictim else { return }
        for held in held {
            guard var session = held.session.take() else { continue }
            do throws(OpenError) {
                let opened = try session.open(envelope.raw, atHours: 500_000)
                session.commit(opened)
                held.session = consume session
                return
            } catch {
                held.session = consume session
            }
        }
        turnsUntilHealing = count
    }
}
