import Client
import Platform

/// Running the client until what a command wants has come about.
enum Running {
    /// How long a command that needs the server waits for it, if not told otherwise.
    static let patienceMilliseconds: UInt64 = 30_000

    /// Runs until the operation has ended.
    ///
    /// - Throws: The operation's error; `ClientError.timedOut` when the server does not answer.
    static func finish(_ operation: OperationID, of client: PosternClient) throws
        -> OperationOutcome
    {
        let result = try run(
            client, until: .finished(operation),
            options: .init(timeoutMilliseconds: patienceMilliseconds, stopsWhenUnreachable: true)
        ) { event, _ in
            // What else happens meanwhile is in the vault and shown by `receive` and `history`;
            // a warning is shown at once.
            if case .notice = event, let text = event.text { Output.note(text) }
            return .goOn
        }
        switch result {
        case .finished(.failed(let error)): throw error
        case .finished(let outcome): return outcome
        case .unreachable(let error): throw error
        case .interrupted: throw Interrupted()
        case .reached, .timedOut, .stopped, .held: throw ClientError.timedOut
        }
    }

    /// `PosternClient.run` with control-C and SIGTERM as its interrupt.
    static func run(
        _ client: PosternClient, until goal: RunGoal, options: RunOptions,
        handler: (ClientEvent, PosternClient) -> RunControl
    ) throws -> RunResult {
        var options = options
        options.interruptDescriptor = Interruption.descriptor
        return try Interruption.during {
            try client.run(until: goal, options: options, handler: handler)
        }
    }
}

/// The person ended the command; told with exit code 130.
struct Interrupted: Error {}
