import Foundation
import Platform

/// A folder of its own for one test, removed with it.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "postern-" + UUID().uuidString
        try SafeFile.makeFolder(path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// All bytes of all files in it.
    func allBytes() throws -> [[UInt8]] {
        try FileManager.default.subpathsOfDirectory(atPath: path).compactMap {
            FileManager.default.contents(atPath: path + "/" + $0).map { [UInt8]($0) }
        }
    }
}
