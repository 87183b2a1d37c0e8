import Mailbox
import Platform

extension Command {
    static let serve = Command(
        name: "run", summary: "run the server until a signal ends it",
        text: """
            Serves clients until SIGTERM or SIGINT, then answers what it has taken, tells every
            client, and ends with 0. Makes the folder when there is none. When it is ready it
            prints the address for clients and a last line

              ready LISTEN ADMIN

            with the addresses it listens on, the ports the system chose among them. Log lines go
            to standard error; they hold counts and codes and never say who or which mailbox.

            When the clock has run more than three days ahead, as after a long time switched off,
            the log says clock-jumped, and nothing more expires until the clock has come back or has
            run steadily for a week. Look at it; if it is right, start once with --clock-is-right.
            """,
        options: folderOptions + [
            Arguments.Option(
                "listen", value: "ADDRESS:PORT",
                help: "where clients connect (127.0.0.1:8437; port 0: any)"),
            Arguments.Option(
                "admin", value: "ADDRESS:PORT",
                help: "where GET /health is answered (127.0.0.1:8438); loopback only"),
            Arguments.Option("no-admin", help: "answer health nowhere"),
            Arguments.Option(
                "host", value: "HOST[:PORT]", help: "the host in the address, for a new folder"),
            Arguments.Option("loops", value: "N", help: "event loops, 1 to 64 (1)"),
            Arguments.Option(
                "connections", value: "N", help: "most connections at a time (what the system lets)"
            ),
            Arguments.Option(
                "connections-per-address", value: "N",
                help: "most from one client address; 0: no bound (an eighth of all, at least 16);"
                    + " those from this machine, as of a proxy on it, are not counted"),
            Arguments.Option(
                "disk-floor", value: "MIB",
                help: "stop storing when less is free on the disk (256)"),
            Arguments.Option(
                "clock-is-right",
                help: "begin to expire again at once after the log said clock-jumped"),
            Arguments.Option(
                "ready-fd", value: "N", help: "write the ready line to this descriptor as well"),
        ],
        examples: [
            "posternd run --data ~/postern",
            "posternd run --data /srv/postern --user postern --listen 0.0.0.0:8437 --host chat.example.org",
            "posternd run --data /tmp/try --listen 127.0.0.1:0 --admin 127.0.0.1:0",
        ],
        run: { @Sendable arguments throws(CommandFailure) in try RunCommand(arguments).run() })
}

/// What `posternd run` does, in order.
private struct RunCommand {
    let arguments: Arguments
    let path: String
    let listen: SocketAddress
    let admin: SocketAddress?
    let loopCount: Int
    let perAddress: Int?
    let floorMiB: Int
    let readyDescriptor: Int32?
    /// Goes into a folder that is made now.
    let newHost: String?

    init(_ arguments: Arguments) throws(CommandFailure) {
        self.arguments = arguments
        path = try arguments.folder
        listen = try Self.socketAddress(arguments, "listen", "127.0.0.1:8437")
        if arguments.has("no-admin") {
            admin = nil
        } else {
            let address = try Self.socketAddress(arguments, "admin", "127.0.0.1:8438")
            guard address.isLoopback else {
                // O1
                throw CommandFailure(
                    .configuration,
                    "--admin answers anybody who asks, so it listens on loopback only")
            }
            admin = address
        }
        loopCount = try arguments.number("loops", in: 1...64) ?? 1
        perAddress = try arguments.number("connections-per-address", in: 0...(1 << 20))
        floorMiB = try arguments.number("disk-floor", in: 0...(1 << 30)) ?? 256
        readyDescriptor = try arguments.number("ready-fd", in: 1...65_535).map { Int32($0) }
        newHost = try Folder.host(arguments)
    }

    func run() throws(CommandFailure) {
        // Before rights are given up, since root may raise the limit further than others.
        let descriptors = Int(Privileges.raiseDescriptorLimit(to: 1 << 20))
        let isMade = try Folder.makeForUser(path, arguments)
        try Privilege.settle(arguments, givingFolder: isMade ? path : nil)
        ServerVersions.log()
        let folder = DataFolder(path)
        try Folder.attempt(folder) { (folder) throws(DataFolder.Failure) in try folder.make() }
        let lock = try Folder.lock(folder)
        let keys = try open(folder)
        let host = try Folder.attempt(folder) { (folder) throws(DataFolder.Failure) in
            try folder.readHost()
        }
        let end = try serve(folder, keys, host, connectionsMax(descriptors))
        _ = consume lock
        try conclude(end)
    }

