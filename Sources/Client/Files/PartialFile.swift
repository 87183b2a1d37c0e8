internal import Platform
internal import Primitives

/// A file in the making, beside the place where it will stand, under a name that says what it is.
///
/// It is of mode 0600 and belongs to one process at a time. Unless it is published or kept for a
/// later run it is gone when its owner lets go of it; what a killed program leaves is found by its
/// name.
///
/// - SPEC: §10.8, CL-61, CL-62
final class PartialFile {
    private static let prefix = ".postern-"
    private static let suffix = ".part"
    private static let markByteCount = 8

    let path: String
    private let file: Descriptor
    private var isSettled = false
    /// Bytes that lie in it from an earlier run.
    let keptByteCount: Int64

    /// Makes the file, or takes up one that an earlier run has left.
    ///
    /// - Parameters:
    ///   - target: the name it is meant for.
    ///   - mark: tells files in the making apart; the first 8 bytes are used.
    /// - Throws: `busy` when another process has it; `file`.
    init(beside target: String, mark: RawSpan) throws(FileTransferError) {
        precondition(mark.byteCount >= Self.markByteCount, "a mark tells files apart")
        path =
            Self.folder(of: target) + Self.prefix
            + Hex.encode(mark.extracting(0..<Self.markByteCount)) + Self.suffix
        do throws(UnsafeFile) {
            // CL-61
            file = try SafeFile.create(path)
        } catch .exists {
            do throws(UnsafeFile) {
                file = try SafeFile.openUnfinished(path)
            } catch {
                throw .file(error)
            }
        } catch {
            throw .file(error)
        }
        do throws(SystemError) {
            keptByteCount = try file.fileByteCount()
            // Whoever had it may have published or removed it between opening and locking.
            guard try file.lockExclusively(), try file.hasName() else {
                isSettled = true
                throw SystemError(.flock, code: 0)
            }
        } catch {
            guard error.code == 0 else { throw FileTransferError(error) }
            throw .busy
        }
    }

    deinit {
        if !isSettled { try? SafeFile.remove(path) }
    }

    /// Adds bytes where the last ones ended.
    func append(_ bytes: RawSpan) throws(FileTransferError) {
        do {
            try file.writeAll(bytes)
        } catch {
            throw FileTransferError(error)
        }
    }

    /// Goes to the beginning, to read what was kept.
    func rewind() throws(FileTransferError) { try go(to: 0) }

    /// Reads the next bytes that were kept.
    func read(into target: inout [UInt8]) throws(FileTransferError) -> Int {
        do {
            return try file.readFully(into: &target)
        } catch {
            throw FileTransferError(error)
        }
    }

    /// Throws away what lies behind a place, and goes on there.
    func cut(at offset: Int64) throws(FileTransferError) {
        do {
            try file.truncateFile(to: offset)
        } catch {
            throw FileTransferError(error)
        }
        try go(to: offset)
    }

    private func go(to offset: Int64) throws(FileTransferError) {
        do {
            try file.seek(to: offset)
        } catch {
            throw FileTransferError(error)
        }
    }

    /// Waits until all bytes are on the disk and gives the file its name, which nothing may have.
    ///
    /// - Throws: `exists`, `file`; the file then still has its own name and goes with its owner.
    func publish(as target: String) throws(FileTransferError) {
        do {
            // Before the name, or a crash could leave the name with half a file. CL-61
            try file.sync()
        } catch {
            throw FileTransferError(error)
        }
        do throws(UnsafeFile) {
            try SafeFile.publish(path, as: target)
        } catch .exists {
            throw .exists
        } catch {
            throw .file(error)
        }
        isSettled = true
    }

    /// Leaves the file to a later run.
    func keep() { isSettled = true }

    // MARK: Leftovers

    /// Removes what programs that were killed have left in a folder, and nothing that another
    /// process is writing. CL-62
    ///
    /// - Returns: how many files were removed.
    static func removeLeftovers(in folder: String) throws(FileTransferError) -> Int {
        var count = 0
        do throws(UnsafeFile) {
            for name in try SafeFile.names(in: folder) where isPartial(name) {
                let path = folder + "/" + name
                guard let file = try? SafeFile.openUnfinished(path),
                    (try? file.lockExclusively()) == true
                else { continue }
                try SafeFile.remove(path)
                count += 1
            }
        } catch {
            throw .file(error)
        }
        return count
    }

    /// Whether a file in the making is called so.
    static func isPartial(_ name: String) -> Bool {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return false }
        let mark = name.dropFirst(prefix.count).dropLast(suffix.count)
        return (try? Hex.decode(String(mark)))?.count == markByteCount
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return String(path[...slash])
    }
}
