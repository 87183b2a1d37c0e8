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
        // A note to oneself goes nowhere: it is where it belongs once it is kept.
        var delivered = Set(zip(ids, names).filter { $0.1 == "me" }.map(\.0))
        let awaited = ids.filter { !delivered.contains($0) }
        let result = try Running.run(
            client, until: waitsForReceipt ? .delivered(awaited) : .sent(ids),
            options: .init(
                timeoutMilliseconds: timeoutMilliseconds ?? Running.patienceMilliseconds,
                stopsWhenUnreachable: true)
        ) { event, _ in
            switch event {
            case .messageState(let id, _, .delivered), .messageState(let id, _, .read):
                delivered.insert(id)
            case .notice: if let text = event.text { Output.note(text) }
            default: break
            }
            return .goOn
        }
        let waiting = Set(try client.outbox().compactMap(\.id))
        let isOnServer = !ids.contains { waiting.contains($0) }
        if !waitsForReceipt { delivered = [] } else if result == .reached { delivered = Set(ids) }
        // CL-33: the code first, whoever reads the results.
        let code = code(of: result, isOnServer: isOnServer)
        let ended = try Output.ending(with: code) { () throws(OutputError) in
            for (id, name) in zip(ids, names) {
                try show(
                    id, name, isQueued: waiting.contains(id), isDelivered: delivered.contains(id))
            }
        }
        tellWhy(result, waiting: waiting, delivered: delivered)
        return ended
    }

    private func code(of result: RunResult, isOnServer: Bool) -> ExitCode {
        switch result {
        case .reached, .finished: .ok
        case .interrupted: .interrupted
        case .unreachable: isOnServer && waitsForReceipt ? .timeout : .queued
        case .held: .queued
        case .timedOut, .stopped: isOnServer ? .timeout : .queued
        }
    }

    /// Says of every contact that a message has not come as far as was asked for.
    private func tellWhy(_ result: RunResult, waiting: Set<MessageID>, delivered: Set<MessageID>) {
        switch result {
        case .reached, .finished, .interrupted: return
        case .unreachable(let error):
            let isQueued = ids.contains { waiting.contains($0) }
            let rest: SafeText = isQueued ? " It is kept in the outbox and sent later." : ""
            Output.note("postern: \(error.sentence)\(rest)")
        case .held(let entries):
            for entry in entries {
                Output.note(
                    "postern: to \(entry.contact): kept in the outbox, \(entry.reason.clause).")
            }
        case .timedOut, .stopped:
            for (id, name) in zip(ids, names) where waiting.contains(id) {
                Output.note(
                    "postern: to \(name): the server did not take it in time; it is kept in the outbox."
                )
            }
        }
        guard waitsForReceipt else { return }
        for (id, name) in zip(ids, names) where !waiting.contains(id) && !delivered.contains(id) {
            Output.note("postern: to \(name): it is on the server, but no receipt came in time.")
        }
    }

    private func show(_ id: MessageID, _ name: String, isQueued: Bool, isDelivered: Bool)
        throws(OutputError)
    {
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
