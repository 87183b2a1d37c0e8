import CSQLite

/// An open SQLite database, for one thread.
///
/// Write-ahead log with a sync at every commit (`synchronous=FULL`): when `commit` has returned,
/// what was written survives a power cut. Deleted contents are overwritten (`secure_delete`).
/// Not `Sendable`: it is opened, used and let go on the thread that owns it. SQLite's own locking
/// between threads is switched off.
///
/// The file must exist already with its final mode, or its folder must be private: SQLite gives
/// new files the umask's mode. The log files take the mode of the main file.
@safe package final class Connection {
    /// What a connection may do.
    package enum Access: Sendable {
        /// Reads and writes, and makes the file where there is none or it is empty.
        case readWrite
        /// Only reads; works beside a writing process and never checkpoints.
        case readOnly
        /// A database of this connection alone that never touches a disk, for simulations and for
        /// comparing schemas. The path is not looked at.
        case inMemory
    }

    /// Bytes of a page of the file.
    package enum PageSize: Sendable {
        case kib4, kib16
    }

    /// How much of the file a connection may keep in memory.
    package enum CacheSize: Sendable {
        case mib2, mib64
    }

    /// How a connection is opened.
    package struct Options: Sendable {
        /// The size of a page when the file is new; 16 KiB halves the cost of rows of 1 KiB.
        package var page = PageSize.kib16
        /// The page cache, in memory.
        package var cache = CacheSize.mib64
        /// Milliseconds to wait for another connection's lock.
        package var busyMilliseconds: Int32 = 5_000
        /// Bytes of the longest value or row.
        package var valueByteCountMax: Int32 = 1 << 20
        /// SQLite's name of the file layer; nil for the system's. Tests put faults there.
        package var fileLayer: String?

        /// The defaults above.
        package init() {}
    }

    let handle: OpaquePointer
    private let busyMilliseconds: Int32
    private let log: LogWatch
    /// What the connection may do.
    package let access: Access
    /// Set by the first error after which the file's state is unknown, never reset (J3).
    package private(set) var isBroken = false

    /// Opens the database at `path`.
    ///
    /// Checks neither owner nor mode: callers do, with what they may say about it.
    ///
    /// - Throws: `DatabaseError.cannotOpen`, `notADatabase`, `corrupt`, `inputOutput`, `busy`.
    package init(
        path: String, access: Access = .readWrite, options: Options = Options()
    ) throws(DatabaseError) {
        _ = Self.isConfigured
        var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        flags |=
            access == .readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        var opened: OpaquePointer?
        let code =
            if let layer = options.fileLayer {
                unsafe sqlite3_open_v2(path, &opened, flags, layer)
            } else {
                unsafe sqlite3_open_v2(path, &opened, flags, nil)
            }
        guard let opened = unsafe opened else { throw .other(code: SQLITE_NOMEM) }
        unsafe handle = opened
        busyMilliseconds = options.busyMilliseconds
        log = LogWatch()
        self.access = access
        // From here on `deinit` closes the handle, also when this throws.
        if code != SQLITE_OK { throw fail(code) }
        try check(unsafe csqlite_harden(opened))
        try check(unsafe sqlite3_busy_timeout(opened, options.busyMilliseconds))
        unsafe sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, options.valueByteCountMax)
        unsafe sqlite3_limit(opened, SQLITE_LIMIT_TRIGGER_DEPTH, 0)
        try configure(options)
        // Our own hook takes the place of SQLite's automatic checkpoints: when to pay for one is
        // the storage thread's decision.
        unsafe sqlite3_wal_hook(
            opened,
            { context, _, _, frames in
                if let context = unsafe context {
                    unsafe Unmanaged<LogWatch>.fromOpaque(context).takeUnretainedValue().frames =
                        Int(frames)
                }
                return SQLITE_OK
            }, Unmanaged.passUnretained(log).toOpaque())
    }

    deinit { unsafe sqlite3_close_v2(handle) }

    /// Settings of the library, made once before its first use. In a process that has used it
    /// already they are refused, which costs a little time and nothing else.
    private static let isConfigured = csqlite_leave_memory_uncounted() == SQLITE_OK

    private func configure(_ options: Options) throws(DatabaseError) {
        // A database from outside may hold crafted pages: cells are checked before they are used,
        // files are never mapped (an I/O error would be a signal), temporary data stays in memory.
        try execute("PRAGMA cell_size_check=ON")
        try execute("PRAGMA mmap_size=0")
        try execute("PRAGMA temp_store=MEMORY")
        switch options.cache {
        case .mib2: try execute("PRAGMA cache_size=-2048")
        case .mib64: try execute("PRAGMA cache_size=-65536")
        }
        if access == .readOnly {
            try execute("PRAGMA query_only=ON")
            return
        }
        switch options.page {
        case .kib4: try execute("PRAGMA page_size=4096")
        case .kib16: try execute("PRAGMA page_size=16384")
        }
        try execute("PRAGMA secure_delete=ON")
        if access == .inMemory { return }
        var setMode = try Statement(self, "PRAGMA journal_mode=WAL")
        let mode = try setMode.first { row throws(DatabaseError) in try row.text(0) }
        if mode != "wal" { throw .cannotOpen(code: SQLITE_CANTOPEN) }
        try execute("PRAGMA synchronous=FULL")
        // After a checkpoint the log file is cut to this size, so that one long reader does not
        // leave a huge file for ever (H9).
        try execute("PRAGMA journal_size_limit=67108864")
    }

    /// Runs one statement without parameters and without a result.
    package func execute(_ sql: StaticString) throws(DatabaseError) {
        try Statement(self, sql).runOnce()
    }

    /// One number that a statement without parameters answers.
    package func number(_ sql: StaticString) throws(DatabaseError) -> Int64 {
        var statement = try Statement(self, sql)
        let found = try statement.first { row throws(DatabaseError) in try row.int(0) }
        guard let found else { throw .wrongType(column: 0) }
        return found
    }

    /// Row id of the row inserted last.
    package var lastInsertedRowID: Int64 { unsafe sqlite3_last_insert_rowid(handle) }

    // MARK: Transactions

    /// Whether a transaction is open.
    package var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// Begins a transaction that may write.
    ///
    /// - Throws: `mustStop` after an I/O error, `busy`, `readOnly`.
    package func begin() throws(DatabaseError) {
        if isBroken { throw .mustStop }
        if access == .readOnly { throw .readOnly }
        try execute("BEGIN IMMEDIATE")
    }

    /// Ends the transaction; when this returns, its changes are on the disk.
    ///
    /// - Throws: any error. The transaction is then rolled back. After `inputOutput` it may still
    ///   turn out to be in the file at the next start: nobody was told that it is, so that is no
    ///   lie, but it is why the program must stop.
    package func commit() throws(DatabaseError) {
        do throws(DatabaseError) {
            if isBroken { throw .mustStop }
            try execute("COMMIT")
        } catch {
            rollback()
            throw error
        }
    }

    /// Undoes the transaction, if one is still open. Cannot fail in a way that matters: an error
    /// leaves the connection broken, and then nothing of it is ever written.
    package func rollback() {
        if !isInTransaction { return }
        do throws(DatabaseError) {
            try execute("ROLLBACK")
        } catch {
            isBroken = true
        }
    }

    /// Runs `body` in one transaction: all of it is on the disk when this returns, or nothing.
    ///
    /// Not to be nested.
    ///
    /// - Throws: what `body` throws, after a rollback, and the errors of `begin` and `commit`.
    package func transaction<Result, Failure: DatabaseErrorConvertible>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(!isInTransaction, "transactions do not nest")
        do throws(DatabaseError) { try begin() } catch { throw Failure(error) }
        let result: Result
        do throws(Failure) {
            result = try body()
        } catch {
            rollback()
            throw error
        }
        do throws(DatabaseError) { try commit() } catch { throw Failure(error) }
        return result
    }

    // MARK: The log

    /// How hard a checkpoint tries.
    package enum Checkpoint: Sendable {
        /// Copies what no reader holds up, waits for nobody.
        case passive
        /// Copies everything and cuts the log file to nothing; waits for readers, at most for the
        /// busy time. Afterwards deleted contents are in no file any more (Z11).
        case truncate
        /// The same for who must not wait: where a reader stands in the way it copies what it can.
        case truncateAtOnce
    }

    /// Pages in the log at the last commit of this connection.
    package var logPageCount: Int { log.frames }

    /// Bytes of the log file.
    package var logByteCount: Int64 {
        var file: UnsafeMutablePointer<sqlite3_file>?
        guard
            unsafe sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
                == SQLITE_OK, let file = unsafe file, let methods = unsafe file.pointee.pMethods
        else { return 0 }
        var size: sqlite3_int64 = 0
        return unsafe methods.pointee.xFileSize(file, &size) == SQLITE_OK ? size : 0
    }

    /// Moves what the log holds into the main file.
    ///
    /// Only the connection that writes calls this: SQLite 3.40.1 can corrupt a file when two
    /// connections write and one resets the log (J2).
    ///
    /// - Returns: whether everything was copied; false when a reader stood in the way.
    package func checkpoint(_ kind: Checkpoint) throws(DatabaseError) -> Bool {
        if isBroken { throw .mustStop }
        if access == .readOnly { throw .readOnly }
        if access == .inMemory { return true }
        var total: Int32 = 0
        var copied: Int32 = 0
        let mode = kind == .passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE
        if kind == .truncateAtOnce { try check(unsafe sqlite3_busy_timeout(handle, 0)) }
        defer {
            if kind == .truncateAtOnce { unsafe sqlite3_busy_timeout(handle, busyMilliseconds) }
        }
        let code = unsafe sqlite3_wal_checkpoint_v2(handle, "main", mode, &total, &copied)
        if code & 0xFF == SQLITE_BUSY { return false }
        try check(code)
        if copied == total { log.frames = 0 }
        return copied == total
    }

    // MARK: Checks

    /// Looks for contradictions in the file and returns at most `problemsMax` of them in SQLite's
    /// words; empty when there is none.
    ///
    /// - Parameter isThorough: also compares each index with its table, which takes several times
    ///   as long.
    package func findProblems(
        isThorough: Bool, problemsMax: Int = 20
    ) throws(DatabaseError) -> [String] {
        var problems: [String] = []
        do throws(DatabaseError) {
            var statement =
                isThorough
                ? try Statement(self, "PRAGMA integrity_check")
                : try Statement(self, "PRAGMA quick_check")
            try statement.forEach { row throws(DatabaseError) in
                let line = try row.text(0)
                if line != "ok" { problems.append(line) }
                return problems.count < problemsMax
            }
        } catch .corrupt(let code) {
            problems.append("the file is corrupt (code \(code))")
        } catch {
            throw error
        }
        return problems
    }

    // MARK: Errors

    func check(_ code: Int32) throws(DatabaseError) {
        if code != SQLITE_OK { throw fail(code) }
    }

    /// Makes the error for a result code and remembers when the file cannot be trusted any more.
    func fail(_ code: Int32) -> DatabaseError {
        let error = DatabaseError.classify(
            code, systemCode: unsafe sqlite3_system_errno(handle))
        // J3
        if error.isFatal && access != .readOnly { isBroken = true }
        return error
    }

    /// The version of the SQLite library in use, for example `3.40.1`.
    package static var libraryVersion: String {
        unsafe sqlite3_libversion().map { unsafe String(cString: $0) } ?? ""
    }
}

/// Where SQLite's hook leaves the length of the log after a commit.
private final class LogWatch {
    var frames = 0
}
