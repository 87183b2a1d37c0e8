package import KeyDirectory
package import Database
import Wire

/// Why a store can do nothing more.
package enum StoreError: Error, Equatable, Sendable {
    /// The file cannot be trusted any more: end the process without another acknowledgement and
    /// start again from the disk. J3
    case mustStop(DatabaseError)
    /// The store cannot be opened, or not by this version; nothing was changed.
    case cannotOpen(DatabaseError)
}

/// What a store keeps at most. The defaults are those of SPEC.md; tests use smaller ones.
package struct StoreLimits: Sendable {
    /// Envelopes waiting in one chat mailbox.
    package var envelopesMax = Limits.mailboxEnvelopesMax
    /// Bytes waiting in one chat mailbox.
    package var byteCountMax = Limits.mailboxByteCountMax
    /// Envelopes waiting in one contact mailbox.
    package var contactEnvelopesMax = Limits.contactEnvelopesMax
    /// Rows that one sweep removes or looks at in each table; larger values make clients wait
    /// longer for a commit that holds a sweep.
    package var sweepRowsMax = 2_000

    /// The defaults above.
    package init() {}
}

/// How much a store holds; names nobody.
package struct StoreCounts: Equatable, Sendable {
    /// Mailboxes of kind chat.
    package var chatMailboxes: Int64 = 0
    /// Mailboxes of kind contact.
    package var contactMailboxes: Int64 = 0
    /// Envelopes that wait.
    package var envelopes: Int64 = 0
    /// Blobs.
    package var blobs: Int64 = 0

    /// All zero.
    package init() {}
}

/// What the last sweep did.
package struct SweepReport: Equatable, Sendable {
    /// Envelopes removed at the end of their time-to-live.
    package var envelopes = 0
    /// Blobs removed at their expiry.
    package var blobs = 0
    /// Mailboxes removed at the end of their lease.
    package var mailboxes = 0
    /// Handles that may be given again. KD-18
    package var handles = 0
    /// The clock has jumped: nothing is removed until it is believed again. J13
    package var isOnHold = false
    /// A bound was reached: more may be over by now, and the next sweep goes on.
    package var more = false

    /// Nothing removed.
    package init() {}
}

/// Keeps mailboxes, envelopes and blobs. It stays on one thread.
///
/// The requests of a batch take effect in their order (MB-26), as if each were alone, and together
/// or not at all: one batch is one transaction, so a batch is as large as what has come while the one
/// before was written. When `commit` returns, all of it is on the disk (MB-8).
///
/// Rules that hold for every store:
/// - A mailbox's *next counter* is one past the highest that was stored or erased, first 1.
/// - Requests of a reader carry its *fence*, the count of read attaches its own attach made; any
///   other value is answered `superseded` (MB-6). A mailbox that is gone is answered `notAttached`.
/// - A deposit is checked in this order: mailbox, size, counter, disk, quota; then, if the mailbox
///   is closed, it counts and is not kept (MB-16).
/// - The time-to-live in force when an envelope is stored decides when it goes; from that hour of
///   the believed clock on it is not read any more, whether or not a sweep has come to it (MB-14).
package protocol Store: AnyObject {
    /// Does all that a batch asks for.
    ///
    /// - Parameter wallSeconds: seconds since 1970; only hours and weeks of it are kept.
    /// - Throws: `StoreError.mustStop`. Nothing of the batch is then acknowledged. Over a full disk
    ///   it does not throw: requests that need room are answered `storageFull`, and all that write
    ///   are when not even erasing works; reading goes on (MB-17, J4).
    func commit(
        _ batch: StorageBatch, wallSeconds: Int64
    ) throws(StoreError) -> StorageAnswers

    /// While true, requests that would make the store larger are answered `storageFull`; set by
    /// whoever watches the disk's free space (MB-17).
    var refusesGrowth: Bool { get set }

    /// Answers the requests of the key directory inside the store's transactions; without one they
    /// are answered `unsupported`.
    var directory: (any DirectoryRequests)? { get set }

    /// What the last sweep did.
    var lastSweep: SweepReport { get }

    /// Tells the store that the clock is right though it has jumped: the operator's word. MB-29
    func believeClock(wallSeconds: Int64) throws(StoreError)

    /// How much it holds. May take long on a large store; for the operator.
    func counts() throws(StoreError) -> StoreCounts

    /// Cuts the log, so that erased bytes are nowhere any more (Z11). It waits for nobody.
    ///
    /// - Returns: whether the log is cut; false when somebody who reads the file stood in the way.
    @discardableResult
    func tidy() throws(StoreError) -> Bool
}

/// The key directory as the store sees it.
package protocol DirectoryRequests: AnyObject {
    /// Answers one request: appends a whole frame to `answers`.
    ///
    /// Called inside a transaction of the store's connection, which commits before the answer goes
    /// out; it neither begins nor ends one. What is wrong with the request is said in the frame.
    ///
    /// - Parameters:
    ///   - job: what is asked, nothing of it checked yet.
    ///   - wallSeconds: seconds since 1970, as the wall clock has it.
    ///   - believedHour: the last hour that was believed; by no later one a handle becomes free.
    ///   - refusesGrowth: nothing may be stored now; reading goes on.
    /// - Throws: errors of the database only; the whole batch is then rolled back.
    func answer(
        _ job: DirectoryJob, wallSeconds: Int64, believedHour: Int64, refusesGrowth: Bool,
        into answers: inout [UInt8]
    ) throws(DatabaseError)

    /// Removes what is over, inside a transaction of the store's connection.
    ///
    /// - Returns: how many handles became free.
    func sweep(wallSeconds: Int64) throws(DatabaseError) -> Int
}
