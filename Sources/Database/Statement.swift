import CSQLite

/// A prepared statement, finalised when its owner lets go of it.
///
/// SQL is a `StaticString`: text from outside cannot become part of it, only a bound value (J12).
/// A statement that has finished, failed or been stopped early is always reset, so that none holds
/// a read transaction open behind its owner's back and the log can be cut (H9).
@safe package struct Statement: ~Copyable {
    private let handle: OpaquePointer
    private let connection: Connection
    /// The first binding that failed; told by the next run, so that bindings need no `try`.
    private var failure: DatabaseError?

    /// Prepares `sql`, one statement, for repeated use.
    ///
    /// - Throws: `DatabaseError.other` for wrong SQL, errors of reading the schema.
    package init(_ connection: Connection, _ sql: StaticString) throws(DatabaseError) {
        var prepared: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(
            connection.handle, sql.description, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared,
            nil)
        guard code == SQLITE_OK, let prepared = unsafe prepared else {
            throw code == SQLITE_OK ? .other(code: SQLITE_MISUSE) : connection.fail(code)
        }
        unsafe handle = prepared
        self.connection = connection
    }

    // The connection closes only after its last statement, which holds a reference to it.
    deinit { unsafe sqlite3_finalize(handle) }

    // MARK: Binding; parameters are numbered from 1 and keep their value until bound anew

    /// Binds a number.
    package mutating func bind(_ index: Int32, _ value: Int64) {
        note(unsafe sqlite3_bind_int64(handle, index, value))
    }

    /// Binds a copy of `bytes`, which may be empty.
    package mutating func bind(_ index: Int32, copying bytes: RawSpan) {
        // An empty span has no address, and SQLite takes no address for NULL.
        if bytes.byteCount == 0 {
            note(unsafe sqlite3_bind_zeroblob(handle, index, 0))
            return
        }
        let code = unsafe bytes.withUnsafeBytes { pointer in
            unsafe sqlite3_bind_blob64(
                handle, index, pointer.baseAddress, sqlite3_uint64(pointer.count), Self.copies)
        }
        note(code)
    }

    /// Binds a copy of a text.
    package mutating func bind(_ index: Int32, text: String) {
        let code =
            unsafe text.utf8.count == 0
            ? sqlite3_bind_text(handle, index, "", 0, nil)
            : sqlite3_bind_text(handle, index, text, Int32(clamping: text.utf8.count), Self.copies)
        note(code)
    }

    // MARK: Running

    /// Runs a statement that answers no rows, and returns how many rows it changed.
    @discardableResult
    package mutating func run() throws(DatabaseError) -> Int {
        try takeFailure()
        let code = unsafe sqlite3_step(handle)
        return try finish(code)
    }

    /// Runs it with `bytes` bound at `index` without a copy; the binding ends with the call.
    @discardableResult
    package mutating func run(
        binding bytes: RawSpan, at index: Int32
    ) throws(DatabaseError) -> Int {
        if bytes.byteCount == 0 {
            bind(index, copying: bytes)
            return try run()
        }
        try takeFailure()
        let handle = unsafe handle
        let code = unsafe bytes.withUnsafeBytes { pointer in
            // No destructor means SQLITE_STATIC: the bytes stay where they are until the
            // statement is reset, which happens before the span ends.
            let bound = unsafe sqlite3_bind_blob64(
                handle, index, pointer.baseAddress, sqlite3_uint64(pointer.count), nil)
            if bound != SQLITE_OK { return bound }
            let stepped = unsafe sqlite3_step(handle)
            unsafe sqlite3_reset(handle)
            unsafe sqlite3_bind_null(handle, index)
            return stepped
        }
        return try finish(code)
    }

    /// Runs a query and hands its first row to `body`; nil when there is none.
    package mutating func first<Result>(
        _ body: (borrowing Row) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result? {
        try takeFailure()
        let code = unsafe sqlite3_step(handle)
        if code != SQLITE_ROW {
            try finish(code)
            return nil
        }
        defer { unsafe sqlite3_reset(handle) }
        return try body(unsafe Row(handle))
    }

    /// Runs a query and hands each row to `body` until that returns false.
    package mutating func forEach(
        _ body: (borrowing Row) throws(DatabaseError) -> Bool
    ) throws(DatabaseError) {
        try takeFailure()
        while true {
            let code = unsafe sqlite3_step(handle)
            if code != SQLITE_ROW {
                try finish(code)
                return
            }
            var goesOn = false
            do throws(DatabaseError) {
                goesOn = try body(unsafe Row(handle))
            } catch {
                unsafe sqlite3_reset(handle)
                throw error
            }
            if !goesOn {
                unsafe sqlite3_reset(handle)
                return
            }
        }
    }

    consuming func runOnce() throws(DatabaseError) {
        let code = unsafe sqlite3_step(handle)
        // Some pragmas answer a row with the value that was set.
        if code != SQLITE_ROW { try finish(code) }
    }

    /// Resets the statement and turns the outcome of its last step into a count or an error.
    @discardableResult
    private func finish(_ code: Int32) throws(DatabaseError) -> Int {
        // The error first: reset would keep it, but a later call would not.
        let error = code == SQLITE_DONE || code == SQLITE_ROW ? nil : connection.fail(code)
        let changed = Int(unsafe sqlite3_changes(connection.handle))
        unsafe sqlite3_reset(handle)
        if let error { throw error }
        return changed
    }

    private mutating func note(_ code: Int32) {
        precondition(code != SQLITE_RANGE && code != SQLITE_MISUSE, "a parameter that is not there")
        if code != SQLITE_OK && failure == nil { failure = connection.fail(code) }
    }

    private mutating func takeFailure() throws(DatabaseError) {
        if let failed = failure {
            failure = nil
            throw failed
        }
    }

    /// SQLITE_TRANSIENT, a macro with a cast that Swift does not import.
    private static var copies: sqlite3_destructor_type {
        unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }
}

/// The current row of a query; valid only inside the closure it is handed to.
///
/// Columns are numbered from 0. Each is checked for its type: a file changed from outside must not
/// turn one thing silently into another.
@safe package struct Row: ~Copyable {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { unsafe self.handle = handle }

    /// A number.
    package func int(_ column: Int32) throws(DatabaseError) -> Int64 {
        try require(SQLITE_INTEGER, column)
        return unsafe sqlite3_column_int64(handle, column)
    }

    /// The bytes of a blob, where SQLite holds them.
    ///
    /// - Throws: `DatabaseError.wrongType` when the column holds something else.
    package func withBlob<Result, Failure: DatabaseErrorConvertible>(
        _ column: Int32, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        do throws(DatabaseError) {
            try require(SQLITE_BLOB, column)
        } catch {
            throw Failure(error)
        }
        let base = unsafe sqlite3_column_blob(handle, column)
        let count = unsafe Int(sqlite3_column_bytes(handle, column))
        return try unsafe body(
            RawSpan(
                _unsafeBytes: UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : count)))
    }

    /// A copy of a blob.
    package func bytes(_ column: Int32) throws(DatabaseError) -> [UInt8] {
        try withBlob(column) { (span: RawSpan) throws(DatabaseError) in
            unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
        }
    }

    /// A copy of a text. Bytes that are no UTF-8 are replaced.
    package func text(_ column: Int32) throws(DatabaseError) -> String {
        try require(SQLITE_TEXT, column)
        let base = unsafe sqlite3_column_text(handle, column)
        let count = unsafe Int(sqlite3_column_bytes(handle, column))
        return unsafe String(
            decoding: UnsafeBufferPointer(start: base, count: base == nil ? 0 : count),
            as: UTF8.self)
    }

    /// Whether the column holds NULL.
    package func isNull(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    private func require(_ type: Int32, _ column: Int32) throws(DatabaseError) {
        if unsafe sqlite3_column_type(handle, column) != type {
            throw .wrongType(column: Int(column))
        }
    }
}
