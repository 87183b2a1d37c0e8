import Foundation
import Testing

@Suite("Documents")
struct MarkdownTests {
    @Test("internal links lead somewhere")
    func links() {
        let broken = Repository.files(endings: [".md"])
            .flatMap { Markdown.broken(in: $0, Repository.text($0)) }
        #expect(broken.isEmpty, "\(list(broken))")
    }

    @Test("a link that leads nowhere is found")
    func findsBroken() {
        let text = """
            # One title, two

            [good](#one-title-two) [good](SPEC.md) [good](SPEC.md#1-scope) [good](https://example.org)
            [bad](#one) [bad](NOTHERE.md) [bad](SPEC.md#99-nothing)
            `[code](nothing)`
            """
        let broken = Markdown.broken(in: "X.md", text)
        #expect(broken.map(\.line) == [4, 4, 4])
    }

    @Test("sections that the code names exist")
    func sections() {
        let sections = Markdown(Repository.text("SPEC.md")).sections
        #expect(sections.contains("1"))
        var unknown: [Finding] = []
        for path in Repository.files(under: "Sources") + Repository.files(under: "Tests") {
            let text = Repository.text(path)
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated() where line.contains("SPEC")
            {
                for match in line.matches(of: /SPEC(?:\.md)?:? §([0-9]+(?:\.[0-9]+)*)/)
                where !sections.contains(String(match.1)) {
                    unknown.append(
                        Finding(path: path, line: index + 1, message: "§\(match.1) is no section"))
                }
            }
        }
        #expect(unknown.isEmpty, "\(list(unknown))")
    }

    @Test("no file names a place on somebody's machine")
    func places() {
        var found: [Finding] = []
        for path in Repository.files() {
            found += Self.machinePaths(
                in: path, Repository.text(path), checkout: Repository.root.path)
        }
        #expect(found.isEmpty, "\(list(found))")
    }

    @Test("a place on a machine is found")
    func findsPlaces() {
        let home = "/home" + "/somebody/key"
        func find(_ text: String, checkout: String = "/a/b/postern") -> Int {
            Self.machinePaths(in: "X.md", text, checkout: checkout).count
        }
        #expect(find("see \(home)") == 1)
        #expect(find("see /ro" + "ot/key") == 1)
        #expect(find("see /a/b/other") == 1)
        #expect(find("see Sources/Wire and /tmp/x", checkout: "/tmp/postern") == 0)
    }

    private static func machinePaths(
        in path: String, _ text: String, checkout: String
    ) -> [Finding] {
        let patterns = [/\/home\/[a-z]/, /\/root\//, /\/Users\/[A-Za-z]/]
        // Where this checkout lies, unless that is as general as `/tmp`.
        let around = URL(filePath: checkout).deletingLastPathComponent().path + "/"
        let isTelling = around.split(separator: "/").count > 1
        var found: [Finding] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated() where line.contains("/")
        {
            if patterns.contains(where: { line.contains($0) }) || isTelling && line.contains(around)
            {
                found.append(Finding(path: path, line: index + 1, message: "a machine's path"))
            }
        }
        return found
    }
}
