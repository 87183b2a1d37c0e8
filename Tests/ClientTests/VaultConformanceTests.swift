import Testing

@testable import Client

/// What every vault must do; run over the memory version and the SQLite one. The closure gives an
/// empty vault and opens it again where that means something.
struct VaultConformance {
    let make: () throws -> any VaultStore
    let reopen: (any VaultStore) throws -> any VaultStore

    func run() throws {
        try emptyHasNothing()
        try putReplaceRemove()
        try orderAndPages()
        try groups()
        try transactionsAreOrdered()
        try bounds()
        try survivesReopening()
    }

    private func emptyHasNothing() throws {
        let vault = try make()
        for table in VaultTable.allCases {
            #expect(try vault.value(table, key: [1]) == nil)
            #expect(try vault.rows(table).isEmpty)
        }
    }

    private func putReplaceRemove() throws {
        let vault = try make()
        try vault.commit([.put(.contact, key: [1], group: [], value: [10])])
        #expect(try vault.value(.contact, key: [1]) == [10])
        #expect(try vault.value(.session, key: [1]) == nil)
        try vault.commit([.put(.contact, key: [1], group: [], value: [])])
        #expect(try vault.value(.contact, key: [1]) == [])
        try vault.commit([.remove(.contact, key: [1]), .remove(.contact, key: [9])])
        #expect(try vault.value(.contact, key: [1]) == nil)
    }

    private func orderAndPages() throws {
        let vault = try make()
        for key in [3, 1, 2, 5, 4] as [UInt8] {
            try vault.commit([.put(.message, key: [key], group: [7], value: [key, key])])
        }
        // A replaced row keeps its place.
        try vault.commit([.put(.message, key: [1], group: [7], value: [0])])
        let rows = try vault.rows(.message, group: [7], page: VaultPage())
        #expect(rows.map(\.key) == [[3], [1], [2], [5], [4]])
        #expect(rows.map(\.value) == [[3, 3], [0], [2, 2], [5, 5], [4, 4]])
        let newest = try vault.rows(
            .message, group: [7], page: VaultPage(limit: 2, isNewestFirst: true))
        #expect(newest.map(\.key) == [[4], [5]])
        let before = try vault.rows(
            .message, group: [7],
            page: VaultPage(before: rows[3].place, limit: 2, isNewestFirst: true))
        #expect(before.map(\.key) == [[2], [1]])
        let after = try vault.rows(.message, group: nil, page: VaultPage(after: rows[1].place))
        #expect(after.map(\.key) == [[2], [5], [4]])
        // A row that went and came again is a new one.
        try vault.commit([.remove(.message, key: [3])])
        try vault.commit([.put(.message, key: [3], group: [7], value: [1])])
        #expect(try vault.rows(.message).last?.key == [3])
    }

    private func groups() throws {
        let vault = try make()
        try vault.commit([
            .put(.seen, key: [1], group: [1], value: []),
            .put(.seen, key: [2], group: [2], value: []),
            .put(.seen, key: [3], group: [1], value: []),
            .put(.kept, key: [1], group: [1], value: []),
        ])
        try vault.commit([.put(.seen, key: [2], group: [3], value: [])])
        #expect(try vault.rows(.seen, group: [2], page: VaultPage()).isEmpty)
        #expect(try vault.rows(.seen, group: [3], page: VaultPage()).map(\.key) == [[2]])
        try vault.commit([.removeGroup(.seen, group: [1])])
        #expect(try vault.rows(.seen).map(\.key) == [[2]])
        #expect(try vault.rows(.kept).count == 1)
    }

    private func transactionsAreOrdered() throws {
        let vault = try make()
        try vault.commit([
            .put(.state, key: [1], group: [], value: [1]), .remove(.state, key: [1]),
            .put(.state, key: [1], group: [], value: [2]),
            .put(.state, key: [2], group: [5], value: [3]), .removeGroup(.state, group: [5]),
        ])
        #expect(try vault.value(.state, key: [1]) == [2])
        #expect(try vault.value(.state, key: [2]) == nil)
    }

    private func bounds() throws {
        let vault = try make()
        let key = [UInt8](repeating: 1, count: VaultLimits.keyByteCountMax)
        let value = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try vault.commit([.put(.session, key: key, group: key, value: value)])
        #expect(try vault.value(.session, key: key) == value)
        #expect(try vault.rows(.session, group: key, page: VaultPage()).first?.key == key)
        try vault.commit([.put(.session, key: [], group: [], value: [4])])
        #expect(try vault.value(.session, key: []) == [4])
    }

    private func survivesReopening() throws {
        let vault = try make()
        try vault.commit([.put(.invite, key: [1], group: [2], value: [3])])
        let again = try reopen(vault)
        #expect(try again.value(.invite, key: [1]) == [3])
        #expect(try again.rows(.invite, group: [2], page: VaultPage()).map(\.value) == [[3]])
    }
}

@Suite("§10.7 vault")
struct VaultConformanceTests {
    @Test("the memory vault does what every vault must do")
    func memory() throws {
        try VaultConformance(make: { MemoryVault() }, reopen: { $0 }).run()
    }

    @Test("CL-3 a transaction shows its own writes, and gives each key's last one")
    func transaction() throws {
        let vault = MemoryVault()
        try vault.commit([.put(.state, key: [1], group: [], value: [1])])
        var transaction = VaultTransaction(over: vault)
        #expect(try transaction.value(.state, key: [1]) == [1])
        transaction.put(.state, key: [1], value: [2])
        transaction.put(.state, key: [2], value: [3])
        transaction.remove(.state, key: [2])
        transaction.put(.state, key: [1], value: [4])
        #expect(try transaction.value(.state, key: [1]) == [4])
        #expect(try transaction.value(.state, key: [2]) == nil)
        #expect(try vault.value(.state, key: [1]) == [1])
        let writes = transaction.take()
        #expect(
            writes == [.remove(.state, key: [2]), .put(.state, key: [1], group: [], value: [4])])
        #expect(transaction.isEmpty)
        try vault.commit(writes)
        #expect(try vault.value(.state, key: [1]) == [4])
    }
}
