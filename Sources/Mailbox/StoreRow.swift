import Database

// Only this program writes the file, so a number that it cannot have written is damage. It is
// refused where it is read: sums and differences of what passed here cannot overflow.
extension Row {
    /// A number that is not negative and at most `most`; hours of any clock are far below 2^52.
    ///
    /// - Throws: `DatabaseError.corrupt` for another number.
    borrowing func number(
        _ column: Int32, through most: Int64 = 1 << 52
    ) throws(DatabaseError) -> Int64 {
        let value = try int(column)
        guard (0...most).contains(value) else { throw .corrupt(code: 0) }
        return value
    }

    /// A number that a smaller type holds.
    ///
    /// - Throws: `DatabaseError.corrupt` for another number.
    borrowing func integer<Integer: FixedWidthInteger>(
        _ column: Int32
    ) throws(DatabaseError) -> Integer {
        guard let value = Integer(exactly: try int(column)) else { throw .corrupt(code: 0) }
        return value
    }
}
