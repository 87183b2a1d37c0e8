import Foundation

/// What each target of Package.swift depends on, as the package manager understands it.
struct PackageGraph {
    /// The targets each target names, without what those name in turn.
    let dependencies: [String: Set<String>]

    /// This package's graph, asked for once.
    static let own = Result { try load() }

    /// Asks the package manager, in a folder of its own: the one of the package is locked while its
    /// tests run.
    private static func load() throws -> PackageGraph {
        let scratch = FileManager.default.temporaryDirectory
            .appending(path: "postern-manifest-\(ProcessInfo.processInfo.processIdentifier)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        let output = try run(
            "swift",
            [
                "package", "--package-path", Repository.root.path, "--scratch-path", scratch.path,
                "dump-package",
            ])
        return try PackageGraph(json: output)
    }

    private struct Manifest: Decodable {
        struct Target: Decodable {
            let name: String
            let dependencies: [Dependency]
        }

        /// One of `{"byName": ["Wire", null]}`, `{"target": …}` and `{"product": …}`.
        struct Dependency: Decodable {
            let name: String

            init(from decoder: any Decoder) throws {
                let forms = try decoder.singleValueContainer().decode([String: [Text]].self)
                guard let name = forms.values.first?.first?.value else {
                    throw CocoaError(.coderReadCorrupt)
                }
                self.name = name
            }
        }

        /// A string, or whatever else stands beside the name.
        struct Text: Decodable {
            let value: String?

            init(from decoder: any Decoder) throws {
                value = try? decoder.singleValueContainer().decode(String.self)
            }
        }

        let targets: [Target]
    }

    init(json: Data) throws {
        let manifest = try JSONDecoder().decode(Manifest.self, from: json)
        dependencies = Dictionary(
            manifest.targets.map { ($0.name, Set($0.dependencies.map(\.name))) },
            uniquingKeysWith: { $0.union($1) })
    }

    init(dependencies: [String: Set<String>]) {
        self.dependencies = dependencies
    }

    /// Everything that a target links, itself included.
    func closure(of target: String) -> Set<String> {
        var found: Set<String> = []
        var open = [target]
        while let next = open.popLast() {
            guard found.insert(next).inserted else { continue }
            open += dependencies[next] ?? []
        }
        return found
    }
}

/// A program that a check needs did not do its work.
struct ProgramFailure: Error {
    let program: String
    let status: Int32
}

/// Runs a program found in PATH and returns what it prints.
func run(_ program: String, _ arguments: [String]) throws -> Data {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw ProgramFailure(program: program, status: process.terminationStatus)
    }
    return bytes
}
