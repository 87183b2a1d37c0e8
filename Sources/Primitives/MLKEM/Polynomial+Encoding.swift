/// Bytes to polynomials and back (FIPS 203 sections 4.2.1 and 4.2.2).
extension Polynomial {
    // MARK: Twelve bits, uncompressed

    /// Bytes of `encode`.
    static let byteCount = 384

    /// ByteEncode_12, algorithm 5, of coefficients between -q and q - 1.
    mutating func encode(into bytes: inout MutableRawSpan, at offset: Int) {
        let own = lent
        for pair in 0..<128 {
            let low = Self.positive(own[2 * pair])
            let high = Self.positive(own[2 * pair + 1])
            let place = offset + 3 * pair
            bytes.store(low, at: place)
            bytes.store(low &>> 8 | high &<< 4, at: place + 1)
            bytes.store(high &>> 4, at: place + 2)
        }
    }

    /// ByteDecode_12, algorithm 6.
    ///
    /// - Returns: false when a value is q or more: another encoding of the same polynomial. Public
    ///   bytes only may be judged by it.
    mutating func decode(_ bytes: RawSpan, at offset: Int) -> Bool {
        var own = coefficients.mutableSpan
        // Its sign is set once one value is above q - 1. No branch, since private keys come here too.
        var excess: Int16 = 0
        for pair in 0..<128 {
            let place = offset + 3 * pair
            let middle = Int16(bytes.byte(at: place + 1))
            let low = Int16(bytes.byte(at: place)) | (middle & 15) &<< 8
            let high = middle &>> 4 | Int16(bytes.byte(at: place + 2)) &<< 4
            excess |= (Self.modulus &- 1 &- low) | (Self.modulus &- 1 &- high)
            own[2 * pair] = low
            own[2 * pair + 1] = high
        }
        return excess >= 0
    }

    // MARK: Compressed

    // Compress_d is round(2^d / q · x) modulo 2^d. The division is a multiplication by a rounded
    // inverse that is exact for every x below q, as a test tries.

    /// Compress_10 of x from 0 to q - 1.
    @inline(__always)
    static func compress10(_ x: Int32) -> Int32 {
        Int32(truncatingIfNeeded: ((Int64(x) &<< 10 &+ 1_665) &* 1_290_167) &>> 32) & 0x3ff
    }

    /// Compress_4 of x from 0 to q - 1.
    @inline(__always)
    static func compress4(_ x: Int32) -> Int32 {
        Int32(truncatingIfNeeded: ((Int64(x) &<< 4 &+ 1_665) &* 80_635) &>> 28) & 0xf
    }

    /// Compress_1 of x from 0 to q - 1.
    @inline(__always)
    static func compress1(_ x: Int32) -> Int32 {
        Int32(truncatingIfNeeded: ((Int64(x) &<< 1 &+ 1_665) &* 80_635) &>> 28) & 1
    }

    /// Decompress_10 of y below 2^10.
    @inline(__always)
    static func decompress10(_ y: Int32) -> Int16 {
        Int16(truncatingIfNeeded: (y &* 3_329 &+ 512) &>> 10)
    }

    /// Decompress_4 of y below 2^4.
    @inline(__always)
    static func decompress4(_ y: Int32) -> Int16 {
        Int16(truncatingIfNeeded: (y &* 3_329 &+ 8) &>> 4)
    }

    /// ByteEncode_10 after Compress_10: 320 bytes, of coefficients between -q and q - 1.
    mutating func encode10(into bytes: inout MutableRawSpan, at offset: Int) {
        let own = lent
        for group in 0..<64 {
            let t0 = Self.compress10(Self.positive(own[4 * group]))
            let t1 = Self.compress10(Self.positive(own[4 * group + 1]))
            let t2 = Self.compress10(Self.positive(own[4 * group + 2]))
            let t3 = Self.compress10(Self.positive(own[4 * group + 3]))
            let place = offset + 5 * group
            bytes.store(t0, at: place)
            bytes.store(t0 &>> 8 | t1 &<< 2, at: place + 1)
            bytes.store(t1 &>> 6 | t2 &<< 4, at: place + 2)
            bytes.store(t2 &>> 4 | t3 &<< 6, at: place + 3)
            bytes.store(t3 &>> 2, at: place + 4)
        }
    }

    /// Decompress_10 after ByteDecode_10: 320 bytes.
    mutating func decode10(_ bytes: RawSpan, at offset: Int) {
        var own = coefficients.mutableSpan
        for group in 0..<64 {
            let place = offset + 5 * group
            let b0 = Int32(bytes.byte(at: place)), b1 = Int32(bytes.byte(at: place + 1))
            let b2 = Int32(bytes.byte(at: place + 2)), b3 = Int32(bytes.byte(at: place + 3))
            let b4 = Int32(bytes.byte(at: place + 4))
            own[4 * group] = Self.decompress10(b0 | (b1 & 0x03) &<< 8)
            own[4 * group + 1] = Self.decompress10(b1 &>> 2 | (b2 & 0x0f) &<< 6)
            own[4 * group + 2] = Self.decompress10(b2 &>> 4 | (b3 & 0x3f) &<< 4)
            own[4 * group + 3] = Self.decompress10(b3 &>> 6 | b4 &<< 2)
        }
    }

    /// ByteEncode_4 after Compress_4: 128 bytes, of coefficients between -q and q - 1.
    mutating func encode4(into bytes: inout MutableRawSpan, at offset: Int) {
        let own = lent
        for pair in 0..<128 {
            let low = Self.compress4(Self.positive(own[2 * pair]))
            let high = Self.compress4(Self.positive(own[2 * pair + 1]))
            bytes.store(low | high &<< 4, at: offset + pair)
        }
    }

    /// Decompress_4 after ByteDecode_4: 128 bytes.
    mutating func decode4(_ bytes: RawSpan, at offset: Int) {
        var own = coefficients.mutableSpan
        for pair in 0..<128 {
            let byte = Int32(bytes.byte(at: offset + pair))
            own[2 * pair] = Self.decompress4(byte & 15)
            own[2 * pair + 1] = Self.decompress4(byte &>> 4)
        }
    }

    /// ByteEncode_1 after Compress_1: 32 bytes, of coefficients between -q and q - 1.
    mutating func encode1(into bytes: inout MutableRawSpan) {
        let own = lent
        for place in 0..<32 {
            var byte: Int32 = 0
            for bit in 0..<8 {
                byte |= Self.compress1(Self.positive(own[8 * place + bit])) &<< Int32(bit)
            }
            bytes.store(byte, at: place)
        }
    }

    /// Adds Decompress_1 after ByteDecode_1 of 32 bytes: 1665 where a bit is set.
    mutating func addDecoded1(_ bytes: RawSpan) {
        var own = coefficients.mutableSpan
        for place in 0..<32 {
            let byte = Int16(bytes.byte(at: place))
            for bit in 0..<8 {
                let index = 8 * place + bit
                own[index] = own[index] &+ (0 &- (byte &>> Int16(bit) & 1)) & 1_665
            }
        }
    }
}

extension MutableRawSpan {
    /// Stores the lowest eight bits.
    @inline(__always)
    @_lifetime(self: copy self)
    fileprivate mutating func store(_ value: Int32, at offset: Int) {
        storeBytes(of: UInt8(truncatingIfNeeded: value), toByteOffset: offset, as: UInt8.self)
    }
}
