import Foundation
import Platform
import Primitives
import Testing

@testable import Client
@testable import Crypto

private func password(_ text: String) -> SecretBytes { SecretBytes(copying: Array(text.utf8).raw) }

/// Random bytes, many of them quickly.
private func noise(_ count: Int, _ seed: UInt8 = 1) -> [UInt8] {
    let zeros = [UInt8](repeating: 0, count: count)
    let key = SecretBytes(copying: [UInt8](repeating: seed, count: 32).raw)
    return Array(ChaChaPoly.seal(zeros.raw, key: key, nonce: .zero)[..<count])
}

@Suite("§10.8 backups")
struct BackupTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var path: String { folder.path + "/backup" }

    private func write(
        _ contents: [UInt8], pieces: Int = 10_000, to name: String? = nil, seed: UInt64 = 1
    ) throws {
        var random = SeededRandom(seed)
        let writer = try BackupWriter(
            target: name ?? path, passphrase: password("pass"), parameters: .minimumForTests,
            random: &random)
        for start in stride(from: 0, to: contents.count, by: pieces) {
            let piece = contents[start..<min(start + pieces, contents.count)]
            try writer.add(piece.raw)
        }
        try writer.finish()
    }

    private func read(_ text: String = "pass") throws(ClientError) -> [UInt8] {
        try BackupReader(path, passphrase: password(text)).readAll(byteCountMax: 1 << 24)
    }

    private func replace(_ bytes: [UInt8]) throws {
        try? SafeFile.remove(path)
        try SafeFile.write(bytes.raw, toNew: path)
    }

    private func file() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }

    /// With the check made right again.
    private func checked(_ bytes: [UInt8]) -> [UInt8] {
        let check = SHA256.hash(bytes.raw.extracting(0..<96)).array.prefix(16)
        return Array(bytes[..<96] + check + bytes[112...])
    }

    @Test(
        "CL-66 contents of any size come back, from a file of one of few sizes",
        arguments: [
            (0, 16), (1, 16), (65_536, 16), (65_537, 16), (1_048_568, 16), (1_048_569, 20),
            (1_310_712, 20), (1_310_713, 24),
        ])
    func roundTrip(byteCount: Int, chunks: Int) throws {
        let contents = noise(byteCount)
        try write(contents, pieces: 100_000)
        #expect(try file().count == 112 + chunks * 65_553)
        #expect(try read() == contents)
        var status = stat()
        #expect(unsafe stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test("CL-66 the sizes that backups have")
    func sizes() {
        let mebibyte: UInt64 = 1 << 20
        for (contents, quarters) in [
            (0, 4), (mebibyte - 8, 4), (mebibyte - 7, 5), (2 * mebibyte - 8, 8),
            (2 * mebibyte - 7, 10), (100 * mebibyte, 448), (112 * mebibyte - 7, 512),
        ] as [(UInt64, Int)] {
            #expect(BackupSize.chunkCount(contents: contents) == quarters * 4)
        }
        #expect(BackupSize.chunkCount(contents: 1 << 34) == 5 << 16)
        for chunks in 0..<200 {
            let size = Int64(112 + chunks * 65_553)
            let isSize = [16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192]
                .contains(chunks)
            #expect(BackupSize.chunkCount(file: size) == (isSize ? chunks : nil))
            #expect(BackupSize.chunkCount(file: size + 1) == nil)
            #expect(BackupSize.chunkCount(file: size - 1) == nil)
        }
        #expect(BackupSize.chunkCount(file: .max) == nil)
        #expect(BackupSize.chunkCount(file: -1) == nil)
    }

    @Test("J8 CL-66 chosen texts of a size, repetitive or random, give files of one size")
    func steered() throws {
        var sizes: Set<Int> = []
        for (index, contents) in [
            [UInt8](repeating: 0x61, count: 900_000), noise(900_000),
            [UInt8](repeating: 0, count: 3), noise(1_000_000, 2),
        ].enumerated() {
            try? SafeFile.remove(path)
            try write(contents, seed: UInt64(index))
            sizes.insert(try file().count)
            #expect(try read() == contents)
        }
        #expect(sizes.count == 1)
    }

    @Test("CL-64 a wrong passphrase is told from damage")
    func wrongPassphrase() throws {
        try write([1, 2, 3])
        #expect(throws: ClientError.passphraseWrong) { try read("other") }
        #expect(throws: ClientError.passphraseWrong) { try read("") }
        var bytes = try file()
        bytes[5_000] ^= 1
        try replace(bytes)
        #expect(throws: ClientError.backupCorrupt) { try read() }
        #expect(throws: ClientError.passphraseWrong) { try read("other") }
    }

    @Test("I4 CL-63 a file with any byte of its header changed is refused")
    func header() throws {
        try write([1, 2, 3])
        let bytes = try file()
        for place in 0..<112 {
            var changed = Array(bytes[..<112])
            changed[place] ^= 1
            let expected = place < 16 ? BackupError.foreign : .damaged
            #expect(throws: expected) { try BackupHeader(parsing: changed) }
            // With the check made right by who changed it.
            guard place >= 16, place < 96 else { continue }
            changed = checked(changed)
            #expect(throws: BackupError.self) {
                let header = try BackupHeader(parsing: changed)
                _ = try BackupOpener(header, chunkCount: 16, passphrase: password("pass"))
            }
        }
        for (place, expected) in [(3, ClientError.backupForeign), (70, .backupCorrupt)] {
            var changed = bytes
            changed[place] ^= 1
            try replace(changed)
            #expect(throws: expected) { try read() }
        }
    }

    @Test(
        "PR-8 CL-63 costs outside the table, and bytes that are not zero, end before the derivation"
    )
    func parameters() throws {
        try write([1])
        let bytes = try file()
        func outcome(_ place: Int, _ value: UInt32) throws -> ClientError? {
            var changed = bytes
            for index in 0..<4 {
                changed[place + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index))
            }
            try replace(checked(changed))
            do throws(ClientError) {
                _ = try read()
                return nil
            } catch {
                return error
            }
        }
        #expect(try outcome(20, 1) == nil)
        for passes in [0, 17, UInt32.max] { #expect(try outcome(20, passes) == .backupCorrupt) }
        #expect(try outcome(20, 16) == .passphraseWrong)
        for memory in [0, 7, 4_194_305, UInt32.max] {
            #expect(try outcome(24, memory) == .backupCorrupt)
        }
        #expect(try outcome(24, 9) == .passphraseWrong)
        #expect(try outcome(28, 1) == .backupCorrupt)
        #expect(try outcome(16, 0x0100_0001) == .backupCorrupt)
        // Nor is one made with such costs.
        var random = SeededRandom(1)
        #expect(throws: ClientError.self) {
            _ = try BackupWriter(
                target: folder.path + "/costly", passphrase: password("x"),
                parameters: Argon2id.Parameters(passes: 17, memoryKiB: 8), random: &random)
        }
    }

    @Test("CL-67 a newer version says so, and a damaged version byte does not")
    func newer() throws {
        try write([1])
        var bytes = try file()
        bytes[16] = 2
        try replace(bytes)
        #expect(throws: ClientError.backupCorrupt) { try read() }
        try replace(checked(bytes))
        #expect(throws: ClientError.backupTooNew(version: 2)) { try read() }
        // Whatever follows the header.
        try replace(Array(checked(bytes)[..<112]))
        #expect(throws: ClientError.backupTooNew(version: 2)) { try read() }
        bytes[16] = 0
        try replace(checked(bytes))
        #expect(throws: ClientError.backupCorrupt) { try read() }
        #expect(ClientError.backupTooNew(version: 2).sentence.contains("newer version"))
    }

    @Test("I4 CL-65 chunks that are cut off, moved, repeated, added or changed give nothing")
    func chunks() throws {
        try write(noise(1_500_000))
        let bytes = try file()
        let head = Array(bytes[..<112])
        let chunks = stride(from: 112, to: bytes.count, by: 65_553).map {
            Array(bytes[$0..<$0 + 65_553])
        }
        #expect(chunks.count == 24)
        func refused(_ chunks: [[UInt8]]) throws -> Bool {
            try replace(head + chunks.flatMap { $0 })
            do throws(ClientError) {
                _ = try read()
                return false
            } catch {
                return error == .backupCorrupt
            }
        }
        #expect(try !refused(chunks))
        #expect(try refused(Array(chunks.dropLast())))
        #expect(try refused(Array(chunks[..<20])))
        #expect(try refused(Array(chunks[..<19]) + [chunks[23]]))
        #expect(try refused(chunks + chunks[..<4]))
        #expect(try refused([]))
        #expect(try refused([chunks[1], chunks[0]] + chunks[2...]))
        #expect(try refused([chunks[0], chunks[0]] + chunks[2...]))
        for (index, place) in [(0, 0), (0, 1), (7, 65_552), (23, 0), (23, 65_530), (23, 65_540)] {
            var changed = chunks
            changed[index][place] ^= 0x80
            #expect(try refused(changed))
        }
        for size in [0, 1, 15] {
            try replace(Array(bytes[..<size]))
            #expect(throws: ClientError.backupForeign) { try read() }
        }
        for size in [112, 113, bytes.count - 1] {
            try replace(Array(bytes[..<size]))
            #expect(throws: ClientError.backupCorrupt) { try read() }
        }
        try replace(bytes + [0])
        #expect(throws: ClientError.backupCorrupt) { try read() }
    }

    /// Sealed by somebody who knows the passphrase and keeps no rule.
    private func forged(
        marks: (Int) -> SecretStreamTag, plaintext: [UInt8]
    ) throws -> [UInt8] {
        let salt = FixedBytes<32>(repeating: 3)
        let key = try BackupHeader.passwordKey(password("pass"), .minimumForTests, salt)
        let header = BackupHeader(parameters: .minimumForTests, salt: salt, passwordKey: key)
        let stream = header.stream(under: key)
        var file = header.encoded
        for index in 0..<plaintext.count / 65_536 {
            var pusher = SecretStreamPusher(key: stream.key, header: stream.header)
            for before in 0..<index {
                let piece = plaintext[before * 65_536..<(before + 1) * 65_536]
                // A mark turns the key of what follows; only the last chunk made has one here.
                _ = pusher.push(piece.raw, tag: .message)
            }
            let piece = plaintext[index * 65_536..<(index + 1) * 65_536]
            file += pusher.push(piece.raw, tag: marks(index))
        }
        return file
    }

    @Test("CL-65 CL-66 a wrong mark, a wrong length and bytes behind the contents are refused")
    func endings() throws {
        func plaintext(_ count: UInt64, behind: (Int, UInt8)? = nil) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            if let behind { bytes[behind.0] = behind.1 }
            for index in 0..<8 {
                bytes[(1 << 20) - 8 + index] = UInt8(
                    truncatingIfNeeded: count >> UInt64(56 - 8 * index))
            }
            return bytes
        }
        func outcome(
            _ plaintext: [UInt8], marks: (Int) -> SecretStreamTag = { $0 == 15 ? .final : .message }
        ) throws -> ClientError? {
            try replace(try forged(marks: marks, plaintext: plaintext))
            do throws(ClientError) {
                _ = try read()
                return nil
            } catch {
                return error
            }
        }
        #expect(try outcome(plaintext(5)) == nil)
        #expect(try outcome(plaintext(5), marks: { _ in .message }) == .backupCorrupt)
        #expect(
            try outcome(plaintext(5), marks: { $0 == 3 ? .final : .message }) == .backupCorrupt)
        let room: UInt64 = 1 << 20 - 8
        #expect(room == 1_048_568)
        #expect(try outcome(plaintext(room)) == nil)
        for count in [room + 1, 1 << 34 + 1, .max, .max - 7] {
            #expect(try outcome(plaintext(count)) == .backupCorrupt)
        }
        // Something where zeros must be, close to the contents, in another chunk, at the end.
        #expect(try outcome(plaintext(5, behind: (4, 1))) == nil)
        for place in [5, 65_536, 700_000, 1_048_567] {
            #expect(try outcome(plaintext(5, behind: (place, 1))) == .backupCorrupt)
        }
        #expect(try outcome(plaintext(700_001, behind: (700_000, 1))) == nil)
    }

    @Test("I4 contents larger than the reader takes are refused before memory is taken for them")
    func cap() throws {
        try write([UInt8](repeating: 1, count: 100_001))
        let reader = try BackupReader(path, passphrase: password("pass"))
        #expect(throws: ClientError.backupTooLarge) { try reader.readAll(byteCountMax: 100_000) }
        #expect(try reader.readAll(byteCountMax: 100_001).count == 100_001)
        // And again from the beginning, piece by piece.
        try reader.rewind()
        var sizes: [Int] = []
        while let piece = try reader.next() { sizes.append(piece.count) }
        #expect(sizes == [65_536, 34_465])
    }

    @Test("CL-65 a file that is changed after it was checked gives nothing that is not genuine")
    func changedBetween() throws {
        let contents = noise(200_000)
        try write(contents)
        let reader = try BackupReader(path, passphrase: password("pass"))
        #expect(try reader.next() == Array(contents[..<65_536]))
        // In place, under the reader.
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seek(toOffset: 112 + 65_553 + 77)
        let old = try file()[112 + 65_553 + 77]
        try handle.write(contentsOf: Data([old ^ 1]))
        #expect(throws: ClientError.backupCorrupt) { try reader.next() }
    }

    @Test("CL-61 a name that is taken is left as it is, also when it is taken meanwhile")
    func taken() throws {
        try write([1])
        let first = try file()
        #expect(throws: ClientError.fileExists) { try write([2], seed: 2) }
        #expect(try file() == first)
        var random = SeededRandom(3)
        let other = folder.path + "/other"
        let writer = try BackupWriter(
            target: other, passphrase: password("x"), parameters: .minimumForTests, random: &random)
        try SafeFile.write([9].raw, toNew: other)
        #expect(throws: ClientError.fileExists) { try writer.finish() }
        #expect(try SafeFile.read(other, byteCountMax: 9) == [9])
    }

    @Test("CL-62 a backup that is given up leaves nothing")
    func givenUp() throws {
        var random = SeededRandom(3)
        do {
            let writer = try BackupWriter(
                target: path, passphrase: password("x"), parameters: .minimumForTests,
                random: &random)
            try writer.add([UInt8](repeating: 7, count: 300_000).raw)
            let names = try SafeFile.names(in: folder.path)
            #expect(names.count == 1 && names.allSatisfy { PartialFile.isPartial($0) })
        }
        #expect(try SafeFile.names(in: folder.path) == [])
    }

    @Test(
        "CL-62 what a killed program left of a backup is taken up, and one in the making left alone"
    )
    func leftover() throws {
        var random = SeededRandom(3)
        func writer(_ random: inout SeededRandom) throws -> BackupWriter {
            try BackupWriter(
                target: path, passphrase: password("pass"), parameters: .minimumForTests,
                random: &random)
        }
        do {
            let first = try writer(&random)
            try first.add([UInt8](repeating: 7, count: 300_000).raw)
            #expect(throws: ClientError.fileExists) { _ = try writer(&random) }
            // As a kill leaves it: copied, and put back when its maker has gone.
            let name = try #require(try SafeFile.names(in: folder.path).first)
            try FileManager.default.copyItem(
                atPath: folder.path + "/" + name, toPath: folder.path + "/copy")
            try SafeFile.move(folder.path + "/copy", toNew: folder.path + "/" + name + ".kept")
        }
        let kept = try #require(try SafeFile.names(in: folder.path).first)
        try SafeFile.move(
            folder.path + "/" + kept, toNew: folder.path + "/" + kept.dropLast(5))
        let second = try writer(&random)
        try second.add([1, 2, 3].raw)
        try second.finish()
        #expect(try read() == [1, 2, 3])
        #expect(try SafeFile.names(in: folder.path) == ["backup"])
    }

    @Test("a file that is missing, a folder or a link is no backup")
    func noFile() throws {
        #expect(throws: ClientError.noBackup) { try read() }
        try SafeFile.makeFolder(path)
        #expect(throws: ClientError.backupForeign) { try read() }
    }
}
