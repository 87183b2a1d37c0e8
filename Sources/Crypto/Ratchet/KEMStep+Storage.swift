import Primitives
import Wire

// The part of a session's stored form that is the KEM step: nothing that follows from the rest is
// stored, so that there is nothing to contradict it.

extension KEMStep {
    /// Writes the epoch and what of the next one is there, the private key and the secret in clear.
    borrowing func store(into writer: inout Writer) {
        writer.u32(epoch)
        if isMaker { storeMaker(into: &writer) } else { storeOther(into: &writer) }
    }

    private borrowing func storeMaker(into writer: inout Writer) {
        switch seed {
        case .some(let seed):
            writer.u8(1)
            writer.secret(seed)
            writer.u8(nextIndex)
            writer.u8(isAnswered ? 1 : 0)
            ciphertext.store(into: &writer)
        case .none: writer.u8(0)
        }
    }

    private borrowing func storeOther(into writer: inout Writer) {
        key.store(into: &writer)
        guard key.isWhole else { return }
        switch secret {
        case .some(let secret):
            writer.u8(1)
            writer.secret(secret)
            writer.u8(nextIndex)
            writer.append(bytes: ciphertext.ciphertext)
        case .none: writer.u8(0)
        }
    }

    /// Reads it.
    ///
    /// - Throws: `WireError` for what no side can have: a chunk too many, a whole key or ciphertext
    ///   whose check does not fit, anything collected behind the last epoch.
    static func restore(
        from reader: inout Reader, role: SessionRole
    ) throws(WireError) -> KEMStep {
        var step = KEMStep(epoch: try reader.u32(), role: role)
        if step.isMaker {
            guard try reader.flag() else { return step }
            let seed = try reader.secret(byteCount: MLKEM768KeyPair.seedByteCount)
            let index = try reader.u8(in: 0...KEMChunks.count - 1)
            let isAnswered = try reader.flag()
            let chunks = try KEMChunks(from: &reader)
            let isGood = step.restore(
                seed: seed, nextIndex: index, isAnswered: isAnswered, ciphertext: chunks)
            guard isGood else { throw .badKey(offset: 0) }
            return step
        }
        let chunks = try KEMChunks(from: &reader)
        guard step.restore(key: chunks) else { throw .badKey(offset: 0) }
        guard chunks.isWhole, try reader.flag() else { return step }
        let secret = try reader.secret()
        let index = try reader.u8(in: 0...KEMChunks.count - 1)
        let ciphertext: FixedBytes<1_088> = try reader.fixed()
        step.restore(secret: secret, nextIndex: index, ciphertext: ciphertext)
        return step
    }
}

extension KEMChunks {
    fileprivate func store(into writer: inout Writer) {
        writer.u8(mask)
        for index in 0..<Self.count where mask & (1 << index) != 0 {
            writer.fixed(chunk(at: index))
        }
    }

    fileprivate init(from reader: inout Reader) throws(WireError) {
        let mask = try reader.u8(in: 0...Self.wholeMask)
        let chunks = try reader.span(mask.nonzeroBitCount * Self.chunkByteCount)
        self.init(mask: mask, chunks: chunks)
    }
}
