import Foundation
import Testing

@Suite("Checks of the code")
struct SourceLintTests {
    @Test("the code holds nothing that a check forbids", arguments: SourceLints.all)
    func codeIsClean(_ lint: SourceLint) {
        let findings = Repository.swiftFiles.flatMap { lint.findings(in: $0.path, $0.text) }
        #expect(findings.isEmpty, "\(list(findings))")
    }

    @Test("each check finds what is planted for it", arguments: SourceLints.all)
    func findsPlanted(_ lint: SourceLint) {
        #expect(!lint.violations.isEmpty)
        for (path, code) in lint.violations {
            #expect(!lint.findings(in: path, SwiftText(code)).isEmpty, "missed in \(path): \(code)")
        }
    }

    @Test("each check leaves alone what is right", arguments: SourceLints.all)
    func sparesInnocent(_ lint: SourceLint) {
        #expect(!lint.innocents.isEmpty)
        for (path, code) in lint.innocents {
            #expect(lint.findings(in: path, SwiftText(code)).isEmpty, "flagged in \(path): \(code)")
        }
    }

    @Test("there are files to check")
    func readsTheRepository() {
        let files = Repository.files(endings: [".swift"])
        #expect(files.contains("Package.swift"))
        #expect(files.contains("Sources/posternd/Program.swift"))
        #expect(files.contains { $0.hasPrefix("Tests/SpecTests/") })
    }
}
