import Foundation
import Platform
import Primitives
import Testing
import Wire

@testable import Client
@testable import Crypto

/// What happens to a whole process: each of these runs in one of its own.
private enum Run {
    /// Pieces of a file that exists nowhere: byte i of piece n follows from n.
    static func piece(_ index: Int, _ count: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: index &* 31), count: count)
    }

    static let key = [UInt8](repeating: 4, count: 32)

    static func digest(_ size: AttachmentSize) -> SHA256.Digest {
        var hash = SHA256()
        for index in 0..<size.blobCount {
            let bytes = piece(index, size.messageByteCount(at: index))
            hash.update(bytes.raw)
        }
        return hash.finish()
    }

    static func reference(_ size: AttachmentSize, _ digest: SHA256.Digest) throws
        -> AttachmentReference
    {
        var random = SeededRandom(9)
        let server = try ServerAddress(
            key: X25519KeyPair.generate(from: &random).publicKey, hostAndPort: "example.org")
        return AttachmentReference(
            key: SecretBytes(copying: key.raw), digest: digest, size: size, server: server,
            expiry: Hours(1))
    }

    /// Seals and receives such a file, blob by blob.
    ///
    /// - Parameter after: called after each blob.
    static func receive(
        _ byteCount: UInt64, to target: String, after: (Int) throws -> Void = { _ in }
    ) throws {
        let size = try AttachmentSize(byteCount)
        let digest = digest(size)
        var sealer = AttachmentSealer(
            key: SecretBytes(copying: key.raw), digest: digest, size: size)
        let file = try IncomingFile(reference(size, digest), target: target)
        var blob = [UInt8](repeating: 0, count: AttachmentSize.blobByteCount)
        while !sealer.isComplete {
            let index = sealer.nextIndex
            let bytes = piece(index, sealer.nextByteCount)
            var span = blob.mutableRaw
            try sealer.seal(bytes.raw, into: &span)
            try file.take(blob.raw)
            try after(index)
        }
        try file.finish()
    }

    /// The most memory this process has had, in bytes.
    static func memoryPeak() -> Int {
        var usage = rusage()
        _ = unsafe getrusage(__rusage_who_t(0), &usage)
        return usage.ru_maxrss * 1_024
    }

    /// Lets no file of this process grow beyond so many bytes, as a full disk would.
    static func limitFiles(_ byteCount: UInt) {
        _ = signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit(rlim_cur: byteCount, rlim_max: byteCount)
        _ = unsafe setrlimit(__rlimit_resource_t(1), &limit)
    }

    static func folder() throws -> String {
        let path = NSTemporaryDirectory() + "postern-run-\(getpid())"
        try? FileManager.default.removeItem(atPath: path)
        try SafeFile.makeFolder(path)
        return path
    }

    /// Removes what a run has left.
    static func clear(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    static let isLong = ProcessInfo.processInfo.environment["POSTERN_LONG"] == "1"
}

@Suite("§10.8 files and the process that writes them")
struct FileProcessTests {
    @Test("EN-36 memory stays flat: 64 MiB, and 4 GiB in the long setting, pass through 8 MiB")
    func memory() async {
        await #expect(processExitsWith: .success) {
            let folder = try Run.folder()
            defer { Run.clear(folder) }
            // What a run needs at all is there after the first one.
            try Run.receive(1 << 20, to: folder + "/small")
            let before = Run.memoryPeak()
            try Run.receive(Run.isLong ? 1 << 32 : 1 << 26, to: folder + "/large")
            let grown = Run.memoryPeak() - before
            precondition(grown < 8 << 20, "memory grew by \(grown) bytes")
            let size = try SafeFile.byteCount(of: folder + "/large")
            precondition(size == (Run.isLong ? 1 << 32 : 1 << 26))
        }
    }

    @Test("CL-66 memory stays flat for a backup of 64 MiB, written and read")
    func backupMemory() async {
        await #expect(processExitsWith: .success) {
            let folder = try Run.folder()
            defer { Run.clear(folder) }
            func run(_ mebibytes: Int, _ name: String) throws {
                var random = SystemRandom()
                let passphrase = SecretBytes(copying: [1].raw)
                let writer = try BackupWriter(
                    target: folder + name, passphrase: passphrase, parameters: .minimumForTests,
                    random: &random)
                let piece = [UInt8](repeating: 7, count: 1 << 20)
                for _ in 0..<mebibytes { try writer.add(piece.raw) }
                try writer.finish()
                let reader = try BackupReader(folder + name, passphrase: passphrase)
                var count = 0
                while let bytes = try reader.next() { count += bytes.count }
                precondition(count == mebibytes << 20)
            }
            try run(2, "/small")
            let before = Run.memoryPeak()
            try run(Run.isLong ? 4_096 : 64, "/large")
            let grown = Run.memoryPeak() - before
            precondition(grown < 8 << 20, "memory grew by \(grown) bytes")
        }
    }

    @Test("CL-61 CL-62 C4 a full disk, at whatever place, leaves no file of any name")
    func fullDisk() async {
        await #expect(processExitsWith: .success) {
            let folder = try Run.folder()
            defer { Run.clear(folder) }
            // The last place first: a limit is only lowered.
            for limit in [99_999, 98_254, 98_253, 40_000, 32_751, 1, 0] {
                Run.limitFiles(UInt(limit))
                var found: FileTransferError?
                do {
                    try Run.receive(100_000, to: folder + "/target")
                } catch let error as FileTransferError {
                    found = error
                }
                precondition(
                    found?.isDiskFull == true, "limit \(limit): \(String(describing: found))")
                let left = try SafeFile.names(in: folder)
                precondition(left == [], "limit \(limit)")
                var random = SystemRandom()
                var backup: ClientError?
                do {
                    let writer = try BackupWriter(
                        target: folder + "/backup", passphrase: SecretBytes(copying: [1].raw),
                        parameters: .minimumForTests, random: &random)
                    try writer.finish()
                } catch let error as ClientError {
                    backup = error
                }
                precondition(backup == .diskFull, "limit \(limit)")
                let more = try SafeFile.names(in: folder)
                precondition(more == [], "limit \(limit)")
            }
        }
    }

    @Test(
        "CL-62 C4 a program killed while it receives leaves nothing under the name",
        arguments: [0, 3])
    func killed(index: Int) async throws {
        let folder = NSTemporaryDirectory() + "postern-killed-\(getpid())-\(index)"
        Run.clear(folder)
        try SafeFile.makeFolder(folder)
        defer { Run.clear(folder) }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [folder = folder as String, index = index as Int] in
            try Run.receive(100_000, to: folder + "/target") { done in
                if done == index { kill(getpid(), SIGKILL) }
            }
        }
        let names = try SafeFile.names(in: folder)
        #expect(names.count == 1 && names.allSatisfy { PartialFile.isPartial($0) })
        // The next run takes it up, and the file is whole.
        let size = try AttachmentSize(100_000)
        let reference = try Run.reference(size, Run.digest(size))
        do {
            let file = try IncomingFile(reference, target: folder + "/target")
            #expect(file.resumedCount == min(index + 1, 3))
        }
        #expect(try SafeFile.names(in: folder) == [])
        try Run.receive(100_000, to: folder + "/target")
        #expect(try SafeFile.byteCount(of: folder + "/target") == 100_000)
    }
}
