import KeyDirectory
import Database
import Primitives
import Wire

/// A store that forgets everything with its process: the plain meaning of the rules, for
/// simulations and as the measure that the SQLite store is tested against.
package final class StoreMemory: Store {
    private struct Envelope {
        let counter: UInt64
        let expiryHour: Int64
        let bytes: [UInt8]
    }

    private struct Mailbox {
        let kind: MailboxKind
        let readKey: Ed25519PublicKey
        let writeKey: Ed25519PublicKey?
        var readAttaches: UInt32 = 0
        /// The highest counter that was stored or erased.
        var highest: UInt64 = 0
        var isClosed = false
        var timeToLiveDays: Int64
        var leaseWeek: Int64
        /// In ascending order of their counters.
        var envelopes: [Envelope] = []
    }

    private struct Blob {
        let eraseHash: FixedBytes<32>
        let expiryHour: Int64
        let bytes: [UInt8]
    }

    private let limits: StoreLimits
    private var mailboxes: [MailboxID: Mailbox] = [:]
    private var blobs: [FixedBytes<32>: Blob] = [:]
    private var clock: StoreClock?
    private var now: Int64 = 0

    package var refusesGrowth = false
    package var directory: (any DirectoryRequests)?
    package private(set) var lastSweep = SweepReport()

    /// Makes an empty store.
    package init(limits: StoreLimits = StoreLimits()) { self.limits = limits }

    package func commit(
        _ batch: StorageBatch, wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers {
        now = wallSeconds
        if clock == nil { clock = StoreClock(hour: StoreClock.hour(wallSeconds)) }
        var answers = StorageAnswers(to: batch)
        for request in batch.requests {
            let result = try perform(request.operation, batch.bytes, &answers)
            answers.results.append(result)
        }
        return answers
    }

    package func believeClock(wallSeconds: Int64) throws(StoreError) {
        clock = clock ?? StoreClock(hour: StoreClock.hour(wallSeconds))
        now = wallSeconds
        if clock?.believe(wallSeconds) == true { beginLeases() }
    }

    package func counts() throws(StoreError) -> StoreCounts {
        var counts = StoreCounts()
        for mailbox in mailboxes.values {
            if mailbox.kind == .chat {
                counts.chatMailboxes += 1
            } else {
                counts.contactMailboxes += 1
            }
            counts.envelopes += Int64(mailbox.envelopes.count)
        }
        counts.blobs = Int64(blobs.count)
        return counts
    }

    @discardableResult
    package func tidy() throws(StoreError) -> Bool { true }

    // MARK: One request

    private func perform(
        _ operation: StorageRequest.Operation, _ bytes: [UInt8], _ answers: inout StorageAnswers
    ) throws(StoreError) -> StorageResult {
        switch operation {
        case .create(let id, let kind, let readKey, let writeKey):
            return create(id, kind, readKey, writeKey)
        case .findKey(let id, let role, _, _): return .key(key(of: id, for: role))
        case .attachReader(let id): return attachReader(id)
        case .attachWriter(let id):
            guard let mailbox = mailboxes[id], mailbox.kind == .chat else {
                return .refused(.attachRefused)
            }
            return .writer(next: mailbox.highest + 1)
        case .deposit(let id, let counter, let range):
            return deposit(id, counter, [UInt8](copying: bytes.raw.extracting(range)))
        case .depositContact(let id, let range):
            return depositContact(id, [UInt8](copying: bytes.raw.extracting(range)))
        case .acknowledge(let id, let fence, let range):
            return asReader(id, fence) { mailbox in
                mailbox.envelopes.removeAll { range.contains($0.counter) }
            }
        case .setTimeToLive(let id, let fence, let days):
            return setTimeToLive(id, fence, days)
        case .setClosed(let id, let fence, let closed):
            return asReader(id, fence) { $0.isClosed = closed }
        case .delete(let id, let fence):
            let result = asReader(id, fence) { _ in }
            if case .done = result { mailboxes[id] = nil }
            return result
        case .read(let id, let fence, let first, let envelopesMax, let byteCountMax):
            return read(id, fence, first, envelopesMax, byteCountMax, &answers)
        case .renewLease(let id):
            mailboxes[id]?.leaseWeek = leaseWeek
            return .done
        case .putBlob(let put, let range):
            return putBlob(put, [UInt8](copying: bytes.raw.extracting(range)))
        case .getBlob(let idHash):
            guard let blob = blobs[idHash], blob.expiryHour > StoreClock.hour(now) else {
                return .refused(.notFound)
            }
            let start = answers.bytes.count
            answers.bytes += blob.bytes
            return .blob(start..<answers.bytes.count)
        case .eraseBlob(let idHash, let eraseHash):
            guard let blob = blobs[idHash], blob.expiryHour > StoreClock.hour(now),
                blob.eraseHash == eraseHash
            else { return .refused(.notFound) }
            blobs[idHash] = nil
            return .done
        case .directory(let job): return try askDirectory(job, &answers)
        case .sweep:
            try sweep()
            return .swept(more: lastSweep.more)
        }
    }

    private var leaseWeek: Int64 { clock?.leaseWeek(now) ?? 0 }

    private func create(
        _ id: MailboxID, _ kind: MailboxKind, _ readKey: Ed25519PublicKey,
        _ writeKey: Ed25519PublicKey?
    ) -> StorageResult {
        if kind == .log { return .refused(.unsupported) }
        if mailboxes[id] != nil { return .done }  // MB-2
        if (kind == .chat) != (writeKey != nil) { return .refused(.malformed) }
        if refusesGrowth { return .refused(.storageFull) }
        mailboxes[id] = Mailbox(
            kind: kind, readKey: readKey, writeKey: writeKey,
            timeToLiveDays: Int64(Limits.timeToLiveDaysDefault), leaseWeek: leaseWeek)
        return .done
    }

    private func key(of id: MailboxID, for role: AttachRole) -> FixedBytes<32>? {
        switch role {
        case .read: mailboxes[id]?.readKey.bytes
        case .write: mailboxes[id]?.writeKey?.bytes
        case .notify, .owner: nil
        }
    }

    private func attachReader(_ id: MailboxID) -> StorageResult {
        guard var mailbox = mailboxes[id] else { return .refused(.attachRefused) }
        if mailbox.readAttaches < .max { mailbox.readAttaches += 1 }  // MB-5
        mailbox.leaseWeek = leaseWeek
        mailboxes[id] = mailbox
        return .reader(
            fence: mailbox.readAttaches, next: mailbox.highest + 1,
            waiting: UInt32(clamping: mailbox.envelopes.count), isClosed: mailbox.isClosed)
    }

    private func deposit(_ id: MailboxID, _ counter: UInt64, _ bytes: [UInt8]) -> StorageResult {
        guard let mailbox = mailboxes[id], mailbox.kind == .chat else {
            return .refused(.notAttached)
        }
        guard EnvelopeSize(rawValue: bytes.count) != nil else { return .refused(.wrongSize) }
        // MB-9
        let next = mailbox.highest + 1
        if counter < next { return .refused(.counterTaken) }
        if counter > next { return .counterGap(next: next) }
        let held = mailbox.envelopes.reduce(0) { $0 + $1.bytes.count }
        let isFull =
            mailbox.envelopes.count >= limits.envelopesMax
            || held + bytes.count > limits.byteCountMax
        return keep(bytes, in: id, isFull: isFull)
    }

    private func depositContact(_ id: MailboxID, _ bytes: [UInt8]) -> StorageResult {
        guard let mailbox = mailboxes[id], mailbox.kind == .contact else {
            return .refused(.noSuchMailbox)
        }
        // MB-11
        guard bytes.count == EnvelopeSize.contact.rawValue else { return .refused(.wrongSize) }
        return keep(bytes, in: id, isFull: mailbox.envelopes.count >= limits.contactEnvelopesMax)
    }

    private func keep(_ bytes: [UInt8], in id: MailboxID, isFull: Bool) -> StorageResult {
        guard var mailbox = mailboxes[id], let clock else { return .refused(.notAttached) }
        if refusesGrowth { return .refused(.storageFull) }
        if isFull { return .refused(.mailboxFull) }
        mailbox.highest += 1
        if !mailbox.isClosed {  // MB-16
            mailbox.envelopes.append(
                Envelope(
                    counter: mailbox.highest,
                    expiryHour: clock.storingHour(now) + mailbox.timeToLiveDays * 24,
                    bytes: bytes))
        }
        mailboxes[id] = mailbox
        return .deposited(sequence: mailbox.highest, isKept: !mailbox.isClosed)
    }

    private func asReader(
        _ id: MailboxID, _ fence: UInt32, _ change: (inout Mailbox) -> Void
    ) -> StorageResult {
        guard var mailbox = mailboxes[id] else { return .refused(.notAttached) }
        if mailbox.readAttaches != fence { return .refused(.superseded) }  // MB-6
        change(&mailbox)
        mailboxes[id] = mailbox
        return .done
    }

    private func setTimeToLive(_ id: MailboxID, _ fence: UInt32, _ days: UInt8) -> StorageResult {
        let kind = mailboxes[id]?.kind
        let known: [UInt8] = kind == .contact ? [30] : [1, 7, 30]
        let isKnown = known.contains(days)
        let result = asReader(id, fence) { if isKnown { $0.timeToLiveDays = Int64(days) } }
        if case .done = result, !isKnown { return .refused(.unsupported) }
        return result
    }

    private func read(
        _ id: MailboxID, _ fence: UInt32, _ first: UInt64, _ envelopesMax: Int, _ byteCountMax: Int,
        _ answers: inout StorageAnswers
    ) -> StorageResult {
        guard let mailbox = mailboxes[id], let clock else { return .refused(.notAttached) }
        if mailbox.readAttaches != fence { return .refused(.superseded) }
        let start = answers.envelopes.count
        var room = byteCountMax
        var more = false
        for envelope in mailbox.envelopes
        where envelope.counter >= first && envelope.expiryHour > clock.hour {
            if answers.envelopes.count - start >= envelopesMax || envelope.bytes.count > room {
                more = true
                break
            }
            room -= envelope.bytes.count
            answers.append(envelope.counter, envelope.bytes.raw)
        }
        return .envelopes(start..<answers.envelopes.count, more: more)
    }

    private func putBlob(_ put: BlobPut, _ bytes: [UInt8]) -> StorageResult {
        guard (1...Limits.blobByteCountMax).contains(bytes.count) else {
            return .refused(.wrongSize)
        }
        if let old = blobs[put.idHash], old.expiryHour > StoreClock.hour(now) {
            return .refused(.exists)
        }
        if refusesGrowth { return .refused(.storageFull) }
        blobs[put.idHash] = Blob(
            eraseHash: put.eraseHash, expiryHour: Int64(put.expiry.count), bytes: bytes)
        return .done
    }

    private func askDirectory(
        _ job: DirectoryJob, _ answers: inout StorageAnswers
    ) throws(StoreError) -> StorageResult {
        guard let directory else { return .refused(.unsupported) }
        let start = answers.bytes.count
        do throws(DatabaseError) {
            try directory.answer(
                job, wallSeconds: now, believedHour: clock?.hour ?? 0,
                refusesGrowth: refusesGrowth, into: &answers.bytes)
        } catch {
            throw .mustStop(error)
        }
        return .directory(start..<answers.bytes.count)
    }

    // MARK: Expiry

    private func sweep() throws(StoreError) {
        lastSweep = SweepReport()
        guard let permission = clock?.sweep(now), let hour = clock?.hour else { return }
        let isAll = permission == .all || permission == .allAfterJump
        lastSweep.isOnHold = !isAll
        if permission == .nothing { return }
        if permission == .allAfterJump { beginLeases() }
        let due = isAll ? hour : StoreClock.hour(now)
        if isAll { mend(hour) }

        let held = mailboxes.values.reduce(0) { $0 + $1.envelopes.count }
        var room = isAll ? limits.sweepRowsMax : min(limits.sweepRowsMax, held / 100)
        for id in mailboxes.keys.sorted() where room > 0 {
            guard var mailbox = mailboxes[id] else { continue }
            let kept = mailbox.envelopes.filter { envelope in
                if room == 0 || envelope.expiryHour > due { return true }
                room -= 1
                return false
            }
            lastSweep.envelopes += mailbox.envelopes.count - kept.count
            mailbox.envelopes = kept
            mailboxes[id] = mailbox
        }

        room = isAll ? limits.sweepRowsMax : min(limits.sweepRowsMax, blobs.count / 100)
        for id in blobs.keys.sorted() where room > 0 {
            guard let blob = blobs[id], blob.expiryHour <= due else { continue }
            blobs[id] = nil
            room -= 1
            lastSweep.blobs += 1
        }

        guard isAll else { return }
        sweepMailboxes(hour)
        lastSweep.more = [lastSweep.envelopes, lastSweep.blobs, lastSweep.mailboxes]
            .contains(limits.sweepRowsMax)
        guard let directory else { return }
        do throws(DatabaseError) {
            lastSweep.handles = try directory.sweep(wallSeconds: hour * 3_600)
        } catch {
            throw .mustStop(error)
        }
    }

    /// Gives rows that were stored while the clock was far ahead the life they should have.
    private func mend(_ hour: Int64) {
        for (id, mailbox) in mailboxes {
            mailboxes[id]?.envelopes = mailbox.envelopes.map { envelope in
                guard envelope.expiryHour > StoreClock.expiryHourMax(hour: hour) else {
                    return envelope
                }
                return Envelope(
                    counter: envelope.counter, expiryHour: StoreClock.mendedExpiryHour(hour: hour),
                    bytes: envelope.bytes)
            }
        }
        for (id, blob) in blobs where blob.expiryHour > StoreClock.expiryHourMax(hour: hour) {
            blobs[id] = Blob(
                eraseHash: blob.eraseHash, expiryHour: StoreClock.mendedExpiryHour(hour: hour),
                bytes: blob.bytes)
        }
    }

    private func beginLeases() {
        for id in mailboxes.keys { mailboxes[id]?.leaseWeek = leaseWeek }
    }

    private func sweepMailboxes(_ hour: Int64) {
        // MB-15
        let weekMin = StoreClock.leaseWeekMin(hour: hour, leaseDays: Limits.leaseDays)
        var room = limits.sweepRowsMax
        for id in mailboxes.keys.sorted() where room > 0 {
            guard let mailbox = mailboxes[id], mailbox.leaseWeek < weekMin else { continue }
            mailboxes[id] = nil
            room -= 1
            lastSweep.mailboxes += 1
        }
    }
}

extension StorageAnswers {
    /// Adds an envelope that was read.
    mutating func append(_ sequence: UInt64, _ bytes: RawSpan) {
        let start = self.bytes.count
        self.bytes.append(copying: bytes)
        envelopes.append(Envelope(sequence: sequence, range: start..<self.bytes.count))
    }
}
