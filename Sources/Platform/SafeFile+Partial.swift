internal import CLinux
import Glibc

// Files in the making: written under a name of their own, and given the name they are meant for
// once they are whole.

extension SafeFile {
    /// Opens a file that an earlier run left unfinished, for reading and writing, and checks that it
    /// is a plain one of this user that nobody else can open, and known by this name alone.
    ///
    /// - Throws: `UnsafeFile.missing`, `.symbolicLink`, `.wrongKind`, `.foreignOwner`,
    ///   `.openToOthers`, `.system`.
    package static func openUnfinished(_ path: String) throws(UnsafeFile) -> Descriptor {
        let fd = unsafe open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        let code = errno
        if fd < 0 {
            switch code {
            case ENOENT: throw .missing
            case ELOOP: throw .symbolicLink
            default: throw .system(SystemError(.open, code: code))
            }
        }
        let descriptor = Descriptor(owning: fd)
        var status = stat()
        if unsafe fstat(fd, &status) != 0 {
            let code = errno
            throw .system(SystemError(.fstat, code: code))
        }
        try check(status, S_IFREG)
        // A second name could be somebody's way to a file that is not ours to write.
        guard status.st_nlink == 1 else { throw .wrongKind }
        return descriptor
    }

    /// Gives a file a name that nothing has, in one step, and waits until that is on the disk.
    ///
    /// - Throws: `UnsafeFile.exists` when the name is taken, in whatever moment; the file then keeps
    ///   its old name.
    package static func publish(_ path: String, as name: String) throws(UnsafeFile) {
        if unsafe cl_rename_to_new(path, name) != 0 {
            let code = errno
            switch code {
            case EEXIST: throw .exists
            case ENOENT: throw .missing
            case EINVAL, ENOSYS: try publishByLink(path, as: name)
            default: throw .system(SystemError(.rename, code: code))
            }
        }
        try syncFolder(of: name)
    }

    /// For file systems that cannot rename so: a second name, which is refused where there is one,
    /// and then the first one away.
    static func publishByLink(_ path: String, as name: String) throws(UnsafeFile) {
        if unsafe link(path, name) != 0 {
            let code = errno
            throw code == EEXIST ? .exists : .system(SystemError(.link, code: code))
        }
        if unsafe unlink(path) != 0 {
            let code = errno
            throw .system(SystemError(.unlink, code: code))
        }
    }
}

extension Descriptor {
    /// Takes the file for this process alone, as long as the descriptor is open.
    ///
    /// - Returns: false when another process has it.
    package func lockExclusively() throws(SystemError) -> Bool {
        do {
            _ = try uninterrupted(.flock) { flock(raw, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            return false
        }
    }

    /// Whether the file still has a name.
    package func hasName() throws(SystemError) -> Bool {
        var status = stat()
        _ = try uninterrupted(.fstat) { unsafe fstat(raw, &status) }
        return status.st_nlink > 0
    }

    /// The size of a file.
    package func fileByteCount() throws(SystemError) -> Int64 {
        var status = stat()
        _ = try uninterrupted(.fstat) { unsafe fstat(raw, &status) }
        return Int64(status.st_size)
    }

    /// Goes on at a place in the file.
    package func seek(to offset: Int64) throws(SystemError) {
        if Glibc.lseek(raw, off_t(offset), SEEK_SET) < 0 {
            let code = errno
            throw SystemError(.lseek, code: code)
        }
    }

    /// Cuts the file.
    package func truncateFile(to byteCount: Int64) throws(SystemError) {
        _ = try uninterrupted(.ftruncate) { Glibc.ftruncate(raw, off_t(byteCount)) }
    }

    /// Reads until `target` is full or the file ends.
    ///
    /// - Returns: how many bytes were read.
    package func readFully(into target: inout [UInt8]) throws(SystemError) -> Int {
        var done = 0
        let wanted = target.count
        while done < wanted {
            let result = unsafe target.withUnsafeMutableBytes { buffer in
                // Safe: so many bytes are left in the buffer.
                unsafe Glibc.read(
                    raw, buffer.baseAddress.map { unsafe $0 + done }, wanted - done)
            }
            let code = errno
            if result == 0 { break }
            if result > 0 {
                done += result
            } else if code != EINTR {
                throw SystemError(.read, code: code)
            }
        }
        return done
    }
}
