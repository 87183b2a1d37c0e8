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
            "Known are this project's own files and Wycheproof's X25519, Ed25519, ChaCha20-Poly1305, XChaCha20-Poly1305, HKDF and HMAC, Argon2id, ML-KEM-768 (ACVP, CCTV), and Noise in cacophony's format. A file of an unknown suite counts as skipped, never as passed.",
            "Ends with 0 only if something ran and nothing failed, with 65 if nothing ran or something failed, with 66 for a path that holds no file that can be read.",
        ],
        options: [.init("list", help: "list the suites and the rules they show; run nothing")],
        examples: [
            ("postern vectors", "the built-in known answers"),
            ("postern vectors --list", "which suite shows which rule of SPEC.md"),
            ("postern vectors ~/wycheproof/testvectors_v1", "every file in a folder"),
        ],
        positional: 0...64
    ) { invocation in
        if invocation.arguments.has("list") { return try list(invocation) }
        var reports: [SuiteReport] = []
        if invocation.arguments.positional.isEmpty {
            reports = BuiltInVectors.run()
        }
        for path in invocation.arguments.positional {
            let files = try files(path)
            if files.isEmpty { throw InputFileError(path: path, reason: .noFiles) }
            for file in files { reports.append(try run(file)) }
        }
        return try show(reports, invocation)
    }

    /// What there is to run.
    private static func list(_ invocation: Invocation) throws -> ExitCode {
        guard invocation.arguments.positional.isEmpty else {
            throw UsageError("--list takes no PATH.")
        }
        if !invocation.isJSON { try Output.line(" cases  suite (rules)") }
        for suite in BuiltInVectors.summaries + PublicVectors.summaries {
            var line = JSONLine(type: "suite")
            line.add("suite", suite.name)
            line.add("rules", suite.rules)
            if let count = suite.caseCount { line.add("cases", count) }
            let cell = suite.caseCount.map { "\($0)" } ?? "PATH"
            let padding = String(repeating: " ", count: max(0, 6 - cell.count))
            try invocation.show("\(padding)\(cell)  \(suite.name) (\(suite.rules))", line)
        }
        return .ok
    }

    private static func run(_ file: String) throws -> SuiteReport {
        let bytes: [UInt8]
        do throws(UnsafeFile) {
            bytes = try SafeFile.read(
                file, byteCountMax: PublicVectors.fileByteCountMax, isPrivate: false)
        } catch .tooLarge {
            throw InputFileError(path: file, reason: .tooLarge)
        } catch {
            throw InputFileError(path: file, reason: .unreadable)
        }
        return PublicVectors.run(bytes, name: file)
    }

    /// The files that somebody named: a file, or a folder with what lies in it. A link that is named
    /// is followed, or nothing would be run and nothing fail.
    private static func files(_ path: String) throws -> [String] {
        let target = URL(filePath: path).resolvingSymlinksInPath().path
        switch try kind(of: target, as: path) {
        case .typeRegular: return [target]
        case .typeDirectory: return try files(in: target)
        default: throw InputFileError(path: path, reason: .unreadable)
        }
    }

    /// The files in a folder and those below it, in the order of their names; links are not
    /// followed, since they could lead in a circle.
    private static func files(in folder: String) throws -> [String] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw InputFileError(path: folder, reason: .unreadable)
        }
        return try names.flatMap { name in
            let path = "\(folder)/\(name)"
            switch try kind(of: path, as: path) {
            case .typeRegular: return [path]
            case .typeDirectory: return try files(in: path)
            default: return []
            }
        }
    }

    private static func kind(of path: String, as name: String) throws -> FileAttributeType? {
        do {
            return try FileManager.default.attributesOfItem(atPath: path)[.type]
                as? FileAttributeType
        } catch {
            throw InputFileError(path: name, reason: .unreadable)
        }
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
        guard reports.allSatisfy(\.isGood) else { return .badInput }
        guard reports.contains(where: { $0.passedCount + $0.refusedCount > 0 }) else {
            Output.note("postern: Nothing ran: there are no vectors of a known suite.")
            return .badInput
        }
        return .ok
    }
}

/// A file or folder of the command line that nothing can be read from; told with exit code 66.
struct InputFileError: Error {
    /// Why.
    enum Reason {
        case unreadable
        case tooLarge
        case noFiles
    }

    let path: String
    let reason: Reason

    /// What is wrong, for a person.
    var sentence: SafeText {
        switch reason {
        case .unreadable: "\(path) cannot be read."
        case .tooLarge: "\(path) is larger than \(PublicVectors.fileByteCountMax >> 20) MiB."
        case .noFiles: "There are no files in \(path)."
        }
    }
}
