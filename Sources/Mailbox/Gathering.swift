import Synchronization

/// Bytes of requests that the loops have read and the storage thread has not yet taken, for all
/// loops together.
///
/// Loops without the router count what they send on before they do, so that however many they are
/// the bound holds; the loop with the router says how much lies there and wakes who waits.
///
/// - SPEC: CH-46
package final class Gathering: Sendable {
    private let onTheWay = Atomic<Int>(0)
    private let atRouter = Atomic<Int>(0)
    private let isAwaited = Atomic<Bool>(false)
    private let byteCountMax: Int

    /// Makes a count with its bound: without one a few thousand clients that upload faster than
    /// the disk writes would fill the memory of everybody.
    package init(byteCountMax: Int = 64 << 20) { self.byteCountMax = byteCountMax }

    // Sequentially consistent throughout: who must wait says so and then looks again, who makes
    // room does so and then looks whether anybody waits, and one of them sees the other.

    /// Whether more may be taken from clients.
    var hasRoom: Bool {
        onTheWay.load(ordering: .sequentiallyConsistent)
            + atRouter.load(ordering: .sequentiallyConsistent) < byteCountMax
    }

    /// The same for the loop with the router, which knows better what lies there.
    func hasRoom(atRouter byteCount: Int) -> Bool {
        onTheWay.load(ordering: .sequentiallyConsistent) + byteCount < byteCountMax
    }

    /// Whether a loop without the router must wait; then it is told when there is room again.
    func mustWait() -> Bool {
        if hasRoom { return false }
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        return !hasRoom
    }

    /// Counts a request that a loop without the router will send on.
    func left(_ byteCount: Int) {
        onTheWay.wrappingAdd(byteCount, ordering: .sequentiallyConsistent)
    }

    /// Requests of other loops have been heard by the router.
    func arrived(_ byteCount: Int) {
        onTheWay.wrappingSubtract(byteCount, ordering: .sequentiallyConsistent)
    }

    /// Says how many bytes wait at the router now.
    ///
    /// - Returns: whether other loops wait for room and there is some.
    func settle(atRouter byteCount: Int) -> Bool {
        atRouter.store(byteCount, ordering: .sequentiallyConsistent)
        guard hasRoom, isAwaited.load(ordering: .sequentiallyConsistent) else { return false }
        return isAwaited.exchange(false, ordering: .sequentiallyConsistent)
    }
}
