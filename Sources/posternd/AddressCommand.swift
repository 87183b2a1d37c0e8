import Mailbox
import Platform

extension Command {
    static let address = Command(
        name: "address", summary: "print the server's address",
        text: """
            Prints the address of the server in the folder, alone on a line. It holds the server's
            public key, so a client that has it from you cannot be led to another server.
            """,
        options: folderOptions + [
            Arguments.Option(
                "host", value: "HOST[:PORT]",
                help: "put this host into it instead of the one given to `init`")
        ],
        examples: [
            "posternd address --data /srv/postern",
            "posternd address --data /srv/postern --host chat.example.org",
        ],
        run: { @Sendable arguments throws(CommandFailure) in
            let path = try arguments.folder
            if Privileges.isRoot, arguments.value("user") != nil {
                try Privilege.settle(arguments)
            }
            let given = try Folder.host(arguments)
            let folder = DataFolder(path)
            let keys = try Folder.attempt(folder) { (folder) throws(DataFolder.Failure) in
                try folder.readKeys()
            }
            let host = try Folder.attempt(folder) { (folder) throws(DataFolder.Failure) in
                try folder.readHost()
            }
            if given == nil, host == nil {
                Console.say(
                    "no host was named when this server was made: this is its address on this"
                        + " machine and the usual port; --host HOST[:PORT] puts another into it")
            }
            try Console.print(
                try Folder.address(
                    keys.addressMaker, given ?? host ?? DataFolder.defaultHost, path))
        })
}
