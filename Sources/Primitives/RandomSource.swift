internal import CSodium

/// Where randomness comes from. Nothing outside `SystemRandom` asks the system for it.
///
/// Usable as `inout some RandomSource` and as `inout any RandomSource`.
package protocol RandomSource: Sendable {
    /// Fills the whole span with random bytes.
    mutating func fill(_ bytes: inout MutableRawSpan)
}

extension RandomSource {
    /// Public random bytes: nonces, ids. For secrets use `SecretBytes(byteCount:from:)`.
    @inlinable
    package mutating func bytes<let count: Int>(
        _ type: FixedBytes<count>.Type = FixedBytes<count>.self
    ) -> FixedBytes<count> {
        var result = FixedBytes<count>()
        var span = result.mutableRaw
        fill(&span)
        return result
    }

    /// Public random bytes of a count known at run time only.
    package mutating func bytes(count: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        var span = result.mutableRaw
        fill(&span)
        return result
    }

    /// A uniformly random integer of any value.
    @inlinable
    package mutating func integer<Integer: FixedWidthInteger & UnsignedInteger>(
        _ type: Integer.Type = Integer.self
    ) -> Integer {
        var result: Integer = 0
        let bytes: FixedBytes<8> = bytes()
        for index in 0..<min(8, MemoryLayout<Integer>.size) {
            result |= Integer(truncatingIfNeeded: bytes[index]) << Integer(8 * index)
        }
        return result
    }

    /// A uniformly random integer in `0..<bound`; `bound` is above zero.
    package mutating func integer(below bound: UInt64) -> UInt64 {
        precondition(bound > 0, "an empty range has no element")
        // Values under the remainder would make the small results more likely; draw again.
        let threshold = (0 &- bound) % bound
        while true {
            let value = integer(UInt64.self)
            if value >= threshold { return value % bound }
        }
    }

    /// A uniformly random element index order: Fisher and Yates, in place.
    package mutating func shuffle<Element>(_ elements: inout [Element]) {
        guard elements.count > 1 else { return }
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, Int(integer(below: UInt64(last + 1))))
        }
    }
}

/// The system's randomness, through libsodium.
///
/// - SPEC: §4.1, PR-1
package struct SystemRandom: RandomSource {
    // Unused. The thread sanitizer looks at the address of what is passed `inout`, and a value
    // without a byte has none.
    private let placeholder: UInt8 = 0

    /// Makes a source; it has no state of its own.
    package init() { Sodium.start() }

    package mutating func fill(_ bytes: inout MutableRawSpan) {
        let count = bytes.byteCount
        // Safe: the pointer is good for `count` bytes. PR-1
        unsafe bytes.withMutablePointer { unsafe randombytes_buf($0, count) }
    }
}

/// A source that hands out given bytes in turn, for vectors that fix what is drawn.
///
/// It stops the program when more is drawn than was given: a vector that draws more than it says
/// is wrong. No program that ships hands one to anything.
package struct FixedRandom: RandomSource {
    private let bytes: [UInt8]
    private var usedByteCount = 0

    /// A source of exactly these bytes.
    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// True when all bytes have been drawn.
    package var isExhausted: Bool { usedByteCount == bytes.count }

    package mutating func fill(_ target: inout MutableRawSpan) {
        precondition(
            target.byteCount <= bytes.count - usedByteCount, "more was drawn than was given")
        for offset in 0..<target.byteCount {
            target.storeBytes(
                of: bytes[usedByteCount + offset], toByteOffset: offset, as: UInt8.self)
        }
        usedByteCount += target.byteCount
    }
}

/// A deterministic source for tests, simulation and vectors: the ChaCha20 stream of a seed.
///
/// Its output is only as secret as the seed, and a copy of the value repeats the stream, so no
/// program that ships hands one to anything.
package struct SeededRandom: RandomSource {
    private let seed: FixedBytes<32>
    // The stream is cut into blocks of 64 bytes; a request may end inside one.
    private var blockIndex: UInt64 = 0
    private var block = FixedBytes<64>()
    private var usedByteCount = 64

    /// A stream that depends on all 32 bytes of `seed`.
    package init(seed: FixedBytes<32>) {
        Sodium.start()
        self.seed = seed
    }

    /// A stream for a small number, for tests that count their seeds.
    package init(_ number: UInt64) {
        var seed = FixedBytes<32>()
        for index in 0..<8 {
            seed[index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
        }
        self.init(seed: seed)
    }

    package mutating func fill(_ bytes: inout MutableRawSpan) {
        for offset in 0..<bytes.byteCount {
            if usedByteCount == 64 { nextBlock() }
            bytes.storeBytes(of: block[usedByteCount], toByteOffset: offset, as: UInt8.self)
            usedByteCount += 1
        }
    }

    private mutating func nextBlock() {
        block = .zero
        let nonce = FixedBytes<8>()
        let index = blockIndex
        let key = seed
        var target = block.mutableRaw
        // Safe: 64 bytes in place, an 8-byte nonce and a 32-byte key.
        let code = unsafe target.withMutablePointer { output in
            unsafe nonce.raw.withPointer { noncePointer in
                unsafe key.raw.withPointer { keyPointer in
                    unsafe crypto_stream_chacha20_xor_ic(
                        output, output, 64, noncePointer, index, keyPointer)
                }
            }
        }
        precondition(code == 0)
        blockIndex += 1
        usedByteCount = 0
    }
}
