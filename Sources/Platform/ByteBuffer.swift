import Glibc

/// A growing run of bytes with one owner: bytes are added at the end and taken from the front.
///
/// An empty buffer that was trimmed holds no memory, so an idle connection costs none. Bytes are
/// moved to the front only when room is needed and at least half of the storage is free there, so
/// that each byte is moved a bounded number of times.
///
/// Not wiped when freed: it holds what goes over the network, never keys. The conformance to
/// `Sendable` is unchecked because of the pointer, which has one owner and so one thread at a time.
@safe package struct ByteBuffer: ~Copyable, @unchecked Sendable {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private var low = 0
    private var high = 0

    /// Makes an empty buffer that holds no memory.
    package init() { unsafe base = nil }

    deinit { unsafe free(base) }

    /// How many bytes can be read.
    package var count: Int { high - low }
    /// Whether nothing can be read.
    package var isEmpty: Bool { high == low }
    /// How many bytes of memory the buffer holds.
    package var allocatedByteCount: Int { capacity }

    /// The bytes that can be read, in order.
    package var readable: RawSpan {
        @_lifetime(borrow self)
        get {
            let bytes = unsafe UnsafeRawBufferPointer(
                start: base.map { unsafe $0 + low }, count: count)
            return unsafe _overrideLifetime(RawSpan(_unsafeBytes: bytes), borrowing: self)
        }
    }

    /// The same bytes, to be changed in place: unmasked or decrypted where they lie.
    package var writable: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            let bytes = unsafe UnsafeMutableRawBufferPointer(
                start: base.map { unsafe $0 + low }, count: count)
            return unsafe _overrideLifetime(
                MutableRawSpan(_unsafeBytes: bytes), mutating: &self)
        }
    }

    /// Takes `byteCount` bytes from the front; there must be so many.
    package mutating func consume(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count)
        low += byteCount
        if low == high {
            low = 0
            high = 0
        }
    }

    /// Drops the last bytes so that `byteCount` remain; there must be so many.
    package mutating func truncate(to byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count)
        high = low + byteCount
        if low == high {
            low = 0
            high = 0
        }
    }

    /// Drops all bytes and keeps the memory.
    package mutating func removeAll() {
        low = 0
        high = 0
    }

    /// Gives the memory back if there is nothing to read. An event loop calls it when a turn ends.
    package mutating func trim() {
        if low == high && capacity > 0 {
            unsafe free(base)
            unsafe base = nil
            capacity = 0
            low = 0
            high = 0
        }
    }

    /// Adds a copy of `bytes`.
    package mutating func append(_ bytes: RawSpan) {
        let added = bytes.byteCount
        if added == 0 { return }
        reserve(added)
        unsafe bytes.withUnsafeBytes { source in
            if let from = source.baseAddress, let to = unsafe base {
                unsafe memcpy(to + high, from, added)
            }
        }
        high += added
    }

    /// Makes room for `byteCount` more bytes and lets `body` write up to so many at the end.
    ///
    /// When `body` throws, what it wrote is dropped again.
    package mutating func append<Result, Failure: Error>(
        upTo byteCount: Int, _ body: (inout OutputRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        reserve(byteCount)
        let room = unsafe UnsafeMutableRawBufferPointer(
            start: base.map { unsafe $0 + high }, count: byteCount)
        var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
        let result = try body(&output)
        high += unsafe output.finalize(for: room)
        return result
    }

    /// Makes room for `room` bytes, hands them to a system call, and adds as many as it returns.
    mutating func appendRaw(room: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        precondition(room > 0)
        reserve(room)
        let result = unsafe body(
            UnsafeMutableRawBufferPointer(
                start: base.map { unsafe $0 + high }, count: capacity - high))
        if result > 0 { high += result }
        return result
    }

    /// Makes sure that `byteCount` bytes fit behind the last one.
    package mutating func reserve(_ byteCount: Int) {
        precondition(byteCount >= 0)
        if capacity - high >= byteCount { return }
        let held = count
        let needed = held + byteCount
        if let base = unsafe base, needed <= capacity, low >= capacity / 2 {
            unsafe memmove(base, base + low, held)
        } else {
            // Doubling keeps the cost of each byte constant; the caller's limits keep it bounded.
            let size = Swift.max(needed, Swift.min(capacity * 2, capacity + (1 << 20)), 512)
            guard let fresh = unsafe malloc(size) else {
                preconditionFailure("out of memory")
            }
            if let base = unsafe base { unsafe memcpy(fresh, base + low, held) }
            unsafe free(base)
            unsafe base = fresh
            capacity = size
        }
        low = 0
        high = held
    }
}
