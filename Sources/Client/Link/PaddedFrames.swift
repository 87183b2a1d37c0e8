internal import Primitives
internal import Wire

/// The plaintext of a channel message: frames, then zeros up to a multiple of 256 bytes.
///
/// - SPEC: §11.3, CH-40
struct PaddedFrames {
    /// A frame as it stands in a message.
    struct Frame: Equatable {
        let type: UInt8
        let body: [UInt8]
    }

    private var bytes: [UInt8] = []

    /// Whether nothing is queued.
    var isEmpty: Bool { bytes.isEmpty }

    /// Whether one more frame, head and all, fits into the message.
    func fits(byteCount: Int) -> Bool { bytes.count + byteCount <= Limits.messageByteCountMax }

    /// Queues an encoded frame that fits.
    mutating func append(_ frame: RawSpan) { bytes.append(copying: frame) }

    /// The padded message; nothing is queued afterwards.
    mutating func take() -> [UInt8] {
        var message = bytes
        bytes = []
        let padded = Framing.paddedByteCount(message.count)
        message.append(contentsOf: repeatElement(0, count: padded - message.count))
        return message
    }

    /// Takes a message apart.
    ///
    /// - Throws: `ClientError.protocolViolation` for a size, a frame or a padding that CH-40 does
    ///   not allow.
    static func parse(_ message: [UInt8]) throws(ClientError) -> [Frame] {
        var frames: [Frame] = []
        do {
            var reader = try FrameReader(message.raw)
            while let frame = try reader.next() {
                frames.append(Frame(type: frame.type, body: Array(message[frame.body])))
            }
        } catch {
            throw .protocolViolation
        }
        return frames
    }
}
