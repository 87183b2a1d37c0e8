import Testing

/// SPEC.md section 14 and the folder Vectors.
@Suite("The map of vectors in SPEC.md")
struct VectorMapTests {
    /// A row of the table: suite, file, rules.
    struct Row: Hashable {
        let suite: String
        let file: String
        let rules: String
    }

    private static let specification = Repository.text("SPEC.md")

    /// Rows of section 14.1 in the order of the document.
    static func rows(_ specification: String) -> [Row] {
        var rows: [Row] = []
        var isInside = false
        for line in specification.split(separator: "\n") {
            if line.hasPrefix("#") { isInside = line.hasPrefix("### 14.1 ") }
            let cells = line.split(separator: "|").map { $0.trimmed }
            guard isInside, cells.count == 5, cells[1].hasPrefix("`Vectors/") else { continue }
            rows.append(
                Row(suite: cells[0], file: String(cells[1].dropFirst().dropLast()), rules: cells[2])
            )
        }
        return rows
    }

    /// Suites as the sources name them.
    static func suites(_ texts: [String]) -> Set<Row> {
        var found: Set<Row> = []
        for text in texts {
            for part in text.components(of: "OwnSuite(").dropFirst() {
                let strings = part.split(separator: "\"", omittingEmptySubsequences: false)
                guard strings.count > 3, strings[0].trimmed == "name:",
                    strings[2].trimmed.hasSuffix("rules:")
                else { continue }
                let name = String(strings[1])
                // What is too long for a line is joined from two.
                let isJoined = strings.count > 5 && strings[4].trimmed == "+"
                let rules = String(strings[3]) + (isJoined ? String(strings[5]) : "")
                found.insert(Row(suite: name, file: "Vectors/\(name).json", rules: rules))
            }
        }
        return found
    }

    @Test("every file of Vectors has a row, and every row a file")
    func files() {
        let rows = Self.rows(Self.specification)
        let files = Repository.files().filter { $0.hasPrefix("Vectors/") }
        #expect(!rows.isEmpty)
        #expect(rows.map(\.file).sorted() == files.sorted())
    }

    @Test("suites and their rules are those of the code")
    func suites() {
        let texts = Repository.files().filter { $0.hasPrefix("Sources/VectorSuites/Own/") }
            .map { Repository.text($0) }
        let rows = Self.rows(Self.specification)
        #expect(rows.count == Set(rows).count)
        #expect(Set(rows) == Self.suites(texts))
    }

    @Test("every rule that a row names is a rule of SPEC.md")
    func rules() {
        for row in Self.rows(Self.specification) {
            #expect(!row.rules.isEmpty)
            for rule in row.rules.split(separator: " ") {
                #expect(Self.specification.contains("\n**\(rule)** "), "\(row.suite): \(rule)")
            }
        }
    }

    @Test("a row and a suite that differ are found")
    func findsDifferences() {
        let table = """
            ### 14.1 Suites
            | suite | file | rules | what | who |
            |---|---|---|---|---|
            | a | `Vectors/a.json` | WI-1 | x | y |
            ### 14.2 More
            | b | `Vectors/b.json` | WI-1 | x | y |
            """
        let row = Row(suite: "a", file: "Vectors/a.json", rules: "WI-1")
        #expect(Self.rows(table) == [row])
        let code = #"static let s = OwnSuite(\#n    name: "a",\#n rules: "WI-1", operations: [:])"#
        #expect(Self.suites([code]) == [row])
        #expect(Self.suites([code.replacing("WI-1", with: "WI-2")]) != [row])
    }
}

extension Substring {
    /// Without white space and line breaks at both ends.
    fileprivate var trimmed: String {
        let rest = drop { $0.isWhitespace }
        let count = rest.reversed().prefix { $0.isWhitespace }.count
        return String(rest.dropLast(count))
    }
}

extension String {
    /// The text between occurrences of a mark.
    fileprivate func components(of mark: String) -> [String] {
        split(separator: mark, omittingEmptySubsequences: false).map(String.init)
    }
}
