/// What running one suite of vectors came to.
package struct SuiteReport: Sendable, Equatable {
    /// Name of the suite, for example `wycheproof x25519`.
    package let name: String
    /// Rules of SPEC.md that it shows, for example `PR-2 PR-4`.
    package let rules: String
    /// Cases whose outputs are the ones expected.
    package private(set) var passedCount = 0
    /// Cases that had to be refused and were.
    package private(set) var refusedCount = 0
    /// Cases that were not run, because they need what this project does not have.
    package private(set) var skippedCount = 0
    /// Names of the cases that went wrong.
    package private(set) var failures: [String] = []

    /// Starts with no case.
    package init(name: String, rules: String) {
        self.name = name
        self.rules = rules
    }

    /// Whether nothing failed. A suite that ran no case at all has not passed.
    package var isGood: Bool { failures.isEmpty }

    /// Counts one case.
    package mutating func add(_ outcome: CaseOutcome, _ caseName: @autoclosure () -> String) {
        switch outcome {
        case .passed: passedCount += 1
        case .refused: refusedCount += 1
        case .skipped: skippedCount += 1
        case .failed: failures.append(caseName())
        }
    }

    /// Counts a case that could not be read.
    package mutating func fail(_ caseName: String) { failures.append(caseName) }
}

/// What one case came to.
package enum CaseOutcome: Sendable, Equatable {
    /// The outputs are the ones expected.
    case passed
    /// It had to be refused and was.
    case refused
    /// It was not run.
    case skipped
    /// Another output than expected, an acceptance that should be a refusal, or the other way
    /// round, or a field that is missing.
    case failed

    /// The outcome of comparing.
    init(_ isEqual: Bool) { self = isEqual ? .passed : .failed }
}

/// What is known of a suite without running it.
package struct SuiteSummary: Sendable, Hashable {
    /// Name of the suite, as in its report.
    package let name: String
    /// Rules of SPEC.md that it shows.
    package let rules: String
    /// Its cases, nil for a public suite: those are counted when its file is run.
    package let caseCount: Int?
}
