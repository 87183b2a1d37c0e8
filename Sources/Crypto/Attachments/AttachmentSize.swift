internal import Primitives

/// The exact size of an attached file, and how it is cut into blobs.
///
/// Every blob is a message of a stream; the last one is filled up with zeros, so that the server
/// learns the number of blobs and nothing finer.
///
/// - SPEC: §7.7, EN-30
package struct AttachmentSize: Hashable, Sendable {
    /// Bytes of the file in each blob but the last.
    package static let messageByteCount = 32_751
    /// Bytes of each blob: a message, its mark and its code.
    package static let blobByteCount = messageByteCount + SecretStream.overheadByteCount
    /// The largest file: 16 GiB, half a million blobs. More would fit the format; at the default
    /// bound of blob bytes an hour this already takes a server three days.
    package static let byteCountMax: UInt64 = 1 << 34

    /// Bytes of the file.
    package let byteCount: UInt64

    /// - Throws: `AttachmentError.tooLarge`.
    package init(_ byteCount: UInt64) throws(AttachmentError) {
        guard byteCount <= Self.byteCountMax else {
            throw .tooLarge(byteCount: byteCount, limit: Self.byteCountMax)  // EN-30
        }
        self.byteCount = byteCount
    }

    /// The number of blobs, at least 1: an empty file has one.
    package var blobCount: Int {
        let size = UInt64(Self.messageByteCount)
        return max(1, Int((byteCount + size - 1) / size))
    }

    /// Bytes of the file in the blob at `index`, which is in `0..<blobCount`.
    package func messageByteCount(at index: Int) -> Int {
        precondition((0..<blobCount).contains(index), "a blob of this file")
        let before = UInt64(index) * UInt64(Self.messageByteCount)
        return Int(min(UInt64(Self.messageByteCount), byteCount - before))
    }
}
