package import Primitives
internal import Wire

/// Seals the contents of a backup chunk by chunk; the memory it needs does not depend on their size.
///
/// - SPEC: §10.8, CL-66
package struct BackupSealer: ~Copyable {
    private var stream: SecretStreamPusher
    // Zeros behind what was filled in.
    private var chunk = [UInt8](repeating: 0, count: BackupSize.chunkByteCount)
    private var filledCount = 0
    private var sealed = [UInt8](repeating: 0, count: BackupSize.sealedChunkByteCount)
    private var sealedCount = 0
    /// What the file begins with.
    package let header: BackupHeader
    /// Bytes of contents taken so far.
    package private(set) var byteCount: UInt64 = 0

    /// Derives the key, which takes as long as the parameters say.
    ///
    /// - Throws: `outOfMemory`; `damaged` for parameters that no backup may have.
    package init(
        passphrase: borrowing SecretBytes, parameters: Argon2id.Parameters, salt: FixedBytes<32>
    ) throws(BackupError) {
        guard parameters.passes <= BackupHeader.passesMax else { throw .damaged }
        let key = try BackupHeader.passwordKey(passphrase, parameters, salt)
        header = BackupHeader(parameters: parameters, salt: salt, passwordKey: key)
        let stream = header.stream(under: key)
        self.stream = SecretStreamPusher(key: stream.key, header: stream.header)
    }

    /// Takes contents.
    ///
    /// - Parameter store: is given each chunk that becomes full.
    /// - Throws: what `store` throws; the backup cannot be gone on with then.
    package mutating func add<Failure: Error>(
        _ bytes: RawSpan, store: (RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        byteCount += UInt64(bytes.byteCount)
        var done = 0
        while done < bytes.byteCount {
            // The last chunk is sealed by `finish`, since it is marked.
            if filledCount == BackupSize.chunkByteCount { try seal(.message, store) }
            let end = min(bytes.byteCount, done + BackupSize.chunkByteCount - filledCount)
            fill(bytes.extracting(done..<end))
            done = end
        }
    }

    /// Whether so many bytes more would be too many.
    package func isTooMuch(_ more: Int) -> Bool {
        byteCount + UInt64(more) > BackupSize.contentsByteCountMax
    }

    /// Fills up to one of the sizes that backups have and seals the last chunk.
    ///
    /// - Throws: what `store` throws.
    package mutating func finish<Failure: Error>(
        store: (RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        let count = BackupSize.chunkCount(contents: byteCount)
        while sealedCount + 1 < count { try seal(.message, store) }
        precondition(
            filledCount <= BackupSize.chunkByteCount - BackupSize.countByteCount,
            "contents end before their size")
        filledCount = BackupSize.chunkByteCount - BackupSize.countByteCount
        var size = Writer(capacity: BackupSize.countByteCount)
        size.u64(byteCount)
        fill(size.bytes.raw)
        try seal(.final, store)
    }

    private mutating func fill(_ bytes: RawSpan) {
        let place = filledCount
        var span = chunk.mutableRaw
        span.copy(bytes, at: place)
        filledCount += bytes.byteCount
    }

    private mutating func seal<Failure: Error>(
        _ tag: SecretStreamTag, _ store: (RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        var plaintext = exchange(&chunk, with: [])
        var output = exchange(&sealed, with: [])
        var span = output.mutableRaw
        stream.push(plaintext.raw, tag: tag, into: &span)
        plaintext.wipeBytes()
        chunk = plaintext
        filledCount = 0
        sealedCount += 1
        try store(output.raw)
        sealed = output
    }
}
