import Database
import KeyDirectory
import Platform
import Primitives

/// The store of a real server: SQLite in the server's folder.
package enum ServerStorage {
    /// Makes the store in a folder whose lock is held, or opens and checks the one that is there.
    ///
    /// - Throws: `StorageFailure`; nothing is mended.
    package static func make(in folder: DataFolder) throws(StorageFailure) {
        do throws(StoreError) {
            try open(folder).tidy()
        } catch {
            throw StorageFailure(error)
        }
    }

    private static func open(_ folder: DataFolder) throws(StoreError) -> StoreSQLite {
        // SQLite would make the file with the umask's mode, and would open one that is not ours.
        do throws(UnsafeFile) {
            if try !SafeFile.exists(folder.storePath) {
                _ = try SafeFile.create(folder.storePath)
                try SafeFile.syncFolder(of: folder.storePath)
            }
            try SafeFile.checkFile(folder.storePath)
        } catch {
            throw .cannotOpen(error.isDiskFull ? .diskFull : .cannotOpen(code: 0))
        }
        let store = try StoreSQLite(
            path: folder.storePath, wallSeconds: SystemClock().wallSeconds,
            withDirectory: true, random: SystemRandom())
        do throws(DatabaseError) {
            store.directory = try DirectoryAdapter(store.connection, random: SystemRandom())
        } catch {
            throw .cannotOpen(error)
        }
        return store
    }

    /// Opens the store for reading only, beside a server or without one.
    static func openForReading(_ folder: DataFolder) throws(StoreError) -> Connection {
        do throws(UnsafeFile) {
            try SafeFile.checkFile(folder.storePath)
        } catch {
            throw .cannotOpen(.cannotOpen(code: 0))
        }
        do throws(DatabaseError) {
            var options = Connection.Options()
            options.cache = .mib2
            let connection = try Connection(
                path: folder.storePath, access: .readOnly, options: options)
            try connection.migrate(
                StoreSchema.migrations(),
                applicationID: StoreSchema.applicationID)
            return connection
        } catch {
            throw .cannotOpen(error)
        }
    }

    /// What the storage thread runs: opens the store there, since it stays on one thread, and
    /// serves.
    ///
    /// - Parameters:
    ///   - believesClock: the operator says that the clock is right as it stands now. MB-29
    ///   - wrap: puts another store around the real one; for measuring and for showing that a fault
    ///     is found.
    package static func thread(
        in folder: DataFolder, diskFloorByteCount: Int64, believesClock: Bool = false,
        wrap: @escaping @Sendable (any Store) -> any Store = { $0 }
    ) -> @Sendable (StorageLinks) -> Void {
        { links in
            do throws(StoreError) {
                try serve(
                    wrap(try open(folder)), links,
                    DiskFloor(path: folder.path, byteCount: diskFloorByteCount), believesClock)
                links.closed()
            } catch {
                links.failed(StorageFailure(error))
            }
        }
    }

    /// The store goes with this call, so that its file is closed when it returns.
    private static func serve(
        _ store: consuming any Store, _ links: StorageLinks, _ disk: DiskFloor,
        _ believesClock: Bool
    ) throws(StoreError) {
        if believesClock { try store.believeClock(wallSeconds: SystemClock().wallSeconds) }
        links.opened()
        var thread = StorageThread(store: store, links: links, disk: disk)
        try thread.run()
    }
}
