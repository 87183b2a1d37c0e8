import Testing

/// A check of Swift files with examples of what it must find and of what it must leave alone, so
/// that a check that has gone blind fails as well.
struct SourceLint: Sendable, CustomTestStringConvertible {
    let name: String
    /// Whether the check is for the file at this path.
    let applies: @Sendable (_ path: String) -> Bool
    /// What it finds in a file: line and message.
    let find: @Sendable (_ path: String, _ text: SwiftText) -> [(line: Int, message: String)]
    /// Paths and code in each of which the check must find something.
    let violations: [(path: String, code: String)]
    /// Paths and code in which it must find nothing.
    let innocents: [(path: String, code: String)]

    var testDescription: String { name }

    func findings(in path: String, _ text: SwiftText) -> [Finding] {
        guard applies(path) else { return [] }
        return find(path, text).map {
            Finding(path: path, line: $0.line, message: $0.message)
        }
    }
}

extension SourceLint {
    /// A check that no line of code holds one of some words. A word that begins or ends with a
    /// letter must stand alone there: `try!` is found in `x = try! y` and not in `retry!`.
    static func forbids(
        _ words: [String], because reason: String, in applies: @escaping @Sendable (String) -> Bool,
        violations: [(path: String, code: String)], innocents: [(path: String, code: String)]
    ) -> SourceLint {
        SourceLint(
            name: words.joined(separator: ", ") + ": " + reason, applies: applies,
            find: { _, text in
                var found: [(line: Int, message: String)] = []
                for (index, line) in text.lines.enumerated() {
                    for word in words where line.holds(word: word) {
                        found.append((index + 1, "\(word): \(reason)"))
                    }
                }
                return found
            }, violations: violations, innocents: innocents)
    }
}

extension String {
    /// Whether the text stands here and is no part of a longer word.
    func holds(word: String) -> Bool {
        let line = Array(utf8)
        let wanted = Array(word.utf8)
        guard let first = wanted.first, let last = wanted.last, line.count >= wanted.count else {
            return false
        }
        for start in 0...(line.count - wanted.count)
        where line[start] == first && line[start..<(start + wanted.count)].elementsEqual(wanted) {
            let end = start + wanted.count
            let before = start > 0 && first.isWordByte && line[start - 1].isWordByte
            let after = end < line.count && last.isWordByte && line[end].isWordByte
            if !before && !after { return true }
        }
        return false
    }
}

extension UInt8 {
    var isWordByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

/// Which files a check is for.
enum Place {
    static let pureTargets = ["Primitives", "Wire", "Channel", "Crypto"]
    static let serverTargets = ["Platform", "Database", "KeyDirectory", "Mailbox", "posternd"]

    static func isIn(_ targets: [String], _ path: String) -> Bool {
        targets.contains { path.hasPrefix("Sources/\($0)/") }
    }

    static func isSource(_ path: String) -> Bool { path.hasPrefix("Sources/") }
    static func isTest(_ path: String) -> Bool { path.hasPrefix("Tests/") }
}
