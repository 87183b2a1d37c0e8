import CSQLite
import Glibc

/// A disk that fails when told to, between SQLite and the real files: a file layer ("VFS") that
/// passes everything on, counts it, makes the n-th operation fail, and can lose what was not
/// synced as a power cut would.
///
/// Register one per test and open connections with its `name`; it lives until the process ends,
/// because SQLite keeps a pointer to it.
@safe package final class FaultyDisk: @unchecked Sendable {  // `mutex` guards all that varies
    /// What is counted and can fail.
    package enum Operation: Hashable, Sendable, CaseIterable {
        case open, delete, read, write, truncate, sync, sharedMemory
    }

    /// How an operation fails.
    package enum Fault: Sendable, CaseIterable {
        /// EIO, nothing done.
        case error
        /// ENOSPC, nothing done. Operations that need no space are not harmed.
        case full
        /// Half of a write reaches the file, then EIO.
        case torn
    }

    /// SQLite's name for this disk.
    package let name: String

    let methods: UnsafePointer<sqlite3_io_methods>
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var counted: Set<Operation> = []
    private var count = 0
    private var faultAt = Int.max
    private var fault = Fault.error
    private var isLasting = false
    private var keepsImages = false
    private var images: [String: Image] = [:]

    /// Registers a disk under a name no other has.
    package init() {
        unsafe methods = makeMethods()
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        let real = unsafe sqlite3_vfs_find(nil)
        guard let real = unsafe real else { fatalError("SQLite has no file layer") }
        name = "faulty-\(UInt.random(in: 0...UInt.max))"
        let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        unsafe layer.initialize(to: real.pointee)
        unsafe layer.pointee.iVersion = 1
        unsafe layer.pointee.pNext = nil
        unsafe layer.pointee.zName = UnsafePointer(strdup(name))
        unsafe layer.pointee.szOsFile = Int32(FaultyFile.stride) + real.pointee.szOsFile
        unsafe layer.pointee.pAppData = Unmanaged.passRetained(self).toOpaque()
        unsafe layer.pointee.xOpen = openFile
        unsafe layer.pointee.xDelete = deleteFile
        unsafe sqlite3_vfs_register(layer, 0)
    }

    // MARK: For tests

    /// Starts counting anew; the operation number `at` (from 1) of those in `operations` fails,
    /// and all later ones too when the fault is lasting.
    package func arm(
        failing at: Int, _ fault: Fault, of operations: Set<Operation>, isLasting: Bool = false
    ) {
        locked {
            counted = operations
            count = 0
            faultAt = at
            self.fault = fault
            self.isLasting = isLasting
        }
    }

    /// Starts counting anew without failing anything.
    package func countOnly(_ operations: Set<Operation>) {
        arm(failing: .max, .error, of: operations)
    }

    /// How many operations were counted since.
    package var operationCount: Int { locked { count } }

    /// Whether the fault has happened.
    package var hasFailed: Bool { locked { count >= faultAt } }

    /// From now on remembers what each file would hold after a power cut. Call it before any
    /// file of the test is opened.
    package func startPowerModel() { locked { keepsImages = true } }

    /// Puts the files into a state in which a power cut could leave them: what was synced, and of
    /// everything after that whatever `keeps` says, write by write; a write may be cut at 512 bytes.
    ///
    /// No connection may be open (or none may be used afterwards).
    package func cutPower(
        _ generator: inout some RandomNumberGenerator, keeping share: Double, tearing: Bool
    ) {
        let saved = locked { images }
        for (path, image) in saved where !path.hasSuffix("-shm") {
            var bytes = image.durable
            for change in image.pending where Double.random(in: 0..<1, using: &generator) < share {
                var change = change
                if tearing, change.bytes.count > 512, Bool.random(using: &generator) {
                    let sectors = Int.random(
                        in: 1..<(change.bytes.count + 511) / 512, using: &generator)
                    change.bytes = Array(change.bytes.prefix(sectors * 512))
                }
                change.apply(to: &bytes)
            }
            let fd = unsafe Glibc.open(path, O_WRONLY | O_TRUNC)
            if fd < 0 { continue }
            var done = 0
            while done < bytes.count {
                let result = unsafe bytes.withUnsafeBytes {
                    unsafe Glibc.write(fd, $0.baseAddress.map { unsafe $0 + done }, $0.count - done)
                }
                if result <= 0 { fatalError("the disk under the test is full") }
                done += result
            }
            close(fd)
        }
        for path in saved.keys where path.hasSuffix("-wal") {
            _ = unsafe unlink(path.dropLast(4) + "-shm")
        }
        locked { images = [:] }
    }

    // MARK: For the functions of the layer

    /// Counts one operation and says how it is to fail, if it is.
    func next(_ operation: Operation) -> Fault? {
        locked {
            guard counted.contains(operation) else { return nil }
            count += 1
            return count == faultAt || (isLasting && count > faultAt) ? fault : nil
        }
    }

    /// The same for an operation that a full disk does not harm.
    func next(_ operation: Operation, needsSpace: Bool) -> Bool {
        switch next(operation) {
        case nil: false
        case .full: needsSpace
        case .error, .torn: true
        }
    }

    func noteOpened(_ path: String) {
        locked {
            guard keepsImages, images[path] == nil else { return }
            images[path] = Image(durable: Self.contents(of: path))
        }
    }

    func noteChange(_ path: String, _ change: Change) {
        locked { if keepsImages { images[path]?.pending.append(change) } }
    }

    func noteSync(_ path: String) {
        locked {
            guard keepsImages, var image = images.removeValue(forKey: path) else { return }
            for change in image.pending { change.apply(to: &image.durable) }
            image.pending = []
            images[path] = image
        }
    }

    func noteDelete(_ path: String) { locked { images[path] = nil } }

    private func locked<Result>(_ body: () -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body()
    }

    private static func contents(of path: String) -> [UInt8] {
        let fd = unsafe Glibc.open(path, O_RDONLY)
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
}

/// What a file holds on the platters, and what was written since.
struct Image {
    var durable: [UInt8]
    var pending: [Change] = []
}

/// A write, or a cut to `offset` when `isTruncate`.
struct Change {
    var offset: Int
    var bytes: [UInt8]
    var isTruncate = false

    func apply(to image: inout [UInt8]) {
        if isTruncate {
            if image.count > offset { image.removeSubrange(offset...) }
            return
        }
        let end = offset + bytes.count
        if image.count < end { image += [UInt8](repeating: 0, count: end - image.count) }
        image.replaceSubrange(offset..<end, with: bytes)
    }
}
