import Foundation
import Platform
import Primitives
import Testing
import Wire

@testable import Client
@testable import Crypto

/// A file that was sealed, and where it goes.
private struct Transfer {
    static let piece = AttachmentSize.messageByteCount
    let folder: TemporaryFolder
    let plaintext: [UInt8]
    let key: [UInt8]
    let blobs: [[UInt8]]

    init(byteCount: Int, seed: UInt8 = 1) throws {
        let folder = try TemporaryFolder()
        // Each piece of its own.
        let plaintext = stride(from: 0, to: byteCount, by: 10_000).flatMap { start in
            let value = UInt8(truncatingIfNeeded: start / 10_000 + Int(seed))
            return [UInt8](repeating: value, count: min(10_000, byteCount - start))
        }
        let key = [UInt8](repeating: seed, count: 32)
        try SafeFile.write(plaintext.raw, toNew: folder.path + "/source")
        blobs = try Self.blobs(of: folder.path + "/source", key)
        try SafeFile.remove(folder.path + "/source")
        (self.folder, self.plaintext, self.key) = (folder, plaintext, key)
    }

    static func blobs(of path: String, _ key: [UInt8]) throws(FileTransferError) -> [[UInt8]] {
        let file = try OutgoingFile(path, key: SecretBytes(copying: key.raw))
        var blobs: [[UInt8]] = []
        var blob = [UInt8](repeating: 0, count: AttachmentSize.blobByteCount)
        while !file.isComplete {
            try file.makeBlob(&blob)
            blobs.append(blob)
        }
        return blobs
    }

    var target: String { folder.path + "/target" }

    func reference() throws -> AttachmentReference {
        var random = SeededRandom(9)
        let server = try ServerAddress(
            key: X25519KeyPair.generate(from: &random).publicKey, hostAndPort: "example.org")
        return AttachmentReference(
            key: SecretBytes(copying: key.raw), digest: SHA256.hash(plaintext.raw),
            size: try AttachmentSize(UInt64(plaintext.count)), server: server, expiry: Hours(1))
    }

    func incoming() throws -> IncomingFile { try IncomingFile(reference(), target: target) }

    /// Receives blobs to the end, or to the first error.
    func receive(_ blobs: [[UInt8]]) throws -> FileTransferError? {
        let file = try incoming()
        do throws(FileTransferError) {
            for blob in blobs {
                try file.take(blob.raw)
                // Nothing is to be seen before the end.
                #expect((try? SafeFile.exists(target)) == false)
            }
            try file.finish()
            return nil
        } catch {
            return error
        }
    }

    var names: [String] { get throws { try SafeFile.names(in: folder.path).sorted() } }
}

extension IncomingFile {
    fileprivate func take(_ blob: [UInt8]) throws(FileTransferError) { try take(blob.raw) }
}

@Suite("§7.7 §10.8 files that are sent and received")
struct FileTransferTests {
    private static let piece = AttachmentSize.messageByteCount

    @Test(
        "CL-61 a file is received whole, of mode 0600, and nothing else is left",
        arguments: [0, 1, 32_751, 32_752, 100_000])
    func whole(byteCount: Int) throws {
        let transfer = try Transfer(byteCount: byteCount)
        #expect(try transfer.receive(transfer.blobs) == nil)
        #expect(try SafeFile.read(transfer.target, byteCountMax: 1 << 20) == transfer.plaintext)
        try SafeFile.checkFile(transfer.target)
        #expect(try transfer.names == ["target"])
    }

    @Test(
        "C4 EN-36 dropped, swapped, repeated, added, cut, changed and foreign blobs leave no file")
    func hostile() throws {
        let transfer = try Transfer(byteCount: 3 * Self.piece + 9)
        let other = try Transfer(byteCount: 3 * Self.piece + 9, seed: 2)
        let all = transfer.blobs
        var cut = all
        cut[3].removeLast()
        var changed = all
        changed[2][40] ^= 1
        let attempts: [(String, [[UInt8]])] = [
            ("the last one dropped", Array(all.dropLast())), ("nothing", []),
            ("one in the middle dropped", [all[0], all[2], all[3]]),
            ("swapped", [all[0], all[2], all[1], all[3]]),
            ("repeated", [all[0], all[1], all[1], all[3]]), ("added", all + [all[3]]),
            ("cut", cut), ("changed", changed),
            ("of another file", Array(all[..<3]) + [other.blobs[3]]),
        ]
        for (name, blobs) in attempts {
            let error = try transfer.receive(blobs)
            #expect(error != nil, "\(name)")
            #expect(try transfer.names == [], "\(name)")
        }
    }

