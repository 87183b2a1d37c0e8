import Foundation
import Platform
import Primitives
import Testing
import Wire

@testable import Client

private func password(_ text: String) -> SecretBytes { SecretBytes(copying: Array(text.utf8).raw) }

private func makeVault(
    _ folder: TemporaryFolder, _ text: String = "correct horse"
) throws -> SQLiteVault {
    try SQLiteVault.create(
        path: folder.path + "/vault.db", password: password(text),
        parameters: .minimumForTests, random: SystemRandom())
}

private func openVault(
    _ folder: TemporaryFolder, _ text: String = "correct horse", access: VaultAccess = .write
) throws -> SQLiteVault {
    try SQLiteVault.open(
        path: folder.path + "/vault.db", access: access, password: password(text),
        random: SystemRandom())
}

/// Changes the vault file of a folder.
private func change(_ folder: TemporaryFolder, _ body: (inout [UInt8]) -> Void) throws {
    let url = URL(fileURLWithPath: folder.path + "/vault.db")
    var bytes = [UInt8](try Data(contentsOf: url))
    body(&bytes)
    try Data(bytes).write(to: url)
}

@Suite("§10.7 vault in a file")
struct SQLiteVaultTests {
    @Test("the vault in a file does what every vault must do")
    func conformance() throws {
        var folders: [TemporaryFolder] = []
        try VaultConformance(
            make: {
                folders.append(try TemporaryFolder())
                return try makeVault(folders[folders.count - 1])
            },
            reopen: { _ in try openVault(folders[folders.count - 1]) }
        ).run()
    }

    @Test("CL-22 I8 nothing written can be read in any file of the home")
    func canary() throws {
        let folder = try TemporaryFolder()
        let vault = try makeVault(folder)
        let canary = Array("canary-3f9a71c5-in-a-message".utf8)
        try vault.commit([
            .put(.message, key: canary, group: canary, value: canary + canary),
            .put(.contact, key: [1], group: [], value: canary),
        ])
        try vault.commit([.remove(.contact, key: [1])])
        for bytes in try folder.allBytes() { #expect(!bytes.contains(canary)) }
        vault.compact()
        for bytes in try folder.allBytes() { #expect(!bytes.contains(canary)) }
        // The search would find it: a positive control.
        try Data([9] + canary + [9]).write(to: URL(fileURLWithPath: folder.path + "/control"))
        #expect(try folder.allBytes().contains { $0.contains(canary) })
    }

    @Test("CL-23 a wrong passphrase is told from damage")
    func wrongPassphrase() throws {
        let folder = try TemporaryFolder()
        try makeVault(folder).compact()
        #expect(throws: ClientError.passphraseWrong) { try openVault(folder, "wrong horse") }
        _ = try openVault(folder)
        let header = try SQLiteVault.header(path: folder.path + "/vault.db").encoded
        for offset in [20, 45, 80, 150] {
            let copy = try TemporaryFolder()
            try FileManager.default.copyItem(
                atPath: folder.path + "/vault.db", toPath: copy.path + "/vault.db")
            try change(copy) { bytes in
                guard let start = bytes.firstRange(of: header)?.lowerBound else { return }
                bytes[start + offset] ^= 1
            }
            #expect(throws: ClientError.vaultCorrupt) { try openVault(copy) }
        }
    }

    @Test("CL-23 a header made for a crafted key does not open under the right commitment")
    func wrappedKeyDamage() throws {
        var random = SeededRandom(1)
        let key = SecretBytes(byteCount: 32, from: &random)
        let header = try VaultHeader(
            wrapping: key, under: password("p"), parameters: .minimumForTests, random: &random)
        var bytes = header.encoded
        bytes[100] ^= 1
        let check = SHA256.hash(bytes.raw.extracting(0..<144)).array
        bytes.replaceSubrange(144..<160, with: check[..<16])
        let damaged = try VaultHeader(parsing: bytes)
        #expect(throws: ClientError.vaultCorrupt) { _ = try damaged.unwrap(with: password("p")) }
        let opened = try header.unwrap(with: password("p"))
        let isSame = opened.isEqual(to: key)
        #expect(isSame)
    }

    @Test("CL-23 CL-26 a changed version is damage, one that its header vouches for is newer")
    func headerVersion() throws {
        var random = SeededRandom(1)
        let header = try VaultHeader(
            wrapping: SecretBytes(byteCount: 32, from: &random), under: password("p"),
            parameters: .minimumForTests, random: &random)
        var bytes = header.encoded
        bytes[0] = 2
        #expect(throws: ClientError.vaultCorrupt) { _ = try VaultHeader(parsing: bytes) }
        // Of this length and of another one.
        for longer in [0, 40] {
            var newer = bytes[..<144] + [UInt8](repeating: 1, count: longer)
            newer += SHA256.hash(Array(newer).raw).array.prefix(16)
            #expect(throws: ClientError.vaultTooNew(version: 2)) {
                _ = try VaultHeader(parsing: Array(newer))
            }
            newer[0] = 1
            #expect(throws: ClientError.vaultCorrupt) {
                _ = try VaultHeader(parsing: Array(newer))
            }
        }
        #expect(throws: ClientError.vaultCorrupt) { _ = try VaultHeader(parsing: [2]) }
    }

