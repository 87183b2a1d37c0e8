import Primitives
import Wire

// The stored form of a session, for the vault. It is no wire format: only the program that wrote it
// reads it; while the protocol is at version 0, a new version of it is read by new programs only. All integers are big-endian, counts go before
// lists, a flag byte (0 or 1) before what may be missing, in the order of the writing code.

extension Session {
    /// The version of the stored form.
    package static let storageVersion: UInt8 = 2
    /// More than the largest stored form, with all limits reached.
    package static let storageByteCountMax = 500_000

    /// The whole state with its keys in clear: the caller seals it at once.
    ///
    /// The same state always gives the same bytes, and restoring them gives it back byte for byte.
    package borrowing func exposeForStorage() -> [UInt8] {
        // Reserved whole, so that no outgrown buffer with keys in it is left behind.
        var writer = Writer(capacity: storageByteCount)
        writer.u8(Self.storageVersion)
        writer.u8(role.rawValue)
        writer.fixed(id)
        writer.secret(root.secret)
        sending.store(into: &writer)
        receiving.store(into: &writer)
        writer.u16(UInt16(prefix.count))
        writer.array(prefix)
        kem.store(into: &writer)
        return writer.bytes
    }

    private var storageByteCount: Int {
        4096 + prefix.count + 100 * receiving.numbers.gaps.count
            + receiving.skipped.reduce(0) { $0 + 84 + 40 * $1.keys.count }
    }

    /// Reads a stored form and nothing else.
    ///
    /// - Throws: ``StoredSessionError``: what opened under the vault's key and does not parse was
    ///   written by a newer version or by a bug.
    package static func restore(_ bytes: RawSpan) throws(StoredSessionError) -> Session {
        guard (1...Self.storageByteCountMax).contains(bytes.byteCount) else { throw .malformed }
        let version = bytes.byte(at: 0)
        guard version == Self.storageVersion else { throw .version(version) }
        do throws(WireError) {
            var reader = Reader(bytes.extracting(1..<bytes.byteCount))
            let session = try Session(from: &reader)
            try reader.finish()
            return session
        } catch {
            throw .malformed
        }
    }

    private init(from reader: inout Reader) throws(WireError) {
        let role: SessionRole =
            try reader.u8(in: 0...SessionRole.recipient.rawValue) == 0 ? .initiator : .recipient
        let id: SessionID = try reader.fixed()
        let root = RootKey(try reader.secret())
        let sending = try Sending(from: &reader)
        let receiving = try Receiving(from: &reader)
        let prefixCount = try reader.u16(in: 0...UInt16(Envelope.firstMessageByteCount))
        let prefix = try reader.array(Int(prefixCount))
        let kem = try KEMStep.restore(from: &reader, role: role)
        try receiving.checkEpochs(under: kem, whileSending: sending.hasChain)
        self.init(
            id: id, role: role, root: root, kem: kem, sending: sending, receiving: receiving,
            prefix: prefix)
    }
}

extension Sending {
    fileprivate func store(into writer: inout Writer) {
        switch chain {
        case .some(let chain):
            writer.u8(1)
            writer.secret(chain.chainKey.secret)
            writer.secret(chain.headerKey.secret)
            chain.ratchetKey.withSecretBytes { writer.append(bytes: $0) }
            writer.u32(chain.previousChainLength)
            writer.u32(chain.count)
        case .none: writer.u8(0)
        }
        writer.secret(nextHeaderKey.secret)
        writer.u32(endedChainLength)
        writer.u64(number)
        writer.fixed(link)
        writer.fixed(tag)
        writer.u8(UInt8(frameKeys.count))
        for box in frameKeys { writer.secret(box.key.secret) }
    }

    fileprivate init(from reader: inout Reader) throws(WireError) {
        let chain = try reader.flag() ? try SendingChain(from: &reader) : nil
        let nextHeaderKey = HeaderKey(try reader.secret())
        let endedChainLength = try reader.u32()
        let number = try reader.number()
        let link: ReceivedNumbers.Link = try reader.fixed()
        let tag: ReceivedNumbers.Tag = try reader.fixed()
        var frameKeys: [FrameKeyBox] = []
        for _ in 0..<(try reader.u8(in: 0...UInt8(RatchetLimits.frameKeysMax))) {
            frameKeys.append(FrameKeyBox(FrameKey(try reader.secret())))
        }
        self.init(
            chain: chain, nextHeaderKey: nextHeaderKey, endedChainLength: endedChainLength,
            number: number, link: link, tag: tag, frameKeys: frameKeys)
    }
}

