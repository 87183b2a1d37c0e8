import Foundation

/// The checkout that these tests were compiled from, and its files.
enum Repository {
    /// The repository's folder, found from where this file lay when it was compiled.
    static let root: URL = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .standardizedFileURL

    /// Every Swift file, taken apart once for all checks.
    static let swiftFiles: [(path: String, text: SwiftText)] = files(endings: [".swift"])
        .map { ($0, SwiftText(text($0))) }

    /// Folders that hold nothing of ours.
    private static let ignored: Set<String> = [".build", ".git", ".swiftpm", "__pycache__"]

    /// All files below a folder, as paths from the repository's root, sorted.
    static func files(under folder: String = "", endings: [String] = []) -> [String] {
        var found: [String] = []
        collect(folder, &found)
        return found.filter { path in
            endings.isEmpty || endings.contains { path.hasSuffix($0) }
        }.sorted()
    }

    private static func collect(_ folder: String, _ found: inout [String]) {
        let url = folder.isEmpty ? root : root.appending(path: folder)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        for name in names where !ignored.contains(name) && !name.hasPrefix(".build") {
            let path = folder.isEmpty ? name : folder + "/" + name
            let url = root.appending(path: path)
            if (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true {
                collect(path, &found)
            } else {
                found.append(path)
            }
        }
    }

    /// The text of a file; empty when it is no UTF-8 text.
    static func text(_ path: String) -> String {
        (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }
}

/// Something that a check found, printed as a compiler would, so that an editor can jump to it.
struct Finding: CustomStringConvertible, Equatable {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}

/// Findings as one text for a test's message.
func list(_ findings: [Finding]) -> String {
    findings.map(\.description).joined(separator: "\n")
}
