internal import CSodium
internal import Synchronization

/// A pool of equal, locked memory slots for short secrets.
///
/// `sodium_malloc` costs about 20 µs, takes four pages and fails after some 16,000 live
/// allocations. A slab makes one such allocation for hundreds of secrets: guard pages lie around
/// the slab, not around each slot. When all slots are taken the pool grows by a further, larger
/// slab. Slabs are never given back, so a slot's address stays valid for the life of the process,
/// and any thread may take or release slots: a bit per slot, set and cleared atomically.
///
/// Only `SecretBytes` uses it.
final class SecretSlab: Sendable {
    // One pool a size, so that a 32-byte key does not occupy the room of a 256-byte one.
    private static let pool32 = SecretSlab(slotByteCount: 32)
    private static let pool64 = SecretSlab(slotByteCount: 64)
    private static let pool128 = SecretSlab(slotByteCount: 128)
    private static let pool256 = SecretSlab(slotByteCount: 256)

    /// The pool whose slots hold `byteCount` bytes, or nil when none is that large.
    static func pool(holding byteCount: Int) -> SecretSlab? {
        switch byteCount {
        case ...32: pool32
        case ...64: pool64
        case ...128: pool128
        case ...256: pool256
        default: nil
        }
    }

    /// A taken slot: its memory, and where to clear its bit.
    @unsafe struct Slot {
        let base: UnsafeMutableRawPointer
        let word: UnsafeMutablePointer<Atomic<UInt64>>
        let bitIndex: UInt8
    }

    /// One locked allocation and its bitmap. Never freed.
    @unsafe private struct Slab {
        let memory: UnsafeMutableRawPointer
        let words: UnsafeMutablePointer<Atomic<UInt64>>
        let wordCount: Int
        let next: UnsafeMutablePointer<Slab>?
    }

    private typealias SlabPointer = UnsafeMutablePointer<Slab>

    // The first slab has 512 slots (16 KiB of 32-byte ones): idle processes stay small. Each next
    // one doubles, up to 16,384, so that a walk over all slabs stays short.
    private static let firstWordCount = 8
    private static let lastWordCount = 256

    let slotByteCount: Int
    // The newest slab; the others follow by `next`. As an integer, since that is what is Sendable.
    private let newest = Atomic<UInt>(0)
    private let slabCountValue = Atomic<Int>(0)

    /// Makes an empty pool, which must live as long as the process: slots do not retain it.
    init(slotByteCount: Int) {
        Sodium.start()
        self.slotByteCount = slotByteCount
    }

    /// The number of slabs allocated so far.
    var slabCount: Int { slabCountValue.load(ordering: .relaxed) }

    /// Takes a free slot, all zero, and grows the pool if there is none.
    func take() -> Slot {
        var wordCount = Self.firstWordCount
        var next = unsafe SlabPointer(bitPattern: newest.load(ordering: .acquiring))
        if let slab = unsafe next {
            wordCount = unsafe min(slab.pointee.wordCount * 2, Self.lastWordCount)
        }
        while let slab = unsafe next {
            if let slot = unsafe takeSlot(in: slab) { return unsafe slot }
            unsafe next = slab.pointee.next
        }
        return unsafe grow(wordCount: wordCount)
    }

    /// Wipes a slot and makes it free.
    static func release(_ slot: Slot, slotByteCount: Int) {
        // Safe: the slot is the caller's until its bit is cleared, and `sodium_memzero` is not
        // optimised away. Releasing order: whoever takes the slot next sees zeros.
        unsafe sodium_memzero(slot.base, slotByteCount)
        _ = unsafe slot.word.pointee.bitwiseAnd(
            ~(1 << UInt64(slot.bitIndex)), ordering: .releasing)
    }

    private func takeSlot(in slab: SlabPointer) -> Slot? {
        for index in unsafe 0..<slab.pointee.wordCount {
            let word = unsafe slab.pointee.words + index
            var seen = unsafe word.pointee.load(ordering: .relaxed)
            while seen != .max {
                let bit = ~seen & (seen &+ 1)
                let result = unsafe word.pointee.compareExchange(
                    expected: seen, desired: seen | bit, ordering: .acquiring)
                if result.exchanged {
                    let bitIndex = bit.trailingZeroBitCount
                    let offset = (index * 64 + bitIndex) * slotByteCount
                    let base = unsafe slab.pointee.memory + offset
                    return unsafe Slot(base: base, word: word, bitIndex: UInt8(bitIndex))
                }
                seen = result.original
            }
        }
        return nil
    }

    private func grow(wordCount: Int) -> Slot {
        let byteCount = wordCount * 64 * slotByteCount
        guard let memory = unsafe sodium_malloc(byteCount) else {
            preconditionFailure("no memory for secrets")
        }
        // `sodium_malloc` fills with a pattern; slots promise zeros.
        unsafe sodium_memzero(memory, byteCount)
        let words = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: wordCount)
        for index in 0..<wordCount {
            // The first slot is the caller's before anyone else can see the slab.
            unsafe (words + index).initialize(to: Atomic(index == 0 ? 1 : 0))
        }
        let slab = SlabPointer.allocate(capacity: 1)
        var head = newest.load(ordering: .acquiring)
        while true {
            unsafe slab.initialize(
                to: Slab(
                    memory: memory, words: words, wordCount: wordCount,
                    next: SlabPointer(bitPattern: head)))
            let result = newest.compareExchange(
                expected: head, desired: UInt(bitPattern: slab),
                ordering: .acquiringAndReleasing)
            if result.exchanged { break }
            head = result.original
        }
        _ = slabCountValue.add(1, ordering: .relaxed)
        return unsafe Slot(base: memory, word: words, bitIndex: 0)
    }
}
