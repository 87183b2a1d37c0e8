import Client
import FoundationEssentials
import Platform
import VectorSuites

/// `vectors`: known answers, the built-in ones or those of public files.
enum VectorsCommand {
    static let command = Command(
        name: "vectors", synopsis: "[PATH…]",
        summary: "Run test vectors: the built-in ones, or files and folders of public ones.",
        details: [
            "Known are this project's own files and Wycheproof's X25519, Ed25519, ChaCha20-Poly1305, XChaCha20-Poly1305, HKDF and HMAC, Argon2id, and Noise in cacophony's format. A file of an unknown suite counts as skipped, never as passed.",
            "Ends with 0 only if nothing failed.",
        ],
        examples: [
            ("postern vectors", "the built-in known answers"),
            ("postern vectors ~/wycheproof/testvectors_v1", "every file in a folder"),
        ],
        positional: 0...64
    ) { invocation in
        var reports: [SuiteReport] = []
        if invocation.arguments.positional.isEmpty {
            reports = BuiltInVectors.run()
        }
        for path in invocation.arguments.positional {
            for file in try files(path) {
                guard let data = FileManager.default.contents(atPath: file),
                    data.count <= PublicVectors.fileByteCountMax
                else { throw InputFileError(path: file) }
                reports.append(PublicVectors.run([UInt8](data), name: file))
            }
        }
        return try show(reports, invocation)
    }

    /// The files under a path, in the order of their names; links are not followed.
    private static func files(_ path: String) throws -> [String] {
        let kind: FileAttributeType?
        do {
            kind =
                try FileManager.default.attributesOfItem(atPath: path)[.type]
                as? FileAttributeType
        } catch {
            throw InputFileError(path: path)
        }
        if kind == .typeRegular { return [path] }
        guard kind == .typeDirectory else { return [] }
        let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        return try names.flatMap { try files("\(path)/\($0)") }
    }

    private static func show(_ reports: [SuiteReport], _ invocation: Invocation) throws -> ExitCode
    {
        if !invocation.isJSON { try Output.line("passed refused skipped failed  suite (rules)") }
        for report in reports {
            var line = JSONLine(type: "suite")
            line.add("suite", report.name)
            line.add("rules", report.rules)
            line.add("passed", report.passedCount)
            line.add("refused", report.refusedCount)
            line.add("skipped", report.skippedCount)
            line.add("failed", .list(report.failures.map { .string($0) }))
            let counts = [
                report.passedCount, report.refusedCount, report.skippedCount,
                report.failures.count,
            ]
            let cells = counts.map { count in
                String(repeating: " ", count: max(0, 6 - String(count).count)) + String(count)
            }
            let rules: SafeText = report.rules.isEmpty ? "" : " (\(report.rules))"
            try invocation.show("\(cells.joined(separator: " "))  \(report.name)\(rules)", line)
            if invocation.isJSON { continue }
            for failure in report.failures.prefix(20) { try Output.line("    failed: \(failure)") }
        }
        return reports.allSatisfy(\.isGood) ? .ok : .badInput
    }
}

/// A file that is not there or cannot be read; told with exit code 66.
struct InputFileError: Error {
    let path: String
}
