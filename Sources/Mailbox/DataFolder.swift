package import Platform
package import Primitives
import Wire

/// A server's folder: its keys, its store and its lock.
///
/// | file | what |
/// |---|---|
/// | `lock` | held by the one process that may write here |
/// | `server.keys` | see `ServerKeys` |
/// | `server.host` | the `host[:port]` under which clients find the server, one line; may be missing |
/// | `store.sqlite` and its `-wal`, `-shm` | the store |
package struct DataFolder: Sendable {
    /// Why a folder could not be used.
    package enum Failure: Error, Equatable, Sendable {
        /// There is no folder, or no keys in it.
        case missing
        /// It holds a server already.
        case exists
        /// The folder or the named file is not private, or cannot be used.
        case unusable(file: String, UnsafeFile)
        /// The key file is damaged or of a newer version.
        case keys(ServerKeys.Failure)
        /// Another process holds it.
        case inUse
        /// The host file does not hold a host.
        case host
    }

    /// Its path.
    package let path: String

    /// Names a folder; nothing is opened.
    package init(_ path: String) {
        var path = path
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    /// Where the lock lies.
    package var lockPath: String { path + "/lock" }
    /// Where the server's keys lie.
    package var keysPath: String { path + "/server.keys" }
    /// Where the host of its address stands, if the operator named one.
    package var hostPath: String { path + "/server.host" }
    /// Where the store lies.
    package var storePath: String { path + "/store.sqlite" }

    /// Every file that may be here, and what it is: the list of the zero-knowledge check.
    static let files = [
        "lock": "empty; held by the process that serves",
        "server.keys": "the server's own two private keys; they open nothing people write",
        "server.host": "the host name in the server's address",
        "server.host.new": "the same, half written when the machine stopped; may be removed",
        "store.sqlite": "the tables above",
        "store.sqlite-wal": "what was written to them last",
        "store.sqlite-shm": "an index of the file before this; empty of content",
    ]

    /// Whether the folder holds a server.
    package func holdsServer() throws(Failure) -> Bool {
        do throws(UnsafeFile) {
            return try SafeFile.exists(keysPath)
        } catch {
            throw .unusable(file: "server.keys", error)
        }
    }

    /// Makes the folder if there is none, and checks that only this user can enter it.
    package func make() throws(Failure) {
        do throws(UnsafeFile) {
            if try !SafeFile.exists(path) { try SafeFile.makeFolder(path) }
            try SafeFile.checkFolder(path)
        } catch {
            throw .unusable(file: "", error)
        }
    }

    /// Makes the folder if there is none, and keys in it. Where another process may do so too,
    /// the caller holds the lock.
    ///
    /// - Parameter host: `host[:port]` under which clients find the server; nil when it is not
    ///   known yet.
    /// - Throws: `exists` when there are keys already.
    package func create(
        host: String?, random: inout some RandomSource
    ) throws(Failure) -> ServerKeys {
        try make()
        if try holdsServer() { throw .exists }
        if let host {
            do throws(UnsafeFile) {
                try SafeFile.replace(hostPath, with: Array((host + "\n").utf8).raw)
            } catch {
                throw .unusable(file: "server.host", error)
            }
        }
        // Last, since it is what makes the folder a server's.
        let keys = ServerKeys.generate(from: &random)
        do throws(ServerKeys.Failure) {
            try keys.write(to: keysPath)
        } catch {
            throw .keys(error)
        }
        return keys
    }

    /// Checks the folder and reads its keys.
    package func readKeys() throws(Failure) -> ServerKeys {
        do throws(UnsafeFile) {
            try SafeFile.checkFolder(path)
        } catch .missing {
            throw .missing
        } catch {
            throw .unusable(file: "", error)
        }
        guard try holdsServer() else { throw .missing }
        do throws(ServerKeys.Failure) {
            return try ServerKeys(readingFrom: keysPath)
        } catch .file(let error) {
            throw .unusable(file: "server.keys", error)
        } catch {
            throw .keys(error)
        }
    }

    /// Checks that the folder holds a store and is private; the store is not opened.
    ///
    /// - Throws: `missing` when there is none.
    package func checkStore() throws(Failure) {
        do throws(UnsafeFile) {
            try SafeFile.checkFolder(path)
        } catch .missing {
            throw .missing
        } catch {
            throw .unusable(file: "", error)
        }
        do throws(UnsafeFile) {
            try SafeFile.checkFile(storePath)
        } catch .missing {
            throw .missing
        } catch {
            throw .unusable(file: "store.sqlite", error)
        }
    }

    /// The `host[:port]` that was given when the server was made; nil when there was none.
    package func readHost() throws(Failure) -> String? {
        let bytes: [UInt8]
        do throws(UnsafeFile) {
            bytes = try SafeFile.read(hostPath, byteCountMax: 128)
        } catch .missing {
            return nil
        } catch {
            throw .unusable(file: "server.host", error)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasSuffix("\n"), text.utf8.count > 1 else { throw .host }
        return String(text.dropLast())
    }

    /// Takes the folder for this process. J9
    package func lock() throws(Failure) -> LockFile {
        do throws(UnsafeFile) {
            return try LockFile(lockPath)
        } catch .exists {
            throw .inUse
        } catch {
            throw .unusable(file: "lock", error)
        }
    }
}
