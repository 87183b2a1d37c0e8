import Glibc
import Testing

@testable import Platform

@Suite("Files and folders of one user")
struct SafeFileTests {
    @Test("A new file has mode 0600 whatever the umask, and an existing one is never touched")
    func creates() async throws {
        let folder = TemporaryFolder()
        let path = folder.file("key")
        try SafeFile.write([1, 2].span.rawBytes, toNew: path)
        #expect(mode(of: path) == 0o600)
        #expect(try SafeFile.read(path, byteCountMax: 2) == [1, 2])
        #expect(throws: UnsafeFile.exists) {
            try SafeFile.write([3].span.rawBytes, toNew: path)
        }
        #expect(try SafeFile.read(path, byteCountMax: 2) == [1, 2])
        await #expect(processExitsWith: .success) {
            let folder = TemporaryFolder()
            umask(0)
            try SafeFile.write([1].span.rawBytes, toNew: folder.file("a"))
            precondition(mode(of: folder.file("a")) == 0o600)
            umask(0o777)
            try SafeFile.write([1].span.rawBytes, toNew: folder.file("b"))
            precondition(mode(of: folder.file("b")) == 0o600)
            try SafeFile.makeFolder(folder.file("c"))
            precondition(mode(of: folder.file("c")) == 0o700)
        }
    }

    @Test("A file of exactly the limit is read; one byte more is refused")
    func readLimit() throws {
        let folder = TemporaryFolder()
        let path = folder.file("a")
        try SafeFile.write([UInt8](repeating: 1, count: 5_000).span.rawBytes, toNew: path)
        #expect(try SafeFile.read(path, byteCountMax: 5_000).count == 5_000)
        #expect {
            try SafeFile.read(path, byteCountMax: 4_999)
        } throws: { error in
            if case UnsafeFile.tooLarge(_, limit: 4_999) = error { true } else { false }
        }
    }

    @Test("A file is read into memory of the caller's: up to the last byte of it and no further")
    func readInto() throws {
        let folder = TemporaryFolder()
        let path = folder.file("keys")
        // Safe: any byte is a UInt8.
        for count in [0, 1, 31, 32] {
            try SafeFile.replace(path, with: [UInt8](repeating: 7, count: count).span.rawBytes)
            var bytes = [UInt8](repeating: 1, count: 32)
            var elements = bytes.mutableSpan
            var span = unsafe elements.mutableBytes
            let read = try SafeFile.read(path, into: &span)
            #expect(read == count)
            #expect(
                bytes == [UInt8](repeating: 7, count: count)
                    + [UInt8](repeating: 1, count: 32 - count))
        }
        try SafeFile.replace(path, with: [UInt8](repeating: 7, count: 33).span.rawBytes)
        var bytes = [UInt8](repeating: 1, count: 32)
        #expect(throws: UnsafeFile.tooLarge(byteCount: 33, limit: 32)) {
            var elements = bytes.mutableSpan
            var span = unsafe elements.mutableBytes
            _ = try SafeFile.read(path, into: &span)
        }
        #expect(throws: UnsafeFile.missing) {
            var elements = bytes.mutableSpan
            var span = unsafe elements.mutableBytes
            _ = try SafeFile.read(path + "x", into: &span)
        }
    }

    @Test("J9 O4 files that others can read, links and devices are refused")
    func unsafeFiles() throws {
        let folder = TemporaryFolder()
        let path = folder.file("key")
        try SafeFile.write([1].span.rawBytes, toNew: path)
        for bits: mode_t in [0o604, 0o640, 0o601, 0o610, 0o644, 0o622] {
            _ = unsafe chmod(path, bits)
            #expect(throws: UnsafeFile.openToOthers(mode: bits)) {
                try SafeFile.read(path, byteCountMax: 9)
            }
            #expect(throws: UnsafeFile.openToOthers(mode: bits)) { try SafeFile.checkFile(path) }
        }
        // What need not be private may be readable by all.
        #expect(try SafeFile.read(path, byteCountMax: 9, isPrivate: false) == [1])
        _ = unsafe chmod(path, 0o600)
        try SafeFile.checkFile(path)

        let link = folder.file("link")
        #expect(unsafe symlink(path, link) == 0)
        #expect(throws: UnsafeFile.symbolicLink) { try SafeFile.read(link, byteCountMax: 9) }
        #expect(throws: UnsafeFile.symbolicLink) { try SafeFile.checkFile(link) }
        #expect(throws: UnsafeFile.wrongKind) { try SafeFile.checkFile(folder.path) }
        #expect(throws: UnsafeFile.wrongKind) { try SafeFile.read(folder.path, byteCountMax: 9) }
        #expect(throws: UnsafeFile.missing) { try SafeFile.checkFile(folder.file("none")) }

        // A pipe with nobody at its other end must not hold the program up.
        let pipe = folder.file("pipe")
        #expect(unsafe mkfifo(pipe, 0o600) == 0)
        #expect(throws: UnsafeFile.wrongKind) { try SafeFile.read(pipe, byteCountMax: 9) }
    }

    @Test("J9 a folder that others can enter, or that is a link, is refused")
    func unsafeFolders() throws {
        let folder = TemporaryFolder()
        try SafeFile.checkFolder(folder.path)
        let inner = folder.file("data")
        try SafeFile.makeFolder(inner)
        #expect(throws: UnsafeFile.exists) { try SafeFile.makeFolder(inner) }
        _ = unsafe chmod(inner, 0o755)
        #expect(throws: UnsafeFile.openToOthers(mode: 0o755)) { try SafeFile.checkFolder(inner) }
        _ = unsafe chmod(inner, 0o700)
        let link = folder.file("link")
        #expect(unsafe symlink(inner, link) == 0)
        #expect(throws: UnsafeFile.symbolicLink) { try SafeFile.checkFolder(link) }
    }

    @Test("A file of another user is refused", .enabled(if: geteuid() == 0))
    func foreignOwner() throws {
        let folder = TemporaryFolder()
        let path = folder.file("key")
        try SafeFile.write([1].span.rawBytes, toNew: path)
        #expect(unsafe chown(path, 65_534, 65_534) == 0)
        #expect(throws: UnsafeFile.foreignOwner(userID: 65_534)) { try SafeFile.checkFile(path) }
        #expect(throws: UnsafeFile.foreignOwner(userID: 65_534)) {
            try SafeFile.read(path, byteCountMax: 9)
        }
    }

    @Test("A name that is a dangling link is not written through")
    func danglingLink() throws {
        let folder = TemporaryFolder()
        let link = folder.file("link")
        #expect(unsafe symlink(folder.file("target"), link) == 0)
        #expect(throws: UnsafeFile.exists) { try SafeFile.write([1].span.rawBytes, toNew: link) }
        #expect(try SafeFile.exists(folder.file("target")) == false)
        #expect(try SafeFile.exists(link))
    }

    @Test("Replacing swaps whole contents and leaves no temporary file, also after a crash's rest")
    func replaces() throws {
        let folder = TemporaryFolder()
        let path = folder.file("state")
        try SafeFile.replace(path, with: [1].span.rawBytes)
        try SafeFile.write([9].span.rawBytes, toNew: path + ".new")
        try SafeFile.replace(path, with: [2, 3].span.rawBytes)
        #expect(try SafeFile.read(path, byteCountMax: 9) == [2, 3])
        #expect(mode(of: path) == 0o600)
        #expect(try SafeFile.exists(path + ".new") == false)
        try SafeFile.remove(path)
        #expect(try SafeFile.exists(path) == false)
        try SafeFile.remove(path)
    }

    @Test("Writing to a full disk is an error that says so and leaves no file")
    func fullDisk() {
        let folder = TemporaryFolder()
        let path = folder.file("full")
        #expect(unsafe symlink("/dev/full", path) == 0)
        // Opened by hand: every call of SafeFile refuses the link.
        let fd = unsafe open(path, O_WRONLY)
        let file = Descriptor(owning: fd)
        #expect(throws: SystemError(.write, code: ENOSPC)) {
            try file.writeAll([1].span.rawBytes)
        }
        #expect(SystemError(.write, code: ENOSPC).isDiskFull)
        #expect(!SystemError(.write, code: EIO).isDiskFull)
    }

    @Test("J9 a second process on one folder is refused until the first has gone")
    func lockFile() throws {
        let folder = TemporaryFolder()
        let path = folder.file("lock")
        func attempt() throws(UnsafeFile) { _ = try LockFile(path) }
        do {
            let first = try LockFile(path)
            #expect(throws: UnsafeFile.exists) { try attempt() }
            _ = first
        }
        try attempt()
        #expect(mode(of: path) == 0o600)
        _ = unsafe chmod(path, 0o666)
        #expect(throws: UnsafeFile.openToOthers(mode: 0o666)) { try attempt() }
    }
}
