import Database
import Primitives
import Wire

extension StoreSQLite {
    func deposit(
        _ id: MailboxID, _ counter: UInt64, _ range: Range<Int>
    ) throws(DatabaseError) -> StorageResult {
        guard let place = try find(id), cache[place].kind == .chat else {
            return .refused(.notAttached)
        }
        guard EnvelopeSize(rawValue: range.count) != nil else { return .refused(.wrongSize) }
        // MB-9
        let next = cache[place].next
        if counter < next { return .refused(.counterTaken) }
        if counter > next { return .counterGap(next: next) }
        return try keep(range, at: place, envelopesMax: limits.envelopesMax)
    }

    func depositContact(
        _ id: MailboxID, _ range: Range<Int>
    ) throws(DatabaseError) -> StorageResult {
        guard let place = try find(id), cache[place].kind == .contact else {
            return .refused(.noSuchMailbox)
        }
        // MB-11
        guard range.count == EnvelopeSize.contact.rawValue else { return .refused(.wrongSize) }
        return try keep(range, at: place, envelopesMax: limits.contactEnvelopesMax)
    }

    private func keep(
        _ range: Range<Int>, at place: Int, envelopesMax: Int
    ) throws(DatabaseError) -> StorageResult {
        // MB-17
        if isRefusing { return .refused(.storageFull) }
        if cache[place].waiting >= envelopesMax { return .refused(.mailboxFull) }
        if try !hasRoom(for: range.count, at: place) { return .refused(.mailboxFull) }
        cache[place].highest += 1
        let counter = cache[place].highest
        if cache[place].isClosed {
            // MB-16: counted as if it had been erased at once.
            raiseFloor(to: counter, at: place)
            return .deposited(sequence: UInt64(counter), isKept: false)
        }
        cache[place].waiting += 1
        if let byteCount = cache[place].byteCount {
            cache[place].byteCount = byteCount + range.count
        }
        cache[place].hasPending = true
        let expiry = clock.storingHour(now) + cache[place].timeToLiveDays * 24
        pending.append(Pending(place: place, counter: counter, expiryHour: expiry, range: range))
        return .deposited(sequence: UInt64(counter), isKept: true)
    }

    /// Whether the mailbox's bytes leave room. They are counted only when their number could be
    /// too much for envelopes of the largest size.
    private func hasRoom(for byteCount: Int, at place: Int) throws(DatabaseError) -> Bool {
        let largest = EnvelopeSize.large.rawValue
        if (cache[place].waiting + 1) * largest <= limits.byteCountMax {
            cache[place].byteCount = nil
            return true
        }
        if cache[place].byteCount == nil {
            statements.sumEnvelopes.bind(1, cache[place].number)
            let stored = try statements.sumEnvelopes.first { row throws(DatabaseError) in
                try row.number(0)
            }
            var held = Int(stored ?? 0)
            for envelope in pending where envelope.place == place { held += envelope.range.count }
            cache[place].byteCount = held
        }
        return (cache[place].byteCount ?? 0) + byteCount <= limits.byteCountMax
    }

    /// Notes that counters up to this one are used up. MB-10
    func raiseFloor(to counter: Int64, at place: Int) {
        if counter <= cache[place].floor { return }
        cache[place].floor = counter
        markDirty(place)
    }

    func acknowledge(
        _ id: MailboxID, _ fence: UInt32, _ counters: ClosedRange<UInt64>
    ) throws(DatabaseError) -> StorageResult {
        let reader = try asReader(id, fence)
        guard let place = reader.place else { return .refused(reader.refusal) }
        // Every counter up to the highest was given once, so the last of the range is erased now
        // or was before; beyond the highest there is nothing to erase and nothing to count.
        let highest = cache[place].highest
        guard counters.lowerBound <= UInt64(highest) else { return .done }
        let first = Int64(counters.lowerBound)
        let last = min(Int64(clamping: counters.upperBound), highest)
        if cache[place].hasPending {
            let before = pending.count
            pending.removeAll { envelope in
                guard envelope.place == place, (first...last).contains(envelope.counter) else {
                    return false
                }
                if let byteCount = cache[place].byteCount {
                    cache[place].byteCount = byteCount - envelope.range.count
                }
                return true
            }
            cache[place].waiting -= before - pending.count
        }
        // MB-13: overwritten where it lies, by `secure_delete`.
        if cache[place].byteCount == nil {
            statements.eraseEnvelopes.bind(1, cache[place].number)
            statements.eraseEnvelopes.bind(2, first)
            statements.eraseEnvelopes.bind(3, last)
            cache[place].waiting -= try statements.eraseEnvelopes.run()
        } else {
            try eraseCounting(first, last, at: place)
        }
        raiseFloor(to: last, at: place)
        return .done
    }

    private func eraseCounting(
        _ first: Int64, _ last: Int64, at place: Int
    ) throws(DatabaseError) {
        var count = 0
        var byteCount = 0
        statements.eraseEnvelopesCounting.bind(1, cache[place].number)
        statements.eraseEnvelopesCounting.bind(2, first)
        statements.eraseEnvelopesCounting.bind(3, last)
        try statements.eraseEnvelopesCounting.forEach { row throws(DatabaseError) in
            count += 1
            byteCount += Int(try row.int(0))
            return true
        }
        cache[place].waiting -= count
        cache[place].byteCount = max(0, (cache[place].byteCount ?? 0) - byteCount)
    }

    /// Reads envelopes in the order of their counters, then those of this very batch. MB-12
    func read(
        _ id: MailboxID, _ fence: UInt32, _ first: UInt64, _ envelopesMax: Int,
        _ byteCountMax: Int, _ bytes: [UInt8], _ answers: inout StorageAnswers
    ) throws(DatabaseError) -> StorageResult {
        let reader = try asReader(id, fence)
        guard let place = reader.place else { return .refused(reader.refusal) }
        let start = answers.envelopes.count
        var room = byteCountMax
        var more = false
        statements.readEnvelopes.bind(1, cache[place].number)
        statements.readEnvelopes.bind(2, Int64(clamping: first))
        // One more than asked for tells whether more wait.
        statements.readEnvelopes.bind(3, Int64(envelopesMax) + 1)
        // MB-14: what is over is not delivered, however much the sweep still has before it.
        statements.readEnvelopes.bind(4, clock.hour)
        try statements.readEnvelopes.forEach { row throws(DatabaseError) in
            let counter = try row.number(0, through: StoreMailbox.counterMax)
            try row.withBlob(1) { (body: RawSpan) throws(DatabaseError) in
                // A delivery has no other size, so it could not be told to a client.
                guard EnvelopeSize(rawValue: body.byteCount) != nil else { throw .corrupt(code: 0) }
                if answers.envelopes.count - start >= envelopesMax || body.byteCount > room {
                    more = true
                } else {
                    room -= body.byteCount
                    answers.append(UInt64(counter), body)
                }
            }
            return !more
        }
        if cache[place].hasPending {
            for envelope in pending where envelope.place == place && !more {
                if UInt64(envelope.counter) < first { continue }
                if answers.envelopes.count - start >= envelopesMax || envelope.range.count > room {
                    more = true
                } else {
                    room -= envelope.range.count
                    answers.append(UInt64(envelope.counter), bytes.raw.extracting(envelope.range))
                }
            }
        }
        return .envelopes(start..<answers.envelopes.count, more: more)
    }
}
