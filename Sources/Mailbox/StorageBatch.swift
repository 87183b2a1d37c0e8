package import KeyDirectory
package import Primitives
package import Wire

/// What is asked of the storage thread in one turn, in the order in which it came.
///
/// The bytes of all envelopes and blobs lie behind one another in one array, which the answers
/// bring back: one allocation a turn and not one a message, and an envelope that a reader waits
/// for is pushed from there after the commit without reading the store.
package struct StorageBatch: Sendable {
    /// The requests, in order.
    package var requests: [StorageRequest] = []
    /// Bytes that the requests name by range.
    package var bytes: [UInt8] = []

    /// Makes an empty batch.
    package init() {}

    /// Whether there is nothing to do.
    package var isEmpty: Bool { requests.isEmpty }
}

/// One thing to be done by the store, and for whom.
package struct StorageRequest: Sendable {
    /// Whom to answer.
    package struct Origin: Sendable {
        /// The connection that asked.
        package let connection: ConnectionID
        /// The request id it chose.
        package let request: UInt32

        /// Nobody: the server asks for itself.
        package static let server = Origin(
            connection: ConnectionID(loop: .max, slot: 0, generation: 0), request: 0)
    }

    /// What to do. Ids of mailboxes are those that the connection named or the server computed.
    package enum Operation: Sendable {
        /// Make a mailbox; nothing changes when it is there.
        case create(MailboxID, MailboxKind, readKey: Ed25519PublicKey, writeKey: Ed25519PublicKey?)
        /// Find the key that a signature has to verify under.
        case findKey(
            MailboxID, AttachRole, signature: Range<Int>, from: ClientAddress = .none)
        /// The signature was good: count the attach and answer what a reader needs to know.
        case attachReader(MailboxID)
        /// The signature was good: answer what a writer needs to know.
        case attachWriter(MailboxID)
        /// Keep an envelope in a chat mailbox if the counter is the next one.
        case deposit(MailboxID, counter: UInt64, envelope: Range<Int>)
        /// Keep an envelope in a contact mailbox.
        case depositContact(MailboxID, envelope: Range<Int>)
        /// Erase envelopes and raise the floor.
        case acknowledge(MailboxID, fence: UInt32, ClosedRange<UInt64>)
        /// Change the time-to-live.
        case setTimeToLive(MailboxID, fence: UInt32, days: UInt8)
        /// Close or open a mailbox.
        case setClosed(MailboxID, fence: UInt32, closed: Bool)
        /// Remove a mailbox and all in it.
        case delete(MailboxID, fence: UInt32)
        /// Read envelopes for the reader with this fence.
        case read(MailboxID, fence: UInt32, from: UInt64, envelopesMax: Int, byteCountMax: Int)
        /// A reader is attached still: its mailbox's lease begins anew.
        case renewLease(MailboxID)
        /// Keep a blob.
        case putBlob(BlobPut, bytes: Range<Int>)
        /// Read a blob.
        case getBlob(idHash: FixedBytes<32>)
        /// Erase a blob.
        case eraseBlob(idHash: FixedBytes<32>, eraseHash: FixedBytes<32>)
        /// A request to the key directory.
        case directory(DirectoryJob)
        /// Remove what has expired.
        case sweep
    }

    /// Whom to answer.
    package let origin: Origin
    /// What to do.
    package let operation: Operation

    /// Asks for something.
    package init(origin: Origin, operation: Operation) {
        self.origin = origin
        self.operation = operation
    }
}

/// What is kept of a blob besides its bytes.
package struct BlobPut: Sendable {
    /// SHA-256 of the id that reads it.
    package let idHash: FixedBytes<32>
    /// SHA-256 of the key that erases it.
    package let eraseHash: FixedBytes<32>
    /// Hours since 1970 after which it is removed.
    package let expiry: Hours

    /// Describes a blob.
    package init(idHash: FixedBytes<32>, eraseHash: FixedBytes<32>, expiry: Hours) {
        self.idHash = idHash
        self.eraseHash = eraseHash
        self.expiry = expiry
    }
}

/// What came of one request.
package enum StorageResult: Sendable {
    /// Done, with nothing to tell.
    case done
    /// The key that was looked for; nil when there is no such mailbox or it has no such key.
    case key(FixedBytes<32>?)
    /// A reader is attached: its fence, the lowest sequence that waits or is next, how many
    /// envelopes wait, and whether deposits are thrown away.
    case reader(fence: UInt32, next: UInt64, waiting: UInt32, isClosed: Bool)
    /// A writer is attached.
    case writer(next: UInt64)
    /// The envelope was taken; it lies in the store only if `isKept`.
    case deposited(sequence: UInt64, isKept: Bool)
    /// The counter is too high.
    case counterGap(next: UInt64)
    /// Envelopes, as indices into `StorageAnswers.envelopes`, and whether more wait.
    case envelopes(Range<Int>, more: Bool)
    /// A blob.
    case blob(Range<Int>)
    /// An answer of the key directory, a whole frame.
    case directory(Range<Int>)
    /// A sweep was made; with `more` it has reached a bound, and another is to go on.
    case swept(more: Bool)
    /// Nothing was done.
    case refused(ErrorCode)
}

/// What came of a batch. It leaves the storage thread only after the commit that holds it. MB-8
package struct StorageAnswers: Sendable {
    /// An envelope that was read.
    package struct Envelope: Sendable {
        /// Its sequence in its mailbox.
        package let sequence: UInt64
        /// Where its bytes lie in `bytes`.
        package let range: Range<Int>
    }

    /// The requests, with their bytes.
    package let batch: StorageBatch
    /// One result a request, in their order.
    package var results: [StorageResult] = []
    /// Envelopes that were read.
    package var envelopes: [Envelope] = []
    /// The bytes of what was read.
    package var bytes: [UInt8] = []

    /// Begins the answers to a batch.
    package init(to batch: StorageBatch) {
        self.batch = batch
        results.reserveCapacity(batch.requests.count)
    }
}
