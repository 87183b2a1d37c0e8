import Foundation

/// The rule ids of SPEC.md: where each is defined and where it is cited.
struct SpecRules {
    /// Ids and the lines they are defined in, in the order of the text.
    let definitions: [(id: String, line: Int)]

    /// A definition is the id in bold at the beginning of a line, followed by the rule.
    init(specification: String) {
        var found: [(id: String, line: Int)] = []
        for (index, line) in specification.split(
            separator: "\n", omittingEmptySubsequences: false
        ).enumerated() {
            guard let match = line.prefixMatch(of: /\*\*([A-Z]{2}-[0-9]+)\*\*/) else { continue }
            found.append((String(match.1), index + 1))
        }
        definitions = found
    }

    var ids: Set<String> { Set(definitions.map(\.id)) }

    /// Rules that section 14 marks as open: their code or their test is not there yet. They stand
    /// behind the word `open:` at the beginning of a line.
    static func open(in specification: String) -> Set<String> {
        let lines = specification.split(separator: "\n").filter { $0.hasPrefix("open: ") }
        return Set(lines.flatMap { citations(in: String($0)).keys })
    }

    /// Ids that are defined more than once.
    var doubled: [String] {
        Dictionary(grouping: definitions, by: \.id).filter { $1.count > 1 }.keys.sorted()
    }

    /// The prefixes that are ids of rules; `SHA-256` is none.
    static let prefixes: Set<String> = [
        "WI", "PR", "HS", "DR", "EN", "GR", "KD", "MB", "CH", "CL", "ER",
    ]

    /// Every id that a text cites, with the line of its first citation.
    static func citations(in text: String) -> [String: Int] {
        var found: [String: Int] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated() where line.utf8.contains(UInt8(ascii: "-"))
        {
            for match in line.matches(of: /\b([A-Z]{2})-([0-9]+)\b/)
            where prefixes.contains(String(match.1)) && found[String(match.0)] == nil {
                found[String(match.0)] = index + 1
            }
        }
        return found
    }

    /// Every id that the files cite, with the places.
    static func citations(inFiles paths: [String]) -> [String: [Finding]] {
        var found: [String: [Finding]] = [:]
        for path in paths {
            for (id, line) in citations(in: Repository.text(path)) {
                found[id, default: []].append(Finding(path: path, line: line, message: id))
            }
        }
        return found
    }

    /// In the order of the numbers, not of the alphabet: 9 before 10.
    static func sorted(_ ids: some Sequence<String>) -> [String] {
        ids.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    }
}
