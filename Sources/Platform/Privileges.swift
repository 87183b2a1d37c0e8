import CLinux
import Glibc

/// What this process is allowed to do, and how it gives that up.
package enum Privileges {
    /// Why the process could not become another user.
    package enum DropError: Error, Equatable, Sendable {
        /// There is no user of this name.
        case unknownUser
        /// The named user is root itself.
        case isRoot
        /// The system refused.
        case system(SystemError)
        /// Everything was answered with success, and still there is a way back to root.
        case notFinal
    }

    /// Whether the effective or the real user is root.
    package static var isRoot: Bool { geteuid() == 0 || getuid() == 0 }

    /// The effective user's number.
    package static var userID: UInt32 { geteuid() }

    /// Becomes the user `name` and its main group for ever, with no other groups.
    ///
    /// Call it before any thread starts and before anything listens (O7). Groups go first: a
    /// process that is not root any more could not drop them.
    package static func drop(to name: String) throws(DropError) {
        let (user, group) = try look(up: name)
        if user == 0 || group == 0 { throw .isRoot }
        try step(.setgroups, cl_drop_supplementary_groups())
        try step(.setgid, cl_set_all_group_ids(group))
        try step(.setuid, cl_set_all_user_ids(user))
        // Success is not believed: each way back is tried.
        let back =
            setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setegid(0) == 0
            || getuid() != user || geteuid() != user || getgid() != group || getegid() != group
        if back { throw .notFinal }
    }

    /// Whether this process may become the user `name`, as far as the list of users tells.
    ///
    /// - Throws: `unknownUser`, `isRoot` or `system`.
    package static func check(user name: String) throws(DropError) {
        if try look(up: name).0 == 0 { throw .isRoot }
    }

    /// Gives a folder and all files directly in it to the user `name`, before `drop`.
    ///
    /// Links are not followed.
    package static func give(folder path: String, to name: String) throws(DropError) {
        let (user, group) = try look(up: name)
        try step(.chmod, unsafe lchown(path, user, group))
        let names: [String]
        do throws(UnsafeFile) {
            names = try SafeFile.names(in: path)
        } catch .system(let error) {
            throw .system(error)
        } catch {
            throw .system(SystemError(.open, code: ENOENT))
        }
        for name in names {
            try step(.chmod, unsafe lchown(path + "/" + name, user, group))
        }
    }

    /// Makes this process leave no memory behind: no core file, and no reading through /proc or
    /// ptrace by others of the same user (I7).
    package static func forbidDumps() throws(SystemError) {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = try uninterrupted(.setrlimit) { unsafe setrlimit(__rlimit_resource_t(4), &none) }
        _ = try uninterrupted(.prctl) { cl_set_dumpable(0) }
    }

    /// Whether core files or tracing could show this process's memory to others.
    package static var mayBeDumped: Bool { cl_is_dumpable() != 0 }

    /// Raises the limit on open descriptors to what the system allows, at most `wanted`, and
    /// returns the limit now in force.
    package static func raiseDescriptorLimit(to wanted: UInt64) -> UInt64 {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(7), &limit) == 0 else { return 0 }
        if UInt64(limit.rlim_cur) >= wanted { return UInt64(limit.rlim_cur) }
        let before = limit
        limit.rlim_cur = rlim_t(wanted)
        // Root, or a service with the right to, may raise the upper limit too.
        if wanted > UInt64(limit.rlim_max) { limit.rlim_max = rlim_t(wanted) }
        if unsafe setrlimit(__rlimit_resource_t(7), &limit) == 0 { return wanted }
        limit = before
        limit.rlim_cur = min(before.rlim_max, rlim_t(wanted))
        let result = unsafe setrlimit(__rlimit_resource_t(7), &limit)
        return UInt64(result == 0 ? limit.rlim_cur : before.rlim_cur)
    }

    private static func look(up name: String) throws(DropError) -> (uid_t, gid_t) {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        // Longer than any sane entry; a longer one is answered with ERANGE.
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: 65_536)
        defer { unsafe text.deallocate() }
        let code = unsafe getpwnam_r(name, &entry, text, 65_536, &found)
        if code != 0 { throw .system(SystemError(.getpwnam, code: code)) }
        if unsafe found == nil { throw .unknownUser }
        return unsafe (entry.pw_uid, entry.pw_gid)
    }

    private static func step(_ call: SystemError.Call, _ result: Int32) throws(DropError) {
        let code = errno
        if result != 0 { throw .system(SystemError(call, code: code)) }
    }
}
