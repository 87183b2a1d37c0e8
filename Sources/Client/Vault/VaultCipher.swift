internal import Primitives
internal import Wire

/// Seals the cells of a vault and hides its keys and groups.
///
/// - SPEC: §10.7, CL-22
struct VaultCipher: ~Copyable {
    /// Bytes of a name or group as stored.
    static let nameByteCount = 16
    /// Cells grow in such steps, so that a thief learns little from their sizes.
    private static let stepByteCount = 64

    private let cellKey: SecretBytes
    private let nameKey: SecretBytes

    init(vaultKey: borrowing SecretBytes) {
        let cells: StaticString = "postern/1 vault cells"
        let names: StaticString = "postern/1 vault names"
        let salt: [UInt8] = []
        cellKey = HKDFSHA256.derive(
            from: vaultKey, salt: salt.raw, info: cells.raw, byteCount: 32, home: .guarded)
        nameKey = HKDFSHA256.derive(
            from: vaultKey, salt: salt.raw, info: names.raw, byteCount: 32, home: .guarded)
    }

    /// The stored name of a key.
    func name(_ table: VaultTable, key: [UInt8]) -> [UInt8] { hidden(table, 0, key) }

    /// The stored name of a group.
    func group(_ table: VaultTable, _ group: [UInt8]) -> [UInt8] { hidden(table, 1, group) }

    private func hidden(_ table: VaultTable, _ use: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        let input = [table.rawValue, use] + bytes
        return Array(HMACSHA256.tag(of: input.raw, key: nameKey).array.prefix(Self.nameByteCount))
    }

    /// Seals a row.
    func seal(
        key: [UInt8], value: [UInt8], table: VaultTable, name: [UInt8], group: [UInt8],
        random: inout some RandomSource
    ) -> [UInt8] {
        precondition(key.count <= VaultLimits.keyByteCountMax)
        precondition(value.count <= VaultLimits.valueByteCountMax)
        let used = 5 + key.count + value.count
        let padded = (used + Self.stepByteCount - 1) / Self.stepByteCount * Self.stepByteCount
        var plaintext: [UInt8] = []
        plaintext.reserveCapacity(padded)
        plaintext.append(UInt8(key.count))
        plaintext.append(contentsOf: key)
        plaintext.append(bigEndian: UInt32(value.count))
        plaintext.append(contentsOf: value)
        plaintext.append(contentsOf: repeatElement(0, count: padded - used))
        let nonce: FixedBytes<24> = random.bytes()
        let sealed = XChaChaPoly.seal(
            plaintext.raw, key: cellKey, nonce: nonce,
            authenticating: Self.associatedData(table, name, group).raw)
        plaintext.wipeBytes()
        return nonce.array + sealed
    }

    /// Opens a row.
    ///
    /// - Throws: `ClientError.vaultCorrupt` for anything that was not sealed for this very place.
    func open(
        _ cell: [UInt8], table: VaultTable, name: [UInt8], group: [UInt8]
    ) throws(ClientError) -> (key: [UInt8], value: [UInt8]) {
        guard cell.count >= 24, let nonce = FixedBytes<24>(copying: cell.raw.extracting(0..<24))
        else {
            throw .vaultCorrupt
        }
        do {
            var plaintext = try XChaChaPoly.open(
                cell.raw.extracting(24..<cell.count), key: cellKey, nonce: nonce,
                authenticating: Self.associatedData(table, name, group).raw)
            defer { plaintext.wipeBytes() }
            var reader = Reader(plaintext.raw)
            let key = try reader.array(Int(try reader.u8()))
            let value = try reader.array(Int(try reader.u32()))
            try reader.zeros(reader.remainingByteCount)
            return (key, value)
        } catch {
            throw .vaultCorrupt
        }
    }

    private static func associatedData(
        _ table: VaultTable, _ name: [UInt8], _ group: [UInt8]
    ) -> [UInt8] {
        Array("postern/1 vault row".utf8) + [table.rawValue] + name + group
    }
}
