package import Primitives

/// Opens the chunks of a backup in their order; the memory it needs does not depend on their number.
///
/// What a chunk holds is to be used only after all chunks were opened once (CL-65): whoever reads a
/// file opens it to its end first, and then again for what is in it.
///
/// - SPEC: §10.8, CL-64, CL-65, CL-66
package struct BackupOpener: ~Copyable {
    private var stream: SecretStreamPuller
    private let key: SecretBytes
    private let streamHeader: FixedBytes<24>
    private let chunkCount: Int
    private var index = 0
    // How much of what was opened so far, from its end, is zeros.
    private var zeroCount: UInt64 = 0
    /// Bytes of contents, known when all chunks were opened.
    package private(set) var byteCount: UInt64?

    /// Derives the key, which takes as long as the header says, and compares its commitment.
    ///
    /// - Throws: `wrongPassphrase`, `outOfMemory`.
    package init(
        _ header: BackupHeader, chunkCount: Int, passphrase: borrowing SecretBytes
    ) throws(BackupError) {
        let stream = try header.stream(passphrase: passphrase)
        self.stream = SecretStreamPuller(key: stream.key, header: stream.header)
        key = stream.key.duplicate()
        streamHeader = stream.header
        self.chunkCount = chunkCount
    }

    /// Begins with the first chunk again.
    package mutating func rewind() {
        stream = SecretStreamPuller(key: key, header: streamHeader)
        index = 0
    }

    /// Opens the next chunk.
    ///
    /// - Parameters:
    ///   - sealed: 65,553 bytes.
    ///   - chunk: 65,536 bytes.
    /// - Throws: `damaged`; nothing of the backup is to be used then.
    package mutating func open(
        _ sealed: RawSpan, into chunk: inout MutableRawSpan
    ) throws(BackupError) {
        guard index < chunkCount, sealed.byteCount == BackupSize.sealedChunkByteCount else {
            throw .damaged
        }
        let isLast = index + 1 == chunkCount
        let tag: SecretStreamTag
        do {
            tag = try stream.pull(sealed, into: &chunk)
        } catch {
            throw .damaged  // CL-65
        }
        // CL-65
        guard tag == (isLast ? .final : .message) else { throw .damaged }
        index += 1
        if isLast, byteCount == nil {
            byteCount = try checkEnd(chunk.bytes)
        } else if byteCount == nil {
            countZeros(chunk.bytes)
        }
    }

    private mutating func countZeros(_ chunk: RawSpan) {
        guard !ConstantTime.isZero(chunk) else {
            zeroCount += UInt64(chunk.byteCount)
            return
        }
        var zeros = 0
        while chunk.byte(at: chunk.byteCount - 1 - zeros) == 0 { zeros += 1 }
        zeroCount = UInt64(zeros)
    }

    /// The size of the contents stands last; between them and it are zeros, and no more of them than
    /// one of the sizes asks for. CL-66
    private mutating func checkEnd(_ chunk: RawSpan) throws(BackupError) -> UInt64 {
        let countStart = chunk.byteCount - BackupSize.countByteCount
        guard let count: UInt64 = chunk.bigEndian(at: countStart) else { throw .damaged }
        countZeros(chunk.extracting(0..<countStart))
        let room =
            UInt64(chunkCount) * UInt64(BackupSize.chunkByteCount)
            - UInt64(BackupSize.countByteCount)
        guard count <= room, count <= BackupSize.contentsByteCountMax,
            room - count <= zeroCount, BackupSize.chunkCount(contents: count) == chunkCount
        else { throw .damaged }
        return count
    }
}
