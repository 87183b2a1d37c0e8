import Mailbox
import Platform

extension Command {
    static let initialise = Command(
        name: "init", summary: "make a server's folder with its keys and an empty store",
        text: """
            Makes the folder, the server's two keys and an empty store, and prints the address that
            clients need. The keys are in DIR/server.keys; whoever holds them is this server, so
            keep a copy in a safe place. `run` does the same by itself when there is no server yet.
            """,
        options: folderOptions + [
            Arguments.Option(
                "host", value: "HOST[:PORT]",
                help: "where clients will find the server; stands in its address")
        ],
        examples: [
            "posternd init --data /srv/postern --host chat.example.org",
            "posternd init --data ~/postern --host 127.0.0.1:8437",
        ],
        run: { @Sendable arguments throws(CommandFailure) in
            let path = try arguments.folder
            let host = try Folder.host(arguments)
            let made = try Folder.makeForUser(path, arguments)
            try Privilege.settle(arguments, givingFolder: made ? path : nil)
            let folder = DataFolder(path)
            try Folder.attempt(folder) { (folder) throws(DataFolder.Failure) in
                try folder.make()
                // Said first: a server that is there may be running, and hold the lock.
                if try folder.holdsServer() { throw .exists }
            }
            let lock = try Folder.lock(folder)
            let keys = try Folder.attempt(folder) { (folder) throws(DataFolder.Failure) in
                try folder.create(host: host)
            }
            try Folder.makeStore(folder)
            _ = consume lock
            try Console.print("made a server in \(path)")
            try Folder.printAddress(
                try Folder.address(keys.addressMaker, host ?? DataFolder.defaultHost, path))
        })
}