    @Test("EN-31 a reference whose parts do not belong together makes no file")
    func commitment() throws {
        let transfer = try Transfer(byteCount: 10)
        var bytes = try transfer.reference().exposeForStorage()
        bytes[70] ^= 1
        var reader = Reader(bytes.raw)
        let reference = try AttachmentReference(from: &reader)
        var refusal: FileTransferError?
        do { _ = try IncomingFile(reference, target: transfer.target) } catch { refusal = error }
        #expect(refusal == .attachment(.commitment))
        #expect(try transfer.names == [])
    }

    @Test("CL-61 a name that is taken is left as it is, at the beginning and at the end")
    func taken() throws {
        let transfer = try Transfer(byteCount: 10)
        let file = try transfer.incoming()
        try file.take(transfer.blobs[0])
        try SafeFile.write([1].raw, toNew: transfer.target)
        #expect(throws: FileTransferError.exists) { try file.finish() }
        #expect(throws: FileTransferError.exists) { _ = try transfer.incoming() }
        #expect(try SafeFile.read(transfer.target, byteCountMax: 9) == [1])
        // Also when it is a link that leads nowhere.
        try SafeFile.remove(transfer.target)
        #expect(unsafe symlink("/nowhere", transfer.target) == 0)
        #expect(throws: FileTransferError.exists) { _ = try transfer.incoming() }
    }

    @Test("EN-37 what was kept is gone on with, from every blob, also after half a piece more")
    func resume() throws {
        let transfer = try Transfer(byteCount: 3 * Self.piece + 9)
        for kept in 0...4 {
            for excess in [0, 100] {
                try keep(kept, of: transfer)
                let name = try #require(try transfer.names.first { PartialFile.isPartial($0) })
                try append(excess, to: transfer.folder.path + "/" + name)
                // The last blob is asked for again.
                let second = try transfer.incoming()
                #expect(second.resumedCount == min(kept, 3))
                for blob in transfer.blobs[second.nextIndex...] { try second.take(blob.raw) }
                try second.finish()
                let found = try SafeFile.read(transfer.target, byteCountMax: 1 << 20)
                #expect(found == transfer.plaintext)
                #expect(try transfer.names == ["target"])
                try SafeFile.remove(transfer.target)
            }
        }
    }

    /// Receives some blobs and keeps what they held.
    private func keep(_ count: Int, of transfer: Transfer) throws {
        let file = try transfer.incoming()
        for blob in transfer.blobs[..<count] { try file.take(blob.raw) }
        file.suspend()
    }

