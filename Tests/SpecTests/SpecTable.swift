/// The rows of SPEC.md whose first cell is a dotted Swift name in back quotes and whose second cell
/// is a whole number: constants and error codes.
struct SpecTable {
    let rows: [(name: String, value: Int, line: Int)]

    init(specification: String) {
        var found: [(name: String, value: Int, line: Int)] = []
        for (index, line) in specification.split(
            separator: "\n", omittingEmptySubsequences: false
        ).enumerated() {
            let cells = line.split(separator: "|").map(\.trimmingSpaces)
            guard line.hasPrefix("|"), cells.count >= 2,
                let name = cells[0].wholeMatch(of: /`([A-Z]\w*\.\w+)`/),
                let value = SwiftConstants.number(cells[1])
            else { continue }
            found.append((String(name.1), value, index + 1))
        }
        rows = found
    }

    /// Where the table and the code differ. A type with one row in the table must have one for each
    /// of its constants.
    func differences(from code: [String: Int], path: String) -> [Finding] {
        var found: [Finding] = []
        for row in rows {
            if let value = code[row.name] {
                if value == row.value { continue }
                found.append(
                    Finding(
                        path: path, line: row.line,
                        message: "\(row.name) is \(row.value) here and \(value) in the code"))
            } else {
                found.append(
                    Finding(
                        path: path, line: row.line, message: "\(row.name) is not in the code"))
            }
        }
        let names = Set(rows.map(\.name))
        let types = Set(names.map { $0.prefix { $0 != "." } })
        for name in code.keys.sorted() where types.contains(name.prefix { $0 != "." }) {
            if !names.contains(name) {
                found.append(Finding(path: path, line: 0, message: "\(name) is in no table"))
            }
        }
        return found
    }
}
