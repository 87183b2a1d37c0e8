import Channel
import Platform
import Primitives
import Wire

/// What waits to be written to one client: sealed messages, and at the end one that is still open
/// and takes more frames.
///
/// Frames are written once, straight to where they will be sealed: the header's place is kept, and
/// padding and tag are added when the message is closed: when it is full, or at the end of a turn if
/// nothing else waits. So a turn costs one message and one write however many frames it sends, and an idle
/// connection holds no memory here.
///
/// - SPEC: §11.3, CH-40
struct OutputQueue: ~Copyable {
    /// A server's header of a message of 126 to 65,535 bytes; ours are never shorter, since the
    /// padding makes them at least 272.
    static let headerByteCount = 4

    private var bytes = ByteBuffer()
    /// Offset of the open message's header; nil when none is open.
    private var openStart: Int?

    /// Bytes that wait, those of the open message included.
    var count: Int { bytes.count }
    /// Bytes that may be written to the socket: all but the open message.
    var sealedByteCount: Int { openStart ?? bytes.count }
    /// Whether frames wait to be sealed.
    var hasOpenMessage: Bool { openStart != nil }

    /// The sealed bytes.
    @_transparent
    var sealed: RawSpan {
        @_lifetime(borrow self)
        get { bytes.readable.extracting(0..<sealedByteCount) }
    }

    /// Bytes of the memory held.
    var allocatedByteCount: Int { bytes.allocatedByteCount }

    /// Whether a frame of this size still fits into the open message, or none is open.
    func fits(_ frameByteCount: Int) -> Bool {
        guard let openStart else { return true }
        let plain = bytes.count - openStart - Self.headerByteCount
        return plain + frameByteCount <= Limits.messageByteCountMax
    }

    /// Adds a frame to the open message, which must have room for it; opens one if there is none.
    ///
    /// - Parameters:
    ///   - byteCount: bytes of the frame with its head.
    ///   - body: writes exactly so many.
    mutating func append(byteCount: Int, _ body: (inout OutputRawSpan) -> Void) {
        precondition(byteCount <= Limits.messageByteCountMax && fits(byteCount))
        if openStart == nil {
            openStart = bytes.count
            bytes.append(upTo: Self.headerByteCount) { output in
                for _ in 0..<Self.headerByteCount { output.append(0) }
            }
        }
        let before = bytes.count
        bytes.append(upTo: byteCount, body)
        precondition(bytes.count == before + byteCount, "a frame wrote another size")
    }

    /// Pads and seals the open message, if there is one.
    ///
    /// - Returns: false when the channel can seal no more, which ends the connection.
    mutating func seal(_ cipher: inout NoiseSendingCipher, _ socket: WebSocketServer) -> Bool {
        guard let start = openStart else { return true }
        openStart = nil
        let plainStart = start + Self.headerByteCount
        let used = bytes.count - plainStart
        let padded = Framing.paddedByteCount(used)  // CH-40
        let sealedCount = padded + NoiseSendingCipher.overheadByteCount
        let added = sealedCount - used
        bytes.append(upTo: added) { output in
            for _ in 0..<added { output.append(0) }
        }
        guard let header = socket.messageHeader(payloadByteCount: sealedCount) else {
            bytes.truncate(to: start)
            return true
        }
        var whole = bytes.writable
        var message = whole._mutatingExtracting(plainStart..<plainStart + sealedCount)
        do throws(NoiseError) {
            try cipher.seal(inPlace: &message)
        } catch {
            return false
        }
        header.write(to: &whole, at: start)
        return true
    }

    /// Adds bytes outside the channel: an HTTP answer, a WebSocket control frame. No message may
    /// be open.
    mutating func appendRaw(_ raw: RawSpan) {
        precondition(openStart == nil)
        bytes.append(raw)
    }

    /// Takes off what the socket took.
    mutating func consume(_ byteCount: Int) {
        bytes.consume(byteCount)
        if let start = openStart { openStart = start - byteCount }
    }

    /// Gives memory back when nothing waits.
    mutating func trim() { bytes.trim() }
}
