import Channel
package import Primitives
import Wire

/// What a loop hears from the other threads, and what it hands to its shell at a turn's end.
extension LoopCore {
    /// A handshake was computed: the channel opens and the hello frame goes out. CH-41
    ///
    /// - Parameter result: nil when the client's message was refused.
    package mutating func completeHandshake(
        _ connection: ConnectionID, _ result: consuming HandshakeResult?
    ) {
        guard let box = outlet.table[connection], box.connection.phase == .proving else { return }
        outlet.touch(box)
        guard let result = consume result else {
            box.connection.close(.handshakeFailed, .protocolError, now: now)
            return
        }
        let hash = result.handshakeHash
        let answer = result.answer
        box.connection.completeHandshake(
            answer.raw, channel: result.channel,
            hello: HelloFrame(
                signingKey: signingKey, minutes: UInt32(clamping: wallSeconds / 60)), now: now)
        if router != nil {
            router?.open(connection, handshakeHash: hash)
        } else {
            forRouter.events.append(.opened(connection, handshakeHash: hash))
        }
        outlet.resumable.append(connection)
    }

    /// The store has answered; for the loop that has the router.
    package mutating func complete(_ answers: StorageAnswers) {
        router?.complete(answers, into: &outlet)
    }

    /// Signatures were checked; for the loop that has the router.
    package mutating func complete(_ verdict: AttachVerdict) {
        router?.complete(verdict, into: &outlet)
    }

    /// Another loop tells of its connections; for the loop that has the router.
    package mutating func receive(_ batch: RouterBatch) {
        router?.receive(batch, into: &outlet)
        gathering.arrived(batch.bytes.count)
        endCondemned()
    }

    /// The router sends frames to connections of this loop; for the loops that have none.
    package mutating func receive(_ batch: FrameBatch) {
        for item in batch.items {
            switch item {
            case .frame(let connection, let frameClass, let range):
                outlet.send(frameClass, to: connection, byteCount: range.count) {
                    $0.append(copying: batch.bytes.raw.extracting(range))
                }
            case .close(let connection):
                outlet.close(connection)
            }
        }
        endCondemned()
    }

    /// Whether a connection has something to write now.
    package var hasDirty: Bool { !outlet.dirty.isEmpty }

    /// Takes the connections that have something to write or have ended, each once, with what they
    /// have gathered sealed.
    package mutating func endTurn() -> [ConnectionID] {
        var dirty: [ConnectionID] = []
        swap(&dirty, &outlet.dirty)
        for id in dirty {
            guard let box = outlet.table[id] else { continue }
            box.connection.isDirty = false
            box.connection.endTurn()
        }
        return dirty
    }

    /// Lends the bytes that wait for a connection's socket; nil when it is gone.
    package func withOutput<Result>(
        of id: ConnectionID, _ body: (RawSpan) -> Result
    ) -> Result? {
        guard let box = outlet.table[id] else { return nil }
        return body(box.connection.output.sealed)
    }

    /// Notes what a connection's socket took, and lets it go on if that made room.
    package mutating func wrote(_ id: ConnectionID, _ byteCount: Int) {
        guard let box = outlet.table[id] else { return }
        let before = box.connection.flushedDeliveryByteCount
        box.connection.wrote(byteCount)
        let after = box.connection.flushedDeliveryByteCount
        if after != before { flushed(id, after) }
        if box.connection.isPaused { outlet.resumable.append(id) }
        if box.connection.hasTurnToEnd { outlet.touch(box) }
    }

    /// Bytes that a connection's client has not read, as far as the server knows. CH-46
    package func unreadByteCount(of id: ConnectionID) -> Int {
        outlet.table[id]?.connection.unreadByteCount ?? 0
    }

    /// Bytes that a connection's socket may be given.
    package func pendingOutputByteCount(of id: ConnectionID) -> Int {
        outlet.table[id]?.connection.pendingOutputByteCount ?? 0
    }