extension Sending {
    fileprivate var hasChain: Bool {
        switch chain {
        case .some: true
        case .none: false
        }
    }
}

extension SendingChain {
    fileprivate init(from reader: inout Reader) throws(WireError) {
        let chainKey = ChainKey(try reader.secret())
        let headerKey = HeaderKey(try reader.secret())
        let ratchetKey = X25519KeyPair(secret: try reader.secret())
        let previousChainLength = try reader.u32()
        let count = try reader.u32()
        self.init(
            chainKey: chainKey, headerKey: headerKey, ratchetKey: ratchetKey,
            previousChainLength: previousChainLength, count: count)
    }
}

extension Receiving {
    fileprivate func store(into writer: inout Writer) {
        switch signedPreKey {
        case .some(let key):
            writer.u8(1)
            key.withSecretBytes { writer.append(bytes: $0) }
        case .none: writer.u8(0)
        }
        switch chain {
        case .some(let chain):
            writer.u8(1)
            writer.secret(chain.chainKey.secret)
            writer.secret(chain.headerKey.key.secret)
            writer.fixed(chain.ratchetKey.bytes)
            writer.u32(chain.epoch)
            writer.u64(chain.base)
            writer.u32(chain.count)
        case .none: writer.u8(0)
        }
        writer.secret(nextHeaderKey.secret)
        switch frameKey {
        case .some(let key):
            writer.u8(1)
            writer.secret(key.secret)
        case .none: writer.u8(0)
        }
        writer.u8(isConfirmed ? 1 : 0)
        numbers.store(into: &writer)
        writer.u16(UInt16(skipped.count))
        for chain in skipped { chain.store(into: &writer) }
    }

    fileprivate init(from reader: inout Reader) throws(WireError) {
        let signedPreKey = try reader.flag() ? X25519KeyPair(secret: try reader.secret()) : nil
        let chain = try reader.flag() ? try ReceivingChain(from: &reader) : nil
        let nextHeaderKey = HeaderKey(try reader.secret())
        let frameKey = try reader.flag() ? FrameKey(try reader.secret()) : nil
        let isConfirmed = try reader.flag()
        let numbers = try ReceivedNumbers(from: &reader)
        var skipped: [SkippedChain] = []
        for _ in 0..<(try reader.u16(in: 0...UInt16(RatchetLimits.skippedKeysMax))) {
            skipped.append(try SkippedChain(from: &reader))
        }
        let keyCount = UInt64(skipped.reduce(0) { $0 + $1.keys.count })
        guard keyCount <= UInt64(RatchetLimits.skippedKeysMax) else {
            throw .outOfRange(
                value: keyCount, minimum: 0, maximum: UInt64(RatchetLimits.skippedKeysMax))
        }
        self.init(
            signedPreKey: signedPreKey, chain: chain, nextHeaderKey: nextHeaderKey,
            skipped: skipped, numbers: numbers, frameKey: frameKey, isConfirmed: isConfirmed)
    }
}

extension Receiving {
    /// Refuses epochs that no chain can have beside a root key's (DR-26).
    ///
    /// - Throws: `WireError.outOfRange`.
    fileprivate func checkEpochs(
        under kem: borrowing KEMStep, whileSending: Bool
    ) throws(WireError) {
        // Only who has begun an epoch with a chain of its own is ahead of the other side's chain.
        let isAhead = whileSending && kem.isBegunHere
        var last: UInt32 = 0
        switch chain {
        case .some(let chain):
            last = chain.epoch
            guard last == kem.epoch || isAhead && last == kem.epoch - 1 else {
                throw Self.wrong(epoch: last, under: kem.epoch)
            }
        case .none: guard kem.epoch == 0 else { throw Self.wrong(epoch: 0, under: kem.epoch) }
        }
        for chain in skipped.reversed() {
            guard chain.epoch <= last else { throw Self.wrong(epoch: chain.epoch, under: last) }
            last = chain.epoch
        }
    }

