import CSQLite
import Glibc

/// Why the database did not do what was asked.
///
/// After each of these the transaction that was open has been rolled back: nothing of it is in the
/// file, or the file is not to be used any more (`mustStop`).
package enum DatabaseError: Error, Equatable, Sendable {
    /// The disk or a quota is full. Nothing was changed; freeing space mends it (J4).
    case diskFull
    /// Reading or writing the file failed, with SQLite's extended code.
    ///
    /// What is on the disk is unknown: an operating system that failed to sync drops the pages and
    /// calls them clean, so that a second try would only seem to succeed (J3). The connection
    /// refuses all further work with `mustStop`; the program ends and starts again from the file.
    case inputOutput(code: Int32)
    /// The file's contents contradict themselves.
    case corrupt(code: Int32)
    /// The file is something else than a database of ours.
    case notADatabase
    /// A database, but of another program; its application id is given.
    case wrongApplication(found: Int32)
    /// Written by a newer version of this program, which an older one must not touch.
    case newerVersion(found: Int64, known: Int64)
    /// Not yet brought to this version; a connection that only reads cannot do that.
    case olderVersion(found: Int64, known: Int64)
    /// Another connection holds a lock that was waited for in vain.
    case busy
    /// A row contradicts a constraint of the schema, with SQLite's extended code.
    case constraint(code: Int32)
    /// The file cannot be opened, with SQLite's extended code.
    case cannotOpen(code: Int32)
    /// The connection or the file only allows reading.
    case readOnly
    /// A value is longer than the connection's limit.
    case tooLong
    /// A column holds another type than was asked for: the file was changed from outside.
    case wrongType(column: Int)
    /// An earlier error left the file in an unknown state; see `inputOutput`.
    case mustStop
    /// Anything else, with SQLite's extended code; a mistake of ours or no memory.
    case other(code: Int32)

    /// Whether the program must not go on with this file.
    package var isFatal: Bool {
        switch self {
        case .inputOutput, .corrupt, .notADatabase, .mustStop: true
        default: false
        }
    }

    /// Sorts an extended result code; `systemCode` is the `errno` behind it.
    static func classify(_ code: Int32, systemCode: Int32) -> DatabaseError {
        switch code & 0xFF {
        case SQLITE_FULL: return .diskFull
        case SQLITE_IOERR:
            // Errors of a full disk that SQLite files under I/O: growing the shared memory of the
            // log, a quota, and a limit on the size of files. They come before anything counts as
            // written. A sync that
            // answers "full" is not among them: there, data that was taken is gone.
            let isEarly = code == SQLITE_IOERR | (19 << 8) || code == SQLITE_IOERR | (3 << 8)
            if isEarly && [ENOSPC, EDQUOT, EFBIG].contains(systemCode) { return .diskFull }
            return .inputOutput(code: code)
        case SQLITE_CORRUPT: return .corrupt(code: code)
        case SQLITE_NOTADB: return .notADatabase
        case SQLITE_BUSY, SQLITE_LOCKED: return .busy
        case SQLITE_CONSTRAINT: return .constraint(code: code)
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH: return .cannotOpen(code: code)
        case SQLITE_READONLY: return .readOnly
        case SQLITE_TOOBIG: return .tooLong
        default: return .other(code: code)
        }
    }
}

/// An error of a caller that can carry one of the database, so that `transaction` throws one type.
package protocol DatabaseErrorConvertible: Error {
    /// Wraps the database's error.
    init(_ error: DatabaseError)
}

extension DatabaseError: DatabaseErrorConvertible {
    /// The error itself.
    package init(_ error: DatabaseError) { self = error }
}
