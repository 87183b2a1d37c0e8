import Glibc
import Platform
import Primitives
import Testing

@testable import Mailbox

@Suite("The server's key file")
struct ServerKeysTests {
    @Test("A key file is read as it was written; each flipped bit, byte less or more is told")
    func roundTrip() throws {
        let folder = try ServerFolder()
        let path = folder.path("server.keys")
        var random = SeededRandom(5)
        let made = ServerKeys.generate(from: &random)
        let read = try folder.data.readKeys()
        #expect(read.channel.publicKey == made.channel.publicKey)
        #expect(read.signing.publicKey == made.signing.publicKey)
        let bytes = try SafeFile.read(path, byteCountMax: 200)
        #expect(bytes.count == 105)
        func failure(_ changed: [UInt8]) throws -> ServerKeys.Failure? {
            try SafeFile.replace(path, with: changed.raw)
            do throws(ServerKeys.Failure) {
                _ = try ServerKeys(readingFrom: path)
                return nil
            } catch {
                return error
            }
        }
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            #expect(try failure(changed) == (index == 8 ? .newerFormat(0) : .damaged))
        }
        for count in [0, 8, 9, 10, 73, 104] {
            #expect(try failure(Array(bytes.prefix(count))) == .damaged)
        }
        #expect(
            try failure(bytes + [0]) == .file(.tooLarge(byteCount: 106, limit: 105)))
        #expect(try failure(bytes) == nil)
    }

    @Test(
        "I7 writing and reading the keys leaves no copy of them in memory that is not wiped",
        .enabled(
            if: unsafe getenv("POSTERN_SANITIZER") == nil, "a sanitizer keeps what was freed"))
    func nothingLeft() async {
        await #expect(processExitsWith: .success) {
            let folder = try ServerFolder()
            _ = try folder.data.readKeys()
            // Both keys from the file, byte by byte and never as they are.
            let fd = unsafe open(folder.path("server.keys"), O_RDONLY)
            precondition(fd >= 0)
            var masked: [UInt8] = []
            var byte: UInt8 = 0
            while unsafe Glibc.read(fd, &byte, 1) == 1 { masked.append(byte ^ 0xa5) }
            _ = close(fd)
            precondition(masked.count == 105)
            // What lies in the middle: the first bytes of a freed block are the allocator's.
            for range in [19..<31, 51..<63] {
                precondition(Self.count(of: Array(masked[range])) == 0, "a copy is left")
            }
            // The search finds what is there.
            let copy = masked[19..<31].map { $0 ^ 0xa5 }
            precondition(Self.count(of: Array(masked[19..<31])) >= 1)
            precondition(copy.count == 12)
        }
    }

    /// How often bytes, given masked, stand on the heap of this process.
    private static func count(of masked: [UInt8]) -> Int {
        var found = 0
        guard let maps = unsafe fopen("/proc/self/maps", "r") else { return -1 }
        defer { _ = unsafe fclose(maps) }
        var line = [CChar](repeating: 0, count: 512)
        while unsafe fgets(&line, 512, maps) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let words = text.split(separator: " ")
            guard words.count >= 5, words[1].hasPrefix("rw"), words[4] == "0",
                !text.contains("[stack]")
            else { continue }
            let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, let start = unsafe UnsafePointer<UInt8>(bitPattern: ends[0])
            else { continue }
            let count = Int(ends[1] - ends[0])
            guard count < 1 << 26 else { continue }
            var place = 0
            while place + masked.count <= count {
                var same = 0
                while same < masked.count,
                    unsafe start[place + same] == masked[same] ^ 0xa5
                {
                    same += 1
                }
                if same == masked.count { found += 1 }
                place += 1
            }
        }
        return found
    }
}
