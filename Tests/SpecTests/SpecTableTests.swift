import Testing

@Suite("Values of SPEC.md")
struct SpecTableTests {
    private let specification = Repository.text("SPEC.md")

    private static let sources = Repository.swiftFiles.filter { Place.isSource($0.path) }

    @Test("constants and error codes are those of the code")
    func constants() {
        var constants = SwiftConstants()
        // Twice, because a constant may be made of one in a file that comes later.
        for _ in 0..<2 { for source in Self.sources { constants.read(source.text) } }
        let table = SpecTable(specification: specification)
        #expect(!table.rows.isEmpty)
        let differences = table.differences(from: constants.values, path: "SPEC.md")
        #expect(differences.isEmpty, "\(list(differences))")
    }

    @Test("a value that differs, or that one side lacks, is found")
    func findsDifferences() {
        var constants = SwiftConstants()
        constants.read(
            SwiftText(
                """
                package enum Limits {
                    /// One.
                    package static let one = 65_280
                    package static let two: UInt32 = 3 * (Self.one + 0x10) - one
                    package static var three: Int { 3 }
                    package static let four = 4
                    package static func five() { let six = 6 }
                }
                extension Limits { static let seven = Limits.four * 2 }
                enum Code: UInt16 {
                    case first = 1, second = 2
                    case third = 0x0107
                }
                """))
        #expect(constants.values["Limits.one"] == 65280)
        #expect(constants.values["Limits.two"] == 3 * 65296 - 65280)
        #expect(constants.values["Limits.seven"] == 8)
        #expect(constants.values["Limits.six"] == nil)
        #expect(constants.values["Code.third"] == 263)
        let table = SpecTable(
            specification: """
                | name | value |
                |---|---|
                | `Limits.one` | 65,280 | right |
                | `Limits.four` | 5 | wrong |
                | `Limits.eight` | 8 | only here |
                | `something` | 7 |
                | `Code.third` | 263 |
                """)
        let found = table.differences(from: constants.values, path: "X").map(\.line)
        // Lines 4 and 5, and two constants of the code that no row has.
        #expect(found == [4, 5, 0, 0])
    }

    @Test("SPEC.md, the changelog and the code name one version")
    func versions() throws {
        let spec = specification.firstMatch(of: /\nVersion ([0-9]+)\b/)
        let changelog = Repository.text("CHANGELOG.md").firstMatch(
            of: /\n## [^\n]*SPEC version ([0-9]+)/)
        let code = Self.sources.flatMap(\.text.lines).filter {
            $0.holds(word: "protocolVersion")
        }.compactMap {
            $0.firstMatch(of: /\blet protocolVersion\b[^=]*= ([0-9]+)$/)
        }
        let number = try #require(spec?.1)
        #expect(changelog?.1 == number)
        #expect(code.map(\.1) == [number])
    }

    // MARK: Labels

    /// Labels in a text, each as often as it stands there.
    private static func labels(in text: some StringProtocol) -> [String] {
        String(text).matches(of: /"(postern\/[0-9]+ [^"]*)"/).map { String($0.1) }
    }

    /// Labels in the sources, without those of the vectors: what derives everything a second time
    /// has to spell them a second time.
    private static var labelsOfCode: [(label: String, path: String)] {
        sources.filter {
            !$0.path.hasPrefix("Sources/VectorSuites/") && !$0.path.hasPrefix("Sources/vectorgen/")
        }.flatMap { source in
            source.text.literals.filter { $0.text.hasPrefix("postern/") && $0.text.contains(" ") }
                .map { ($0.text, source.path) }
        }
    }

    @Test("A7 every label of a derivation or signature is in the code, and once")
    func labelsAreInTheCode() {
        // Formulas stand in code blocks; what stands elsewhere may be reserved.
        let blocks = specification.split(separator: "```", omittingEmptySubsequences: false)
        let wanted = Set(
            blocks.enumerated().filter { $0.offset % 2 == 1 }.flatMap {
                Self.labels(in: $0.element)
            }
        )
        let uses = Dictionary(grouping: Self.labelsOfCode, by: \.label)
        let missing = wanted.filter { uses[$0] == nil }.sorted()
        #expect(missing.isEmpty, "no code has \(missing)")
        let doubled = uses.filter { $1.count > 1 }.keys.sorted()
        #expect(doubled.isEmpty, "more than once in the code: \(doubled)")
    }

    @Test("A7 every label of the code is in SPEC.md, and none begins another")
    func labelsArePrefixFree() {
        let known = Set(Self.labels(in: specification))
        let unknown = Self.labelsOfCode.filter { !known.contains($0.label) }
        #expect(unknown.isEmpty, "\(unknown)")
        #expect(Self.beginnings(known.union(Self.labelsOfCode.map(\.label))).isEmpty)
        #expect(Self.beginnings(["a b", "a bc", "a c"]) == ["a b"])
    }

    /// Labels that another label begins with.
    private static func beginnings(_ labels: some Collection<String>) -> [String] {
        labels.filter { label in
            labels.contains { $0 != label && $0.hasPrefix(label) }
        }.sorted()
    }
}
