import Primitives
import Wire

/// The frames of one message, one after the other, from any point on.
///
/// - SPEC: §11.3, CH-40
enum FrameWalk {
    /// Whether a plaintext is frames and then zeros, a multiple of the padding unit in all. It is
    /// checked before the first frame is acted upon.
    static func isWellFormed(_ plaintext: RawSpan) -> Bool {
        do throws(WireError) {
            var frames = try FrameReader(plaintext)  // CH-40
            while try frames.next() != nil {}
            return true
        } catch {
            return false
        }
    }

    /// The frame at `offset`; nil at the end of the frames, and for one that runs past the end.
    static func frame(in plaintext: RawSpan, at offset: Int) -> RawFrame? {
        guard offset < plaintext.byteCount, plaintext.byte(at: offset) != 0,
            let count = plaintext.bigEndian(at: offset + 1, as: UInt16.self),
            Int(count) <= plaintext.byteCount - offset - Framing.headByteCount
        else { return nil }
        let start = offset + Framing.headByteCount
        return RawFrame(type: plaintext.byte(at: offset), body: start..<start + Int(count))
    }
}
