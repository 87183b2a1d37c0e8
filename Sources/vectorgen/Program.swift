/// Makes test material: recorded chats for an independent reader, and one side of a live chat with
/// it.
@main
enum Program {
    static func main() throws {
        let words = CommandLine.arguments.dropFirst()
        switch words.first {
        case "transcripts": try printTranscripts(seeds: words.dropFirst().first.flatMap(Int.init))
        case "peer": LivePeer(seed: words.dropFirst().first.flatMap(UInt64.init) ?? 1).run()
        default: print("usage: vectorgen transcripts [SEEDS] | peer [SEED]")
        }
    }

    /// One JSON object a line.
    private static func printTranscripts(seeds: Int?) throws {
        for seed in 1...UInt64(max(1, seeds ?? 3)) {
            for kind in Transcript.Kind.all {
                print(try Transcript(kind, seed: seed).run(stepCount: 80).text)
            }
        }
    }
}
