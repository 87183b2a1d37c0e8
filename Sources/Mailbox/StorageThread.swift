import Database
import Platform

/// The life of the storage thread: takes a batch, commits it, answers it.
///
/// The router keeps at most two batches under way, so that one gathers everything that comes while
/// the other is written: the group sizes itself, and the disk never waits for the next one.
struct StorageThread: ~Copyable {
    private let store: any Store
    private let links: StorageLinks
    private let disk: DiskFloor
    private let clock: any Clock
    /// What the log was told last of the disk, and when it may be told again.
    private var isBelowInLog = false
    private var nextDiskLog: Int64 = 0
    private var pace = TidyPace()
    /// What sweeps have removed that the log was not told of yet.
    private var swept = SweepReport()
    private var sweepCount = 0

    init(
        store: any Store, links: StorageLinks, disk: DiskFloor, clock: any Clock = SystemClock()
    ) {
        self.clock = clock
        self.store = store
        self.links = links
        self.disk = disk
    }

    /// Serves until it is told to stop.
    ///
    /// - Throws: what the store has failed with. J3: after a failed sync nobody knows what is on
    ///   the disk, and a second attempt that succeeds would prove nothing.
    mutating func run() throws(StoreError) {
        var waiting: [StorageMessage] = []
        while true {
            links.inbox.wait(
                timeoutMilliseconds: pace.waitMilliseconds(at: clock.monotonicMilliseconds))
            links.inbox.take(into: &waiting)
            try tidyIfDue(isIdle: waiting.isEmpty)
            for message in waiting {
                guard case .batch(let batch) = message else {
                    try store.tidy()
                    return
                }
                checkDisk()
                let answers = try store.commit(batch, wallSeconds: clock.wallSeconds)
                // MB-8: after the commit that holds it, and not before.
                links.router.post(.answers(answers))
                pace.committed(at: clock.monotonicMilliseconds)
                logSweep(answers)
                try tidyIfDue(isIdle: false)
            }
        }
    }

    /// MB-13: the log that holds what was erased is cut.
    private mutating func tidyIfDue(isIdle: Bool) throws(StoreError) {
        let now = clock.monotonicMilliseconds
        guard pace.isDue(at: now, isIdle: isIdle) else { return }
        pace.tried(at: now, isCut: try store.tidy())
    }

    /// Looks at the disk before each batch, which costs a thousandth of the commit: what the floor
    /// keeps free is the operator's, and a second is long enough to fill it. MB-17
    private mutating func checkDisk() {
        guard let free = disk.freeByteCount else {
            // Whether there is room is for the next commit to say: what was refused before this
            // must not be refused for ever.
            store.refusesGrowth = false
            return
        }
        // Where it stops it goes on with a sixteenth more, so that it does not go to and fro.
        let wanted = store.refusesGrowth ? disk.byteCount + disk.byteCount / 16 : disk.byteCount
        let isBelow = free < wanted
        store.refusesGrowth = isBelow
        let now = clock.monotonicMilliseconds
        guard isBelow != isBelowInLog, now >= nextDiskLog else { return }
        isBelowInLog = isBelow
        nextDiskLog = now + 1_000
        ServerLog.write(isBelow ? .diskFloor(freeMiB: Int(clamping: free >> 20)) : .diskRoom)
    }

    /// One line for sweeps that follow one another, at least one in a hundred of them.
    private mutating func logSweep(_ answers: StorageAnswers) {
        let isSweep = answers.results.contains { result in
            if case .swept = result { true } else { false }
        }
        guard isSweep else { return }
        let report = store.lastSweep
        if report.isOnHold { ServerLog.write(.clockJumped) }
        swept.envelopes += report.envelopes
        swept.blobs += report.blobs
        swept.mailboxes += report.mailboxes
        swept.handles += report.handles
        sweepCount += 1
        if report.more && sweepCount < 100 { return }
        sweepCount = 0
        guard swept.envelopes + swept.blobs + swept.mailboxes + swept.handles > 0 else { return }
        ServerLog.write(
            .swept(
                envelopes: swept.envelopes, blobs: swept.blobs, mailboxes: swept.mailboxes,
                handles: swept.handles))
        swept = SweepReport()
    }
}

/// The room that the disk must keep. MB-17
struct DiskFloor: Sendable {
    /// A path on the disk.
    let path: String
    /// Free bytes below which nothing more is stored.
    let byteCount: Int64

    /// Bytes that are free now; nil when the disk does not say.
    var freeByteCount: Int64? { (try? Usage.disk(at: path))?.free }
}

extension StorageFailure {
    /// What an operator needs to know of a store's error.
    init(_ error: StoreError) {
        switch error {
        case .mustStop(let error): self = Self.running(error)
        case .cannotOpen(let error): self = Self.opening(error)
        }
    }

    private static func running(_ error: DatabaseError) -> StorageFailure {
        switch error {
        case .corrupt, .notADatabase, .wrongType: .corrupt
        case .inputOutput(let code), .other(let code), .constraint(let code): .io(code: code)
        default: .io(code: 0)
        }
    }

    private static func opening(_ error: DatabaseError) -> StorageFailure {
        switch error {
        case .diskFull: .full
        case .busy: .inUse
        case .newerVersion: .newerVersion
        case .olderVersion: .olderVersion
        case .inputOutput(let code), .cannotOpen(let code), .other(let code): .io(code: code)
        case .corrupt, .notADatabase, .wrongApplication, .wrongType, .constraint,
            .tooLong:
            .corrupt
        case .readOnly, .mustStop: .io(code: 0)
        }
    }
}
