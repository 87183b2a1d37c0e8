internal import Primitives
package import Wire

/// What a backup holds: a part of a vault's rows, without any ratchet state or one-time prekey, so
/// that who restores it begins every session anew and repeats no key.
///
/// It names every contact and holds every private key of the account: who seals it into a file
/// wipes it then.
///
/// ```
/// u8 version (1) || u64 made (ms since 1970) || rows, each
/// u8 table || u16 size || key || u16 size || group || u32 size || value
/// ```
///
/// - SPEC: §10.9, CL-47, CL-48
package struct BackupContents: Sendable {
    /// The version of the encoding.
    package static let version: UInt8 = 1

    /// A row as it lies in a vault.
    struct Row: Sendable {
        let table: VaultTable
        let key: [UInt8]
        let group: [UInt8]
        var value: [UInt8]
    }

    /// When it was made, ms since 1970.
    package let madeMilliseconds: UInt64
    private(set) var rows: [Row] = []

    init(madeMilliseconds: UInt64) { self.madeMilliseconds = madeMilliseconds }

    mutating func add(
        _ table: VaultTable, key: [UInt8], group: [UInt8] = [], value: [UInt8]
    ) {
        rows.append(Row(table: table, key: key, group: group, value: value))
    }

    /// Reads the encoding and nothing else.
    ///
    /// - Throws: `WireError` for what ``encoded`` has not written.
    package init(parsing bytes: RawSpan) throws(WireError) {
        var reader = Reader(bytes)
        _ = try reader.u8(in: Self.version...Self.version)
        madeMilliseconds = try reader.u64()
        while reader.remainingByteCount > 0 {
            let table = try reader.choice(of: VaultTable.self)
            let key = try reader.array(Int(try reader.u16()))
            guard key.count <= VaultLimits.keyByteCountMax else {
                throw .outOfRange(
                    value: UInt64(key.count), minimum: 0,
                    maximum: UInt64(VaultLimits.keyByteCountMax))
            }
            let group = try reader.array(Int(try reader.u16()))
            let value = try reader.counted()
            guard value.count <= VaultLimits.valueByteCountMax else {
                throw .outOfRange(
                    value: UInt64(value.count), minimum: 0,
                    maximum: UInt64(VaultLimits.valueByteCountMax))
            }
            rows.append(Row(table: table, key: key, group: group, value: value))
        }
    }

    /// The encoding; the caller wipes it.
    package var encoded: [UInt8] {
        let byteCount = rows.reduce(9) { count, row in
            count + 9 + row.key.count + row.group.count + row.value.count
        }
        // Reserved whole, so that no outgrown buffer with keys in it is left behind.
        var writer = Writer(capacity: byteCount)
        writer.u8(Self.version)
        writer.u64(madeMilliseconds)
        for row in rows {
            writer.u8(row.table.rawValue)
            writer.u16(UInt16(row.key.count))
            writer.array(row.key)
            writer.u16(UInt16(row.group.count))
            writer.array(row.group)
            writer.counted(row.value)
        }
        return writer.bytes
    }

    /// Overwrites what it holds.
    package mutating func wipe() {
        for index in rows.indices { rows[index].value.wipeBytes() }
        rows = []
    }
}
