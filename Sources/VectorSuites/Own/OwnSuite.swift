/// One suite of the project's own vectors.
///
/// A case gives what goes into an operation and what comes out of it, or the error with which it is
/// refused. The operation runs the code of the programs; where that code keeps its intermediate
/// values to itself, a second derivation from the primitives yields them, and the two must agree.
package struct OwnSuite: Sendable {
    typealias Operation = @Sendable (VectorInput) throws -> JSONValue

    /// What stands in the file's member `suite`, and the file's name without `.json`.
    package let name: String
    /// Rules of SPEC.md that the suite shows.
    package let rules: String
    let operations: [String: Operation]

    /// The first member of every file.
    package static let format = "postern/1 vectors"

    /// All of them, in the order of SPEC.md.
    package static let all: [OwnSuite] = [
        HandshakeVectors.suite, RatchetVectors.suite, EnvelopeVectors.suite,
        EphemeralVectors.suite, SafetyNumberVectors.suite, DirectoryVectors.suite,
        InviteVectors.suite, MailboxVectors.suite, WireVectors.suite, ChannelVectors.suite,
        AttachmentVectors.suite, BackupVectors.suite,
    ]

    /// The suite of a file, nil when it is none of these.
    package static func named(_ json: JSONValue) -> OwnSuite? {
        guard let name = json["suite"]?.text else { return nil }
        return all.first { $0.name == name }
    }

    /// Runs every case of a file.
    package func run(_ json: JSONValue) -> SuiteReport {
        var report = SuiteReport(name: "postern \(name)", rules: rules)
        if json["format"]?.text != Self.format { report.fail("format") }
        let cases = json["cases"]?.elements ?? []
        if cases.isEmpty { report.fail("no case") }
        for test in cases {
            report.add(outcome(test), test["name"]?.text ?? "a case without a name")
        }
        return report
    }

    /// Runs an operation: its output, or the name of the refusal.
    ///
    /// - Throws: `VectorProblem` when the input is not one of this operation.
    package func compute(
        _ operation: String, _ input: JSONValue
    ) throws -> (output: JSONValue?, error: String?) {
        guard let body = operations[operation] else { throw VectorProblem.member(operation) }
        let input = try VectorInput(input)
        let output: JSONValue
        do {
            output = try body(input)
        } catch let problem as VectorProblem {
            throw problem
        } catch {
            return (nil, Self.name(of: error))
        }
        guard input.isUsedUp else { throw VectorProblem.member("unread") }
        return (output, nil)
    }

    private func outcome(_ test: JSONValue) -> CaseOutcome {
        guard case .object(let members) = test, let operation = test["op"]?.text,
            let input = test["in"], test["name"]?.text != nil
        else { return .failed }
        guard let found = try? compute(operation, input) else { return .failed }
        if let error = found.error {
            let names = ["name", "op", "rule", "in", "error"]
            guard members.map(\.name) == names else { return .failed }
            return test["error"]?.text == error ? .refused : .failed
        }
        guard members.map(\.name) == ["name", "op", "in", "out"] else { return .failed }
        return CaseOutcome(test["out"] == found.output)
    }

    /// The case of an error with what it holds, types left out: `signature(account)`.
    static func name(of error: any Error) -> String {
        var result = ""
        var word = ""
        for character in "\(error)" {
            if character == "." {
                word = ""
            } else if character.isLetter || character.isNumber {
                word.append(character)
            } else {
                result += word
                word = ""
                result.append(character)
            }
        }
        return result + word
    }
}
