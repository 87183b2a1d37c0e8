import Testing

@Suite("Rules of SPEC.md")
struct SpecRuleTests {
    private let rules = SpecRules(specification: Repository.text("SPEC.md"))
    private static let open = SpecRules.open(in: Repository.text("SPEC.md"))
    private static let sourceEndings = [".swift", ".h", ".c"]
    private static let testEndings = [".swift", ".py", ".json", ".sh", "/run"]

    @Test("every rule is cited by a file under Sources")
    func citedByCode() {
        let cited = SpecRules.citations(
            inFiles: Repository.files(under: "Sources", endings: Self.sourceEndings))
        let missing = SpecRules.sorted(rules.ids.subtracting(cited.keys).subtracting(Self.open))
        #expect(missing.isEmpty, "no code cites \(missing.joined(separator: " "))")
    }

    @Test("every rule is cited by a file under Tests")
    func citedByTests() {
        let cited = SpecRules.citations(
            inFiles: Repository.files(under: "Tests", endings: Self.testEndings))
        let missing = SpecRules.sorted(rules.ids.subtracting(cited.keys).subtracting(Self.open))
        #expect(missing.isEmpty, "no test cites \(missing.joined(separator: " "))")
    }

    @Test("what is cited exists")
    func citesWhatExists() {
        let files =
            Repository.files(under: "Sources", endings: Self.sourceEndings)
            + Repository.files(under: "Tests", endings: Self.testEndings)
            + Repository.files(endings: [".md"]) + Repository.files(under: "scripts")
        let unknown = SpecRules.citations(inFiles: files).filter { !rules.ids.contains($0.key) }
        #expect(unknown.isEmpty, "\(list(unknown.values.flatMap { $0 }))")
    }

    @Test("a rule is marked open only while its code or its test is missing")
    func opensWhatIsMissing() {
        let code = SpecRules.citations(
            inFiles: Repository.files(under: "Sources", endings: Self.sourceEndings))
        let tests = SpecRules.citations(
            inFiles: Repository.files(under: "Tests", endings: Self.testEndings))
        let done = Self.open.filter { code[$0] != nil && tests[$0] != nil }
        #expect(done.isEmpty, "not open any more: \(SpecRules.sorted(done))")
        #expect(Self.open.isSubset(of: rules.ids))
        #expect(SpecRules.open(in: "open: MB-\(903)\nnot open: MB-\(904)") == ["MB-\(903)"])
    }

    @Test("no id is defined twice")
    func definesOnce() {
        #expect(!rules.definitions.isEmpty)
        #expect(rules.doubled.isEmpty, "\(rules.doubled)")
    }

    @Test("definitions and citations are found where they are and nowhere else")
    func reads() {
        // Numbers are put in, so that this file cites nothing that does not exist.
        let first = "MB-\(901)"
        let second = "CH-\(902)"
        let text =
            "**\(first)** The server MUST.\nSee **\(second)** and \(first).\n**\(first)** Again."
        let rules = SpecRules(specification: text)
        #expect(rules.definitions.map(\.id) == [first, first])
        #expect(rules.definitions.map(\.line) == [1, 3])
        #expect(rules.doubled == [first])
        let cited = SpecRules.citations(in: "// \(second), SHA-256, X\(first), \(first)x and UTF-8")
        #expect(cited == [second: 1])
    }
}