    @Test("CL-22 a header is taken with the bounds of its fields and refused one beyond")
    func headerBounds() throws {
        func isTaken(_ source: UInt8, _ passes: UInt32, _ memoryKiB: UInt32) -> Bool {
            var writer = Writer()
            writer.u8(1)
            writer.u8(source)
            writer.zeros(2)
            writer.u32(passes)
            writer.u32(memoryKiB)
            writer.zeros(132)
            let check = SHA256.hash(writer.bytes.raw).array.prefix(16)
            do {
                let header = try VaultHeader(parsing: writer.bytes + check)
                return header.encoded == writer.bytes + check
            } catch {
                return false
            }
        }
        #expect(isTaken(0, 1, 8) && isTaken(0, 16, 4_194_304) && isTaken(1, 0, 0))
        #expect(!isTaken(0, 0, 8) && !isTaken(0, 17, 8))
        #expect(!isTaken(0, 1, 7) && !isTaken(0, 1, 4_194_305))
        #expect(!isTaken(1, 1, 0) && !isTaken(1, 0, 8) && !isTaken(2, 0, 0))
    }

    @Test("CL-22 a cell moved to another row, group or table does not open")
    func swappedCells() throws {
        var random = SeededRandom(2)
        let cipher = VaultCipher(vaultKey: SecretBytes(byteCount: 32, from: &random))
        let name = cipher.name(.contact, key: [1])
        let other = cipher.name(.contact, key: [2])
        #expect(name != other && name != cipher.name(.session, key: [1]))
        #expect(name != cipher.group(.contact, [1]))
        let group = cipher.group(.contact, [])
        let cell = cipher.seal(
            key: [1], value: [7, 8], table: .contact, name: name, group: group, random: &random)
        let opened = try cipher.open(cell, table: .contact, name: name, group: group)
        #expect(opened.key == [1] && opened.value == [7, 8])
        #expect(throws: ClientError.vaultCorrupt) {
            try cipher.open(cell, table: .contact, name: other, group: group)
        }
        #expect(throws: ClientError.vaultCorrupt) {
            try cipher.open(cell, table: .contact, name: name, group: other)
        }
        #expect(throws: ClientError.vaultCorrupt) {
            try cipher.open(cell, table: .session, name: name, group: group)
        }
        for index in cell.indices {
            var bad = cell
            bad[index] ^= 0x10
            #expect(throws: ClientError.vaultCorrupt) {
                try cipher.open(bad, table: .contact, name: name, group: group)
            }
        }
        #expect(throws: ClientError.vaultCorrupt) {
            try cipher.open(Array(cell.prefix(30)), table: .contact, name: name, group: group)
        }
    }

    @Test("CL-22 cells grow in steps of 64 bytes")
    func cellSizes() throws {
        var random = SeededRandom(3)
        let cipher = VaultCipher(vaultKey: SecretBytes(byteCount: 32, from: &random))
        func size(_ count: Int) -> Int {
            cipher.seal(
                key: [1], value: [UInt8](repeating: 0, count: count), table: .contact,
                name: [], group: [], random: &random
            ).count
        }
        #expect(size(0) == size(58))
        #expect(size(59) == size(58) + 64)
    }

    @Test("CL-26 files that are no vault, newer or cut are refused and not written to")
    func foreignFiles() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/vault.db"
        for bytes in [
            Array("not a database at all, but long enough to look at".utf8),
            [UInt8](repeating: 0, count: 5_000), [UInt8](repeating: 0xff, count: 100),
        ] {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(throws: ClientError.self) { try openVault(folder) }
            #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) == bytes)
        }
        try FileManager.default.removeItem(atPath: path)
        try makeVault(folder).compact()
        // user_version lies at offset 60 of the file's header.
        try change(folder) { $0.replaceSubrange(60..<64, with: [0, 0, 0, 9]) }
        #expect(throws: ClientError.vaultTooNew(version: 9)) { try openVault(folder) }
        // A vault of before the KEM is refused by name, and stays as it is (CL-26).
        try change(folder) { $0.replaceSubrange(60..<64, with: [0, 0, 0, 1]) }
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(throws: ClientError.vaultTooOld(version: 1)) { try openVault(folder) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        try change(folder) { $0.replaceSubrange(60..<64, with: [0, 0, 0, 2]) }
        _ = try openVault(folder)
        // application_id at 68.
        try change(folder) { $0[68] ^= 1 }
        #expect(throws: ClientError.vaultForeign) { try openVault(folder) }
        try change(folder) { $0[68] ^= 1 }
        try change(folder) { $0.removeLast(4_096) }
        #expect(throws: ClientError.self) {
            let vault = try openVault(folder)
            for table in VaultTable.allCases { _ = try vault.rows(table) }
        }
    }

    @Test("CL-26 any byte of the file changed gives an error or the old contents, never a trap")
    func everyByte() throws {
        let folder = try TemporaryFolder()
        let vault = try makeVault(folder)
        try vault.commit([.put(.contact, key: [1], group: [], value: [1, 2, 3])])
        vault.compact()
        let good = [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: folder.path + "/vault.db")))
        let key = try SQLiteVault.header(path: folder.path + "/vault.db")
            .unwrap(with: password("correct horse"))
        _ = key.byteCount
        var refused = 0
        for offset in stride(from: 0, to: good.count, by: 37) {
            let copy = try TemporaryFolder()
            var bytes = good
            bytes[offset] ^= 0x41
            try Data(bytes).write(to: URL(fileURLWithPath: copy.path + "/vault.db"))
            do {
                let vault = try openVault(copy)
                let value = try vault.value(.contact, key: [1])
                #expect(value == [1, 2, 3] || value == nil)
            } catch is ClientError {
                refused += 1
            }
        }
        #expect(refused > 5)
    }

    @Test("a reader works beside a writer and sees only what is committed")
    func readerBesideWriter() throws {
        let folder = try TemporaryFolder()
        let writer = try makeVault(folder)
        let reader = try openVault(folder, access: .read)
        #expect(try reader.value(.state, key: [1]) == nil)
        try writer.commit([.put(.state, key: [1], group: [], value: [5])])
        #expect(try reader.value(.state, key: [1]) == [5])
        #expect(throws: ClientError.vaultReadOnly) {
            try reader.commit([.remove(.state, key: [1])])
        }
        #expect(try writer.value(.state, key: [1]) == [5])
    }

    @Test("a vault killed with commits in its log opens with them, also for a reader")
    func recovery() throws {
        let folder = try TemporaryFolder()
        let vault = try makeVault(folder)
        try vault.commit([.put(.state, key: [1], group: [], value: [5])])
        // A copy of the files while the writer is open is what a kill leaves.
        for access in [VaultAccess.read, .write] {
            let copy = try TemporaryFolder()
            for name in ["/vault.db", "/vault.db-wal"] {
                try FileManager.default.copyItem(
                    atPath: folder.path + name, toPath: copy.path + name)
            }
            let again = try openVault(copy, access: access)
            #expect(try again.value(.state, key: [1]) == [5])
        }
    }
}
