import Database
import Primitives
import Wire

extension StoreSQLite {
    /// Does one request; its writes are part of the batch's transaction.
    func perform(
        _ operation: StorageRequest.Operation, _ bytes: [UInt8], _ answers: inout StorageAnswers
    ) throws(DatabaseError) -> StorageResult {
        switch operation {
        case .deposit(let id, let counter, let range): return try deposit(id, counter, range)
        case .depositContact(let id, let range): return try depositContact(id, range)
        case .acknowledge(let id, let fence, let counters):
            return try acknowledge(id, fence, counters)
        case .read(let id, let fence, let first, let envelopesMax, let byteCountMax):
            return try read(id, fence, first, envelopesMax, byteCountMax, bytes, &answers)
        case .create(let id, let kind, let readKey, let writeKey):
            return try create(id, kind, readKey.bytes, writeKey?.bytes)
        case .findKey(let id, let role, _, _): return .key(try key(of: id, for: role))
        case .attachReader(let id): return try attachReader(id)
        case .attachWriter(let id):
            guard let place = try find(id), cache[place].kind == .chat else {
                return .refused(.attachRefused)
            }
            return .writer(next: cache[place].next)
        case .setTimeToLive(let id, let fence, let days): return try setTimeToLive(id, fence, days)
        case .setClosed(let id, let fence, let isClosed):
            return try change(id, fence) { $0.isClosed = isClosed }
        case .delete(let id, let fence): return try delete(id, fence, bytes)
        case .renewLease(let id):
            let week = clock.leaseWeek(now)
            if let place = try find(id), cache[place].leaseWeek != week {
                cache[place].leaseWeek = week
                markDirty(place)
            }
            return .done
        case .putBlob(let put, let range): return try putBlob(put, bytes.raw.extracting(range))
        case .getBlob(let idHash): return try getBlob(idHash, &answers)
        case .eraseBlob(let idHash, let eraseHash): return try eraseBlob(idHash, eraseHash)
        case .directory(let job):
            guard let directory else { return .refused(.unsupported) }
            let start = answers.bytes.count
            try directory.answer(
                job, wallSeconds: now, believedHour: clock.hour, refusesGrowth: isRefusing,
                into: &answers.bytes)
            return .directory(start..<answers.bytes.count)
        case .sweep:
            try flush(bytes)
            try sweep()
            return .swept(more: lastSweep.more)
        }
    }

    // MARK: Finding

    /// The place of a mailbox in the cache, read from the file when it is not there; nil when
    /// there is no such mailbox.
    func find(_ id: MailboxID) throws(DatabaseError) -> Int? {
        if let place = cache.place(of: id) { return place }
        statements.findMailbox.bind(1, copying: id.raw)
        let found = try statements.findMailbox.first { row throws(DatabaseError) in
            try StoreMailbox(id, row)
        }
        guard var mailbox = found else { return nil }
        statements.countEnvelopes.bind(1, mailbox.number)
        let counted = try statements.countEnvelopes.first { row throws(DatabaseError) in
            (
                count: try row.number(0),
                highest: try row.number(1, through: StoreMailbox.counterMax)
            )
        }
        mailbox.waiting = Int(counted?.count ?? 0)
        mailbox.highest = max(mailbox.floor, counted?.highest ?? 0)
        guard mailbox.highest <= StoreMailbox.counterMax else { throw .corrupt(code: 0) }
        return cache.insert(mailbox)
    }

    func markDirty(_ place: Int) {
        if cache[place].isDirty { return }
        cache[place].isDirty = true
        dirty.append(place)
    }

    /// Reads one row, found or not, remembered or not: what a mailbox holds is counted only for
    /// who has proved to have its key. MB-4
    private func key(
        of id: MailboxID, for role: AttachRole
    ) throws(DatabaseError) -> FixedBytes<32>? {
        statements.findKeys.bind(1, copying: id.raw)
        let column: Int32 = role == .read ? 0 : 1
        let found = try statements.findKeys.first { row throws(DatabaseError) in
            try row.withBlob(column) { (span: RawSpan) throws(DatabaseError) in
                let key = FixedBytes<32>(copying: span)
                // Only a contact mailbox has no key, for writing.
                guard key != nil || (column == 1 && span.isEmpty) else { throw .corrupt(code: 0) }
                return key
            }
        }
        guard role == .read || role == .write else { return nil }
        return found ?? nil
    }

    // MARK: Changing

    private func create(
        _ id: MailboxID, _ kind: MailboxKind, _ readKey: FixedBytes<32>,
        _ writeKey: FixedBytes<32>?
    ) throws(DatabaseError) -> StorageResult {
        if kind == .log { return .refused(.unsupported) }
        if try find(id) != nil { return .done }  // MB-2
        if (kind == .chat) != (writeKey != nil) { return .refused(.malformed) }
        if isRefusing { return .refused(.storageFull) }
        let mailbox = StoreMailbox(
            id: id, number: try freeNumber(), kind: kind, readKey: readKey, writeKey: writeKey,
            readAttaches: 0, floor: 0, isClosed: false,
            timeToLiveDays: Int64(Limits.timeToLiveDaysDefault), leaseWeek: clock.leaseWeek(now),
            highest: 0, waiting: 0)
        try statements.insert(mailbox)
        _ = cache.insert(mailbox)
        return .done
    }

