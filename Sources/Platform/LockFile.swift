import Glibc

/// Holds a folder for one process: a second one is refused (J9).
///
/// The lock is the kernel's and ends with the process however it ends; the file stays.
package struct LockFile: ~Copyable, Sendable {
    private let file: Descriptor

    /// Takes the lock on `path`, making the file if there is none.
    ///
    /// - Throws: `UnsafeFile.exists` when another process holds it, and what `openForReading`
    ///   throws when the file is not a private one of this user.
    package init(_ path: String) throws(UnsafeFile) {
        let opened: Descriptor
        do throws(UnsafeFile) {
            opened = try SafeFile.create(path)
        } catch .exists {
            opened = try SafeFile.openForReading(path)
        } catch {
            throw error
        }
        let fd = opened.raw
        do {
            _ = try uninterrupted(.flock) { flock(fd, LOCK_EX | LOCK_NB) }
        } catch {
            throw error.code == EWOULDBLOCK ? .exists : .system(error)
        }
        file = opened
    }
}
