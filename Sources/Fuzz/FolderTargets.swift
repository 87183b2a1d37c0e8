import Mailbox
import Primitives

/// The small files of a server's folder.
enum FolderTargets {
    static let all: [Target] = [
        Target("server-folder", byteCountMax: 512, seeds: seeds, run: run)
    ]

    private static let keysByteCount = 105

    @Sendable private static func seeds() -> [[UInt8]] {
        var random = SeededRandom(81)
        var all: [[UInt8]] = []
        for host in ["mail.example.org", "[2001:db8::1]:9", "127.0.0.1:4443"] {
            let scratch = Scratch()
            let folder = DataFolder(scratch.path)
            _ = made("keys") { try folder.create(host: host, random: &random) }
            let parts = scratch.read("server.keys").asPart + scratch.read("server.host")
            all += [[0] + parts, [1] + parts]
        }
        return all + [[2, 0, 0, 0x61], [0, 0, 0, 0x0a]]
    }

    @Sendable private static func run(_ input: RawSpan) {
        var choices = Choices(input)
        let mode = choices.byte()
        var keys = choices.part()
        // The checksum is made again, so that what it covers is what is judged.
        if mode & 1 == 1, keys.count >= 73 {
            keys = Array(keys[..<73]) + SHA256.hash(keys.raw.extracting(0..<73)).array
        }
        let scratch = Scratch()
        let folder = DataFolder(scratch.path)
        if mode & 2 == 0 { scratch.write(keys, to: "server.keys") }
        scratch.write(choices.rest(), to: "server.host")
        do throws(DataFolder.Failure) {
            let read = try folder.readKeys()
            made("a copy") { try read.write(to: scratch.path + "/copy") }
            precondition(scratch.read("copy") == keys, "a key file has two encodings")
            host(of: folder, read)
        } catch {
            precondition(
                mode & 2 == 0 || error == .missing, "another folder than one without keys")
            precondition(
                mode & 1 == 0 || keys.count != keysByteCount
                    || error != .keys(.damaged) || !keys.starts(with: "posternk".utf8),
                "a checksum made by us is refused")
        }
    }

    private static func host(of folder: DataFolder, _ keys: borrowing ServerKeys) {
        guard let read = try? folder.readHost(), let host = ServerKeys.canonicalHost(read) else {
            return
        }
        precondition(ServerKeys.canonicalHost(host) == host, "a host has two spellings")
        precondition(keys.addressMaker(host) != nil, "a host without an address")
    }
}
