import Client
import Platform

/// Waiting until what `send` wrote is on the server, or delivered.
struct SendRun {
    let invocation: Invocation
    let ids: [MessageID]
    let names: [String]
    let waitsForReceipt: Bool
    let timeoutMilliseconds: UInt64?

    func run(_ client: PosternClient) throws -> ExitCode {
        let result = try Running.run(
            client, until: waitsForReceipt ? .delivered(ids) : .sent(ids),
            options: .init(
                timeoutMilliseconds: timeoutMilliseconds ?? Running.patienceMilliseconds,
                stopsWhenUnreachable: true)
        ) { event, _ in
            if case .notice = event, let text = event.text { Output.note(text) }
            return .goOn
        }
        let waiting = Set(try client.outbox().compactMap(\.id))
        let queued = ids.filter { waiting.contains($0) }
        for (id, name) in zip(ids, names) {
            try show(id, name, isQueued: waiting.contains(id), isDelivered: isDelivered(result))
        }
        switch result {
        case .reached, .finished: return .ok
        case .interrupted: return .interrupted
        case .unreachable(let error):
            Output.note("postern: \(error.sentence) It is kept in the outbox and sent later.")
            return queued.isEmpty && waitsForReceipt ? .timeout : .queued
        case .held(let entries):
            for entry in entries {
                Output.note(
                    "postern: to \(entry.contact): kept in the outbox, \(entry.reason.clause).")
            }
            return .queued
        case .timedOut, .stopped:
            if queued.isEmpty {
                Output.note("postern: it is on the server, but no receipt came in time.")
                return .timeout
            }
            Output.note("postern: the server did not take it in time; it is kept in the outbox.")
            return .queued
        }
    }

    private func isDelivered(_ result: RunResult) -> Bool {
        waitsForReceipt && result == .reached
    }

    private func show(_ id: MessageID, _ name: String, isQueued: Bool, isDelivered: Bool) throws {
        let state: SafeText = isQueued ? "queued" : isDelivered ? "delivered" : "sent"
        if invocation.isJSON {
            var line = JSONLine(type: "sent")
            line.add("id", id.description)
            line.add("contact", name)
            line.add("state", state.description)
            try Output.line(line.line)
        } else if isDelivered {
            try Output.line("delivered to \(name)")
        }
    }
}
