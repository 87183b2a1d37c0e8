import Primitives

/// SHA-1 (FIPS 180-4), for one purpose only: the `Sec-WebSocket-Accept` value of RFC 6455, which
/// shows that a server read the request and nothing else.
///
/// SHA-1 is broken as a collision-resistant hash. Nothing in Postern rests on it for security, and
/// it lies here, not in Primitives, so that nothing else picks it up.
enum SHA1 {
    /// The digest of `message`: 20 bytes.
    static func hash(_ message: RawSpan) -> [20 of UInt8] {
        var state: [5 of UInt32] = [
            0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0,
        ]
        var offset = 0
        while message.byteCount - offset >= 64 {
            absorb(message.extracting(offset..<(offset + 64)), into: &state)
            offset += 64
        }

        // The padding: a one bit, zeros, and the length in bits as a 64-bit number (section 5.1.1).
        var tail = [UInt8]()
        for index in offset..<message.byteCount { tail.append(message.byte(at: index)) }
        tail.append(0x80)
        while tail.count % 64 != 56 { tail.append(0) }
        let bitCount = UInt64(message.byteCount) &* 8
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            tail.append(UInt8(truncatingIfNeeded: bitCount >> shift))
        }
        for block in stride(from: 0, to: tail.count, by: 64) {
            absorb(tail.raw.extracting(block..<(block + 64)), into: &state)
        }

        var digest = [20 of UInt8](repeating: 0)
        for index in digest.indices {
            digest[index] = UInt8(
                truncatingIfNeeded: state[index / 4] >> UInt32(24 - index % 4 * 8))
        }
        return digest
    }

    /// One round of the compression function over a block of 64 bytes (section 6.1.2).
    private static func absorb(_ block: RawSpan, into state: inout [5 of UInt32]) {
        var schedule = [80 of UInt32](repeating: 0)
        for index in 0..<64 {
            schedule[index / 4] = schedule[index / 4] << 8 | UInt32(block.byte(at: index))
        }
        for index in 16..<80 {
            let mixed =
                schedule[index - 3] ^ schedule[index - 8] ^ schedule[index - 14]
                ^ schedule[index - 16]
            schedule[index] = rotateLeft(mixed, by: 1)
        }

        var a = state[0]
        var b = state[1]
        var c = state[2]
        var d = state[3]
        var e = state[4]
        for index in 0..<80 {
            let function: UInt32
            let constant: UInt32
            switch index {
            case 0..<20:
                function = (b & c) | (~b & d)
                constant = 0x5A82_7999
            case 20..<40:
                function = b ^ c ^ d
                constant = 0x6ED9_EBA1
            case 40..<60:
                function = (b & c) | (b & d) | (c & d)
                constant = 0x8F1B_BCDC
            default:
                function = b ^ c ^ d
                constant = 0xCA62_C1D6
            }
            let next = rotateLeft(a, by: 5) &+ function &+ e &+ constant &+ schedule[index]
            e = d
            d = c
            c = rotateLeft(b, by: 30)
            b = a
            a = next
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
    }

    private static func rotateLeft(_ word: UInt32, by count: UInt32) -> UInt32 {
        word << count | word >> (32 - count)
    }
}
