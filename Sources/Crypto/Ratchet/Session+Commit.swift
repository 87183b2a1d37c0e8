import Primitives

extension Session {
    /// Takes the step of a message that has opened; its key is wiped.
    ///
    /// The message must come from this session as it is now: nothing sealed or committed since.
    ///
    /// - SPEC: §6.3, DR-5, DR-7, DR-9, DR-10
    package mutating func commit(_ opened: consuming OpenedMessage) {
        precondition(
            opened.sessionID == id && opened.changeCount == changeCount,
            "a message is committed to the state it was opened in")
        changeCount += 1
        receiving.numbers = opened.numbers
        let closedGap = opened.closedGap
        // HS-12: whatever has opened is the reply.
        prefix = []
        let hours = opened.hours
        // DR-28: before the message's own root step, which may begin the epoch behind this one.
        kem.take(opened.kem, ofEpoch: opened.epoch)
        let step = opened.step
        switch consume step {
        case .skipped(let chainIndex, let keyIndex):
            receiving.skipped[chainIndex].keys.remove(at: keyIndex)
            receiving.dropEmptyChains()
        case .current(let advance):
            receiving.take(advance)
            receiving.limitSkippedKeys()
        case .turn(let turn):
            take(turn)
        }
        // After the step, whose indices say where a skipped key lay before any other one went.
        if let closedGap { receiving.dropKeys(of: closedGap) }
        receiving.dropExpiredKeys(atHours: hours)
    }

    private mutating func take(_ turn: consuming Turn) {
        receiving.keep(turn.endSkipped)
        let headerKey = HeaderKeyBox(receiving.nextHeaderKey.duplicate())
        receiving.chain = ReceivingChain(
            chainKey: turn.advance.chainKey, headerKey: headerKey, ratchetKey: turn.ratchetKey,
            epoch: turn.epoch, base: turn.base, count: turn.advance.count)
        receiving.keep(turn.advance.skipped)
        receiving.limitSkippedKeys()
        receiving.nextHeaderKey = turn.nextHeaderKey
        receiving.frameKey = consume turn.frameKey
        receiving.signedPreKey = nil
        // DR-9
        if turn.confirms { receiving.isConfirmed = true }
        root = turn.root
        // DR-30: wipes the secret.
        if turn.epoch != kem.epoch { kem = KEMStep(epoch: turn.epoch, role: role) }
        // The next message draws a new ratchet key; the old one is wiped here.
        if let length = sending.chain?.count { sending.endedChainLength = length }
        sending.chain = nil
    }

    /// Drops skipped keys that have expired and closes gaps that have grown too old.
    ///
    /// - Parameter now: hours since 1970, UTC.
    /// - Returns: the numbers that are lost from now on, to be shown once; when not empty, or when
    ///   ``skippedKeyCount`` has changed, the caller stores the session.
    /// - SPEC: DR-5, DR-13
    package mutating func expire(atHours now: UInt32) -> [ClosedRange<UInt64>] {
        let closed = receiving.numbers.closeExpired(atHours: now)
        for gap in closed { receiving.dropKeys(of: gap) }
        receiving.dropExpiredKeys(atHours: now)
        changeCount += 1
        return closed.map(\.numbers)
    }

    /// Skipped message keys held now.
    package var skippedKeyCount: Int { receiving.skippedKeyCount }
}

extension Receiving {
    var skippedKeyCount: Int { skipped.reduce(0) { $0 + $1.keys.count } }

    /// What is known of the current chain besides its chain key.
    struct ChainPlace {
        let headerKey: HeaderKeyBox
        let ratchetKey: X25519PublicKey
        let epoch: UInt32
        let base: UInt64
        let count: UInt32
    }

    var chainPlace: ChainPlace? {
        switch chain {
        case .some(let chain):
            ChainPlace(
                headerKey: chain.headerKey, ratchetKey: chain.ratchetKey, epoch: chain.epoch,
                base: chain.base, count: chain.count)
        case .none: nil
        }
    }

