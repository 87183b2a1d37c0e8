/// Why a file was not sealed or not opened.
///
/// - SPEC: §7.7
package enum AttachmentError: Error, Equatable, Sendable {
    /// It is larger than an attachment may be.
    case tooLarge(byteCount: UInt64, limit: UInt64)
    /// Key, hash and size of the reference do not belong together.
    case commitment
    /// A blob does not have 32,768 bytes.
    case blobSize(byteCount: Int)
    /// The blob is not the one of this place. Nothing has changed: another copy can be tried.
    case authentication(index: Int)
    /// The blob is genuine and marked as the last one where it is not, or the other way round.
    case mark(index: Int)
    /// What fills up the last blob is not zero.
    case padding
    /// The file that was opened, or sealed, does not have the hash that was stated.
    case digest
    /// There is no further blob.
    case complete
    /// So many blobs are missing.
    case incomplete(missing: Int)
    /// An earlier error ended it.
    case ended
}
