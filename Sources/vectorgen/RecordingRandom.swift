import Primitives

/// A seeded source that remembers what it gave, so that an independent reader can make the same keys
/// and nonces. Only for transcripts of people who do not exist.
struct RecordingRandom: RandomSource {
    private var source: SeededRandom
    /// What was drawn since the last ``takeDraws()``, one entry a request.
    private var draws: [[UInt8]] = []

    init(seed: UInt64) { source = SeededRandom(seed) }

    mutating func fill(_ bytes: inout MutableRawSpan) {
        source.fill(&bytes)
        draws.append([UInt8](copying: bytes.bytes))
    }

    mutating func takeDraws() -> [[UInt8]] {
        let taken = draws
        draws = []
        return taken
    }
}
