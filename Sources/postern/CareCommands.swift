import Client
import Platform

/// `doctor`: is everything as it should be?
enum CareCommands {
    static let all = [doctor]

    private static let doctor = Command(
        name: "doctor", synopsis: "", summary: "Look whether account, keys and server are well.",
        details: ["Ends with 0 when nothing is wrong, with 69 or 78 when something is."],
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
        var code = ExitCode.ok
        for finding in try client.doctor() {
            if !finding.isGood { code = .configuration }
            var line = JSONLine(type: "finding")
            line.add("subject", finding.subject)
            line.add("good", finding.isGood)
            line.add("text", finding.sentence)
            try invocation.show(
                "\(finding.isGood ? "good" : "BAD ") \(finding.subject): \(finding.sentence)", line)
        }
        if let error = serverError(result) {
            var line = JSONLine(type: "finding")
            line.add("subject", "server")
            line.add("good", false)
            line.add("text", error.sentence)
            try invocation.show("BAD  server: \(error.sentence) \(error.advice)", line)
            code = .unreachable
        }
        return code
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
