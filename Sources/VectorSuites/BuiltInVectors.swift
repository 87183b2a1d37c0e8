internal import CVectors
internal import Primitives

/// The vectors that the program carries with it.
package enum BuiltInVectors {
    /// Runs all of them: the known answers that both programs also check at every start, then the
    /// files of the folder Vectors.
    package static func run() -> [SuiteReport] {
        var report = SuiteReport(name: "primitives", rules: "PR-9")
        do {
            try SelfTest.run()
            for _ in SelfTestError.allCases { report.add(.passed, "") }
        } catch {
            report.fail("\(error)")
        }
        return [report] + OwnSuite.all.map { PublicVectors.run(bytes(of: $0), name: $0.name) }
    }

    /// What ``run()`` runs, in that order.
    package static var summaries: [SuiteSummary] {
        let answers = SuiteSummary(
            name: "primitives", rules: "PR-9", caseCount: SelfTestError.allCases.count)
        return [answers]
            + OwnSuite.all.map { suite in
                let cases = (try? JSONReader.parse(bytes(of: suite)))?["cases"]?.elements
                return SuiteSummary(
                    name: "postern \(suite.name)", rules: suite.rules, caseCount: cases?.count ?? 0)
            }
    }

    /// A file as it was when the program was built; empty when it is not there.
    package static func bytes(of suite: OwnSuite) -> [UInt8] {
        guard let index = OwnSuite.all.firstIndex(where: { $0.name == suite.name }) else {
            return []
        }
        let count = postern_vectors_size(Int32(index))
        return (0..<count).map { postern_vectors_byte(Int32(index), $0) }
    }

    /// Whether bytes are a damaged copy of a built-in file: of its size, but not the same.
    ///
    /// A flipped bit in the input of a refused case need not change the refusal; the file is not the
    /// one that was published all the same.
    static func isDamaged(_ bytes: [UInt8]) -> OwnSuite? {
        for (index, suite) in OwnSuite.all.enumerated()
        where postern_vectors_size(Int32(index)) == Int64(bytes.count) {
            if Self.bytes(of: suite) != bytes { return suite }
        }
        return nil
    }
}
