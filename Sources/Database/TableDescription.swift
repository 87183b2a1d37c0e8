/// What one table of a file holds, in words for people and in terms that a program can check.
///
/// The descriptions stand beside the statements that make the tables. A test compares the two, and
/// the zero-knowledge check holds both against a real file (Z4).
package struct TableDescription: Sendable {
    /// The table's name.
    package let name: String
    /// What one row is.
    package let meaning: String
    /// Reads every row, with the columns in the order of `columns`.
    package let rows: StaticString
    /// Every column, in the table's order.
    package let columns: [ColumnDescription]

    /// Describes a table.
    package init(
        _ name: String, _ meaning: String, rows: StaticString, _ columns: [ColumnDescription]
    ) {
        self.name = name
        self.meaning = meaning
        self.rows = rows
        self.columns = columns
    }
}

/// What one column holds.
package struct ColumnDescription: Sendable {
    /// The column's name.
    package let name: String
    /// What its values may be.
    package let kind: ColumnKind
    /// What it means, one clause.
    package let meaning: String

    /// Describes a column.
    package init(_ name: String, _ kind: ColumnKind, _ meaning: String) {
        self.name = name
        self.kind = kind
        self.meaning = meaning
    }
}

/// What the values of a column may be.
package struct ColumnKind: Sendable {
    /// The values that are taken.
    package enum Values: Sendable {
        /// Whole numbers of a range.
        case integers(ClosedRange<Int64>)
        /// Bytes of one of these sizes that look as if they were random.
        case randomBytes([ClosedRange<Int>])
        /// Bytes that parse as something their owner has signed or published.
        case object(@Sendable (RawSpan) -> Bool)
        /// A text of a form.
        case text(@Sendable (String) -> Bool)
    }

    /// The kind in a word or two.
    package let name: String
    /// The values that are taken.
    package let values: Values

    /// Makes a kind.
    package init(_ name: String, _ values: Values) {
        self.name = name
        self.values = values
    }

    /// A number that the file gives its rows.
    package static let rowNumber = ColumnKind("row number", .integers(1...Int64.max))
    /// A number that was drawn at random and says nothing.
    package static let randomNumber = ColumnKind("random number", .integers(0...Int64.max))
    /// 32 bytes of SHA-256.
    package static let hash = ColumnKind("hash", .randomBytes([32...32]))
    /// 32 bytes of a public key.
    package static let key = ColumnKind("public key", .randomBytes([32...32]))
    /// 32 bytes of a public key, or nothing.
    package static let keyOrNothing = ColumnKind("public key", .randomBytes([0...0, 32...32]))
    /// A time in whole hours since 1970. The bound, the year 2270, keeps out times in seconds.
    package static let hour = ColumnKind("hour", .integers(0...2_629_800))
    /// A time in whole weeks since 1970, with the same bound.
    package static let week = ColumnKind("week", .integers(0...15_653))
    /// Yes or no.
    package static let flag = ColumnKind("yes or no", .integers(0...1))

    /// Sealed bytes of one of these sizes.
    package static func ciphertext(_ sizes: [ClosedRange<Int>]) -> ColumnKind {
        ColumnKind("ciphertext", .randomBytes(sizes))
    }

    /// How many of something.
    package static func count(_ range: ClosedRange<Int64>) -> ColumnKind {
        ColumnKind("count", .integers(range))
    }

    /// One of a few numbers with a meaning.
    package static func code(_ range: ClosedRange<Int64>) -> ColumnKind {
        ColumnKind("code", .integers(range))
    }
}

/// Why a value is not of its column's kind.
package enum ColumnFault: Hashable, Sendable, CaseIterable {
    /// Another type than the kind's.
    case type
    /// A number outside its range, or bytes of no listed size.
    case size
    /// It can be read, or has a pattern, where bytes must look random.
    case readable
    /// It is not what its owner published.
    case form
}

extension ColumnKind {
    /// Judges the value in a column of a row; nil when it is of this kind.
    package func judge(
        _ row: borrowing Row, _ column: Int32
    ) throws(DatabaseError) -> ColumnFault? {
        do throws(DatabaseError) {
            switch values {
            case .integers(let range):
                return range.contains(try row.int(column)) ? nil : .size
            case .randomBytes(let sizes):
                return try row.withBlob(column) { (bytes: RawSpan) throws(DatabaseError) in
                    guard sizes.contains(where: { $0.contains(bytes.byteCount) }) else {
                        return .size
                    }
                    return Readability.looksRandom(bytes) ? nil : .readable
                }
            case .object(let isGenuine):
                return try row.withBlob(column) { (bytes: RawSpan) throws(DatabaseError) in
                    isGenuine(bytes) ? nil : .form
                }
            case .text(let isGenuine):
                return isGenuine(try row.text(column)) ? nil : .form
            }
        } catch .wrongType {
            return .type
        } catch {
            throw error
        }
    }
}
