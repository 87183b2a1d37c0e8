import Primitives
import Wire

/// What the SQLite store remembers of one mailbox between requests.
struct StoreMailbox {
    let id: MailboxID
    /// By which the other tables name it.
    let number: Int64
    let kind: MailboxKind
    let readKey: FixedBytes<32>
    let writeKey: FixedBytes<32>?
    var readAttaches: UInt32
    /// The highest counter that was erased, as the row has it.
    var floor: Int64
    var isClosed: Bool
    var timeToLiveDays: Int64
    var leaseWeek: Int64
    /// The highest counter that was stored or erased.
    var highest: Int64
    /// Envelopes that wait, with those of this batch.
    var waiting: Int
    /// Their bytes, once they had to be counted; nil while the number alone shows that there is
    /// room.
    var byteCount: Int?
    /// The row has to be written before the commit.
    var isDirty = false
    /// Envelopes of it are among those that this batch will insert.
    var hasPending = false
    /// Looked at since the hand of the cache passed.
    var isUsed = true

    var next: UInt64 { UInt64(highest) + 1 }

    /// No mailbox comes this far; a file that says so is damaged, and one more would overflow.
    static let counterMax = Int64.max - (1 << 32)
}

/// The mailboxes used last. Everything in it is in the file as well, or will be with this commit.
struct StoreMailboxCache {
    private var places: [MailboxID: Int] = [:]
    /// In use are those whose id leads back to their place.
    private var entries: [StoreMailbox] = []
    private var free: [Int] = []
    private var hand = 0
    /// Bounds the memory: about 300 bytes each.
    let countMax: Int

    init(countMax: Int) { self.countMax = countMax }

    var count: Int { places.count }

    /// The place of a mailbox, which stays the same until `trim` or `remove`.
    mutating func place(of id: MailboxID) -> Int? {
        guard let place = places[id] else { return nil }
        entries[place].isUsed = true
        return place
    }

    mutating func insert(_ mailbox: StoreMailbox) -> Int {
        let place: Int
        if let last = free.popLast() {
            place = last
            entries[place] = mailbox
        } else {
            place = entries.count
            entries.append(mailbox)
        }
        places[mailbox.id] = place
        return place
    }

    mutating func remove(_ id: MailboxID) {
        guard let place = places.removeValue(forKey: id) else { return }
        free.append(place)
    }

    mutating func removeAll() {
        places.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        free.removeAll(keepingCapacity: true)
        hand = 0
    }

    /// Forgets what was used longest ago, roughly, until there is room again. Between batches only.
    mutating func trim() {
        if count <= countMax { return }
        while count > countMax - countMax / 8 {
            hand = hand + 1 < entries.count ? hand + 1 : 0
            guard places[entries[hand].id] == hand else { continue }
            if entries[hand].isUsed {
                entries[hand].isUsed = false
            } else {
                remove(entries[hand].id)
            }
        }
    }

    /// The mailbox at a place; the place must be in use.
    subscript(place: Int) -> StoreMailbox {
        _read { yield entries[place] }
        _modify { yield &entries[place] }
    }
}
