import Client
import Platform

/// `doctor`: is everything as it should be?
enum CareCommands {
    static let all = [doctor]

    private static let doctor = Command(
        name: "doctor", synopsis: "", summary: "Look whether account, keys and server are well.",
        details: [
            "A line begins with good, BAD, or ? for what is not known while the server is away. Ends with 0 when nothing is wrong, with 69 when the server does not answer, with 78 for the rest."
        ],
        examples: [("postern doctor", "one line for each thing looked at")],
        positional: 0...0
    ) { invocation in
        let client = try Account.open(invocation, for: .write)
        // Longer than a connection may take to be made: a server that hangs is told as such.
        let result = try Running.run(
            client, until: .drained,
            options: .init(
                timeoutMilliseconds: Running.patienceMilliseconds, stopsWhenUnreachable: true)
        ) { _, _ in .goOn }
        if result == .interrupted { return .interrupted }
        let error = serverError(result)
        let server = DoctorFinding(
            subject: "server", isGood: error == nil,
            sentence: error.map { "\($0.sentence) \($0.advice)" } ?? "It answers.")
        let others = try client.doctor(serverAnswers: error == nil)
        for finding in [server] + others { try show(finding, invocation) }
        if error != nil { return .unreachable }
        return others.contains { $0.isGood == false } ? .configuration : .ok
    }

    private static func show(_ finding: DoctorFinding, _ invocation: Invocation)
        throws(OutputError)
    {
        var line = JSONLine(type: "finding")
        line.add("subject", finding.subject)
        line.add("good", finding.isGood.map { .bool($0) } ?? .null)
        line.add("text", finding.sentence)
        let mark: SafeText =
            switch finding.isGood {
            case true?: "good"
            case false?: "BAD "
            case nil: "?   "
            }
        try invocation.show("\(mark) \(finding.subject): \(finding.sentence)", line)
    }

    /// What is wrong with the server, nil when it gave all that waited, or gives it still.
    private static func serverError(_ result: RunResult) -> ClientError? {
        switch result {
        case .unreachable(let error): error
        case .timedOut(receivedCount: 0): .timedOut
        default: nil
        }
    }
}
