/// Polynomials from the output of SHAKE (FIPS 203 section 4.2.2).
extension Polynomial {
    /// SampleNTT, algorithm 7: uniform, transformed, from the public seed of the matrix.
    ///
    /// The time depends on the seed, which is public.
    mutating func sampleMatrixEntry(seed: FixedBytes<32>, column: UInt8, row: UInt8) {
        let xof = Keccak(.shake128)
        xof.absorb(seed.raw)
        xof.absorb([column, row].raw)
        var own = coefficients.mutableSpan
        var block = FixedBytes<168>()
        var filled = 0
        while filled < 256 {
            var target = block.mutableRaw
            xof.squeeze(into: &target)
            let bytes = block.raw
            var offset = 0
            while offset < 168, filled < 256 {
                let b0 = Int16(bytes.byte(at: offset)), b1 = Int16(bytes.byte(at: offset + 1))
                let b2 = Int16(bytes.byte(at: offset + 2))
                let d1 = b0 | (b1 & 15) &<< 8
                let d2 = b1 &>> 4 | b2 &<< 4
                offset += 3
                if d1 < Self.modulus {
                    own[filled] = d1
                    filled += 1
                }
                if d2 < Self.modulus, filled < 256 {
                    own[filled] = d2
                    filled += 1
                }
            }
        }
    }

    /// SamplePolyCBD_2, algorithm 8, of PRF_2(seed, number): coefficients from -2 to 2.
    mutating func sampleNoise(seed: RawSpan, number: UInt8) {
        let prf = Keccak(.shake256)
        prf.absorb(seed)
        prf.absorb([number].raw)
        let bytes = prf.squeezeSecret(byteCount: 128)
        bytes.withBytes { setNoise($0) }
    }

    /// SamplePolyCBD_2 of 128 bytes. A function of its own for scripts/check-constant-time.
    @inline(never)
    mutating func setNoise(_ bytes: RawSpan) {
        var own = coefficients.mutableSpan
        for place in 0..<128 {
            let byte = bytes.byte(at: place)
            // Sums of two bits: 0 to 2 in each pair.
            let sums = byte & 0x55 &+ byte &>> 1 & 0x55
            let first = Int16(sums & 3) &- Int16(sums &>> 2 & 3)
            let second = Int16(sums &>> 4 & 3) &- Int16(sums &>> 6)
            own[2 &* place] = first
            own[2 &* place &+ 1] = second
        }
    }
}
