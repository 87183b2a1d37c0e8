/// Polynomials from the output of SHAKE (FIPS 203 section 4.2.2).
extension Polynomial {
    /// SampleNTT, algorithm 7: uniform, transformed, from the public seed of the matrix.
    ///
    /// The time depends on the seed, which is public.
    mutating func sampleMatrixEntry(seed: FixedBytes<32>, column: UInt8, row: UInt8) {
        let xof = Keccak(.shake128)
        xof.absorb(seed.raw)
        xof.absorb([column, row].raw)
        var filled = 0
        while filled < 256 {
            let block: FixedBytes<168> = xof.squeeze()
            var offset = 0
            while offset < 168, filled < 256 {
                let b0 = Int16(block[offset]), b1 = Int16(block[offset + 1])
                let b2 = Int16(block[offset + 2])
                let d1 = b0 | (b1 & 15) &<< 8
                let d2 = b1 &>> 4 | b2 &<< 4
                offset += 3
                if d1 < Self.modulus {
                    coefficients[filled] = d1
                    filled += 1
                }
                if d2 < Self.modulus, filled < 256 {
                    coefficients[filled] = d2
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
        bytes.withBytes { bytes in
            for place in 0..<128 {
                let byte = bytes.byte(at: place)
                // Sums of two bits: 0 to 2 in each pair.
                let sums = byte & 0x55 &+ byte &>> 1 & 0x55
                let first = Int16(sums & 3) &- Int16(sums &>> 2 & 3)
                let second = Int16(sums &>> 4 & 3) &- Int16(sums &>> 6)
                coefficients[2 * place] = first
                coefficients[2 * place + 1] = second
            }
        }
    }
}
