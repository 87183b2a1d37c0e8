/// A vault in memory: for simulation and tests. Same behaviour as `SQLiteVault`, nothing sealed.
package final class MemoryVault: VaultStore {
    private struct Row {
        var place: Int64
        var group: [UInt8]
        var value: [UInt8]
    }

    private var tables: [VaultTable: [[UInt8]: Row]] = [:]
    private var lastPlace: Int64 = 0

    /// An empty vault.
    package init() {}

    /// A copy with the same rows: what a snapshot of the file would hold.
    package func copy() -> MemoryVault {
        let other = MemoryVault()
        other.tables = tables
        other.lastPlace = lastPlace
        return other
    }

    package func value(_ table: VaultTable, key: [UInt8]) throws(ClientError) -> [UInt8]? {
        tables[table]?[key]?.value
    }

    package func rows(
        _ table: VaultTable, group: [UInt8]?, page: VaultPage
    ) throws(ClientError) -> [VaultRow] {
        let chosen = (tables[table] ?? [:]).filter { _, row in
            (group == nil || row.group == group)
                && page.before.map { row.place < $0 } ?? true
                && page.after.map { row.place > $0 } ?? true
        }
        let ordered = chosen.sorted {
            page.isNewestFirst ? $0.value.place > $1.value.place : $0.value.place < $1.value.place
        }
        return ordered.prefix(page.limit).map {
            VaultRow(place: $0.value.place, key: $0.key, value: $0.value.value)
        }
    }

    package func commit(_ writes: [VaultWrite]) throws(ClientError) {
        for write in writes {
            switch write {
            case .put(let table, let key, let group, let value):
                precondition(key.count <= VaultLimits.keyByteCountMax)
                precondition(value.count <= VaultLimits.valueByteCountMax)
                if tables[table]?[key] != nil {
                    tables[table]?[key]?.group = group
                    tables[table]?[key]?.value = value
                } else {
                    lastPlace += 1
                    tables[table, default: [:]][key] = Row(
                        place: lastPlace, group: group, value: value)
                }
            case .remove(let table, let key):
                tables[table]?[key] = nil
            case .removeGroup(let table, let group):
                tables[table] = tables[table]?.filter { $0.value.group != group }
            }
        }
    }
}
