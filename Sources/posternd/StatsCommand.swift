import Mailbox
import Platform

extension Command {
    static let stats = Command(
        name: "stats", summary: "count what the server holds",
        text: """
            Counts mailboxes, envelopes, blobs, handles and prekeys, and says how large the store
            is. It only reads, so it works beside a running server and on a stopped one. Sizes are
            in bytes.
            """,
        options: folderOptions + [
            Arguments.Option("json", help: "print one JSON object on one line")
        ],
        examples: [
            "posternd stats --data /srv/postern",
            "posternd stats --data /srv/postern --json",
        ],
        run: { @Sendable arguments throws(CommandFailure) in
            let folder = try Folder.toRead(arguments)
            let statistics: StoreStatistics
            do throws(StorageFailure) {
                statistics = try StoreStatistics(folder)
            } catch {
                throw CommandFailure(error, folder: folder.path)
            }
            let numbers = numbers(statistics)
            if arguments.has("json") {
                var line = JSONLine("stats")
                for (name, _, value) in numbers { line.add(name, value) }
                return try Console.print(line.line)
            }
            for (_, label, value) in numbers {
                try Console.print(Console.columns([(label, 34)]) + "\(value)")
            }
        })

    /// Names for scripts, words for people, values.
    private static func numbers(
        _ statistics: StoreStatistics
    ) -> [(StaticString, String, Int64)] {
        let counts = statistics.counts
        var numbers: [(StaticString, String, Int64)] = [
            ("chatMailboxes", "chat mailboxes", counts.chatMailboxes),
            ("contactMailboxes", "contact mailboxes", counts.contactMailboxes),
            ("envelopes", "envelopes that wait", counts.envelopes),
            ("envelopeBytes", "bytes of these", statistics.envelopeByteCount),
            ("blobs", "blobs (invites)", counts.blobs),
            ("blobBytes", "bytes of these", statistics.blobByteCount),
            ("handles", "handles", statistics.handles),
            ("devices", "devices with prekeys", statistics.devices),
            ("oneTimePreKeys", "one-time prekeys left", statistics.oneTimePreKeys),
            ("oneTimeKEMPreKeys", "one-time KEM prekeys left", statistics.oneTimeKEMPreKeys),
            ("restingHandles", "handles given up, not free yet", statistics.restingHandles),
            ("fileBytes", "bytes of the store's file", statistics.fileByteCount),
        ]
        if let free = statistics.freeByteCount {
            numbers.append(("freeBytes", "bytes free on its disk", free))
        }
        return numbers
    }
}