    /// A random number that no mailbox has.
    private func freeNumber() throws(DatabaseError) -> Int64 {
        while true {
            let number = Int64(random.integer(UInt64.self) >> 1)
            statements.findMailboxID.bind(1, number)
            let taken = try statements.findMailboxID.first { _ in true }
            if taken == nil { return number }
        }
    }

    private func attachReader(_ id: MailboxID) throws(DatabaseError) -> StorageResult {
        guard let place = try find(id) else { return .refused(.attachRefused) }
        if cache[place].readAttaches < .max { cache[place].readAttaches += 1 }  // MB-5
        cache[place].leaseWeek = clock.leaseWeek(now)
        markDirty(place)
        let mailbox = cache[place]
        return .reader(
            fence: mailbox.readAttaches, next: mailbox.next,
            waiting: UInt32(clamping: mailbox.waiting), isClosed: mailbox.isClosed)
    }

    /// The place of a mailbox for its reader, or how the request is to be refused.
    func asReader(
        _ id: MailboxID, _ fence: UInt32
    ) throws(DatabaseError) -> (place: Int?, refusal: ErrorCode) {
        guard let place = try find(id) else { return (nil, .notAttached) }
        if cache[place].readAttaches != fence { return (nil, .superseded) }  // MB-6
        return (place, .internalError)
    }

    private func change(
        _ id: MailboxID, _ fence: UInt32, _ body: (inout StoreMailbox) -> Void
    ) throws(DatabaseError) -> StorageResult {
        let reader = try asReader(id, fence)
        guard let place = reader.place else { return .refused(reader.refusal) }
        body(&cache[place])
        markDirty(place)
        return .done
    }

    private func setTimeToLive(
        _ id: MailboxID, _ fence: UInt32, _ days: UInt8
    ) throws(DatabaseError) -> StorageResult {
        let reader = try asReader(id, fence)
        guard let place = reader.place else { return .refused(reader.refusal) }
        let known: [UInt8] = cache[place].kind == .contact ? [30] : [1, 7, 30]
        guard known.contains(days) else { return .refused(.unsupported) }  // MB-14
        cache[place].timeToLiveDays = Int64(days)
        markDirty(place)
        return .done
    }

    private func delete(
        _ id: MailboxID, _ fence: UInt32, _ bytes: [UInt8]
    ) throws(DatabaseError) -> StorageResult {
        let reader = try asReader(id, fence)
        guard let place = reader.place else { return .refused(reader.refusal) }
        // Places in the cache move: nothing may wait that names one.
        try flush(bytes)
        try remove(id, number: cache[place].number)
        return .done
    }

    /// Removes a mailbox and all in it. Nothing may be pending.
    func remove(_ id: MailboxID, number: Int64) throws(DatabaseError) {
        statements.eraseEnvelopes.bind(1, number)
        statements.eraseEnvelopes.bind(2, 0)
        statements.eraseEnvelopes.bind(3, .max)
        try statements.eraseEnvelopes.run()
        statements.deleteMailbox.bind(1, copying: id.raw)
        try statements.deleteMailbox.run()
        cache.remove(id)
    }
}

extension StoreStatements {
    /// Writes the row of a new mailbox.
    mutating func insert(_ mailbox: StoreMailbox) throws(DatabaseError) {
        insertMailbox.bind(1, mailbox.number)
        insertMailbox.bind(2, Int64(mailbox.kind.rawValue))
        insertMailbox.bind(3, copying: mailbox.readKey.raw)
        if let writeKey = mailbox.writeKey {
            insertMailbox.bind(4, copying: writeKey.raw)
        } else {
            insertMailbox.bind(4, copying: RawSpan())
        }
        insertMailbox.bind(5, Int64(mailbox.readAttaches))
        insertMailbox.bind(6, mailbox.floor)
        insertMailbox.bind(7, mailbox.isClosed ? 1 : 0)
        insertMailbox.bind(8, mailbox.timeToLiveDays)
        insertMailbox.bind(9, mailbox.leaseWeek)
        try insertMailbox.run(binding: mailbox.id.raw, at: 10)
    }
}

extension StoreMailbox {
    /// Reads a mailbox's row; what waits in it is counted elsewhere.
    init(_ id: MailboxID, _ row: borrowing Row) throws(DatabaseError) {
        let kind = MailboxKind(rawValue: try row.integer(1))
        let readKey = try row.withBlob(2) { (span: RawSpan) throws(DatabaseError) in
            FixedBytes<32>(copying: span)
        }
        let writeKey = try row.withBlob(3) { (span: RawSpan) throws(DatabaseError) in
            FixedBytes<32>(copying: span)
        }
        // Only this program writes the file: a row of another shape is damage.
        let floor = try row.int(5)
        let timeToLiveDays = try row.int(7)
        guard let kind, let readKey, (kind == .chat) == (writeKey != nil),
            (0...Self.counterMax).contains(floor), (1...30).contains(timeToLiveDays)
        else { throw .corrupt(code: 0) }
        self.init(
            id: id, number: try row.int(0), kind: kind, readKey: readKey, writeKey: writeKey,
            readAttaches: try row.integer(4), floor: floor, isClosed: try row.int(6) != 0,
            timeToLiveDays: timeToLiveDays, leaseWeek: try row.number(8), highest: 0, waiting: 0)
    }
}
