internal import Primitives

/// The vectors that the program carries with it.
package enum BuiltInVectors {
    /// Runs all of them: the known answers that both programs also check at every start.
    package static func run() -> [SuiteReport] {
        var report = SuiteReport(name: "primitives", rules: "PR-9")
        do {
            try SelfTest.run()
            for _ in SelfTestError.allCases { report.add(.passed, "") }
        } catch {
            report.fail("\(error)")
        }
        return [report]
    }
}