    private func serve(
        _ folder: DataFolder, _ keys: consuming ServerKeys, _ host: String?, _ connectionsMax: Int
    ) throws(CommandFailure) -> ServerEnd {
        let signals: SignalDescriptor
        do throws(SystemError) {
            signals = try SignalDescriptor([.terminate, .interrupt])
        } catch {
            throw CommandFailure(.software, "signals cannot be waited for: \(error)")
        }
        var configuration = ServerConfiguration(
            listen: listen, admin: admin, connectionsMax: connectionsMax)
        configuration.loopCount = loopCount
        if let perAddress { configuration.connectionsPerAddressMax = perAddress }
        configuration.diskFloorByteCount = Int64(floorMiB) << 20
        if !listen.isLoopback {
            ServerLog.write(.reachable)
            Console.say(
                "whoever reaches \(listen) can connect; the channel inside is encrypted and proves"
                    + " the server's key, so TLS in front is welcome and not needed")
        }
        let addressText = keys.addressMaker
        let server: Server
        do throws(Server.StartFailure) {
            server = try Server(
                configuration, keys: keys,
                storageThread: ServerStorage.thread(
                    in: folder, diskFloorByteCount: configuration.diskFloorByteCount,
                    believesClock: arguments.has("clock-is-right")))
        } catch {
            throw failure(error)
        }
        ServerLog.write(.listening(loops: loopCount, connectionsMax: connectionsMax))
        // Without a host of its own the server is found where it listens.
        let place = host ?? ServerKeys.canonicalHost(Self.place(server.listenAddress))
        if host == nil, listen.isUnspecified {
            Console.say(
                "no host was named when this server was made, so the address below is for this"
                    + " machine alone; `posternd address --host HOST[:PORT]` prints it for others")
        }
        try announce(
            server,
            try Folder.address(addressText, place ?? DataFolder.defaultHost, folder.path))
        return server.run(until: signals)
    }

    private static func place(_ address: SocketAddress) -> String {
        address.isUnspecified
            ? "\(DataFolder.defaultHost):\(address.port)" : address.description
    }

    private func announce(_ server: Server, _ address: String) throws(CommandFailure) {
        let adminText = server.adminAddress.map { " \($0)" } ?? ""
        let ready = "ready \(server.listenAddress)\(adminText)"
        try Folder.printAddress(address)
        try Console.print(ready)
        if let descriptor = readyDescriptor {
            _ = writeAll(Array((ready + "\n").utf8), to: descriptor)
        }
    }

    private func conclude(_ end: ServerEnd) throws(CommandFailure) {
        switch end {
        case .drained(let cutOff):
            ServerLog.write(.ended(cutOff: cutOff))
        case .storeFailed(let failure):
            throw CommandFailure(failure, folder: path)
        case .systemFailed(let error):
            ServerLog.write(.systemFailed(error))
            throw CommandFailure(.software, "the system refused what a server needs: \(error)")
        }
    }

    /// Reads the keys of a folder whose lock is held, or makes them when there are none.
    private func open(_ folder: DataFolder) throws(CommandFailure) -> ServerKeys {
        do throws(DataFolder.Failure) {
            return try folder.readKeys()
        } catch .missing {
            let keys = try Folder.attempt(folder) { (folder) throws(DataFolder.Failure) in
                try folder.create(host: newHost)
            }
            try Console.print("made a server in \(path)")
            return keys
        } catch {
            throw CommandFailure(error, folder: path)
        }
    }

    private func connectionsMax(_ descriptors: Int) throws(CommandFailure) -> Int {
        let room = max(1, descriptors - ServerConfiguration.descriptorReserve(loopCount: loopCount))
        guard let wanted = try arguments.number("connections", in: 1...(1 << 20)) else {
            return room
        }
        guard wanted <= room else {
            throw CommandFailure(
                .configuration,
                "\(wanted) connections need more open files than the system lets this process have"
                    + " (\(descriptors)); see LimitNOFILE or `ulimit -n`")
        }
        return wanted
    }

    private func failure(_ error: Server.StartFailure) -> CommandFailure {
        switch error {
        case .listen(let error):
            CommandFailure(
                .cannotCreate,
                "cannot listen on \(listen)\(admin.map { " and \($0)" } ?? ""): \(error)")
        case .system(let error): CommandFailure(.software, "the server cannot start: \(error)")
        case .store(let failure): CommandFailure(failure, folder: path)
        }
    }

    private static func socketAddress(
        _ arguments: Arguments, _ name: String, _ standard: String
    ) throws(CommandFailure) -> SocketAddress {
        let text = arguments.value(name) ?? standard
        guard let address = SocketAddress(numeric: text) else {
            throw CommandFailure(
                .usage, "--\(name) takes a number and a port, as 127.0.0.1:8437 or [::1]:8437")
        }
        return address
    }
}
