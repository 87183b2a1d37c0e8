internal import Primitives

/// The tables of a vault. Each row has a key that is unique in its table, a group by which rows
/// are listed, and a value; rows of a table are ordered by when their key first came.
///
/// - SPEC: §10.7, CL-22
package enum VaultTable: UInt8, CaseIterable, Sendable {
    /// Single records by name: identity, settings, bundle state, server pins.
    case state = 1
    /// One row a contact, by local contact id.
    case contact = 2
    /// One row a session, by session id; group: contact id.
    case session = 3
    /// One row a mailbox this vault reads or writes, by mailbox id.
    case mailbox = 4
    /// One row a message, by contact id, author and message id; group: contact id.
    case message = 5
    /// One row a stored envelope or content that waits to be sent, by a random id.
    case outbox = 6
    /// Hashes of envelopes that came; group: the day.
    case seen = 7
    /// Private halves of prekeys, by prekey id.
    case prekey = 8
    /// One row an invite, by the hash of its blob's id.
    case invite = 9
    /// Content that waits for its session, and types that only a newer version knows; group: contact id.
    case kept = 10
    /// One row a receipt that is due, by contact id, kind and message id; group: contact id.
    case receipt = 11
    /// One row an own message without a receipt, by contact id and message id; group: contact id.
    case unconfirmed = 12
    /// Own messages that a receipt has confirmed, by the envelopes they went in.
    case confirmed = 13
}

/// One row as listed.
package struct VaultRow: Sendable, Equatable {
    /// Place in its table: larger came later. Never used again while the row lives.
    package let place: Int64
    /// The key, at most 255 bytes.
    package let key: [UInt8]
    /// The value, at most `VaultLimits.valueByteCountMax` bytes.
    package private(set) var value: [UInt8]

    package init(place: Int64, key: [UInt8], value: [UInt8]) {
        self.place = place
        self.key = key
        self.value = value
    }

    /// Overwrites the value and leaves it empty. CL-38
    package mutating func wipe() {
        value.wipeBytes()
        value = []
    }
}

/// One change of a transaction.
package enum VaultWrite: Sendable, Equatable {
    /// Adds a row, or replaces group and value of the one with this key, which keeps its place.
    case put(VaultTable, key: [UInt8], group: [UInt8], value: [UInt8])
    /// Removes the row with this key if there is one.
    case remove(VaultTable, key: [UInt8])
    /// Removes all rows of a group.
    case removeGroup(VaultTable, group: [UInt8])

    /// Overwrites the value of a row that is put, and leaves it empty. CL-38
    mutating func wipe() {
        guard case .put(let table, let key, let group, var value) = self else { return }
        // The only other holder lets go first, else the zeros would go into a copy.
        self = .put(table, key: key, group: group, value: [])
        value.wipeBytes()
    }
}

/// Bounds of what a vault holds.
package enum VaultLimits {
    /// Keys and groups are short: ids, hashes and names.
    package static let keyByteCountMax = 255
    /// A session with all its skipped keys is the largest value; more is a mistake or damage.
    package static let valueByteCountMax = 1 << 20
}

/// Which part of a listing to give.
package struct VaultPage: Sendable, Equatable {
    /// Only rows before this place, if set.
    package var before: Int64?
    /// Only rows after this place, if set.
    package var after: Int64?
    /// At most so many rows.
    package var limit: Int
    /// Newest first; else oldest first.
    package var isNewestFirst: Bool

    package init(
        before: Int64? = nil, after: Int64? = nil, limit: Int = .max, isNewestFirst: Bool = false
    ) {
        self.before = before
        self.after = after
        self.limit = limit
        self.isNewestFirst = isNewestFirst
    }
}

/// What the engine and the façade read from: committed rows only.
package protocol VaultReading: AnyObject {
    /// The value under a key, nil if there is none.
    ///
    /// - Throws: `ClientError.vaultCorrupt` for a cell that does not open, `.diskFailed`.
    func value(_ table: VaultTable, key: [UInt8]) throws(ClientError) -> [UInt8]?

    /// Rows of a table, or of one group of it, in the order of the page.
    ///
    /// - Throws: as `value`.
    func rows(
        _ table: VaultTable, group: [UInt8]?, page: VaultPage
    ) throws(ClientError) -> [VaultRow]
}

/// A vault that can be changed: by whole transactions only.
package protocol VaultStore: VaultReading {
    /// Applies all writes in order and makes them durable, or none of them.
    ///
    /// - Throws: `ClientError.diskFull` (nothing changed), `.diskFailed`, `.vaultCorrupt`, after
    ///   which the store must be opened again; `.vaultReadOnly`.
    func commit(_ writes: [VaultWrite]) throws(ClientError)
}

extension VaultStore {
    /// Commits and, whatever came of it, wipes the values: ratchets and private keys are among
    /// them. CL-38
    ///
    /// - Throws: as `commit`.
    package func commit(wiping writes: inout [VaultWrite]) throws(ClientError) {
        defer {
            for index in writes.indices { writes[index].wipe() }
            writes = []
        }
        try commit(writes)
    }
}

extension VaultReading {
    /// All rows of a table, oldest first.
    package func rows(_ table: VaultTable) throws(ClientError) -> [VaultRow] {
        try rows(table, group: nil, page: VaultPage())
    }
}
