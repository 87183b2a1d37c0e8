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
}
