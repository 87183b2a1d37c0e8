package import Primitives

/// Where encoded bytes go: an array that grows (``Writer``) or a caller's buffer of fixed
/// capacity (`OutputRawSpan`), so that a frame is written once, in the connection's own output,
/// without an array of its own.
///
/// Other modules cannot see the bodies of what is generic over a sink, so whatever encodes a frame
/// is made for both sinks here (`@_specialize`); without that a delivery costs three times as much.
package protocol ByteSink: ~Copyable, ~Escapable {
    /// Adds one byte. A sink of fixed capacity traps when it is full: callers reserve the frame's
    /// `byteCount` first, which is a constant or follows from sizes checked before.
    mutating func append(_ byte: UInt8)

    /// Adds bytes.
    mutating func append(bytes: RawSpan)

    /// Adds `count` zero bytes; none for a negative count.
    mutating func zeros(_ count: Int)
}

extension OutputRawSpan: ByteSink {
    /// Adds bytes; traps when the capacity does not suffice.
    @_lifetime(self: copy self)
    package mutating func append(bytes: RawSpan) {
        append(copying: bytes)
    }

    /// Adds zero bytes; traps when the capacity does not suffice.
    @_lifetime(self: copy self)
    package mutating func zeros(_ count: Int) {
        append(zeros: count)
    }
}

extension ByteSink where Self: ~Copyable, Self: ~Escapable {
    /// Adds a big-endian integer.
    @_lifetime(self: copy self)
    package mutating func u8(_ value: UInt8) { append(value) }

    /// Adds a big-endian integer of 2 bytes.
    @_lifetime(self: copy self)
    package mutating func u16(_ value: UInt16) {
        append(UInt8(truncatingIfNeeded: value &>> 8))
        append(UInt8(truncatingIfNeeded: value))
    }

    /// Adds a big-endian integer of 4 bytes.
    @_lifetime(self: copy self)
    package mutating func u32(_ value: UInt32) {
        u16(UInt16(truncatingIfNeeded: value &>> 16))
        u16(UInt16(truncatingIfNeeded: value))
    }

    /// Adds a big-endian integer of 8 bytes.
    @_lifetime(self: copy self)
    package mutating func u64(_ value: UInt64) {
        u32(UInt32(truncatingIfNeeded: value &>> 32))
        u32(UInt32(truncatingIfNeeded: value))
    }

    /// Adds a value of fixed size.
    @_lifetime(self: copy self)
    package mutating func fixed<let N: Int>(_ value: FixedBytes<N>) { append(bytes: value.raw) }

    /// Adds an array.
    @_lifetime(self: copy self)
    package mutating func array(_ value: [UInt8]) { append(bytes: value.raw) }
}

/// A sink that collects what is written in an array.
package struct Writer: ByteSink, Sendable {
    /// All bytes written so far.
    package private(set) var bytes: [UInt8] = []

    /// - Parameter capacity: bytes to reserve, when the size is known.
    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// Adds one byte.
    package mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Adds bytes.
    package mutating func append(bytes more: RawSpan) { bytes.append(copying: more) }

    /// Adds `count` zero bytes; none for a negative count.
    package mutating func zeros(_ count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: max(count, 0)))
    }

    /// Fills up with zeros to `byteCount` bytes in all; a longer content is our own mistake.
    package mutating func pad(to byteCount: Int) {
        precondition(bytes.count <= byteCount, "content longer than its padded size")
        zeros(byteCount - bytes.count)
    }
}
