import Primitives

/// The kinds of frames of RFC 6455 section 5.2.
package enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// Whether it is a control frame.
    var isControl: Bool { rawValue & 0x8 != 0 }
}

/// The four bytes that a client XORs over a payload (RFC 6455 section 5.3). They keep a page's
/// script from choosing what a proxy sees; they hide nothing.
package struct WebSocketMask: Equatable, Sendable {
    /// The first byte in the lowest eight bits.
    let word: UInt32

    init(word: UInt32) { self.word = word }

    /// Masks or unmasks a part of a payload in place.
    ///
    /// - Parameters:
    ///   - range: where the part lies in `bytes`.
    ///   - payloadOffset: how many bytes of the payload come before it.
    package func apply(to bytes: inout MutableRawSpan, range: Range<Int>, payloadOffset: Int = 0) {
        let shift = UInt32(truncatingIfNeeded: payloadOffset & 3) * 8
        let rotated = shift == 0 ? word : word >> shift | word << (32 - shift)
        bytes.xor(repeating: rotated, over: range)
    }
}

/// Fresh masks, drawn from the random source sixteen at a time: one system call for each frame
/// would cost ten times what the rest of a frame does.
/// - SPEC: §11.1, CH-19
struct WebSocketMaskSource: Sendable {
    private var words = [16 of UInt32](repeating: 0)
    private var usedCount = 16

    /// A mask that was never used. Nobody may foresee it.
    mutating func next(from random: inout some RandomSource) -> WebSocketMask {
        if usedCount == words.count {
            let bytes: FixedBytes<64> = random.bytes()
            for index in words.indices {
                words[index] = bytes.raw.bigEndian(at: 4 * index) ?? 0
            }
            usedCount = 0
        }
        // CH-19: each word is handed out once.
        let word = words[usedCount]
        usedCount += 1
        return WebSocketMask(word: word)
    }
}

