import Wire

/// The mailboxes that somebody is attached to now. In memory only: it says who is online where,
/// which no disk may hold. MB-27
struct MailboxTable {
    /// One attached mailbox, or a free place.
    struct Entry {
        let id: MailboxID
        /// Who reads, if anybody.
        var reader: ConnectionID?
        /// The count of read attaches that the reader's own attach made: the fence of MB-6.
        var fence: UInt32 = 0
        /// Whether deposits are thrown away. MB-16
        var isClosed = false
        var window = DeliveryWindow()
        /// Who may deposit, oldest first.
        var writers: [ConnectionID] = []
        /// The week in which the reader's lease was last renewed.
        var leaseWeek: Int64 = 0
    }

    private var places: [MailboxID: Int32] = [:]
    private var entries: [Entry] = []
    private var free: [Int32] = []

    /// How many mailboxes somebody is attached to.
    var count: Int { places.count }
    /// One past the highest index that was ever in use.
    var indexEnd: Int { entries.count }

    /// The index of a mailbox, nil when nobody is attached.
    func index(of id: MailboxID) -> Int? { places[id].map { Int($0) } }

    /// The index of a mailbox, with a new entry when nobody was attached.
    mutating func makeIndex(of id: MailboxID) -> Int {
        if let place = places[id] { return Int(place) }
        if let place = free.popLast() {
            entries[Int(place)] = Entry(id: id)
            places[id] = place
            return Int(place)
        }
        // Attaches are bounded per connection and connections per process: far below 2^31.
        let place = Int32(entries.count)
        entries.append(Entry(id: id))
        places[id] = place
        return Int(place)
    }

    /// Frees an entry that nobody is attached to any more.
    mutating func removeIfUnused(_ index: Int) {
        guard entries[index].reader == nil, entries[index].writers.isEmpty else { return }
        places[entries[index].id] = nil
        entries[index].window = DeliveryWindow()
        free.append(Int32(index))
    }

    /// An entry in use.
    subscript(index: Int) -> Entry {
        _read { yield entries[index] }
        _modify { yield &entries[index] }
    }
}
