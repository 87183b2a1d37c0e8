/// Why content that was received is unreadable. The message it came in has been received all the
/// same: the ratchet has moved.
///
/// - SPEC: §7.2, EN-4, EN-7
package enum ContentError: Error, Equatable, Sendable {
    /// The fixed part or a field runs past the end; so many bytes were left.
    case truncated(byteCount: Int)
    /// A tag is 0 or not above the one before it.
    case tagOrder(tag: UInt8)
    /// A known field does not have its form.
    case badField(tag: UInt8)
    /// A field that the type needs is missing.
    case missingField(tag: UInt8)
    /// Padding of a frame is not zero.
    case notZero
}
