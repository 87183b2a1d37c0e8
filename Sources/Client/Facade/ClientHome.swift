internal import Glibc
internal import Platform
internal import Primitives

/// Where a vault lies: one folder, mode 0700, with the vault, its lock and, for a vault without
/// passphrase, its key.
public struct ClientHome: Sendable, Equatable {
    /// Path of the folder.
    public let path: String

    /// A home in this folder, which need not exist.
    public init(path: String) { self.path = path }

    /// The home a command uses: `--home`, else `POSTERN_HOME`, else `$XDG_DATA_HOME/postern`, else
    /// `$HOME/.local/share/postern`; nil when none of them is set. Empty values count as not set.
    public static func choose(option: String?, environment: [String: String]) -> ClientHome? {
        func set(_ value: String?) -> String? { value?.isEmpty == false ? value : nil }
        if let path = set(option) ?? set(environment["POSTERN_HOME"]) {
            return ClientHome(path: path)
        }
        if let data = set(environment["XDG_DATA_HOME"]) {
            return ClientHome(path: data + "/postern")
        }
        return set(environment["HOME"]).map { ClientHome(path: $0 + "/.local/share/postern") }
    }

    var vaultPath: String { path + "/vault.db" }
    var keyPath: String { path + "/vault.key" }
    /// Names of a vault and its key while they are being made.
    var newVaultPath: String { vaultPath + ".new" }
    var newKeyPath: String { keyPath + ".new" }
    var lockPath: String { path + "/lock" }

    /// True when a vault lies here. Refuses a home that others can enter. CL-24
    func hasVault() throws(ClientError) -> Bool {
        do throws(UnsafeFile) {
            try SafeFile.checkFolder(path)
            guard try SafeFile.exists(vaultPath) else { return false }
        } catch .missing {
            return false
        } catch {
            throw ClientError(error, in: .home)
        }
        do throws(UnsafeFile) {
            try SafeFile.checkFile(vaultPath)
        } catch {
            throw ClientError(error, in: .vault)
        }
        return true
    }

    /// Makes the folder and those above it that are missing, each 0700.
    func makeFolder() throws(ClientError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            do throws(UnsafeFile) {
                if try !SafeFile.exists(made) { try SafeFile.makeFolder(made) }
            } catch .exists {
                continue
            } catch .system(let error) {
                throw .cannotCreateHome(errorNumber: error.code)
            } catch {
                throw .cannotCreateHome(errorNumber: 0)
            }
        }
        do throws(UnsafeFile) {
            try SafeFile.checkFolder(path)
        } catch {
            throw ClientError(error, in: .home)
        }
    }

    /// Holds the home for one writer, after waiting so long for another one to end. CL-25
    func lock(patienceMilliseconds: UInt64, clock: some Clock) throws(ClientError) -> LockFile {
        let start = clock.monotonicMilliseconds
        while true {
            do throws(ClientError) {
                return try lock()
            } catch {
                let waited = UInt64(clamping: clock.monotonicMilliseconds - start)
                guard error == .vaultInUse, waited < patienceMilliseconds else { throw error }
            }
            // The kernel's own wait for a lock has no limit of time.
            usleep(20_000)
        }
    }

    /// Holds the home for one writer. CL-25
    func lock() throws(ClientError) -> LockFile {
        do throws(UnsafeFile) {
            return try LockFile(lockPath)
        } catch .exists {
            throw .vaultInUse
        } catch {
            throw ClientError(error, in: .vault)
        }
    }
}

extension ClientError {
    /// What a file that may not be trusted means to the user.
    init(_ error: UnsafeFile, in thing: UnsafeThing) {
        switch error {
        case .missing: self = .noVault
        case .openToOthers(let mode): self = .unsafeMode(thing, mode: mode)
        case .symbolicLink, .wrongKind, .foreignOwner: self = .unsafeOwnerOrKind(thing)
        case .tooLarge: self = .vaultForeign
        case .exists: self = .vaultExists
        case .system(let error): self = ClientError(error)
        }
    }

    /// A failed system call on a file.
    init(_ error: SystemError) {
        self = error.isDiskFull ? .diskFull : .diskFailed(errorNumber: error.code)
    }
}

// MARK: The vault in a home

