import Crypto
import Mailbox
import Primitives
import Wire

@testable import Client

/// What must hold when a schedule has come to rest.
struct Checker {
    let world: World
    let meeting: Meeting
    let pairs: [(Int, Int)]
    let sent: [FaultSchedule.Sent]

    func problems() throws -> [String] {
        var found: [String] = []
        for (from, to) in pairs { found += try texts(from: from, to: to) }
        for client in talking { found += try left(in: client) }
        for (one, other) in pairs where one < other { found += try sessions(one, other) }
        found += try meetings()
        found += try server()
        return found
    }

    /// Who is expected to have come to rest: who came too late to an invite keeps its unanswered
    /// first message.
    private var talking: [SimulatedClient] {
        Set(pairs.map(\.0)).sorted().map { world.clients[$0] }
    }

    // MARK: Texts

    /// Each text is there once, in the order in which it was written, and its writer knows.
    private func texts(from: Int, to: Int) throws -> [String] {
        var found: [String] = []
        let writer = world.clients[from]
        let reader = world.clients[to]
        let expected = sent.filter { $0.from == from && $0.to == to }.map(\.text)
        let received = try reader.texts(of: writer.name, by: .peer).map(\.text)
        for text in expected where !received.contains(text) {
            found.append("\(reader.name) misses \(text)")
        }
        for text in Set(received).sorted() where received.filter({ $0 == text }).count > 1 {
            found.append("\(reader.name) has \(text) twice")
        }
        let inOrder = Set(sent.filter(\.isInOrder).map(\.text))
        let order = received.filter(inOrder.contains)
        if found.isEmpty, order != expected.filter(inOrder.contains) {
            found.append("\(reader.name) has \(order) for \(expected)")
        }
        let own = try writer.texts(of: reader.name, by: .me)
        if own.map(\.text) != expected {
            found.append("\(writer.name) keeps \(own.map(\.text)) of \(expected)")
        }
        for message in own where message.state < .delivered {
            found.append("\(writer.name) knows \(message.text) as \(message.state)")
        }
        return found
    }

    // MARK: What is left

    private func left(in client: SimulatedClient) throws -> [String] {
        let name = client.name
        var found: [String] = []
        try client.ask { engine throws(ClientError) in
            let rivals = Set(engine.contacts.values.filter { $0.state != .accepted }.map(\.id))
            for item in engine.outbox where !rivals.contains(item.contact) {
                found.append("\(name) holds \(item.type) as \(item.form): \(item.reason)")
            }
            for row in try engine.transaction.committedRows(.unconfirmed) {
                let record = try UnconfirmedRecord.decode(row.value)
                if !rivals.contains(record.contact) {
                    let kept = try engine.transaction.value(
                        .message, key: MessageRecord.key(record.contact, .me, record.message))
                    let type = try kept.map { bytes throws(ClientError) in
                        try MessageRecord.decode(bytes).parsedContent().type
                    }
                    found.append("\(name) has no receipt for \(String(describing: type))")
                }
            }
            for page in engine.receipts.pages.values {
                found.append("\(name) owes \(page.pending.count) receipts")
            }
            for record in engine.sessions.records.values {
                let session = try engine.ratchet(record.id)
                for gap in session.received.gaps {
                    found.append("\(name) never got \(gap.numbers) of \(record.id.hex.prefix(8))")
                }
            }
        }
        let notices = client.notices.filter { notice in
            if case .inviteUsedTwice = notice { meeting != .contended } else { true }
        }
        if !notices.isEmpty { found.append("\(name) was told \(notices)") }
        return found
    }

    // MARK: Sessions

    /// Both write in the same session.
    private func sessions(_ one: Int, _ other: Int) throws -> [String] {
        let ids = try [(one, other), (other, one)].map { mine, theirs in
            try world.clients[mine].writtenSession(with: world.clients[theirs].name)
        }
        guard ids[0] == nil || ids[0] != ids[1] else { return [] }
        let shown = ids.map { $0.map { String($0.hex.prefix(8)) } ?? "none" }
        return ["\(world.clients[one].name) writes in \(shown)"]
    }

