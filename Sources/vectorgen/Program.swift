import Glibc
import VectorSuites

/// Makes test material: the vector files, recorded chats for an independent reader, and one side of
/// a live chat with it.
@main
enum Program {
    static func main() {
        let words = CommandLine.arguments.dropFirst()
        do {
            switch words.first {
            case "transcripts":
                try printTranscripts(seeds: words.dropFirst().first.flatMap(Int.init))
            case "kem": KEMPeer.run()
            case "kem-accumulated":
                print(KEMPeer.accumulated(count: words.dropFirst().first.flatMap(Int.init) ?? 100))
            case "peer": LivePeer(seed: words.dropFirst().first.flatMap(UInt64.init) ?? 1).run()
            case .some(let folder) where words.count == 1 && !folder.hasPrefix("-"):
                try writeVectors(to: folder)
            default:
                print(
                    """
                    usage: vectorgen FOLDER | transcripts [SEEDS] | peer [SEED] | kem \
                    | kem-accumulated [SEEDS]
                    """)
                exit(64)
            }
        } catch {
            print("vectorgen: \(error)")
            exit(70)
        }
    }

    /// Every file of Vectors, the same bytes at every run.
    private static func writeVectors(to folder: String) throws {
        for (name, file) in try VectorFiles.all() {
            let path = "\(folder)/\(name).json"
            guard let stream = unsafe fopen(path, "w") else {
                throw VectorWriter.Unexpected(text: path)
            }
            let bytes = Array(file.text.utf8)
            let count = unsafe fwrite(bytes, 1, bytes.count, stream)
            guard unsafe fclose(stream) == 0, count == bytes.count else {
                throw VectorWriter.Unexpected(text: path)
            }
        }
    }

    /// Recorded chats, one case a line.
    private static func printTranscripts(seeds: Int?) throws {
        for seed in 1...UInt64(max(1, seeds ?? 3)) {
            var file = try VectorWriter("ratchet")
            for chat in try SessionFiles.scripts(seed: seed) {
                var script = chat.script
                script.seal(0, script.text("hello"))
                // The second message first, so that the prefix is met again later.
                script.seal(0, script.text("hello again"))
                script.open(1, 1)
                script.open(1, 0)
                script.seal(1, script.text("hello yourself"))
                script.wander(80, fieldsMax: 15_900)
                try file.add(chat.name, "chat", script.input)
            }
            for line in file.text.split(separator: "\n").dropFirst().dropLast() {
                print(line.hasSuffix(",") ? line.dropLast() : line)
            }
        }
    }
}

/// The files and who makes them.
enum VectorFiles {
    static func all() throws -> [(name: String, file: VectorWriter)] {
        [
            ("handshake", try SessionFiles.handshake()), ("ratchet", try RatchetFiles.ratchet()),
            ("envelope", try SmallFiles.envelope()), ("ephemeral", try SessionFiles.ephemeral()),
            ("safety-number", try SmallFiles.safetyNumber()),
            ("directory", try DirectoryFiles.directory()), ("invite", try DirectoryFiles.invite()),
            ("mailbox", try SmallFiles.mailbox()), ("wire", try WireFiles.wire()),
            ("channel", try ChannelFile.channel()),
            ("attachment", try StoredFiles.attachment()), ("backup", try StoredFiles.backup()),
        ]
    }
}
