package import Primitives

/// A bounded reader over borrowed bytes: it copies nothing it is not asked to copy, never reads
/// past the end and never traps on what it reads.
///
/// Every method either consumes exactly its field or throws and leaves the reader where it was.
/// A caller ends with ``finish()``, which refuses what is left over.
///
/// - SPEC: §2.1, WI-1, WI-2, WI-3
package struct Reader: ~Escapable {
    private let bytes: RawSpan
    private let end: Int
    /// Offset of the next unread byte from the start of the span given to `init`.
    package private(set) var offset: Int

    /// Starts at the first byte.
    @_lifetime(copy bytes)
    package init(_ bytes: RawSpan) {
        self.bytes = bytes
        self.end = bytes.byteCount
        self.offset = 0
    }

    /// Reads one part of a span; offsets stay those of the whole, so that what a frame lends out
    /// can be found in the message it came in. A range outside is cut to what lies inside.
    @_lifetime(copy bytes)
    package init(_ bytes: RawSpan, in part: Range<Int>) {
        let inside = part.clamped(to: 0..<bytes.byteCount)
        self.bytes = bytes
        self.end = inside.upperBound
        self.offset = inside.lowerBound
    }

    /// Bytes not read yet.
    package var remainingByteCount: Int { end &- offset }

    /// Refuses bytes left over.
    ///
    /// - Throws: `WireError.trailing`.
    package func finish() throws(WireError) {
        // WI-2
        guard remainingByteCount == 0 else { throw .trailing(byteCount: remainingByteCount) }
    }

    /// Consumes `count` bytes and gives their offsets in the original span, without copying.
    ///
    /// - Throws: `WireError.truncated`; `WireError.outOfRange` for a negative count.
    package mutating func range(_ count: Int) throws(WireError) -> Range<Int> {
        // WI-1: `count` is compared with what is left, so no sum of untrusted numbers can overflow.
        guard count >= 0, count <= remainingByteCount else {
            throw .truncated(needed: max(count, 0), available: remainingByteCount)
        }
        let start = offset
        offset = start &+ count
        return start..<offset
    }

    /// Consumes `count` bytes and lends them.
    ///
    /// - Throws: `WireError.truncated`.
    @_lifetime(copy self)
    package mutating func span(_ count: Int) throws(WireError) -> RawSpan {
        bytes.extracting(try range(count))
    }

    /// Lends bytes already read or still to come, by their offsets in the original span; a range
    /// that does not lie inside is cut to what does.
    @_lifetime(copy self)
    package func bytes(in range: Range<Int>) -> RawSpan {
        bytes.extracting(range.clamped(to: 0..<bytes.byteCount))
    }

    /// Consumes `count` bytes and copies them.
    ///
    /// - Throws: `WireError.truncated`.
    package mutating func array(_ count: Int) throws(WireError) -> [UInt8] {
        [UInt8](copying: try span(count))
    }

    /// Consumes one byte.
    package mutating func u8() throws(WireError) -> UInt8 {
        bytes.byte(at: try range(1).lowerBound)
    }

    /// Consumes a big-endian integer of 2 bytes.
    package mutating func u16() throws(WireError) -> UInt16 {
        try bigEndian()
    }

    /// Consumes a big-endian integer of 4 bytes.
    package mutating func u32() throws(WireError) -> UInt32 {
        try bigEndian()
    }

    /// Consumes a big-endian integer of 8 bytes.
    package mutating func u64() throws(WireError) -> UInt64 {
        try bigEndian()
    }

    private mutating func bigEndian<Integer: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>()
        throws(WireError) -> Integer
    {
        let size = MemoryLayout<Integer>.size
        guard size <= remainingByteCount,
            let value = bytes.bigEndian(at: offset, as: Integer.self)
        else { throw .truncated(needed: size, available: remainingByteCount) }
        offset &+= size
        return value
    }

    /// Consumes one byte that must lie in `allowed`.
    ///
    /// - Throws: `WireError.outOfRange`, `WireError.truncated`.
    package mutating func u8(in allowed: ClosedRange<UInt8>) throws(WireError) -> UInt8 {
        let value = try u8()
        guard allowed.contains(value) else {
            throw .outOfRange(
                value: UInt64(value), minimum: UInt64(allowed.lowerBound),
                maximum: UInt64(allowed.upperBound))
        }
        return value
    }

    /// Consumes a big-endian integer of 2 bytes that must lie in `allowed`.
    ///
    /// - Throws: `WireError.outOfRange`, `WireError.truncated`.
    package mutating func u16(in allowed: ClosedRange<UInt16>) throws(WireError) -> UInt16 {
        let value = try u16()
        guard allowed.contains(value) else {
            throw .outOfRange(
                value: UInt64(value), minimum: UInt64(allowed.lowerBound),
                maximum: UInt64(allowed.upperBound))
        }
        return value
    }

    /// Consumes a big-endian integer of 4 bytes that must not be 0: ids are never 0.
    package mutating func nonZeroU32() throws(WireError) -> UInt32 {
        let value = try u32()
        guard value != 0 else {
            throw .outOfRange(value: 0, minimum: 1, maximum: UInt64(UInt32.max))
        }
        return value
    }

    /// Consumes a big-endian integer of 8 bytes that must not be 0: numbers that grow begin at 1.
    package mutating func nonZeroU64() throws(WireError) -> UInt64 {
        let value = try u64()
        guard value != 0 else { throw .outOfRange(value: 0, minimum: 1, maximum: UInt64.max) }
        return value
    }

    /// Consumes a fixed number of bytes by value.
    package mutating func fixed<let N: Int>(
        as type: FixedBytes<N>.Type = FixedBytes<N>.self
    ) throws(WireError) -> FixedBytes<N> {
        guard let value = FixedBytes<N>(copying: try span(N)) else {
            throw .truncated(needed: N, available: remainingByteCount)
        }
        return value
    }

    /// Consumes `count` bytes that must all be zero.
    ///
    /// - Throws: `WireError.notZero` with the offset of the first other byte, `.truncated`.
    package mutating func zeros(_ count: Int) throws(WireError) {
        let start = offset
        let padding = try range(count)
        for index in padding where bytes.byte(at: index) != 0 {
            // WI-3: one value has one encoding.
            offset = start
            throw .notZero(offset: index)
        }
    }
}
