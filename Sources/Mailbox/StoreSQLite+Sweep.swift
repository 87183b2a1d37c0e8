import Database
import Primitives
import Wire

extension StoreSQLite {
    /// Removes what is over, a bounded number of rows of each table; the rest waits for the next
    /// sweep. Nothing may be pending.
    func sweep() throws(DatabaseError) {
        lastSweep = SweepReport()
        let before = clock
        let permission = clock.sweep(now)
        if clock != before || !isClockStored { try writeClock() }
        switch permission {
        case .nothing: lastSweep.isOnHold = true
        case .all, .allAfterJump:
            if permission == .allAfterJump { try beginLeases() }
            try mend()
            let rows = limits.sweepRowsMax
            try sweepEnvelopes(dueHour: clock.hour, rowsMax: rows)
            try sweepBlobs(dueHour: clock.hour, rowsMax: rows)
            try sweepMailboxes(rowsMax: rows)
            lastSweep.more =
                lastSweep.envelopes == rows || lastSweep.blobs == rows || leaseCursor != .zero
            // Only by a clock that is believed: a freed handle belongs to whoever asks first.
            lastSweep.handles = try directory?.sweep(wallSeconds: clock.hour * 3_600) ?? 0
        case .hundredth:
            // J13, MB-29. No mailbox: when this clock is believed, all leases begin anew.
            lastSweep.isOnHold = true
            let hour = StoreClock.hour(now)
            let counts = try StoreCounts(reading: connection)
            try sweepEnvelopes(dueHour: hour, rowsMax: share(counts.envelopes))
            try sweepBlobs(dueHour: hour, rowsMax: share(counts.blobs))
        }
    }

    /// Begins the lease of every mailbox anew, once after a jump of the clock: one statement over
    /// all of them, since a round in parts could not be told from the time before it. MB-29
    func beginLeases() throws(DatabaseError) {
        statements.beginLeases.bind(1, clock.leaseWeek(now))
        try statements.beginLeases.run()
        // What is remembered has the old weeks; nothing of it waits to be written.
        cache.removeAll()
    }

    private func share(_ count: Int64) -> Int { min(limits.sweepRowsMax, Int(count / 100)) }

    /// Gives rows that were stored while the clock was far ahead the life they should have.
    private func mend() throws(DatabaseError) {
        let latest = StoreClock.expiryHourMax(hour: clock.hour)
        let mended = StoreClock.mendedExpiryHour(hour: clock.hour)
        statements.mendEnvelopes.bind(1, latest)
        statements.mendEnvelopes.bind(2, mended)
        try statements.mendEnvelopes.run()
        statements.mendBlobs.bind(1, latest)
        statements.mendBlobs.bind(2, mended)
        try statements.mendBlobs.run()
    }

    private func sweepEnvelopes(dueHour: Int64, rowsMax: Int) throws(DatabaseError) {
        if rowsMax == 0 { return }
        var rows: [Int64] = []
        /// Of each mailbox the highest counter and how many go.
        var mailboxes: [Int64: (highest: Int64, count: Int)] = [:]
        statements.dueEnvelopes.bind(1, dueHour)
        statements.dueEnvelopes.bind(2, Int64(rowsMax))
        try statements.dueEnvelopes.forEach { row throws(DatabaseError) in
            rows.append(try row.int(0))
            let number = try row.int(1)
            let counter = try row.number(2, through: StoreMailbox.counterMax)
            let before = mailboxes[number] ?? (0, 0)
            mailboxes[number] = (max(before.highest, counter), before.count + 1)
            return true
        }
        for row in rows {
            statements.deleteEnvelope.bind(1, row)
            try statements.deleteEnvelope.run()
        }
        lastSweep.envelopes = rows.count
        for (number, gone) in mailboxes {
            guard let id = try mailboxID(number), let place = try find(id) else { continue }
            raiseFloor(to: gone.highest, at: place)
            // The row first: forgetting a mailbox that was counted wrongly must not lose its floor.
            try flush([])
            cache.remove(id)
        }
    }

    private func mailboxID(_ number: Int64) throws(DatabaseError) -> MailboxID? {
        statements.findMailboxID.bind(1, number)
        let found = try statements.findMailboxID.first { row throws(DatabaseError) in
            try row.withBlob(0) { (span: RawSpan) throws(DatabaseError) in
                MailboxID(copying: span)
            }
        }
        return found ?? nil
    }

    private func sweepBlobs(dueHour: Int64, rowsMax: Int) throws(DatabaseError) {
        if rowsMax == 0 { return }
        statements.deleteDueBlobs.bind(1, dueHour)
        statements.deleteDueBlobs.bind(2, Int64(rowsMax))
        lastSweep.blobs = try statements.deleteDueBlobs.run()
    }

    /// Looks at the next mailboxes in the order of their ids, once round in each week, so that
    /// none of the sweeps takes long. MB-15
    private func sweepMailboxes(rowsMax: Int) throws(DatabaseError) {
        let week = clock.hour / 168
        if leaseCursor == .zero {
            if leaseRoundWeek == week { return }
            leaseRoundWeek = week
        }
        let weekMin = StoreClock.leaseWeekMin(hour: clock.hour, leaseDays: Limits.leaseDays)
        var seen = 0
        var last = leaseCursor
        var ended: [(id: MailboxID, number: Int64)] = []
        statements.oldMailboxes.bind(1, copying: leaseCursor.raw)
        statements.oldMailboxes.bind(2, Int64(rowsMax))
        try statements.oldMailboxes.forEach { row throws(DatabaseError) in
            let id = try row.withBlob(0) { (span: RawSpan) throws(DatabaseError) in
                MailboxID(copying: span)
            }
            guard let id else { throw .corrupt(code: 0) }
            seen += 1
            last = id
            if try row.int(2) < weekMin { ended.append((id, try row.int(1))) }
            return true
        }
        leaseCursor = seen < rowsMax ? .zero : last
        for mailbox in ended { try remove(mailbox.id, number: mailbox.number) }
        lastSweep.mailboxes = ended.count
    }
}
