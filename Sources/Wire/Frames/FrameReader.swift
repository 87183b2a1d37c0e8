import Primitives

/// One frame in a message: its type and where its body stands.
package struct RawFrame: Equatable, Sendable {
    /// Not 0.
    package let type: UInt8
    /// Offsets of the body in the message.
    package let body: Range<Int>

    /// A frame whose body stands at `body` of its message.
    package init(type: UInt8, body: Range<Int>) {
        self.type = type
        self.body = body
    }
}

/// Walks over the frames of one channel message without copying.
///
/// - SPEC: §11.3, CH-40
package struct FrameReader: ~Escapable {
    private var reader: Reader

    /// Starts at the first frame.
    ///
    /// - Parameter message: the plaintext of a transport message, padding and all.
    /// - Throws: `WireError.outOfRange` for a size that no padded message has.
    @_lifetime(copy message)
    package init(_ message: RawSpan) throws(WireError) {
        // CH-40
        guard message.byteCount <= Limits.messageByteCountMax,
            message.byteCount.isMultiple(of: Limits.paddingByteCount)
        else {
            throw .outOfRange(
                value: UInt64(message.byteCount), minimum: 0,
                maximum: UInt64(Limits.messageByteCountMax))
        }
        self.reader = Reader(message)
    }

    /// The next frame, or nil when only padding was left, which is then checked.
    ///
    /// - Throws: `WireError.truncated` for a frame that runs past the end, `.notZero`.
    package mutating func next() throws(WireError) -> RawFrame? {
        guard reader.remainingByteCount > 0 else { return nil }
        let type = try reader.u8()
        guard type != 0 else {
            // CH-40: a type of 0 ends the frames.
            try reader.zeros(reader.remainingByteCount)
            return nil
        }
        let length = try reader.u16()
        return RawFrame(type: type, body: try reader.range(Int(length)))
    }
}

/// Sizes of frames and messages.
///
/// - SPEC: §10.6, §11.3
package enum Framing {
    /// Type (u8) and length (u16).
    package static let headByteCount = 3

    /// The size to which a message with so many bytes of frames is padded.
    package static func paddedByteCount(_ byteCount: Int) -> Int {
        // CH-40
        let unit = Limits.paddingByteCount
        return (byteCount + unit - 1) / unit * unit
    }
}

extension Writer {
    /// Pads frames to a whole message.
    package mutating func padMessage() {
        precondition(bytes.count <= Limits.messageByteCountMax, "message too long")
        pad(to: Framing.paddedByteCount(bytes.count))
    }
}

extension ByteSink where Self: ~Copyable, Self: ~Escapable {
    /// Writes the head of a frame to the server.
    @_lifetime(self: copy self)
    mutating func head(_ type: ClientFrameType, bodyByteCount: Int) {
        u8(type.rawValue)
        u16(UInt16(bodyByteCount))
    }

    /// Writes the head of a frame to the client.
    @_lifetime(self: copy self)
    mutating func head(_ type: ServerFrameType, bodyByteCount: Int) {
        u8(type.rawValue)
        u16(UInt16(bodyByteCount))
    }
}
