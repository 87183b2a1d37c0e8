extension MutableRawSpan {
    /// XORs `range` in place with a four-byte key repeated over it, as WebSocket masking does
    /// (RFC 6455 section 5.3). This is no encryption: the key travels beside the bytes.
    ///
    /// - Parameters:
    ///   - key: the first byte of the key in its lowest eight bits. It is applied to the byte at
    ///     `range.lowerBound`; a caller that goes on in the middle of a payload rotates it first.
    ///   - range: offsets within the span; one that reaches outside it is a programming error.
    package mutating func xor(repeating key: UInt32, over range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
        // Eight bytes a step is four times as fast as the best checked byte loop. Safe: every
        // offset below stays under `range.upperBound`, which was checked above.
        unsafe withUnsafeMutableBytes { bytes in
            let wide = (UInt64(key) << 32 | UInt64(key)).littleEndian
            let wordCount = range.count >> 3
            for word in 0..<wordCount {
                let offset = range.lowerBound &+ (word &<< 3)
                let mixed =
                    unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ wide
                unsafe bytes.storeBytes(of: mixed, toByteOffset: offset, as: UInt64.self)
            }
            var rest = key
            for offset in (range.lowerBound &+ (wordCount &<< 3))..<range.upperBound {
                unsafe bytes[offset] ^= UInt8(truncatingIfNeeded: rest)
                rest = rest >> 8 | rest << 24
            }
        }
    }
}
