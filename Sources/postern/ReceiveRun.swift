import Client
import Platform

/// Printing what comes.
struct ReceiveRun {
    let invocation: Invocation
    let follows: Bool
    let timeoutMilliseconds: UInt64?

    func run(_ client: PosternClient) throws -> ExitCode {
        var count = 0
        var failure: OutputError?
        let result = try Running.run(
            client, until: follows || timeoutMilliseconds != nil ? .forever : .drained,
            options: .init(
                timeoutMilliseconds: timeoutMilliseconds
                    ?? (follows ? nil : Running.patienceMilliseconds),
                stopsWhenUnreachable: !follows, sharesPresence: follows)
        ) { event, _ in
            do throws(OutputError) {
                if isNews(event) { count += 1 }
                try show(event)
            } catch {
                // The message is in the vault; `history` shows it when the output works again.
                failure = error
                return .stop
            }
            let hasWhatItWaitedFor = !follows && timeoutMilliseconds != nil && count > 0
            return event == .drained && hasWhatItWaitedFor ? .stop : .goOn
        }
        if let failure { throw failure }
        switch result {
        case .interrupted: return .interrupted
        case .unreachable(let error): throw error
        case .timedOut: return endOfTime(count)
        case .reached, .finished, .stopped, .held: return .ok
        }
    }

    private func endOfTime(_ count: Int) -> ExitCode {
        if count > 0 { return .ok }
        return timeoutMilliseconds == nil ? .unreachable : .timeout
    }

    private func isNews(_ event: ClientEvent) -> Bool {
        switch event {
        case .message, .request: true
        default: false
        }
    }

    private func show(_ event: ClientEvent) throws(OutputError) {
        if invocation.isJSON {
            if let line = event.json { try Output.line(line.line) }
            return
        }
        switch event {
        case .connection: if follows, let text = event.text { Output.note(text) }
        case .messageState, .typing, .presence:
            if follows, let text = event.text { try Output.line(text) }
        default: if let text = event.text { try Output.line(text) }
        }
    }
}
