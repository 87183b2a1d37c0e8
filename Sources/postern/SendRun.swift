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
        let isOnServer = !ids.contains { waiting.contains($0) }
        let isDelivered = waitsForReceipt && result == .reached
        // CL-33: the code first, whoever reads the results.
        let code = code(of: result, isOnServer: isOnServer)
        let ended = try Output.ending(with: code) { () throws(OutputError) in
            for (id, name) in zip(ids, names) {
                try show(id, name, isQueued: waiting.contains(id), isDelivered: isDelivered)
            }
        }
        tellWhy(result, isOnServer: isOnServer)
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

    private func tellWhy(_ result: RunResult, isOnServer: Bool) {
        switch result {
        case .reached, .finished, .interrupted: break
        case .unreachable(let error):
            Output.note("postern: \(error.sentence) It is kept in the outbox and sent later.")
        case .held(let entries):
            for entry in entries {
                Output.note(
                    "postern: to \(entry.contact): kept in the outbox, \(entry.reason.clause).")
            }
        case .timedOut where isOnServer, .stopped where isOnServer:
            Output.note("postern: it is on the server, but no receipt came in time.")
        case .timedOut, .stopped:
            Output.note("postern: the server did not take it in time; it is kept in the outbox.")
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
