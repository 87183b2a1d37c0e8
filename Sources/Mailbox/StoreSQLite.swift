package import Database
package import Primitives
import Wire

/// The store in one SQLite file.
///
/// One transaction a batch, so that one sync of the disk acknowledges all of it. What a deposit has
/// to know of its mailbox (next counter, quota) is remembered between batches; the row of a mailbox
/// is written once a batch, and only when something in it has changed, since rows of many mailboxes
/// lie on as many pages. Envelopes are inserted at the end of the batch in random order (MB-18).
package final class StoreSQLite: Store {
    /// An envelope that this batch will insert.
    struct Pending {
        /// The mailbox's place in the cache.
        let place: Int
        let counter: Int64
        let expiryHour: Int64
        /// Its bytes in the batch.
        let range: Range<Int>
    }

    /// The one connection that writes; the key directory works over it too.
    package let connection: Connection
    let limits: StoreLimits
    var statements: StoreStatements
    var cache: StoreMailboxCache
    var clock: StoreClock
    /// The file has a row for the clock.
    var isClockStored: Bool
    var random: any RandomSource

    // Of the batch under way.
    var now: Int64 = 0
    var pending: [Pending] = []
    /// Places in the cache whose rows have to be written.
    var dirty: [Int] = []
    /// Growth is refused in this attempt.
    var isRefusing = false

    /// Where the search for ended leases goes on; zero between two rounds.
    var leaseCursor = MailboxID.zero
    /// The week for which the last round was begun: within a week no lease ends.
    var leaseRoundWeek: Int64?

    package var refusesGrowth = false
    package var directory: (any DirectoryRequests)?
    package internal(set) var lastSweep = SweepReport()

    /// Pages in the log after which they are copied into the main file: 16 MiB. Fewer would copy
    /// the same page more often, more would make the log longer to read after a crash.
    static let logPagesMax = 1_000

    /// Opens the store, making its tables in an empty file. The caller has checked owner and mode
    /// of file and folder and holds the folder's lock.
    ///
    /// - Parameters:
    ///   - withDirectory: whether the file has the tables of the key directory.
    ///   - mailboxesCachedMax: how many mailboxes are remembered, about 300 bytes each.
    /// - Throws: `StoreError.cannotOpen`.
    package init(
        path: String, wallSeconds: Int64, withDirectory: Bool = false,
        limits: StoreLimits = StoreLimits(), random: some RandomSource,
        options: Connection.Options = Connection.Options(), mailboxesCachedMax: Int = 20_000
    ) throws(StoreError) {
        do throws(DatabaseError) {
            let connection = try Connection(path: path, options: options)
            try connection.migrate(
                StoreSchema.migrations(withDirectory: withDirectory),
                applicationID: StoreSchema.applicationID)
            statements = try StoreStatements(connection)
            let stored = try Self.readClock(connection)
            isClockStored = stored != nil
            clock = stored ?? StoreClock(hour: StoreClock.hour(wallSeconds))
            self.connection = connection
        } catch {
            throw .cannotOpen(error)
        }
        self.limits = limits
        cache = StoreMailboxCache(countMax: mailboxesCachedMax)
        self.random = random
    }

    private static func readClock(
        _ connection: Connection
    ) throws(DatabaseError) -> StoreClock? {
        var statement = try Statement(connection, "SELECT hour, held_hour, steady_hours FROM sweep")
        return try statement.first { row throws(DatabaseError) in
            let clock = StoreClock(
                hour: try row.int(0), heldHour: try row.int(1), steadyHours: try row.int(2))
            // What damage has put there would overflow.
            let sane = 0...Int64(UInt32.max)
            guard sane.contains(clock.hour), sane.contains(clock.heldHour),
                sane.contains(clock.steadyHours)
            else { throw .corrupt(code: 0) }
            return clock
        }
    }

    // MARK: A batch

    package func commit(
        _ batch: StorageBatch, wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers {
        now = wallSeconds
        isRefusing = refusesGrowth
        do throws(DatabaseError) {
            do throws(DatabaseError) {
                return try attempt(batch)
            } catch .diskFull {
                // J4: what needs no room is tried once more without the rest. The log's pages may
                // have a place in the main file, which frees some.
                refusesGrowth = true
                isRefusing = true
                _ = try? connection.checkpoint(.passive)
                return try attempt(batch)
            } catch {
                throw error
            }
        } catch .diskFull {
            return try read(batch, refusingWritesWith: .storageFull)
        } catch .busy {
            // Somebody else holds the file; nothing was done.
            return try read(batch, refusingWritesWith: .internalError)
        } catch {
            throw .mustStop(error)  // J3
        }
    }

    /// Does what needs no write, so that readers go on where nothing can be written. MB-17
    private func read(
        _ batch: StorageBatch, refusingWritesWith code: ErrorCode
    ) throws(StoreError) -> StorageAnswers {
        do throws(DatabaseError) {
            return try attempt(batch, refusingWritesWith: code)
        } catch {
            throw .mustStop(error)  // J3
        }
    }

    private func attempt(
        _ batch: StorageBatch, refusingWritesWith refusal: ErrorCode? = nil
    ) throws(DatabaseError) -> StorageAnswers {
        let clockBefore = (clock, isClockStored)
        let writes = refusal == nil && batch.requests.contains { $0.operation.writes }
        do throws(DatabaseError) {
            if connection.isBroken { throw .mustStop }
            var answers = StorageAnswers(to: batch)
            if writes { try connection.begin() }
            // MB-26: one thread, one batch after the other, one request after the other.
            for request in batch.requests {
                if let refusal, request.operation.writes {
                    answers.results.append(.refused(refusal))
                    continue
                }
                let result = try perform(request.operation, batch.bytes, &answers)
                answers.results.append(result)
            }
            if writes {
                try flush(batch.bytes)
                // MB-8: after this line, and not before, the answers are true.
                try connection.commit()
                try checkpointIfLong()
            }
            cache.trim()
            return answers
        } catch {
            connection.rollback()
            // What was remembered may stand for rows that are not in the file.
            cache.removeAll()
            pending.removeAll(keepingCapacity: true)
            dirty.removeAll(keepingCapacity: true)
            (clock, isClockStored) = clockBefore
            leaseCursor = .zero
            leaseRoundWeek = nil
            throw error
        }
    }

    /// Writes what the batch has collected: envelopes in random order, then changed mailbox rows.
    func flush(_ bytes: [UInt8]) throws(DatabaseError) {
        if pending.count > 1 { shuffle() }  // MB-18
        let span = bytes.raw
        for envelope in pending {
            statements.insertEnvelope.bind(1, cache[envelope.place].number)
            statements.insertEnvelope.bind(2, envelope.counter)
            statements.insertEnvelope.bind(3, envelope.expiryHour)
            try statements.insertEnvelope.run(binding: span.extracting(envelope.range), at: 4)
            cache[envelope.place].hasPending = false
        }
        pending.removeAll(keepingCapacity: true)
        for place in dirty {
            cache[place].isDirty = false
            let mailbox = cache[place]
            statements.updateMailbox.bind(1, copying: mailbox.id.raw)
            statements.updateMailbox.bind(2, Int64(mailbox.readAttaches))
            statements.updateMailbox.bind(3, mailbox.floor)
            statements.updateMailbox.bind(4, mailbox.isClosed ? 1 : 0)
            statements.updateMailbox.bind(5, mailbox.timeToLiveDays)
            statements.updateMailbox.bind(6, mailbox.leaseWeek)
            try statements.updateMailbox.run()
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// Fisher and Yates over one block of random bytes. The remainder of a 64-bit number favours
    /// some places by less than one in 2^50, which orders nobody's mail.
    private func shuffle() {
        let bytes = random.bytes(count: 8 * pending.count)
        for last in stride(from: pending.count - 1, to: 0, by: -1) {
            let draw = bytes.raw.bigEndian(at: 8 * last, as: UInt64.self) ?? 0
            pending.swapAt(last, Int(draw % UInt64(last + 1)))
        }
    }

    private func checkpointIfLong() throws(DatabaseError) {
        if connection.logPageCount < Self.logPagesMax { return }
        do throws(DatabaseError) {
            _ = try connection.checkpoint(.passive)
        } catch .diskFull {
            // The commit is safe in the log; only the log stays long.
            refusesGrowth = true
        } catch {
            throw error
        }
    }

    // MARK: The rest of a store

    package func believeClock(wallSeconds: Int64) throws(StoreError) {
        let jumped = clock.believe(wallSeconds)
        now = wallSeconds
        do throws(DatabaseError) {
            try connection.transaction { () throws(DatabaseError) in
                if jumped { try beginLeases() }
                try writeClock()
            }
        } catch {
            throw .mustStop(error)
        }
    }

    func writeClock() throws(DatabaseError) {
        statements.updateClock.bind(1, clock.hour)
        statements.updateClock.bind(2, clock.heldHour)
        statements.updateClock.bind(3, clock.steadyHours)
        try statements.updateClock.run()
        isClockStored = true
    }

    package func counts() throws(StoreError) -> StoreCounts {
        do throws(DatabaseError) {
            return try StoreCounts(reading: connection)
        } catch {
            throw .mustStop(error)
        }
    }

    @discardableResult
    package func tidy() throws(StoreError) -> Bool {
        do throws(DatabaseError) {
            if connection.logByteCount == 0 { return true }
            return try connection.checkpoint(.truncateAtOnce)
        } catch .diskFull {
            refusesGrowth = true
            return false
        } catch {
            throw .mustStop(error)
        }
    }
}

extension StoreCounts {
    /// Counts what a store's file holds, over any connection to it.
    package init(reading connection: Connection) throws(DatabaseError) {
        chatMailboxes = try connection.number("SELECT count(*) FROM mailbox WHERE kind = 1")
        contactMailboxes = try connection.number("SELECT count(*) FROM mailbox WHERE kind = 2")
        envelopes = try connection.number("SELECT count(*) FROM envelope")
        blobs = try connection.number("SELECT count(*) FROM blob")
    }
}

extension StorageRequest.Operation {
    /// Whether the request may change the file. Directory requests all count as changing, so that
    /// a miss takes the same way as a hit.
    var writes: Bool {
        switch self {
        case .findKey, .attachWriter, .read, .getBlob: false
        case .create, .attachReader, .deposit, .depositContact, .acknowledge, .setTimeToLive,
            .setClosed, .delete, .renewLease, .putBlob, .eraseBlob, .directory, .sweep:
            true
        }
    }
}
