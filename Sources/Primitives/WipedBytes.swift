internal import CSodium

extension Array where Element == UInt8 {
    /// Overwrites the bytes with zeros, for a secret that had to pass through an array.
    ///
    /// Only the last holder of the array reaches its memory: where another one is left, the zeros
    /// go into a copy.
    package mutating func wipeBytes() {
        // Safe: the buffer is written during the call only, and `sodium_memzero` is not left out
        // by an optimiser that sees nobody read the zeros.
        unsafe withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe sodium_memzero(start, buffer.count)
        }
    }
}
