/// Why bytes from outside were not taken as an encoding of something.
///
/// The cases are facts about sizes and positions and never hold bytes of the input. A server
/// answers them with the code that ``code`` gives; a client shows a sentence of its own.
///
/// - SPEC: §2.1
package enum WireError: Error, Equatable, Sendable {
    /// The input ends before the field does.
    case truncated(needed: Int, available: Int)
    /// Bytes are left over after the last field.
    case trailing(byteCount: Int)
    /// A length, count or enumerated value lies outside what its field allows.
    case outOfRange(value: UInt64, minimum: UInt64, maximum: UInt64)
    /// A byte that has to be zero is not.
    case notZero(offset: Int)
    /// A tagged field does not come after the one before it.
    case tagOrder(tag: UInt16)
    /// A tagged field is marked critical and this version does not know it.
    case unknownCritical(tag: UInt16)
    /// A signed object of another type stands in this place.
    case otherType(found: UInt8, expected: UInt8)
    /// A signed object has a format that a newer version may know.
    case unknownFormat(UInt8)
    /// Two devices of one record, or two keys of one bundle, have the same id.
    case duplicateID(UInt32)
    /// A public key is not canonical, or of small order.
    case badKey(offset: Int)
    /// A handle is not 3 to 32 characters of `[a-z0-9_.]`.
    case badHandle
    /// A value that a newer version may know, where a frame is refused and the connection goes on.
    case unsupported(value: UInt64)
    /// An envelope or blob of a size that is not taken.
    case wrongSize(byteCount: Int)
    /// A `host[:port]` is not in its one spelling.
    case badHost
}
