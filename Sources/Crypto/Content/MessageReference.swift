package import Primitives

/// Names a message: 16 random bytes, unique per author.
package typealias MessageID = FixedBytes<16>

/// A message named by author and id, as in a reply.
///
/// - SPEC: §7.3
package struct MessageReference: Hashable, Sendable {
    /// Whose message it is, seen from the content that holds the reference.
    package enum Author: Hashable, Sendable {
        /// The writer of the content.
        case writer
        /// The reader of the content.
        case reader
        /// A member of a group, by number.
        case member(UInt32)
    }

    /// Whose message it is.
    package let author: Author
    /// Its id.
    package let id: MessageID

    /// A reference.
    package init(author: Author, id: MessageID) {
        self.author = author
        self.id = id
    }

    /// Parses all of `bytes`: 17 bytes, or 21 for a group member; nil for anything else.
    package init?(parsing bytes: RawSpan) {
        guard bytes.byteCount >= 17 else { return nil }
        var idOffset = 1
        switch bytes.byte(at: 0) {
        case 0: author = .writer
        case 1: author = .reader
        case 2:
            guard let member: UInt32 = bytes.bigEndian(at: 1) else { return nil }
            author = .member(member)
            idOffset = 5
        default: return nil
        }
        guard let id = MessageID(copying: bytes.extracting(idOffset..<bytes.byteCount)) else {
            return nil
        }
        self.id = id
    }

    /// 17 bytes, or 21 for a group member.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        switch author {
        case .writer: bytes.append(0)
        case .reader: bytes.append(1)
        case .member(let number):
            bytes.append(2)
            bytes.append(bigEndian: number)
        }
        return bytes + id.array
    }
}