extension ClientHome {
    /// Makes the vault with its first contents, and the key file when there is no passphrase. CL-24
    ///
    /// All is made under other names: a vault has its own name only when it is whole, so that a
    /// program that ends in the middle leaves nothing behind that the next one refuses. CL-44
    ///
    /// - Parameter writes: the first contents, wiped afterwards.
    func makeVault(
        passphrase: consuming Passphrase?, wiping writes: inout [VaultWrite]
    ) throws(ClientError) -> SQLiteVault {
        try removeUnfinished()
        if let passphrase {
            return try makeVault(under: passphrase.secret, parameters: .interactive, &writes)
        }
        var random = SystemRandom()
        let key = SecretBytes(byteCount: 32, home: .guarded, from: &random)
        var bytes = key.exposeForStorage()
        defer { bytes.wipeBytes() }
        do throws(UnsafeFile) {
            // The key of a vault that is elsewhere for now is not written over.
            guard try !SafeFile.exists(keyPath) else { throw .exists }
            try SafeFile.write(bytes.raw, toNew: newKeyPath)
        } catch {
            throw ClientError(error, in: .key)
        }
        return try makeVault(under: key, parameters: nil, &writes)
    }

    private func makeVault(
        under password: borrowing SecretBytes, parameters: Argon2id.Parameters?,
        _ writes: inout [VaultWrite]
    ) throws(ClientError) -> SQLiteVault {
        do throws(UnsafeFile) {
            // Made here, so that it has its mode before anything is in it.
            _ = try SafeFile.create(newVaultPath)
        } catch {
            throw ClientError(error, in: .vault)
        }
        try fillVault(under: password, parameters: parameters, &writes)
        do throws(UnsafeFile) {
            // What a log still held would be lost with the name.
            guard try !SafeFile.exists(newVaultPath + "-wal") else { throw .wrongKind }
            if parameters == nil { try SafeFile.move(newKeyPath, toNew: keyPath) }
            try SafeFile.move(newVaultPath, toNew: vaultPath)
        } catch {
            throw ClientError(error, in: .vault)
        }
        return try SQLiteVault.open(
            path: vaultPath, access: .write, password: password, random: SystemRandom())
    }

    /// A function of its own, so that the file is closed at its end, and its log with it.
    private func fillVault(
        under password: borrowing SecretBytes, parameters: Argon2id.Parameters?,
        _ writes: inout [VaultWrite]
    ) throws(ClientError) {
        let vault = try SQLiteVault.create(
            path: newVaultPath, password: password, parameters: parameters,
            random: SystemRandom())
        try vault.commit(wiping: &writes)
        vault.compact()
    }

    /// Removes what a program that ended in the middle has left. To be called under the lock.
    private func removeUnfinished() throws(ClientError) {
        do throws(UnsafeFile) {
            // Its key may have its own name already; one that fits nothing here is left alone.
            if isKeyFile(of: newVaultPath) { try SafeFile.remove(keyPath) }
            for ending in ["-wal", "-shm", "-journal", ""] {
                try SafeFile.remove(newVaultPath + ending)
            }
            try SafeFile.remove(newKeyPath)
        } catch {
            throw ClientError(error, in: .vault)
        }
    }

    /// True when the key file opens the vault of this name.
    private func isKeyFile(of path: String) -> Bool {
        guard var bytes = try? SafeFile.read(keyPath, byteCountMax: 32) else { return false }
        defer { bytes.wipeBytes() }
        let key = SecretBytes(copying: bytes.raw, home: .guarded)
        guard let header = try? SQLiteVault.header(path: path),
            header.source == .keyFile
        else { return false }
        do throws(ClientError) {
            _ = try header.unwrap(with: key)
            return true
        } catch {
            return false
        }
    }

    /// Opens the vault with the passphrase, or with the key file if it has none.
    func openVault(
        _ access: VaultAccess, passphrase: consuming Passphrase?
    ) throws(ClientError) -> SQLiteVault {
        switch try SQLiteVault.header(path: vaultPath).source {
        case .passphrase:
            guard let passphrase else { throw .passphraseNeeded }
            return try SQLiteVault.open(
                path: vaultPath, access: access, password: passphrase.secret,
                random: SystemRandom())
        case .keyFile:
            var bytes: [UInt8]
            do throws(UnsafeFile) {
                bytes = try SafeFile.read(keyPath, byteCountMax: 32)
            } catch {
                throw ClientError(error, in: .key)
            }
            defer { bytes.wipeBytes() }
            let key = SecretBytes(copying: bytes.raw, home: .guarded)
            do throws(ClientError) {
                return try SQLiteVault.open(
                    path: vaultPath, access: access, password: key, random: SystemRandom())
            } catch {
                // Nobody typed anything: a key that does not fit is damage.
                throw error == .passphraseWrong ? .vaultCorrupt : error
            }
        }
    }

    /// Takes back what `makeVault` made, when it or what follows has failed.
    func removeVault() {
        if isKeyFile(of: vaultPath) { try? SafeFile.remove(keyPath) }
        for path in [vaultPath, vaultPath + "-wal", vaultPath + "-shm"] {
            // What is not there cannot be removed; what cannot be removed is refused later.
            try? SafeFile.remove(path)
        }
        try? removeUnfinished()
    }
}
