extension OutputRawSpan {
    /// Appends the bytes of a span, which must fit into the free capacity.
    @_lifetime(self: copy self)
    package mutating func append(copying source: RawSpan) {
        let count = source.byteCount
        precondition(count <= freeCapacity, "the output has no room")
        guard count > 0 else { return }
        // Safe: the room was checked, the two do not overlap (one is borrowed, the other is
        // borrowed for writing), and exactly `count` bytes more are initialised.
        unsafe source.withUnsafeBytes { bytes in
            unsafe withUnsafeMutableBytes { buffer, initializedCount in
                unsafe UnsafeMutableRawBufferPointer(
                    rebasing: buffer[initializedCount..<(initializedCount + count)]
                ).copyMemory(from: bytes)
                initializedCount += count
            }
        }
    }

    /// Appends `count` zero bytes, which must fit into the free capacity; none for a negative
    /// count.
    @_lifetime(self: copy self)
    package mutating func append(zeros count: Int) {
        // Safe: UInt8 has no padding; the room is checked there.
        unsafe append(repeating: 0, count: max(count, 0), as: UInt8.self)
    }
}
