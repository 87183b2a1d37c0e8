/// Writes collected during a step of the engine, and what reading sees meanwhile: the collected
/// value if there is one, else the committed one.
///
/// The engine hands the writes to the vault before anything they allow leaves the machine. CL-3
package struct VaultTransaction {
    private let store: any VaultReading
    private var values: [VaultTable: [[UInt8]: [UInt8]?]] = [:]
    private(set) package var writes: [VaultWrite] = []

    /// Reads through to `store`.
    package init(over store: any VaultReading) { self.store = store }

    /// True when nothing has been written.
    package var isEmpty: Bool { writes.isEmpty }

    /// The value under a key as it will be after the commit.
    package func value(_ table: VaultTable, key: [UInt8]) throws(ClientError) -> [UInt8]? {
        if let pending = values[table]?[key] { return pending }
        return try store.value(table, key: key)
    }

    /// Committed rows only: callers list what they have not changed in this step.
    package func committedRows(
        _ table: VaultTable, group: [UInt8]? = nil, page: VaultPage = VaultPage()
    ) throws(ClientError) -> [VaultRow] {
        try store.rows(table, group: group, page: page)
    }

    /// Adds or replaces a row.
    package mutating func put(
        _ table: VaultTable, key: [UInt8], group: [UInt8] = [], value: [UInt8]
    ) {
        values[table, default: [:]][key] = .some(value)
        writes.append(.put(table, key: key, group: group, value: value))
    }

    /// Removes a row.
    package mutating func remove(_ table: VaultTable, key: [UInt8]) {
        values[table, default: [:]][key] = .some(nil)
        writes.append(.remove(table, key: key))
    }

    /// Removes a group of which nothing was written in this step.
    package mutating func removeGroup(_ table: VaultTable, group: [UInt8]) {
        writes.append(.removeGroup(table, group: group))
    }

    /// The writes for the vault, leaving the transaction empty. A key written several times in one
    /// step is written once, with its last value, where it was written first.
    package mutating func take() -> [VaultWrite] {
        defer {
            values = [:]
            writes = []
        }
        var seen: Set<RowName> = []
        var result: [VaultWrite] = []
        for write in writes.reversed() {
            switch write {
            case .put(let table, let key, _, _), .remove(let table, let key):
                if seen.insert(RowName(table: table, key: key)).inserted { result.append(write) }
            case .removeGroup:
                result.append(write)
            }
        }
        return result.reversed()
    }

    private struct RowName: Hashable {
        let table: VaultTable
        let key: [UInt8]
    }
}
