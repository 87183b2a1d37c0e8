import Glibc
import Testing

@testable import Platform

@Suite("Files in the making")
struct PartialFileTests {
    private func exists(_ path: String) throws -> Bool { try SafeFile.exists(path) }

    @Test(
        "CL-61 a file gets a name that nothing has, and an old file is never replaced",
        arguments: [true, false])
    func publish(byRenaming: Bool) throws {
        let folder = TemporaryFolder()
        let (path, name) = (folder.file("part"), folder.file("name"))
        func publish() throws(UnsafeFile) {
            if byRenaming {
                try SafeFile.publish(path, as: name)
            } else {
                // For file systems that cannot rename so.
                try SafeFile.publishByLink(path, as: name)
            }
        }
        try SafeFile.write([1].span.rawBytes, toNew: path)
        try publish()
        #expect(try !exists(path))
        #expect(try SafeFile.read(name, byteCountMax: 9) == [1])
        try SafeFile.write([2].span.rawBytes, toNew: path)
        #expect(throws: UnsafeFile.exists) { try publish() }
        #expect(try SafeFile.read(name, byteCountMax: 9) == [1])
        #expect(try SafeFile.read(path, byteCountMax: 9) == [2])
        // Nor what a link leads to.
        try SafeFile.remove(name)
        #expect(unsafe symlink(folder.file("elsewhere"), name) == 0)
        #expect(throws: UnsafeFile.exists) { try publish() }
        #expect(try !exists(folder.file("elsewhere")))
        try SafeFile.remove(path)
        #expect(throws: UnsafeFile.self) { try publish() }
    }

    @Test("CL-61 what an earlier run left is opened only when it is ours alone")
    func unfinished() throws {
        let folder = TemporaryFolder()
        let path = folder.file("part")
        func attempt() throws(UnsafeFile) { _ = try SafeFile.openUnfinished(path) }
        #expect(throws: UnsafeFile.missing) { try attempt() }
        try SafeFile.write([1, 2].span.rawBytes, toNew: path)
        try attempt()
        _ = unsafe chmod(path, 0o640)
        #expect(throws: UnsafeFile.openToOthers(mode: 0o640)) { try attempt() }
        _ = unsafe chmod(path, 0o600)
        #expect(unsafe link(path, folder.file("second")) == 0)
        #expect(throws: UnsafeFile.wrongKind) { try attempt() }
        try SafeFile.remove(path)
        #expect(unsafe symlink(folder.file("second"), path) == 0)
        #expect(throws: UnsafeFile.symbolicLink) { try attempt() }
        try SafeFile.remove(path)
        #expect(unsafe mkfifo(path, 0o600) == 0)
        #expect(throws: UnsafeFile.wrongKind) { try attempt() }
    }

    @Test("a file is read, cut and gone on with at a place; one run has it at a time")
    func places() throws {
        let folder = TemporaryFolder()
        let path = folder.file("part")
        try SafeFile.write([1, 2, 3, 4, 5].span.rawBytes, toNew: path)
        do {
            let file = try SafeFile.openUnfinished(path)
            #expect(try file.fileByteCount() == 5)
            var bytes = [UInt8](repeating: 0, count: 3)
            #expect(try file.readFully(into: &bytes) == 3)
            #expect(bytes == [1, 2, 3])
            #expect(try file.readFully(into: &bytes) == 2)
            #expect(bytes == [4, 5, 3])
            try file.truncateFile(to: 2)
            try file.seek(to: 2)
            try file.writeAll([9].span.rawBytes)
            #expect(try file.lockExclusively())
            let other = try SafeFile.openUnfinished(path)
            #expect(try !other.lockExclusively())
            #expect(try file.hasName())
            try SafeFile.remove(path)
            #expect(try !file.hasName())
        }
        #expect(throws: UnsafeFile.missing) { _ = try SafeFile.openUnfinished(path) }
    }
}
