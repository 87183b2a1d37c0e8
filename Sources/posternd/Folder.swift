import Mailbox
import Platform

/// Steps that several commands share.
enum Folder {
    /// The host that was given, as an address spells it; nil when none was.
    static func host(_ arguments: Arguments) throws(CommandFailure) -> String? {
        guard let text = arguments.value("host") else { return nil }
        if let host = ServerKeys.canonicalHost(text) { return host }
        throw CommandFailure(
            .usage, "`\(text)` is no host: write chat.example.org, 192.0.2.1:8437 or [2001:db8::1]")
    }

    /// The server's address under a host.
    static func address(
        _ maker: (String) -> String?, _ host: String, _ path: String
    ) throws(CommandFailure) -> String {
        if let address = maker(host) { return address }
        throw CommandFailure(.configuration, "\(path)/server.host does not hold a host")
    }

    /// Makes the folder while the process is still root, so that it can be given to the user it is
    /// about to become.
    ///
    /// - Returns: whether it was made now.
    static func makeForUser(
        _ path: String, _ arguments: Arguments
    ) throws(CommandFailure) -> Bool {
        guard Privileges.isRoot, let user = arguments.value("user") else { return false }
        // A folder of root's would be in the way of the right name.
        try Privilege.check(user: user)
        do throws(UnsafeFile) {
            if try SafeFile.exists(path) { return false }
            try SafeFile.makeFolder(path)
            return true
        } catch {
            throw CommandFailure(error, path: path)
        }
    }

    /// Does something with a folder and turns what goes wrong into a sentence.
    static func attempt<Result: ~Copyable>(
        _ folder: DataFolder, _ body: (DataFolder) throws(DataFolder.Failure) -> Result
    ) throws(CommandFailure) -> Result {
        do throws(DataFolder.Failure) {
            return try body(folder)
        } catch {
            throw CommandFailure(error, folder: folder.path)
        }
    }

    /// Takes the folder for this process, before its keys are looked at: of two that begin at once
    /// one makes them.
    static func lock(_ folder: DataFolder) throws(CommandFailure) -> LockFile {
        try attempt(folder) { (folder) throws(DataFolder.Failure) in try folder.lock() }
    }

    /// The folder of a command that only reads, with a server in it.
    static func toRead(_ arguments: Arguments) throws(CommandFailure) -> DataFolder {
        let folder = DataFolder(try arguments.folder)
        // Reading makes SQLite's helper files where there are none: they must be the server's.
        try Privilege.settle(arguments)
        try attempt(folder) { (folder) throws(DataFolder.Failure) in try folder.checkStore() }
        return folder
    }

    /// Prints the address and the command a client begins with.
    static func printAddress(_ address: String) throws(CommandFailure) {
        try Console.print("address: \(address)")
        try Console.print("clients begin with: postern init \(address)")
    }

    /// Makes the store, or finds that it is sound.
    static func makeStore(_ folder: DataFolder) throws(CommandFailure) {
        do throws(StorageFailure) {
            try ServerStorage.make(in: folder)
        } catch {
            throw CommandFailure(error, folder: folder.path)
        }
    }
}
