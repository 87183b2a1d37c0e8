internal import Primitives

/// How large a backup is: one of a few sizes, so that who sees the file, and has perhaps written to
/// its owner, learns little from it (J8). Nothing is compressed.
///
/// - SPEC: §10.8, CL-66
package enum BackupSize {
    /// Plaintext bytes of a chunk.
    package static let chunkByteCount = 65_536
    /// Bytes of a chunk in the file.
    package static let sealedChunkByteCount = chunkByteCount + SecretStream.overheadByteCount
    /// The size of the contents, behind everything else.
    package static let countByteCount = 8
    /// The most that a backup holds: 16 GiB, far beyond any vault of messages. A larger one would
    /// keep whoever opens a forged file busy for minutes.
    package static let contentsByteCountMax: UInt64 = 1 << 34

    /// The number of chunks for so many bytes of contents: 2^k, or one, two or three quarters of it
    /// more, of at least 1 MiB.
    package static func chunkCount(contents: UInt64) -> Int {
        let needed = contents + UInt64(countByteCount)
        var quarter: UInt64 = 1 << 18
        while true {
            for quarters in 4...7 where quarter * UInt64(quarters) >= needed {
                return Int(quarter * UInt64(quarters) / UInt64(chunkByteCount))  // CL-66
            }
            quarter *= 2
        }
    }

    /// The number of chunks in a file, nil when no backup has this size.
    package static func chunkCount(file byteCount: Int64) -> Int? {
        let chunks = byteCount - Int64(BackupHeader.byteCount)
        let size = Int64(sealedChunkByteCount)
        guard chunks > 0, chunks.isMultiple(of: size) else { return nil }
        let count = Int(chunks / size)
        let plaintext = UInt64(count) * UInt64(chunkByteCount)
        guard plaintext <= 2 * contentsByteCountMax,
            chunkCount(contents: plaintext - UInt64(countByteCount)) == count
        else { return nil }
        return count
    }
}
