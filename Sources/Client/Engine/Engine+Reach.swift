internal import Primitives
internal import Wire

/// Which servers of contacts can be reached, and so what is worth waiting for.
///
/// - SPEC: §10.7, CL-43
extension Engine {
    /// A contact's server that does not greet for so long holds up nothing else: a good one does
    /// within a few round trips.
    static let foreignOpenMilliseconds: UInt64 = 3_000

    /// True when another server than the own one has failed since it last greeted, or is slow to.
    func isOutOfReach(_ server: ServerAddress) -> Bool {
        guard server != identity.server, links.ready(.writing, server) == nil else { return false }
        if links.pauseEnd(.writing, server) != nil { return true }
        if links.links.values.contains(where: { $0.server == server && isSlow($0) }) { return true }
        return outbox.contains { item in
            item.form == .first && item.server == server
                && firstMessages[item.id]?.failureCount ?? 0 > 0
        }
    }

    /// False when the server that a contact reads from is out of reach.
    func isReachable(_ name: String) -> Bool {
        let contact = contacts.values.first { $0.name == name }
        return (contact?.peerMailbox.flatMap { mailboxes[$0] }).map { !isOutOfReach($0.server) }
            ?? true
    }

    /// True when this item is one that a run which wants everything sent waits for. CL-43
    func isAwaited(_ item: OutboxRecord) -> Bool {
        guard item.reason == .waitingForServer || firstMessages[item.id]?.isRunning == true else {
            return false
        }
        return destination(of: item).map { !isOutOfReach($0) } ?? true
    }

    /// True while something that is told live can go out and has not.
    var isTellingLive: Bool {
        live.contains { id, state in
            guard !state.wants.isEmpty else { return false }
            let mailbox = contacts[id]?.peerMailbox.flatMap { mailboxes[$0] }
            return mailbox.map { !isOutOfReach($0.server) } ?? true
        }
    }

    /// When a server that is being connected to counts as slow, monotonic ms.
    func reachDeadline() -> UInt64? {
        links.links.values.filter { $0.server != identity.server && !$0.isReady }
            .map { $0.lastUse + Self.foreignOpenMilliseconds }.filter { $0 > now.monotonic }.min()
    }

    private func isSlow(_ link: Link) -> Bool {
        // Of a connection that does not stand yet, the last use is its opening.
        !link.isReady && link.lastUse + Self.foreignOpenMilliseconds <= now.monotonic
    }

    private func destination(of item: OutboxRecord) -> ServerAddress? {
        item.form == .chat ? item.mailbox.flatMap { mailboxes[$0]?.server } : item.server
    }

    /// The servers that this message cannot do without; nil when it is not in the outbox any more.
    func servers(neededBy id: MessageID) -> Set<ServerAddress>? {
        guard let item = outbox.first(where: { $0.message.array == id.bytes }) else { return nil }
        guard let server = destination(of: item) else { return [identity.server] }
        let reply = contacts[item.contact]?.ownMailbox.flatMap { mailboxes[$0] }
        // A first message names the mailbox for the reply, so that has to be there. CL-35
        return item.form == .first && reply?.state != .inUse ? [server, identity.server] : [server]
    }

    /// The servers that an operation cannot do without.
    func servers(neededBy operation: OperationID) -> Set<ServerAddress> {
        let waited = operations.items(of: operation)
        return outbox.filter { waited.contains($0.id) }
            .reduce(into: [identity.server]) { servers, item in
                if let server = destination(of: item) { servers.insert(server) }
            }
    }
}
