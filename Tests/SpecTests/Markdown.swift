import Foundation

/// The links and headings of a Markdown file.
struct Markdown {
    /// Targets of `[text](target)` and the lines they stand in.
    private(set) var links: [(target: String, line: Int)] = []
    /// What `#…` may name: the headings, in the form that forges give them.
    private(set) var anchors: Set<String> = []
    /// Numbers of numbered headings, `6.3` for `### 6.3 Skipped keys`.
    private(set) var sections: Set<String> = []

    init(_ text: String) {
        var isCode = false
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            if line.hasPrefix("```") { isCode.toggle() }
            if isCode { continue }
            if let heading = line.prefixMatch(of: /#{1,6} +(.*)$/) {
                add(heading: String(heading.1))
            }
            let prose = line.replacing(/`[^`]*`/, with: "")
            for match in prose.matches(of: /\]\(([^)\s]+)\)/) {
                links.append((String(match.1), index + 1))
            }
        }
    }

    private mutating func add(heading: String) {
        if let number = heading.prefixMatch(of: #/([0-9]+(\.[0-9]+)*)\.? /#) {
            sections.insert(String(number.1))
        }
        let slug = heading.lowercased().unicodeScalars.compactMap { scalar -> Character? in
            if scalar == " " { return "-" }
            let isWord = scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
            return isWord || scalar == "-" || scalar == "_" ? Character(scalar) : nil
        }
        anchors.insert(String(slug))
    }

    /// Links of a file that lead to nothing in the repository.
    static func broken(in path: String, _ text: String) -> [Finding] {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        return Markdown(text).links.compactMap { target, line in
            if target.contains("://") || target.hasPrefix("mailto:") { return nil }
            let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            let file = parts[0].isEmpty ? path : resolve(String(parts[0]), from: folder)
            let finding = Finding(path: path, line: line, message: "\(target) leads nowhere")
            guard file == path || Repository.exists(file) else { return finding }
            guard parts.count == 2 else { return nil }
            let other = file == path ? text : Repository.text(file)
            return Markdown(other).anchors.contains(String(parts[1])) ? nil : finding
        }
    }

    private static func resolve(_ target: String, from folder: String) -> String {
        let base = folder.isEmpty ? "/" : "/" + folder + "/"
        return String(URL(filePath: base + target).standardizedFileURL.path.dropFirst())
    }
}
