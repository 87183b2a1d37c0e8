/// Writes collected during a step of the engine, and what reading sees meanwhile: the collected
/// value if there is one, else the committed one.
///
/// The engine hands the writes to the vault before anything they allow leaves the machine. CL-3
package struct VaultTransaction {
    private let store: any VaultReading
    /// All in order, with those that a later one has replaced. Values are held here only, so that
    /// they can be wiped.
    private var writes: [VaultWrite] = []
    /// Where in `writes` the last one of a key is.
    private var last: [VaultTable: [[UInt8]: Int]] = [:]

    /// Reads through to `store`.
    package init(over store: any VaultReading) { self.store = store }

    /// True when nothing has been written.
    package var isEmpty: Bool { writes.isEmpty }

    /// The value under a key as it will be after the commit.
    package func value(_ table: VaultTable, key: [UInt8]) throws(ClientError) -> [UInt8]? {
        guard let index = last[table]?[key] else { return try store.value(table, key: key) }
        return if case .put(_, _, _, let value) = writes[index] { value } else { nil }
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
        replaceLast(table, key)
        writes.append(.put(table, key: key, group: group, value: value))
    }

    /// Removes a row.
    package mutating func remove(_ table: VaultTable, key: [UInt8]) {
        replaceLast(table, key)
        writes.append(.remove(table, key: key))
    }

    /// Removes a group of which nothing was written in this step.
    package mutating func removeGroup(_ table: VaultTable, group: [UInt8]) {
        writes.append(.removeGroup(table, group: group))
    }

    private mutating func replaceLast(_ table: VaultTable, _ key: [UInt8]) {
        // CL-38: what was replaced within the step goes nowhere.
        if let index = last[table]?[key] { writes[index].wipe() }
        last[table, default: [:]][key] = writes.count
    }

    /// The writes for the vault, leaving the transaction empty. A key written several times in one
    /// step is written once, with its last value, where it was written last.
    package mutating func take() -> [VaultWrite] {
        defer {
            last = [:]
            writes = []
        }
        var result: [VaultWrite] = []
        for (index, write) in writes.enumerated() {
            switch write {
            case .put(let table, let key, _, _), .remove(let table, let key):
                if last[table]?[key] == index { result.append(write) }
            case .removeGroup:
                result.append(write)
            }
        }
        return result
    }
}