    private static func wrong(epoch: UInt32, under maximum: UInt32) -> WireError {
        .outOfRange(value: UInt64(epoch), minimum: 0, maximum: UInt64(maximum))
    }
}

extension ReceivingChain {
    fileprivate init(from reader: inout Reader) throws(WireError) {
        let chainKey = ChainKey(try reader.secret())
        let headerKey = HeaderKeyBox(HeaderKey(try reader.secret()))
        let ratchetKey = try reader.x25519Key()
        let epoch = try reader.u32()
        let base = try reader.number()
        let count = try reader.u32()
        self.init(
            chainKey: chainKey, headerKey: headerKey, ratchetKey: ratchetKey, epoch: epoch,
            base: base, count: count)
    }
}

extension SkippedChain {
    fileprivate func store(into writer: inout Writer) {
        writer.secret(headerKey.key.secret)
        writer.fixed(ratchetKey.bytes)
        writer.u32(epoch)
        writer.u64(base)
        writer.u16(UInt16(keys.count))
        for key in keys {
            writer.u32(key.messageNumber)
            writer.u32(key.sinceHours)
            writer.secret(key.key.secret)
        }
    }

    fileprivate init(from reader: inout Reader) throws(WireError) {
        headerKey = HeaderKeyBox(HeaderKey(try reader.secret()))
        ratchetKey = try reader.x25519Key()
        epoch = try reader.u32()
        base = try reader.number()
        let count = try reader.u16(in: 1...UInt16(RatchetLimits.skippedKeysPerChainMax))
        keys = []
        for _ in 0..<count {
            let number = try reader.u32()
            let sinceHours = try reader.u32()
            // Keys are found by halving, so they must be in order.
            if let last = keys.last, last.messageNumber >= number {
                throw .outOfRange(
                    value: UInt64(number), minimum: UInt64(last.messageNumber) + 1,
                    maximum: UInt64(UInt32.max))
            }
            keys.append(
                SkippedMessageKey(
                    messageNumber: number, sinceHours: sinceHours,
                    key: MessageKey(try reader.secret())))
        }
    }
}

extension ReceivedNumbers {
    fileprivate func store(into writer: inout Writer) {
        writer.u64(highest)
        writer.fixed(highestLink)
        writer.fixed(highestTag)
        writer.u16(UInt16(gaps.count))
        for gap in gaps {
            writer.u64(gap.first)
            writer.u64(gap.last)
            writer.u32(gap.sinceHours)
            writer.fixed(gap.lowerLink)
            writer.fixed(gap.lowerTag)
            writer.fixed(gap.upperLink)
        }
    }

    fileprivate init(from reader: inout Reader) throws(WireError) {
        highest = try reader.number()
        highestLink = try reader.fixed()
        highestTag = try reader.fixed()
        gaps = []
        for _ in 0..<(try reader.u16(in: 0...UInt16(RatchetLimits.gapsMax))) {
            let first = try reader.nonZeroU64()
            let last = try reader.u64()
            // Runs are found by halving: ascending, apart, below the highest number.
            guard first <= last, last < highest, gaps.last.map({ $0.last < first - 1 }) ?? true
            else { throw .outOfRange(value: last, minimum: first, maximum: highest) }
            gaps.append(
                Gap(
                    first: first, last: last, sinceHours: try reader.u32(),
                    lowerLink: try reader.fixed(), lowerTag: try reader.fixed(),
                    upperLink: try reader.fixed()))
        }
    }
}

extension Writer {
    mutating func secret(_ secret: borrowing SecretBytes) {
        secret.withBytes { append(bytes: $0) }
    }
}

extension Reader {
    /// A byte that is 0 or 1.
    mutating func flag() throws(WireError) -> Bool { try u8(in: 0...1) == 1 }

    /// A number of messages: it is added to, so it must be one that can be reached by counting.
    fileprivate mutating func number() throws(WireError) -> UInt64 {
        let number = try u64()
        guard number < 1 << 62 else {
            throw .outOfRange(value: number, minimum: 0, maximum: (1 << 62) - 1)
        }
        return number
    }

    /// A key of 32 bytes, or another count.
    mutating func secret(byteCount: Int = 32) throws(WireError) -> SecretBytes {
        SecretBytes(copying: try span(byteCount))
    }
}
