import Glibc

/// Why a file or a folder is not one that secrets may be read from or written to.
///
/// Every case is refused, never mended: somebody else may have been there already (J9, O4).
package enum UnsafeFile: Error, Equatable, Sendable {
    /// There is nothing under this name.
    case missing
    /// It is a symbolic link, which could lead anywhere.
    case symbolicLink
    /// It is a folder, a device or a socket where a plain file must be, or no folder where one must.
    case wrongKind
    /// It belongs to another user, whose number is given.
    case foreignOwner(userID: UInt32)
    /// Its permission bits let the group or others in.
    case openToOthers(mode: UInt32)
    /// It is larger than its reader takes.
    case tooLarge(byteCount: Int64, limit: Int)
    /// It exists already and must not be overwritten.
    case exists
    /// The system refused.
    case system(SystemError)

    /// Whether the disk is full.
    package var isDiskFull: Bool {
        if case .system(let error) = self { return error.isDiskFull }
        return false
    }
}

/// Files and folders that only their owner may touch.
package enum SafeFile {
    /// Creates a file that must not exist, mode 0600, open for writing.
    ///
    /// - Throws: `UnsafeFile.exists`, also for a dangling symbolic link of that name.
    package static func create(_ path: String) throws(UnsafeFile) -> Descriptor {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let fd = unsafe open(path, flags, 0o600)
        let code = errno
        if fd < 0 {
            throw code == EEXIST ? .exists : .system(SystemError(.open, code: code))
        }
        let descriptor = Descriptor(owning: fd)
        // The umask may have taken bits away, never added any; set what is meant.
        if fchmod(fd, 0o600) != 0 {
            let code = errno
            throw .system(SystemError(.chmod, code: code))
        }
        return descriptor
    }

    /// Makes a folder, mode 0700; its parent must exist.
    ///
    /// - Throws: `UnsafeFile.exists` when the name is taken.
    package static func makeFolder(_ path: String) throws(UnsafeFile) {
        if unsafe mkdir(path, 0o700) != 0 {
            let code = errno
            throw code == EEXIST ? .exists : .system(SystemError(.mkdir, code: code))
        }
        if unsafe chmod(path, 0o700) != 0 {
            let code = errno
            throw .system(SystemError(.chmod, code: code))
        }
    }

    /// Checks that `path` is a folder of this user that nobody else can enter.
    package static func checkFolder(_ path: String) throws(UnsafeFile) {
        try check(try status(of: path), S_IFDIR)
    }

    /// Checks that `path` is a plain file of this user that nobody else can open.
    package static func checkFile(_ path: String) throws(UnsafeFile) {
        try check(try status(of: path), S_IFREG)
    }

    /// Whether anything, also a dangling link, has this name.
    package static func exists(_ path: String) throws(UnsafeFile) -> Bool {
        do throws(UnsafeFile) {
            _ = try status(of: path)
            return true
        } catch .missing {
            return false
        } catch {
            throw error
        }
    }

    /// Opens a file for reading and checks owner, mode and kind of what was opened.
    ///
    /// - Parameter isPrivate: whether the group and others must have no access; true for keys.
    package static func openForReading(
        _ path: String, isPrivate: Bool = true
    ) throws(UnsafeFile) -> Descriptor {
        // NONBLOCK: a pipe put in the file's place must not hold the program up.
        let fd = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        let code = errno
        if fd < 0 {
            switch code {
            case ENOENT: throw .missing
            case ELOOP: throw .symbolicLink
            default: throw .system(SystemError(.open, code: code))
            }
        }
        let descriptor = Descriptor(owning: fd)
        // The open file is looked at, not its name, which could mean another file by now.
        var status = stat()
        if unsafe fstat(fd, &status) != 0 {
            let code = errno
            throw .system(SystemError(.fstat, code: code))
        }
        if isPrivate {
            try check(status, S_IFREG)
        } else if status.st_mode & S_IFMT != S_IFREG {
            throw .wrongKind
        }
        return descriptor
    }

    /// Reads a whole file of at most `byteCountMax` bytes.
    ///
    /// - Throws: `UnsafeFile.tooLarge` before anything beyond the limit is read.
    package static func read(
        _ path: String, byteCountMax: Int, isPrivate: Bool = true
    ) throws(UnsafeFile) -> [UInt8] {
        let file = try openForReading(path, isPrivate: isPrivate)
        var buffer = ByteBuffer()
        do {
            // One byte more than the limit tells "exactly the limit" from "more".
            while buffer.count <= byteCountMax,
                case .bytes = try file.read(into: &buffer, room: 4_096)
            {}
        } catch {
            throw .system(error)
        }
        if buffer.count > byteCountMax {
            throw .tooLarge(byteCount: Int64(buffer.count), limit: byteCountMax)
        }
        let bytes = buffer.readable
        return unsafe [UInt8](unsafeUninitializedCapacity: bytes.byteCount) { target, count in
            unsafe bytes.withUnsafeBytes {
                unsafe UnsafeMutableRawBufferPointer(target).copyMemory(from: $0)
            }
            count = bytes.byteCount
        }
    }

    /// Reads a whole file straight into memory of the caller's and into no other: for keys.
    ///
    /// - Returns: how many bytes the file has.
    /// - Throws: `UnsafeFile.tooLarge` when it has more than fit, and what `openForReading` throws.
    package static func read(
        _ path: String, into target: inout MutableRawSpan
    ) throws(UnsafeFile) -> Int {
        let file = try openForReading(path)
        let limit = target.byteCount
        var count = 0
        // A byte of its own tells "exactly the limit" from "more".
        var excess: UInt8 = 0
        while true {
            let (start, fd) = (count, file.raw)
            let result = unsafe target.withUnsafeMutableBytes { buffer in
                // Safe: so many bytes are left in the buffer, or one in `excess`.
                start < limit
                    ? unsafe Glibc.read(
                        fd, buffer.baseAddress.map { unsafe $0 + start }, limit - start)
                    : unsafe Glibc.read(fd, &excess, 1)
            }
            let code = errno
            if result == 0 { return count }
            if result < 0 {
                if code == EINTR { continue }
                throw .system(SystemError(.read, code: code))
            }
            count += result
            if count > limit { throw .tooLarge(byteCount: Int64(count), limit: limit) }
        }
    }

    /// Creates a file that must not exist, with its contents on the disk before this returns.
    ///
    /// - Throws: `UnsafeFile.exists`; on any failure nothing is left under the name.
    package static func write(_ bytes: RawSpan, toNew path: String) throws(UnsafeFile) {
        let file = try create(path)
        do {
            try file.writeAll(bytes)
            try file.sync()
        } catch {
            _ = unsafe unlink(path)
            throw .system(error)
        }
        try syncFolder(of: path)
    }

    /// Puts a file with new contents in the place of an old one, or makes it: after a crash at any
    /// moment the name holds all of the old contents or all of the new.
    package static func replace(_ path: String, with bytes: RawSpan) throws(UnsafeFile) {
        let temporary = path + ".new"
        // Left by a crash; nobody else can have made it in a folder that is ours alone.
        _ = unsafe unlink(temporary)
        let file = try create(temporary)
        do {
            try file.writeAll(bytes)
            // Before the rename, or a crash could leave the name with an empty file.
            try file.sync()
        } catch {
            _ = unsafe unlink(temporary)
            throw .system(error)
        }
        if unsafe rename(temporary, path) != 0 {
            let code = errno
            _ = unsafe unlink(temporary)
            throw .system(SystemError(.rename, code: code))
        }
        try syncFolder(of: path)
    }

    /// Gives a file another name and waits until that is on the disk. For a folder that nobody else
    /// changes meanwhile.
    ///
    /// - Throws: `UnsafeFile.exists` when the name is taken.
    package static func move(_ path: String, toNew name: String) throws(UnsafeFile) {
        if try exists(name) { throw .exists }
        if unsafe rename(path, name) != 0 {
            let code = errno
            throw .system(SystemError(.rename, code: code))
        }
        try syncFolder(of: name)
    }

    /// Removes a file and waits until that is on the disk; one that is missing is no error.
    package static func remove(_ path: String) throws(UnsafeFile) {
        if unsafe unlink(path) != 0 {
            let code = errno
            if code == ENOENT { return }
            throw .system(SystemError(.unlink, code: code))
        }
        try syncFolder(of: path)
    }

    /// The names of everything directly in a folder.
    ///
    /// - Throws: `UnsafeFile.missing`, `.system`.
    package static func names(in folder: String) throws(UnsafeFile) -> [String] {
        guard let stream = unsafe opendir(folder) else {
            let code = errno
            throw code == ENOENT ? .missing : .system(SystemError(.open, code: code))
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe String(
                    cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// The size of a plain file of this user that nobody else can open.
    ///
    /// - Throws: what `checkFile` throws.
    package static func byteCount(of path: String) throws(UnsafeFile) -> Int64 {
        let status = try status(of: path)
        try check(status, S_IFREG)
        return Int64(status.st_size)
    }

    /// Waits until names made or changed in the folder that holds `path` are on the disk.
    package static func syncFolder(of path: String) throws(UnsafeFile) {
        var parent = "."
        if let slash = path.lastIndex(of: "/") {
            parent = slash == path.startIndex ? "/" : String(path[..<slash])
        }
        let fd = unsafe open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        let code = errno
        if fd < 0 { throw .system(SystemError(.open, code: code)) }
        let folder = Descriptor(owning: fd)
        do {
            try folder.sync()
        } catch {
            throw .system(error)
        }
    }

    private static func status(of path: String) throws(UnsafeFile) -> stat {
        var status = stat()
        if unsafe lstat(path, &status) != 0 {
            let code = errno
            if code == ENOENT || code == ENOTDIR { throw .missing }
            throw .system(SystemError(.lstat, code: code))
        }
        return status
    }

    static func check(_ status: stat, _ kind: mode_t) throws(UnsafeFile) {
        if status.st_mode & S_IFMT == S_IFLNK { throw .symbolicLink }
        if status.st_mode & S_IFMT != kind { throw .wrongKind }
        if status.st_uid != geteuid() { throw .foreignOwner(userID: status.st_uid) }
        if status.st_mode & 0o077 != 0 { throw .openToOthers(mode: status.st_mode & 0o7777) }
    }
}
