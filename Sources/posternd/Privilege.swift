import Platform

/// Who a command works as.
enum Privilege {
    /// Refuses root, or becomes the user that was named (O7).
    ///
    /// - Parameter folder: given to that user first when it has just been made; nil for none.
    static func settle(
        _ arguments: Arguments, givingFolder folder: String? = nil
    ) throws(CommandFailure) {
        guard Privileges.isRoot else {
            if arguments.value("user") != nil {
                throw CommandFailure(.permission, "only root can become another user with --user")
            }
            return
        }
        guard let name = arguments.value("user") else {
            if arguments.has("allow-root") { return }
            throw CommandFailure(
                .permission,
                "a server has no business being root: name a user with --user NAME, or insist with"
                    + " --allow-root")
        }
        do throws(Privileges.DropError) {
            if let folder { try Privileges.give(folder: folder, to: name) }
            try Privileges.drop(to: name)
        } catch {
            throw CommandFailure(.permission, sentence(error, name))
        }
        // The kernel takes it back when a process becomes somebody else.
        try forbidDumps()
    }

    /// Finds out whether the user can be become, before anything is made for it.
    static func check(user name: String) throws(CommandFailure) {
        do throws(Privileges.DropError) {
            try Privileges.check(user: name)
        } catch {
            throw CommandFailure(.permission, sentence(error, name))
        }
    }

    /// Keeps this process's memory from others (I7).
    static func forbidDumps() throws(CommandFailure) {
        do throws(SystemError) {
            try Privileges.forbidDumps()
        } catch {
            throw CommandFailure(.permission, "memory dumps cannot be forbidden: \(error)")
        }
    }

    private static func sentence(_ error: Privileges.DropError, _ name: String) -> String {
        switch error {
        case .unknownUser: "there is no user `\(name)`"
        case .isRoot: "`\(name)` is root as well; name a user without rights"
        case .system(let error): "cannot become `\(name)`: \(error)"
        case .notFinal: "became `\(name)`, but could have come back; that is refused"
        }
    }
}
