extension RawSpan {
    /// The byte at `offset`, which must lie inside.
    @inlinable
    @inline(__always)
    package func byte(at offset: Int) -> UInt8 {
        // Safe: any byte is a UInt8, and the load checks its bounds.
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The big-endian integer that starts at `offset`, or nil when it does not lie wholly inside.
    ///
    /// - SPEC: §2, integers are big-endian.
    @inlinable
    @inline(__always)
    package func bigEndian<Integer: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        at offset: Int, as type: Integer.Type = Integer.self
    ) -> Integer? {
        let size = MemoryLayout<Integer>.size
        guard offset >= 0, byteCount >= size, offset <= byteCount - size else { return nil }
        // Safe: every bit pattern is an integer, and the load checks its bounds.
        return unsafe Integer(
            bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: Integer.self))
    }
}

extension Array where Element == UInt8 {
    /// Appends an integer, most significant byte first.
    @inlinable
    package mutating func append<Integer: FixedWidthInteger & UnsignedInteger>(
        bigEndian value: Integer
    ) {
        var shift = Integer.bitWidth
        while shift > 0 {
            shift -= 8
            append(UInt8(truncatingIfNeeded: value >> Integer(shift)))
        }
    }
}