    /// The current chain gone on to a message number, not yet taken.
    borrowing func advanced(
        to number: UInt32, atHours now: UInt32
    ) throws(OpenError) -> AdvancedChain {
        switch chain {
        case .some(let chain):
            return chain.chainKey.advanced(from: chain.count, to: number, atHours: now)
        case .none: throw .notThisSession
        }
    }

    /// The keys of the rest of the current chain, up to its length.
    borrowing func skippedKeys(to length: UInt32, atHours now: UInt32) -> [SkippedMessageKey] {
        switch chain {
        case .some(let chain):
            guard chain.count < length else { return [] }
            return chain.chainKey.advanced(from: chain.count, to: length, atHours: now)
                .advance.skipped
        case .none: return []
        }
    }

    mutating func take(_ advance: consuming ChainAdvance) {
        keep(advance.skipped)
        guard var chain = chain.take() else { return }
        chain.count = advance.count
        chain.chainKey = advance.chainKey
        self.chain = consume chain
    }

    /// Adds skipped keys of the current chain.
    mutating func keep(_ keys: [SkippedMessageKey]) {
        guard !keys.isEmpty, let place = chainPlace else { return }
        if let last = skipped.indices.last, skipped[last].ratchetKey == place.ratchetKey {
            skipped[last].keys += keys
        } else {
            skipped.append(
                SkippedChain(
                    headerKey: place.headerKey, ratchetKey: place.ratchetKey,
                    epoch: place.epoch, base: place.base, keys: keys))
        }
    }

    /// DR-5: above the limits the oldest keys go, and with them header keys without any.
    mutating func limitSkippedKeys() {
        for index in skipped.indices {
            let excess = skipped[index].keys.count - RatchetLimits.skippedKeysPerChainMax
            if excess > 0 { skipped[index].keys.removeFirst(excess) }
        }
        var excess = skippedKeyCount - RatchetLimits.skippedKeysMax
        for index in skipped.indices where excess > 0 {
            let count = min(excess, skipped[index].keys.count)
            skipped[index].keys.removeFirst(count)
            excess -= count
        }
        dropEmptyChains()
    }

    mutating func dropEmptyChains() {
        skipped.removeAll { $0.keys.isEmpty }
    }

    /// Wipes the keys of a closed gap, so that every skipped key belongs to an open one.
    mutating func dropKeys(of gap: ReceivedNumbers.Gap) {
        for index in skipped.indices {
            let base = skipped[index].base
            skipped[index].keys.removeAll {
                gap.numbers.contains(base &+ UInt64($0.messageNumber) &+ 1)
            }
        }
        dropEmptyChains()
    }

    mutating func dropExpiredKeys(atHours now: UInt32) {
        // Most sessions have none, and an array that is not changed is not copied.
        guard skipped.contains(where: { $0.keys.contains { $0.isExpired(atHours: now) } }) else {
            return
        }
        for index in skipped.indices {
            skipped[index].keys.removeAll { $0.isExpired(atHours: now) }
        }
        dropEmptyChains()
    }
}

/// A chain gone on to a message: that message's key, and the chain behind it.
struct AdvancedChain: ~Copyable, Sendable {
    let messageKey: MessageKey
    let advance: ChainAdvance
}

extension ChainKey {
    /// Goes on from message `count` to message `number` (N), keeping the keys in between.
    borrowing func advanced(
        from count: UInt32, to number: UInt32, atHours now: UInt32
    ) -> AdvancedChain {
        guard count < number else { return advanced(behind: number, skipping: []) }
        var skipped: [SkippedMessageKey] = []
        skipped.reserveCapacity(Int(number - count))
        var key = duplicate()
        for index in count..<number {
            skipped.append(
                SkippedMessageKey(
                    messageNumber: index, sinceHours: now, key: key.messageKey()))
            key = key.next()
        }
        return key.advanced(behind: number, skipping: skipped)
    }

    private borrowing func advanced(
        behind number: UInt32, skipping skipped: [SkippedMessageKey]
    ) -> AdvancedChain {
        AdvancedChain(
            messageKey: messageKey(),
            advance: ChainAdvance(chainKey: next(), count: number &+ 1, skipped: skipped))
    }
}