    // MARK: Invites

    private func meetings() throws -> [String] {
        var found: [String] = []
        let open = try openInviteCount()
        // Who accepts an invite of a contact it has by then does not use it up.
        if open > (meeting == .crossing ? 1 : 0) { found.append("\(open) invites are open") }
        for client in world.clients {
            try client.ask { engine throws(ClientError) in
                for invite in engine.invites.values where invite.erasesBlob {
                    found.append("\(client.name) has not erased the blob of its invite")
                }
            }
        }
        if meeting == .contended {
            // One invite, one contact: bob or carol.
            let contacts = try world.clients[0].ask { engine throws(ClientError) in
                engine.contactSummaries()
            }
            if contacts.map(\.state) != [.accepted] { found.append("alice met \(contacts)") }
        }
        return found
    }

    private func openInviteCount() throws -> Int {
        try world.clients.reduce(0) { count, client in
            try client.ask { engine throws(ClientError) in
                count + engine.inviteSummaries().filter { $0.state != .used }.count
            }
        }
    }

    // MARK: Server

    /// Nothing lies on the server but the mailboxes that are in use.
    private func server() throws -> [String] {
        let counts = try world.counts()
        let registered: Int64 = meeting == .byHandle ? 1 : 0
        // A used-up invite has left nothing; whoever came too late still hopes in its mailbox.
        var expected = StoreCounts()
        expected.blobs = Int64(try openInviteCount())
        expected.contactMailboxes = registered + expected.blobs
        expected.chatMailboxes = meeting == .contended ? counts.chatMailboxes : 2
        return counts == expected ? [] : ["the server keeps \(counts)"]
    }
}

extension SimulatedClient {
    func texts(
        of name: String, by author: MessageAuthor
    ) throws -> [(text: String, state: MessageState)] {
        let history = try ask { engine throws(ClientError) in
            try engine.history(of: name, limit: .max, before: nil)
        }
        return history.filter { $0.author == author }.compactMap { message in
            if case .text(let text) = message.body { (text, message.state) } else { nil }
        }
    }

    func writtenSession(with name: String) throws -> FixedBytes<32>? {
        try ask { engine throws(ClientError) in
            engine.sessions.written(of: try engine.contact(named: name).id)?.id
        }
    }

    /// True when everything without a receipt was sealed in the session written in, which both
    /// sides are known to have.
    func hasSettled(with name: String) throws -> Bool {
        try ask { engine throws(ClientError) in
            let id = try engine.contact(named: name).id
            let set = engine.sessions.set(of: id)
            guard let written = set.writeSession, set[written]?.isConfirmed == true,
                !engine.outbox.contains(where: { $0.contact == id && $0.form != .chat })
            else { return false }
            for row in try engine.transaction.committedRows(.unconfirmed, group: id.array) {
                let record = try UnconfirmedRecord.decode(row.value)
                if set.mustSealAnew(messageIn: record.session, stamped: record.order) {
                    return false
                }
            }
            return true
        }
    }

    var contactNames: [String] {
        get throws {
            try ask { engine throws(ClientError) in engine.contactSummaries().map(\.name) }
        }
    }

    var requestNames: [String] {
        get throws {
            try ask { engine throws(ClientError) in try engine.requestSummaries().map(\.name) }
        }
    }

    /// An operation of the user has failed, such as one that came too late.
    var hasFailed: Bool {
        events.contains { if case .finished(_, .failed) = $0 { true } else { false } }
    }

    func register(_ handle: String) throws {
        let now = world.now
        try step { engine throws(ClientError) in try engine.register(handle: handle, at: now) }
    }

    func add(_ who: String, name: String?) throws {
        let now = world.now
        try step { engine throws(ClientError) in try engine.add(who, name: name, at: now) }
    }

    func acceptRequest(_ name: String, name newName: String) throws {
        let now = world.now
        try step { engine throws(ClientError) in
            try engine.acceptRequest(name, newName: newName, at: now)
        }
    }
}
