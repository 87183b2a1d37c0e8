import Mailbox
import Platform

extension CommandFailure {
    /// What is wrong with a folder, and what to do.
    init(_ failure: DataFolder.Failure, folder: String) {
        switch failure {
        case .missing:
            self.init(
                .noInput,
                "there is no server in \(folder); `posternd init --data \(folder)` makes one")
        case .exists:
            self.init(.cannotCreate, "there is a server in \(folder) already")
        case .inUse:
            self.init(
                .cannotCreate, "another posternd works in \(folder); one folder serves one process")
        case .host:
            self.init(.configuration, "\(folder)/server.host does not hold one line `host[:port]`")
        case .unusable(let file, let error):
            self.init(error, path: file.isEmpty ? folder : "\(folder)/\(file)")
        case .keys(let error):
            switch error {
            case .file(let error): self.init(error, path: "\(folder)/server.keys")
            case .damaged:
                self.init(
                    .configuration,
                    "\(folder)/server.keys is damaged or no key file; restore it from a backup, for"
                        + " without it clients do not know this server")
            case .newerFormat(let format):
                self.init(
                    .configuration,
                    "\(folder)/server.keys has format \(format), which a newer posternd wrote")
            }
        }
    }

    /// What is wrong with a file or folder.
    init(_ error: UnsafeFile, path: String) {
        switch error {
        case .missing: self.init(.noInput, "there is no \(path)")
        case .exists: self.init(.cannotCreate, "\(path) exists already")
        case .symbolicLink:
            self.init(.configuration, "\(path) is a symbolic link, which is not followed")
        case .wrongKind:
            self.init(.configuration, "\(path) is not the kind of file it should be")
        case .foreignOwner(let userID):
            self.init(
                .configuration,
                "\(path) belongs to user \(userID) and not to user \(Privileges.userID), who"
                    + " started this")
        case .openToOthers(let mode):
            self.init(
                .configuration,
                "\(path) is open to others (mode \(String(mode, radix: 8))); `chmod go= \(path)`"
                    + " closes it")
        case .tooLarge:
            self.init(.configuration, "\(path) is larger than such a file can be")
        case .system(let error):
            self.init(
                error.isDiskFull ? .disk : error.code == 13 ? .permission : .cannotCreate,
                "\(path): \(error)")
        }
    }

    /// Why the store is not to be had.
    init(_ failure: StorageFailure, folder: String) {
        let store = "\(folder)/store.sqlite"
        switch failure {
        case .corrupt:
            self.init(
                .disk,
                "\(store) is damaged and is left as it is; restore it from a backup, or move it"
                    + " away to begin anew without what it holds")
        case .newerVersion:
            self.init(.configuration, "\(store) was written by a newer posternd")
        case .olderVersion:
            self.init(
                .configuration,
                "\(store) was written by an earlier posternd; posternd run brings it to this version"
            )
        case .inUse:
            self.init(.cannotCreate, "another process has \(store) open for writing")
        case .full:
            self.init(.disk, "the disk that holds \(store) is full")
        case .io(let code):
            self.init(
                .disk,
                "the disk under \(store) failed (SQLite code \(code)); what was not acknowledged"
                    + " is to be taken as not stored")
        }
    }
}
