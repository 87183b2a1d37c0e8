internal import Primitives
internal import Wire

/// What somebody who adds a person has in hand between the steps.
struct AddTask: Sendable {
    let operation: OperationID
    let server: ServerAddress
    let name: String?
    /// A contact whose first message is made anew; nil when the user adds a person. CL-46
    var renews: ContactID?
}

/// Requests of the user that are under way; they last as long as the process.
struct OperationTable {
    enum Kind: Sendable {
        case add
        case accept
    }

    private struct Waiter {
        let operation: OperationID
        let kind: Kind
    }

    private var last: UInt64 = 0
    private var open: Set<UInt64> = []
    private var waiters: [FixedBytes<8>: Waiter] = [:]
    /// A registration, from its record to its bundle.
    var registration: OperationID?
    /// Invites being put on the server.
    var invites: [FixedBytes<32>: OperationID] = [:]
    /// Invites being withdrawn.
    var withdrawals: [FixedBytes<32>: OperationID] = [:]

    /// True while one is under way.
    var isBusy: Bool { !open.isEmpty }

    mutating func begin() -> OperationID {
        last += 1
        open.insert(last)
        return OperationID(value: last)
    }

    /// Ends an operation; a second end is ignored.
    mutating func end(
        _ operation: OperationID, _ outcome: OperationOutcome, _ actions: inout [EngineAction]
    ) {
        guard open.remove(operation.value) != nil else { return }
        actions.append(.event(.finished(operation, outcome)))
    }

    /// The operation ends when this item of the outbox is on the server.
    mutating func wait(_ operation: OperationID, for item: FixedBytes<8>, _ kind: Kind) {
        waiters[item] = Waiter(operation: operation, kind: kind)
    }

    /// The items of the outbox that an operation waits for.
    func items(of operation: OperationID) -> Set<FixedBytes<8>> {
        Set(waiters.filter { $0.value.operation == operation }.keys)
    }

    mutating func finish(
        waitingFor item: FixedBytes<8>, _ actions: inout [EngineAction],
        _ outcome: (Kind) -> OperationOutcome
    ) {
        guard let waiter = waiters.removeValue(forKey: item) else { return }
        end(waiter.operation, outcome(waiter.kind), &actions)
    }

    mutating func fail(
        waitingFor item: FixedBytes<8>, _ error: ClientError, _ actions: inout [EngineAction]
    ) {
        finish(waitingFor: item, &actions) { _ in .failed(error) }
    }
}
