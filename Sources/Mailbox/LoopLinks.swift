import Platform
import Synchronization

/// The inboxes of the other threads, as one loop sees them.
struct LoopLinks: Sendable {
    let loops: [Inbox<LoopMessage>]
    let crypto: Inbox<CryptoMessage>
    let storage: Inbox<StorageMessage>
    let counters: ServerCounters
    /// What waits for the storage thread.
    let gathering = Gathering()

    /// Posts what a turn has gathered for other threads: at most one message each.
    ///
    /// - Parameter storageRoom: whether the storage thread has fewer than two batches; else its
    ///   work gathers in the router.
    /// - Returns: whether a batch was posted to the storage thread.
    func post(from core: inout LoopCore, index: UInt16, storageRoom: Bool) -> Bool {
        if !core.handshakes.isEmpty {
            crypto.post(.handshakes(core.handshakes))
            core.handshakes.removeAll(keepingCapacity: true)
        }
        if !core.abandoned.isEmpty {
            // After the handshakes: those of this turn may be among them.
            crypto.post(.abandoned(core.abandoned))
            core.abandoned.removeAll(keepingCapacity: true)
        }
        if !core.forRouter.events.isEmpty {
            loops[0].post(.router(core.takeForRouter()))
        }
        let checks = core.takeChecks()
        if !checks.isEmpty { crypto.post(.checks(checks)) }
        if loops.count > 1, core.hasRemote {
            for (target, frames) in core.takeRemote().enumerated() where !frames.items.isEmpty {
                loops[target].post(.frames(frames))
            }
        }
        let batch = storageRoom ? core.takeStorage() : StorageBatch()
        if loops.count > 1, core.settleGathering() {
            for loop in loops.dropFirst() { loop.post(.room) }
        }
        if batch.isEmpty { return false }
        storage.post(.batch(batch))
        return true
    }
}

/// Numbers that the admin listener may show: counts of the whole process and of nobody. MB-27
final class ServerCounters: Sendable {
    private let connections: [AtomicCount]
    /// What the health check says.
    let health = HealthState()

    init(loopCount: Int) {
        connections = (0..<loopCount).map { _ in AtomicCount() }
    }

    /// Open connections of all loops.
    var connectionCount: Int { connections.reduce(0) { $0 + $1.value } }

    func setConnections(index: Int, _ count: Int) { connections[index].set(count) }
}

/// A number that one thread sets and others read.
final class AtomicCount: Sendable {
    private let number = Atomic<Int>(0)
    var value: Int { number.load(ordering: .relaxed) }
    func set(_ value: Int) { number.store(value, ordering: .relaxed) }
}

/// Whether the server does its work.
final class HealthState: Sendable {
    enum Condition: Int, Sendable {
        case starting, serving, draining, failed
    }

    private let condition = Atomic<Int>(Condition.starting.rawValue)

    var value: Condition { Condition(rawValue: condition.load(ordering: .acquiring)) ?? .failed }
    func set(_ value: Condition) { condition.store(value.rawValue, ordering: .releasing) }
}