    private func append(_ count: Int, to path: String) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(count: count))
        try handle.close()
    }

    @Test(
        "EN-37 what was changed on the disk meanwhile is found out, and the transfer begins again")
    func changedMeanwhile() throws {
        let transfer = try Transfer(byteCount: 2 * Self.piece + 9)
        try keep(2, of: transfer)
        let name = try #require(try transfer.names.first)
        let handle = try #require(
            FileHandle(forWritingAtPath: transfer.folder.path + "/" + name))
        try handle.seek(toOffset: 700)
        try handle.write(contentsOf: Data([0xaa]))
        try handle.close()
        let second = try transfer.incoming()
        #expect(second.resumedCount == 2)
        #expect(throws: FileTransferError.attachment(.authentication(index: 2))) {
            try second.take(transfer.blobs[2])
        }
        try second.startAgain()
        for blob in transfer.blobs { try second.take(blob.raw) }
        try second.finish()
        #expect(
            try SafeFile.read(transfer.target, byteCountMax: 1 << 20) == transfer.plaintext)
    }

    @Test("CL-62 a file that another run is receiving is left alone by all others")
    func busy() throws {
        let transfer = try Transfer(byteCount: 2 * Self.piece)
        let first = try transfer.incoming()
        try first.take(transfer.blobs[0])
        #expect(throws: FileTransferError.busy) { _ = try transfer.incoming() }
        #expect(try IncomingFile.removeLeftovers(in: transfer.folder.path) == 0)
        try first.take(transfer.blobs[1])
        try first.finish()
        #expect(try transfer.names == ["target"])
    }

    @Test("CL-62 leftovers are found by name, and nothing else is removed")
    func leftovers() throws {
        let transfer = try Transfer(byteCount: 2 * Self.piece)
        let folder = transfer.folder.path
        try keep(1, of: transfer)
        let others = [
            ".postern-", ".postern-.part", ".postern-0123456789abcde.part", "a.part",
            ".postern-0123456789abcdeX.part", ".postern-0123456789abcdef.part2",
        ]
        for name in others { try SafeFile.write([1].raw, toNew: folder + "/" + name) }
        // A link of such a name, and a file that others may write.
        #expect(unsafe symlink("/etc/passwd", folder + "/.postern-0123456789abcdef.part") == 0)
        let open = folder + "/.postern-1123456789abcdef.part"
        try SafeFile.write([1].raw, toNew: open)
        #expect(unsafe chmod(open, 0o666) == 0)
        #expect(try IncomingFile.removeLeftovers(in: folder) == 1)
        #expect(try transfer.names.count == others.count + 2)
    }

    @Test(
        "CL-61 a link, or a file with a second name, in the place of a leftover is not written to")
    func planted() throws {
        let transfer = try Transfer(byteCount: 10)
        try keep(0, of: transfer)
        let path = transfer.folder.path + "/" + (try #require(try transfer.names.first))
        let victim = transfer.folder.path + "/victim"
        try SafeFile.write([7, 7].raw, toNew: victim)
        try SafeFile.remove(path)
        #expect(unsafe symlink(victim, path) == 0)
        #expect(throws: FileTransferError.file(.symbolicLink)) { _ = try transfer.incoming() }
        try SafeFile.remove(path)
        #expect(unsafe link(victim, path) == 0)
        #expect(throws: FileTransferError.file(.wrongKind)) { _ = try transfer.incoming() }
        #expect(try SafeFile.read(victim, byteCountMax: 9) == [7, 7])
    }

    // MARK: Sending

    @Test("EN-32 a file that grows, shrinks or changes between the two readings is not sent whole")
    func sourceChanges() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/source"
        let key = [UInt8](repeating: 3, count: 32)
        for change in 0..<3 {
            try SafeFile.write([UInt8](repeating: 5, count: 40_000).raw, toNew: path)
            let file = try OutgoingFile(path, key: SecretBytes(copying: key.raw))
            var blob = [UInt8](repeating: 0, count: AttachmentSize.blobByteCount)
            try file.makeBlob(&blob)
            let handle = try #require(FileHandle(forWritingAtPath: path))
            switch change {
            case 0: try handle.truncate(atOffset: 39_999)
            case 1:
                try handle.seekToEnd()
                try handle.write(contentsOf: Data([1]))
            default:
                try handle.seek(toOffset: 39_999)
                try handle.write(contentsOf: Data([6]))
            }
            try handle.close()
            #expect(throws: FileTransferError.changed) { try file.makeBlob(&blob) }
            #expect(!file.isComplete)
            try SafeFile.remove(path)
        }
    }

    @Test("EN-32 a transfer is resumed only with the file that it began with")
    func sendAgain() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/source"
        let key = SecretBytes(copying: [UInt8](repeating: 3, count: 32).raw)
        try SafeFile.write([UInt8](repeating: 5, count: 40_000).raw, toNew: path)
        let first = try OutgoingFile(path, key: key)
        let known = OutgoingFile.Known(digest: first.digest, size: first.size)
        let again = try OutgoingFile(path, key: key, known: known)
        var blobs = [[UInt8](repeating: 0, count: 32_768), [UInt8](repeating: 1, count: 32_768)]
        try first.makeBlob(&blobs[0])
        try again.makeBlob(&blobs[1])
        #expect(blobs[0] == blobs[1])
        try SafeFile.replace(path, with: [UInt8](repeating: 6, count: 40_000).raw)
        #expect(throws: FileTransferError.changed) {
            _ = try OutgoingFile(path, key: key, known: known)
        }
    }

    @Test("a folder, a pipe and nothing at all are no file to send")
    func noFile() throws {
        let folder = try TemporaryFolder()
        let key = SecretBytes(copying: [UInt8](repeating: 3, count: 32).raw)
        #expect(throws: FileTransferError.file(.missing)) {
            _ = try OutgoingFile(folder.path + "/none", key: key)
        }
        #expect(throws: FileTransferError.file(.wrongKind)) {
            _ = try OutgoingFile(folder.path, key: key)
        }
        #expect(unsafe mkfifo(folder.path + "/pipe", 0o600) == 0)
        #expect(throws: FileTransferError.file(.wrongKind)) {
            _ = try OutgoingFile(folder.path + "/pipe", key: key)
        }
    }
}
