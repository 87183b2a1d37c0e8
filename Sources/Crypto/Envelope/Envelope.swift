import Primitives

/// Sizes and padding of envelopes.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | version |
/// | 1 | 24 | header nonce |
/// | 25 | 302 | sealed header |
/// | 327 | – | sealed body, to the end |
///
/// - SPEC: §6.2, §7.1, EN-1, EN-2, EN-3
package enum Envelope {
    /// The version byte of envelopes, first messages and ephemeral frames.
    package static let version: UInt8 = 0
    /// The sizes an envelope can have.
    package static let byteCounts = [1024, 4096, 16384]
    /// Bytes of a first message, and of every message before the reply.
    package static let firstMessageByteCount = 4096
    /// Bytes of an envelope that are not room for the content's fields.
    package static let overheadByteCount = 410

    static let headerNonceByteCount = 24
    static let tagByteCount = 16
    /// Number and link before the content.
    static let bodyHeadByteCount = 40
    /// What a message has besides its body block: nonce, sealed header, tag of the body.
    static let messageOverheadByteCount =
        headerNonceByteCount + RatchetHeader.sealedByteCount + tagByteCount

    /// The smallest envelope for content with so many bytes of fields, or nil when none holds it.
    package static func byteCount(forFieldsByteCount count: Int) -> Int? {
        // EN-2
        byteCounts.first { $0 - overheadByteCount >= count }
    }

    /// Room for the content's fields in an envelope of a size.
    package static func room(inEnvelopeOf byteCount: Int) -> Int { byteCount - overheadByteCount }

    /// Room for the content's fields behind a prefix of a size.
    package static func room(behindPrefixOf prefixByteCount: Int) -> Int {
        // The version byte of an envelope is part of the prefix.
        firstMessageByteCount - prefixByteCount - (overheadByteCount - 1)
    }

    /// Throws away the padding of a body block.
    ///
    /// - Returns: the size of what stands before the padding, or nil when it is not one byte 0x80
    ///   and zeros.
    static func unpaddedByteCount(_ block: RawSpan) -> Int? {
        // EN-3
        var end = block.byteCount - 1
        while end >= 0, block.byte(at: end) == 0 { end -= 1 }
        guard end >= 0, block.byte(at: end) == 0x80 else { return nil }
        return end
    }
}
