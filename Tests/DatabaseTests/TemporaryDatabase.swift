import Database
import Glibc

/// A folder of this test alone with a database file in it, removed with all that is in it.
///
/// In memory where the system has such a place: what a sync means is tested with `FaultyDisk`, and
/// thousands of real ones would only take time.
struct TemporaryDatabase: ~Copyable {
    let folder: String
    var path: String { folder + "/test.db" }

    init() {
        let place = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(place)/postern-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.flatMap { unsafe mkdtemp($0) }.map {
                unsafe String(cString: $0)
            }
        }
        guard let made else { fatalError("no temporary folder") }
        folder = made
    }

    func open(
        _ access: Connection.Access = .readWrite, layer: String? = nil,
        page: Connection.PageSize = .kib16,
        busyMilliseconds: Int32 = 0
    ) throws(DatabaseError) -> Connection {
        var options = Connection.Options()
        options.fileLayer = layer
        options.page = page
        options.busyMilliseconds = busyMilliseconds
        return try Connection(path: path, access: access, options: options)
    }

    /// All bytes of the main file and the log.
    func contents() -> [UInt8] { Self.bytes(of: path) + Self.bytes(of: path + "-wal") }

    static func bytes(of file: String) -> [UInt8] {
        let fd = unsafe Glibc.open(file, O_RDONLY)
        if fd < 0 { return [] }
        defer { close(fd) }
        var all: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe Glibc.read(fd, &block, block.count)
            if count <= 0 { return all }
            all += block.prefix(count)
        }
    }

    /// Writes bytes into the main file (or the log), making it if there is none.
    func overwrite(at offset: Int, _ bytes: [UInt8], suffix: String = "") {
        let fd = unsafe Glibc.open(path + suffix, O_WRONLY | O_CREAT, 0o600)
        _ = unsafe pwrite(fd, bytes, bytes.count, off_t(offset))
        close(fd)
    }

    deinit {
        for suffix in ["", "-wal", "-shm", "-journal"] { _ = unsafe unlink(path + suffix) }
        _ = unsafe rmdir(folder)
    }
}

/// Numbers that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension [UInt8] {
    /// Hands the bytes to `body` as a raw span.
    func withSpan<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let raw = unsafe span.bytes
        return try body(raw)
    }

    /// Whether `part` stands anywhere in it.
    func contains(run part: [UInt8]) -> Bool {
        unsafe withUnsafeBytes { whole in
            unsafe part.withUnsafeBytes { wanted in
                unsafe memmem_(whole, wanted)
            }
        }
    }
}

/// Glibc's module hides `memmem`; candidates are found by their first byte.
private func memmem_(_ whole: UnsafeRawBufferPointer, _ wanted: UnsafeRawBufferPointer) -> Bool {
    guard let base = whole.baseAddress, let pattern = wanted.baseAddress else { return false }
    var offset = 0
    while whole.count - offset >= wanted.count {
        let span = whole.count - offset - wanted.count + 1
        guard let hit = unsafe memchr(base + offset, Int32(wanted[0]), span) else { return false }
        if unsafe memcmp(hit, pattern, wanted.count) == 0 { return true }
        offset = unsafe UnsafeRawPointer(hit) - base + 1
    }
    return false
}

/// The one table most tests use.
let notes: [Migration] = [
    Migration(
        version: 1,
        [
            "CREATE TABLE note(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
            "PRAGMA application_id=0x54455354", "PRAGMA user_version=1",
        ])
]
let testApplication: Int32 = 0x5445_5354

/// Writes one row and returns the rows changed.
@discardableResult
func insert(
    _ connection: Connection, _ id: Int64, _ body: [UInt8]
) throws(DatabaseError) -> Int {
    var statement = try Statement(connection, "INSERT INTO note(id, body) VALUES(?1, ?2)")
    statement.bind(1, id)
    return try body.withSpan { (span: RawSpan) throws(DatabaseError) in
        try statement.run(binding: span, at: 2)
    }
}

/// The ids of all rows, ascending.
func ids(_ connection: Connection) throws(DatabaseError) -> [Int64] {
    var found: [Int64] = []
    var statement = try Statement(connection, "SELECT id FROM note ORDER BY id")
    try statement.forEach { row throws(DatabaseError) in
        found.append(try row.int(0))
        return true
    }
    return found
}