/// A frame header: what stands before each payload (RFC 6455 section 5.2).
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | FIN (0x80), reserved bits (0x70, zero), opcode (0x0F) |
/// | 1 | 1 | MASK (0x80), length (0x7F): 0 to 125, 126 or 127 |
/// | 2 | 0, 2 or 8 | length, if the byte above says 126 or 127 |
/// | – | 0 or 4 | masking key, if MASK is set |
///
/// Total: 2 to 14 bytes.
/// - SPEC: §11.1, CH-12, CH-13
package struct WebSocketFrameHeader: Equatable, Sendable {
    /// Whether the frame is the last of its message.
    package let isFinal: Bool
    /// The kind of frame.
    package let opcode: WebSocketOpcode
    /// The length of the payload, in bytes.
    package let payloadByteCount: Int
    /// The mask of the payload; nil from a server.
    package let mask: WebSocketMask?

    /// The longest header: with a 64-bit length and a mask.
    package static let byteCountMax = 14

    /// The longest payload of a control frame.
    package static let controlByteCountMax = 125

    /// A header to be written.
    package init(
        opcode: WebSocketOpcode, isFinal: Bool = true, payloadByteCount: Int, mask: WebSocketMask?
    ) {
        precondition(payloadByteCount >= 0)
        precondition(
            !opcode.isControl || isFinal && payloadByteCount <= Self.controlByteCountMax)
        self.isFinal = isFinal
        self.opcode = opcode
        self.payloadByteCount = payloadByteCount
        self.mask = mask
    }

    private init(
        unchecked opcode: WebSocketOpcode, isFinal: Bool, payloadByteCount: Int,
        mask: WebSocketMask?
    ) {
        self.isFinal = isFinal
        self.opcode = opcode
        self.payloadByteCount = payloadByteCount
        self.mask = mask
    }

    /// The length of the header, in bytes.
    package var byteCount: Int {
        let lengthByteCount = payloadByteCount < 126 ? 0 : payloadByteCount <= 0xFFFF ? 2 : 8
        return 2 + lengthByteCount + (mask == nil ? 0 : 4)
    }

    /// Writes the header; the payload follows it.
    package func write(to output: inout OutputRawSpan) {
        let encoded = encoded
        for index in 0..<byteCount { output.append(encoded[index]) }
    }

    /// Appends the header; the payload follows it.
    package func append(to output: inout [UInt8]) {
        let encoded = encoded
        for index in 0..<byteCount { output.append(encoded[index]) }
    }

    /// Writes the header over bytes whose place was kept for it, from `offset` on.
    package func write(to bytes: inout MutableRawSpan, at offset: Int) {
        let encoded = encoded
        for index in 0..<byteCount {
            bytes.storeBytes(of: encoded[index], toByteOffset: offset + index, as: UInt8.self)
        }
    }

    /// The header, and zeros after its end.
    private var encoded: [14 of UInt8] {
        var bytes = [14 of UInt8](repeating: 0)
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        bytes[0] = opcode.rawValue | (isFinal ? 0x80 : 0)
        var next = 2
        if payloadByteCount < 126 {
            bytes[1] = maskBit | UInt8(truncatingIfNeeded: payloadByteCount)
        } else if payloadByteCount <= 0xFFFF {
            bytes[1] = maskBit | 126
            bytes[2] = UInt8(truncatingIfNeeded: payloadByteCount >> 8)
            bytes[3] = UInt8(truncatingIfNeeded: payloadByteCount)
            next = 4
        } else {
            bytes[1] = maskBit | 127
            for index in 0..<8 {
                bytes[2 + index] = UInt8(truncatingIfNeeded: payloadByteCount >> (56 - 8 * index))
            }
            next = 10
        }
        if let mask {
            for index in 0..<4 {
                bytes[next + index] = UInt8(truncatingIfNeeded: mask.word >> UInt32(8 * index))
            }
        }
        return bytes
    }

    /// Reads the header at `offset`.
    ///
    /// Every violation is found at its first byte: a peer that sends a bad frame byte by byte is
    /// not waited for.
    ///
    /// - Parameter sender: whose frames they are; decides whether they must or must not be masked.
    /// - Returns: nil if the header has not come whole.
    /// - Throws: what violates CH-10, CH-12 or CH-13.
    static func parse(
        _ input: RawSpan, at offset: Int, from sender: WebSocketRole
    ) throws(WebSocketError) -> WebSocketFrameHeader? {
        let available = input.byteCount - offset
        guard available >= 1 else { return nil }
        let first = input.byte(at: offset)
        guard first & 0x70 == 0 else { throw .reservedBits }  // CH-10
        guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else {
            throw .reservedOpcode(first & 0x0F)  // CH-13
        }
        let isFinal = first & 0x80 != 0
        if opcode.isControl && !isFinal { throw .fragmentedControlFrame }  // CH-13

        guard available >= 2 else { return nil }
        let second = input.byte(at: offset + 1)
        // CH-12
        if sender == .client, second & 0x80 == 0 { throw .unmaskedFrame }
        if sender == .server, second & 0x80 != 0 { throw .maskedFrame }
        let short = Int(second & 0x7F)
        if opcode.isControl && short > controlByteCountMax { throw .controlFrameTooLong }  // CH-13

        var payloadByteCount = short
        var next = offset + 2
        if short == 126 {
            guard let length = input.bigEndian(at: next, as: UInt16.self) else { return nil }
            payloadByteCount = Int(length)
            guard payloadByteCount >= 126 else { throw .lengthNotMinimal }  // CH-13
            next += 2
        } else if short == 127 {
            guard available >= 3 else { return nil }
            guard input.byte(at: next) & 0x80 == 0 else { throw .lengthOverflow }  // CH-13
            guard let length = input.bigEndian(at: next, as: UInt64.self) else { return nil }
            guard length > 0xFFFF else { throw .lengthNotMinimal }  // CH-13
            payloadByteCount = Int(truncatingIfNeeded: length)
            next += 8
        }

        var mask: WebSocketMask?
        if sender == .client {
            guard let word = input.bigEndian(at: next, as: UInt32.self) else { return nil }
            mask = WebSocketMask(word: word.byteSwapped)
        }
        return WebSocketFrameHeader(
            unchecked: opcode, isFinal: isFinal, payloadByteCount: payloadByteCount, mask: mask)
    }
}
