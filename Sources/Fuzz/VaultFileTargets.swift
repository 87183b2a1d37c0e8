import Client
import Primitives

/// A vault's file after damage: what is read from it is what was once written there under the same
/// key, or it is refused.
enum VaultFileTargets {
    static let all: [Target] = [
        Target("vault-header", byteCountMax: 192, seeds: headerSeeds, run: header),
        Target("vault-file", byteCountMax: 1_024, seeds: fileSeeds, run: file),
    ]

    private static let secret = [UInt8](repeating: 0x51, count: 32)

    // MARK: The header

    private static let headers: [[UInt8]] = [
        Argon2id.Parameters?.none, Argon2id.Parameters.minimumForTests,
    ].map { parameters in
        made("a header") {
            var random = SeededRandom(101)
            return try VaultHeader(
                wrapping: SecretBytes(copying: secret.raw),
                under: SecretBytes(copying: secret.raw), parameters: parameters, random: &random
            ).encoded
        }
    }

    @Sendable private static func headerSeeds() -> [[UInt8]] {
        headers.flatMap { [[0] + $0, [1] + $0] }
    }

    /// Takes a header as it stands or with its checksum made again. Whatever was changed in it, the
    /// right password does not give a key then.
    @Sendable private static func header(_ input: RawSpan) {
        var choices = Choices(input)
        let isChecked = choices.flag()
        var bytes = choices.rest()
        if isChecked { checkAgain(&bytes, at: 0) }
        guard let header = try? VaultHeader(parsing: bytes) else { return }
        precondition(header.encoded == bytes, "a header has two encodings")
        // How long a password takes is no business of a parser's test.
        guard header.memoryKiB <= 64, header.passes <= 2 else { return }
        guard let key = try? header.unwrap(with: SecretBytes(copying: secret.raw)) else {
            precondition(!headers.contains(bytes), "a good header does not open")
            return
        }
        precondition(headers.contains(bytes), "a changed header opens")
        precondition(key.exposeForStorage() == secret, "a header gives another key")
    }

    private static func checkAgain(_ bytes: inout [UInt8], at start: Int) {
        guard bytes.count >= start + VaultHeader.byteCount else { return }
        let check = SHA256.hash(bytes.raw.extracting(start..<start + 144)).array.prefix(16)
        Signing.put(Array(check), into: &bytes, at: start + 144)
    }

    // MARK: The file

    private struct Name: Hashable {
        let table: VaultTable
        let key: [UInt8]
    }

    /// A vault that was used, its file and its log while it was open, and all that was put there.
    private struct Template: Sendable {
        var main: [UInt8] = []
        var log: [UInt8] = []
        var headerOffset = 0
        var values: [Name: Set<[UInt8]>] = [:]

        init() {
            let scratch = Scratch()
            let vault = made("a vault") {
                try SQLiteVault.create(
                    path: scratch.path + "/vault.db", password: SecretBytes(copying: secret.raw),
                    parameters: nil, random: SeededRandom(102))
            }
            put(VaultTargets.identity, into: vault)
            vault.compact()
            put(VaultTargets.usedWrites, into: vault)
            put((0..<12).map { VaultFileTargets.write($0) }, into: vault)
            main = scratch.read("vault.db")
            log = scratch.read("vault.db-wal")
            headerOffset = offset(of: vault.header.encoded)
        }

        private mutating func put(_ writes: [VaultWrite], into vault: SQLiteVault) {
            made("writes") { try vault.commit(writes) }
            for case .put(let table, let key, _, let value) in writes {
                values[Name(table: table, key: key), default: []].insert(value)
            }
        }

        private func offset(of header: [UInt8]) -> Int {
            let place = (0..<main.count - header.count).first {
                main[$0..<$0 + header.count] == header[...]
            }
            return place ?? main.count
        }
    }

    private static let template = Template()

    private static func write(_ number: UInt8) -> VaultWrite {
        .put(
            .message, key: [UInt8](repeating: number, count: 24), group: [number & 1],
            value: [UInt8](repeating: number, count: 90 * Int(number)))
    }

    @Sendable private static func fileSeeds() -> [[UInt8]] {
        let header = UInt8(truncatingIfNeeded: template.headerOffset >> 8)
        let low = UInt8(truncatingIfNeeded: template.headerOffset)
        return [
            [0, 0], [1, 0], [2, 0], [3, 1, 0, 0, 0, 0x30, 0, 4], [7, 1, 4, 0, 0, 0x40, 0],
            [4, 1, 0, 0, 0, header, low, 1], [6, 2, 6, 0, 0, 0x40, 0, 0, 0, 0x20, 0, 5, 9],
            [2, 1, 0, 0, 0, 0, 0x60, 8, 1, 0, 0, 0, 0, 40, 1], [0, 1, 0x19, 0, 0, 0, 18, 2, 2, 9],
            // Inputs grow slowly beyond the longest one of the beginning.
            [2, 3, 0x79, 0, 0x30, 0, 18].sized(96),
        ]
    }

    @Sendable private static func file(_ input: RawSpan) {
        var choices = Choices(input)
        let mode = choices.byte()
        var main = template.main
        var log = template.log
        Damage.apply(&choices, to: &main)
        Damage.apply(&choices, to: &log)
        if mode & 4 != 0 { checkAgain(&main, at: template.headerOffset) }
        let scratch = Scratch()
        scratch.write(main, to: "vault.db")
        if mode & 2 != 0 { scratch.write(log, to: "vault.db-wal") }
        guard
            let vault = try? SQLiteVault.open(
                path: scratch.path + "/vault.db", access: mode & 1 == 0 ? .write : .read,
                password: SecretBytes(copying: secret.raw), random: SeededRandom(103))
        else {
            let isWhole = main == template.main && (mode & 2 == 0 || log == template.log)
            precondition(!isWhole, "a vault without damage does not open")
            return
        }
        var values = template.values
        check(vault, values)
        let new = write(200)
        guard case .put(let table, let key, let group, let value) = new else { return }
        values[Name(table: table, key: key)] = [value]
        guard (try? vault.commit([new, .removeGroup(.message, group: [1])])) != nil else { return }
        precondition(mode & 1 == 0, "a vault that is only read is written")
        check(vault, values)
        _ = try? vault.rows(table, group: group, page: VaultPage(limit: 3, isNewestFirst: true))
        vault.compact()
    }

    private static func check(_ vault: SQLiteVault, _ values: [Name: Set<[UInt8]>]) {
        for table in VaultTable.allCases {
            for row in (try? vault.rows(table)) ?? [] {
                let known = values[Name(table: table, key: row.key)] ?? []
                precondition(known.contains(row.value), "a row that nobody wrote")
            }
        }
        for (name, known) in values {
            guard let value = try? vault.value(name.table, key: name.key) else { continue }
            precondition(known.contains(value), "a value that nobody wrote")
        }
    }
}