    /// Whether a connection has said its last word and its socket's sending half may be shut.
    package func isSpent(_ id: ConnectionID) -> Bool {
        outlet.table[id]?.connection.isSpent ?? true
    }

    /// Whether frames wait that could be taken now.
    package var hasResumable: Bool { !outlet.resumable.isEmpty }

    /// Takes the frames for the connections of other loops, by loop.
    package mutating func takeRemote() -> [FrameBatch] {
        var taken = [FrameBatch](repeating: FrameBatch(), count: outlet.remote.count)
        swap(&taken, &outlet.remote)
        return taken
    }

    /// Ends what has waited too long and tells the router the time; to be called once a second.
    ///
    /// - Returns: connections whose sockets are to be closed at once.
    package mutating func tick() -> [ConnectionID] {
        router?.tick(wallSeconds: wallSeconds)
        var dead: [ConnectionID] = []
        for slot in 0..<outlet.table.slotEnd {
            guard let box = outlet.table.box(slot: slot), box.connection.deadline <= now else {
                continue
            }
            let id = box.connection.id
            // CH-44, CH-45. Who did not even read the last words is cut off.
            if box.connection.phase == .closing {
                dead.append(id)
            } else {
                box.connection.close(.timeout, .normal, now: now)
                tellRouterClosed(id)
                outlet.touch(box)
            }
        }
        return dead
    }

    /// Begins to shut down: every client is told, nothing new is taken. CH-47
    ///
    /// - Parameter secondsToWait: when a client should connect again, for each one drawn between
    ///   1 and this, so that they do not all come at once.
    package mutating func drain(secondsToWait: UInt16, random: inout some RandomSource) {
        isDraining = true
        for slot in 0..<outlet.table.slotEnd {
            guard let box = outlet.table.box(slot: slot) else { continue }
            outlet.touch(box)
            guard box.connection.phase == .open else {
                box.connection.close(.shutdown, .goingAway, now: now)
                continue
            }
            let seconds = UInt16(
                truncatingIfNeeded: 1 + random.integer(below: UInt64(max(secondsToWait, 1))))
            outlet.notice(.goingAway(seconds: seconds), box.connection.id)
        }
    }

    /// While shutting down: closes every connection that has all its answers. CH-47
    ///
    /// - Returns: how many connections there are still.
    package mutating func continueDrain() -> Int {
        for slot in 0..<outlet.table.slotEnd {
            guard let box = outlet.table.box(slot: slot), box.connection.phase == .open,
                box.connection.requestCount == 0
            else { continue }
            box.connection.close(.shutdown, .goingAway, now: now)
            tellRouterClosed(box.connection.id)
            outlet.touch(box)
        }
        return outlet.table.count
    }

    private mutating func flushed(_ id: ConnectionID, _ byteCount: UInt64) {
        if router != nil {
            router?.flushed(id, deliveredByteCount: byteCount)
        } else {
            forRouter.events.append(.flushed(id, deliveredByteCount: byteCount))
        }
    }
}

extension LoopCore {
    /// Takes what the storage thread has to do; for the loop that has the router.
    package mutating func takeStorage() -> StorageBatch {
        guard let batch = router?.takeStorage() else { return StorageBatch() }
        gatheringTaken()
        return batch
    }

    /// Takes what the router has to hear; for the loops that have none.
    package mutating func takeForRouter() -> RouterBatch {
        var taken = RouterBatch()
        swap(&taken, &forRouter)
        return taken
    }

    /// Takes the signatures for the crypto thread; for the loop that has the router.
    package mutating func takeChecks() -> [AttachCheck] { router?.takeChecks() ?? [] }

    /// Whether frames wait for the connections of other loops.
    package var hasRemote: Bool { outlet.remote.contains { !$0.items.isEmpty } }
}

extension LoopCore {
    /// Bytes of memory that a connection's buffers hold; nothing while it is idle.
    package func bufferByteCount(_ id: ConnectionID) -> Int {
        outlet.table[id]?.connection.bufferByteCount ?? 0
    }
}
