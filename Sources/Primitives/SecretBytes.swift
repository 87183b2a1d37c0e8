internal import CSodium
internal import Synchronization

/// A secret in locked memory: it cannot be copied, printed, interpolated, compared with `==` or put
/// into an array, and it is wiped when its owner lets go of it.
///
/// Key types of one purpose each (`RootKey`, `ChainKey`, `MessageKey` …) are `~Copyable` structs
/// around one of these; of the types that hold secrets only this one has a `deinit`, beside the
/// working memory of Keccak and ML-KEM. Moving it moves a pointer, so no copy of the bytes stays
/// behind on the stack. A keyed store of secrets boxes each in a private final class.
///
/// Both homes show this one face: `slab` for whatever lives for a message, a chain, a session or a
/// connection, `guarded` for keys that live as long as the process.
@safe package struct SecretBytes: ~Copyable, @unchecked Sendable {
    // @unchecked: the memory has one owner, and the pool's bookkeeping is atomic.

    /// Where the bytes lie.
    package enum Home: Sendable {
        /// A slot of a shared locked slab: cheap, any number of them.
        case slab
        /// Pages of its own between guard pages, 20 µs and four pages each: for identity, channel
        /// and vault keys.
        case guarded
    }

    /// The number of bytes.
    package var byteCount: Int { Int(count) }
    /// Where they lie. Secrets of more than 256 bytes are always guarded.
    package var home: Home { unsafe word == nil ? .guarded : .slab }

    // 24 bytes in all, since a server holds two a connection and a client one a skipped key.
    private let base: UnsafeMutableRawPointer
    // Where the slot is marked as taken; nil for a guarded secret.
    private let word: UnsafeMutablePointer<Atomic<UInt64>>?
    private let count: UInt32
    private let slotByteCount: UInt16
    private let bitIndex: UInt8

    /// Makes a secret of `byteCount` bytes and lets `fill` write them; they are zero before.
    ///
    /// - Throws: whatever `fill` throws; the memory is wiped and released then.
    package init<Failure: Error>(
        byteCount: Int, home: Home = .slab,
        fill: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        try self.init(
            zeros: byteCount, pool: home == .slab ? .pool(holding: byteCount) : nil, fill: fill)
    }

    /// Copies bytes into locked memory. The caller wipes the source if it is not locked.
    package init(copying source: RawSpan, home: Home = .slab) {
        self.init(
            zeros: source.byteCount,
            pool: home == .slab ? .pool(holding: source.byteCount) : nil)
        let count = byteCount
        let target = unsafe base
        // Safe: both are good for `count` bytes and do not overlap.
        unsafe source.withPointer { unsafe target.copyMemory(from: $0, byteCount: count) }
    }

    /// Draws a secret from `random`.
    package init(
        byteCount: Int, home: Home = .slab, from random: inout some RandomSource
    ) {
        self.init(byteCount: byteCount, home: home) { random.fill(&$0) }
    }

    /// Zero bytes in a slot of `pool`, or in guarded pages when it is nil.
    init(zeros byteCount: Int, pool: SecretSlab?) {
        Sodium.start()
        count = UInt32(byteCount)
        if let pool {
            let slot = unsafe pool.take()
            unsafe base = slot.base
            unsafe word = slot.word
            slotByteCount = UInt16(pool.slotByteCount)
            bitIndex = unsafe slot.bitIndex
        } else {
            guard let memory = unsafe sodium_malloc(max(byteCount, 1)) else {
                preconditionFailure("no memory for secrets")
            }
            unsafe sodium_memzero(memory, byteCount)
            unsafe base = memory
            unsafe word = nil
            slotByteCount = 0
            bitIndex = 0
        }
    }

    /// As above, and lets `fill` write.
    init<Failure: Error>(
        zeros byteCount: Int, pool: SecretSlab?,
        fill: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        let secret = SecretBytes(zeros: byteCount, pool: pool)
        // Safe: the memory has one owner, `secret`, which outlives the span.
        let memory = unsafe secret.base
        var span = unsafe MutableRawSpan(_unsafeStart: memory, byteCount: byteCount)
        try fill(&span)
        self = secret
    }

    deinit {
        // `sodium_free` wipes before it unmaps.
        if let word = unsafe word {
            unsafe SecretSlab.release(
                SecretSlab.Slot(base: base, word: word, bitIndex: bitIndex),
                slotByteCount: Int(slotByteCount))
        } else {
            unsafe sodium_free(base)
        }
    }

    /// The bytes, borrowed; inside this module only.
    var raw: RawSpan {
        @_lifetime(borrow self)
        get {
            // Safe: the memory lives as long as `self`, which the span borrows.
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: byteCount)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The bytes, borrowed for writing: for state that changes in place; inside this module only.
    var mutableRaw: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            // Safe: the memory lives as long as `self`, which the span borrows alone.
            let span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: byteCount)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// Lends the bytes to `body`; the span cannot leave it.
    package borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(raw)
    }

    /// Compares in constant time; secrets of different length are different.
    package borrowing func isEqual(to other: borrowing SecretBytes) -> Bool {
        ConstantTime.isEqual(raw, other.raw)
    }

    /// Compares with bytes in constant time.
    package borrowing func isEqual(to other: RawSpan) -> Bool {
        ConstantTime.isEqual(raw, other)
    }

    /// A second secret with the same bytes, to stage a step that may still fail.
    package borrowing func duplicate() -> SecretBytes {
        SecretBytes(copying: raw, home: home)
    }

    /// A new secret with the bytes in `range`, for cutting the output of a derivation.
    package borrowing func part(_ range: Range<Int>, home: Home = .slab) -> SecretBytes {
        SecretBytes(copying: raw.extracting(range), home: home)
    }

    /// A plain copy of the bytes, which nothing wipes: the caller encrypts it at once.
    package borrowing func exposeForStorage() -> [UInt8] {
        [UInt8](copying: raw)
    }
}
