internal import CSodium

/// A hash or extendable output function of FIPS 202, fed and read in parts.
///
/// A class, so that the state, which may depend on secrets, stays in one place and is wiped.
package final class Keccak {
    /// The functions, by rate and domain suffix (FIPS 202 section 6).
    package enum Function: Sendable {
        case sha3_256, sha3_512, shake128, shake256

        /// Bytes that go in or come out between two permutations.
        fileprivate var rate: Int {
            switch self {
            case .sha3_256, .shake256: 136
            case .sha3_512: 72
            case .shake128: 168
            }
        }

        /// The suffix bits with the first bit of the padding.
        fileprivate var suffix: UInt8 {
            switch self {
            case .sha3_256, .sha3_512: 0x06
            case .shake128, .shake256: 0x1f
            }
        }
    }

    private var lanes = InlineArray<25, UInt64>(repeating: 0)
    private var position = 0
    private let rate: Int
    private let suffix: UInt8
    private var isSqueezing = false

    /// Starts with nothing absorbed.
    package init(_ function: Function) {
        rate = function.rate
        suffix = function.suffix
    }

    deinit {
        // Safe: exactly the bytes of the state.
        unsafe withUnsafeMutableBytes(of: &lanes) { bytes in
            if let start = bytes.baseAddress { unsafe sodium_memzero(start, bytes.count) }
        }
    }

    /// Adds bytes; none may come after the first squeeze.
    package func absorb(_ bytes: RawSpan) {
        precondition(!isSqueezing, "absorbed after a squeeze")
        var offset = 0
        while offset < bytes.byteCount {
            let lane = position &>> 3
            if position & 7 == 0, bytes.byteCount - offset >= 8 {
                // Safe: eight bytes lie inside, and any bytes are an integer.
                lanes[lane] ^= unsafe UInt64(
                    littleEndian: bytes.unsafeLoadUnaligned(
                        fromByteOffset: offset, as: UInt64.self))
                offset += 8
                position += 8
            } else {
                lanes[lane] ^= UInt64(bytes.byte(at: offset)) &<< UInt64(8 &* (position & 7))
                offset += 1
                position += 1
            }
            if position == rate { permute() }
        }
    }

    /// Fills the span with the next bytes of the output. A digest is the first 32 or 64 of them.
    package func squeeze(into output: inout MutableRawSpan) {
        if !isSqueezing {
            isSqueezing = true
            lanes[position &>> 3] ^= UInt64(suffix) &<< UInt64(8 &* (position & 7))
            lanes[rate / 8 - 1] ^= 1 &<< 63
            permute()
        }
        var offset = 0
        while offset < output.byteCount {
            if position == rate { permute() }
            let lane = lanes[position &>> 3]
            if position & 7 == 0, output.byteCount - offset >= 8 {
                output.storeBytes(of: lane.littleEndian, toByteOffset: offset, as: UInt64.self)
                offset += 8
                position += 8
            } else {
                output.storeBytes(
                    of: UInt8(truncatingIfNeeded: lane &>> UInt64(8 &* (position & 7))),
                    toByteOffset: offset, as: UInt8.self)
                offset += 1
                position += 1
            }
        }
    }

    /// The next bytes of the output, public ones.
    package func squeeze<let count: Int>(
        _ type: FixedBytes<count>.Type = FixedBytes<count>.self
    ) -> FixedBytes<count> {
        var output = FixedBytes<count>()
        var span = output.mutableRaw
        squeeze(into: &span)
        return output
    }

    /// The next bytes of the output, secret ones.
    package func squeezeSecret(byteCount: Int) -> SecretBytes {
        SecretBytes(byteCount: byteCount) { squeeze(into: &$0) }
    }

    private func permute() {
        KeccakPermutation.apply(&lanes)
        position = 0
    }
}
