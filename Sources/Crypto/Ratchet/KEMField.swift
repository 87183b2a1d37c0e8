import Primitives

/// What a header's KEM field carries.
enum KEMKind: UInt8, Sendable {
    /// Nothing.
    case idle = 0
    /// A chunk of an encapsulation key.
    case key = 1
    /// A chunk of a ciphertext.
    case ciphertext = 2
}

/// The KEM field of a header: nothing, or one chunk of what the next epoch is made of.
///
/// - SPEC: §6.8, DR-2
struct KEMField: Equatable, Sendable {
    /// Kind, index and chunk.
    static let byteCount = 2 + KEMChunks.chunkByteCount

    let kind: KEMKind
    let index: UInt8
    let chunk: FixedBytes<240>

    /// A field that carries nothing: zeros.
    static let idle = KEMField(kind: .idle, index: 0, chunk: .zero)

    init(kind: KEMKind, index: UInt8, chunk: FixedBytes<240>) {
        self.kind = kind
        self.index = index
        self.chunk = chunk
    }

    /// Parses a field, 242 bytes, and refuses every form that no honest sender writes.
    ///
    /// - Parameters:
    ///   - epoch: of the header.
    ///   - sender: who says so; one side makes the next epoch's key, the other its ciphertext.
    init?(parsing raw: RawSpan, epoch: UInt32, from sender: SessionRole) {
        // DR-2
        guard raw.byteCount == Self.byteCount, let kind = KEMKind(rawValue: raw.byte(at: 0)),
            let chunk = FixedBytes<240>(copying: raw.extracting(2..<Self.byteCount))
        else { return nil }
        let index = raw.byte(at: 1)
        switch kind {
        case .idle: guard index == 0, chunk.isZero else { return nil }
        case .key:
            guard index < KEMChunks.count, KEMStep.maker(behind: epoch) == sender else {
                return nil
            }
        case .ciphertext:
            guard index < KEMChunks.count, KEMStep.maker(behind: epoch) == sender.peer else {
                return nil
            }
            guard index < KEMChunks.count - 1 || Self.isPadded(chunk) else { return nil }
        }
        self.init(kind: kind, index: index, chunk: chunk)
    }

    /// Whether the last chunk of a ciphertext ends with zeros, as it is shorter than five chunks.
    private static func isPadded(_ chunk: FixedBytes<240>) -> Bool {
        let end = KEMChunks.ciphertextEnd - (KEMChunks.byteCount - KEMChunks.chunkByteCount)
        return ConstantTime.isZero(chunk.raw.extracting(end..<KEMChunks.chunkByteCount))
    }

    /// Writes the 242 bytes.
    func encode(into bytes: inout [UInt8]) {
        bytes.append(kind.rawValue)
        bytes.append(index)
        bytes.append(copying: chunk.raw)
    }
}

/// An encapsulation key or a ciphertext with its check, as the five chunks it travels in.
///
/// | offset | size | of a key | | size | of a ciphertext |
/// |---|---|---|---|---|---|
/// | 0 | 1184 | encapsulation key | | 1088 | ciphertext |
/// | 1184 | 16 | beginning of SHA-256(key) | | 16 | beginning of SHA-256(key ‖ ciphertext) |
/// | 1200 | 0 | – | | 96 | zeros |
///
/// - SPEC: §6.8, DR-28
struct KEMChunks: Equatable, Sendable {
    static let count: UInt8 = 5
    static let chunkByteCount = 240
    static let byteCount = 1_200
    static let checkByteCount = 16
    static let keyByteCount = MLKEM768PublicKey.byteCount
    static let ciphertextByteCount = MLKEM768KeyPair.ciphertextByteCount
    /// The end of a ciphertext's check.
    static let ciphertextEnd = ciphertextByteCount + checkByteCount
    static let wholeMask: UInt8 = 0b1_1111

    /// 1,200 bytes, zeros where no chunk has come; empty before the first.
    private(set) var bytes: [UInt8]
    /// Bit i is set when chunk i is there.
    private(set) var mask: UInt8

    /// None of them.
    init() {
        bytes = []
        mask = 0
    }

    /// All of them: a key or ciphertext of this side, and what it is checked by.
    init(whole content: RawSpan, digest: FixedBytes<32>) {
        bytes = []
        bytes.reserveCapacity(Self.byteCount)
        bytes.append(copying: content)
        bytes.append(copying: digest.raw.extracting(0..<Self.checkByteCount))
        bytes.append(contentsOf: repeatElement(0, count: Self.byteCount - bytes.count))
        mask = Self.wholeMask
    }

    /// Those of a mask, one behind the other: as many as it has bits.
    init(mask: UInt8, chunks: RawSpan) {
        self.init()
        var offset = 0
        for index in 0..<Self.count where mask & (1 << index) != 0 {
            let chunk = chunks.extracting(offset..<offset + Self.chunkByteCount)
            put(FixedBytes<240>(copying: chunk) ?? .zero, at: index)
            offset += Self.chunkByteCount
        }
    }

    var isEmpty: Bool { mask == 0 }
    var isWhole: Bool { mask == Self.wholeMask }

    /// The first 1,184 bytes, when whole.
    @_transparent
    var key: RawSpan {
        @_lifetime(borrow self)
        get { bytes.raw.extracting(0..<Self.keyByteCount) }
    }

    /// The first 1,088 bytes, when whole.
    @_transparent
    var ciphertext: RawSpan {
        @_lifetime(borrow self)
        get { bytes.raw.extracting(0..<Self.ciphertextByteCount) }
    }

    /// A chunk that is there.
    func chunk(at index: UInt8) -> FixedBytes<240> {
        let start = Int(index) * Self.chunkByteCount
        guard mask & (1 << index) != 0,
            let chunk = FixedBytes<240>(
                copying: bytes.raw.extracting(start..<start + Self.chunkByteCount))
        else { preconditionFailure("a chunk that is not there") }
        return chunk
    }

    /// Whether the check behind `byteCount` bytes of content is the beginning of a digest.
    func isChecked(by digest: FixedBytes<32>, behind byteCount: Int) -> Bool {
        // DR-29
        ConstantTime.isEqual(
            bytes.raw.extracting(byteCount..<byteCount + Self.checkByteCount),
            digest.raw.extracting(0..<Self.checkByteCount))
    }

    /// What taking a chunk did.
    enum Taking: Equatable {
        /// It was there.
        case known
        /// It is there now, beside those that were.
        case added
        /// It is there now and those that were are gone: they belonged to another whole.
        case begunAgain
    }

    /// Takes a chunk with an index below ``count``.
    mutating func take(_ chunk: FixedBytes<240>, at index: UInt8) -> Taking {
        guard mask & (1 << index) != 0 else {
            put(chunk, at: index)
            return .added
        }
        guard self.chunk(at: index) != chunk else { return .known }
        // DR-28
        self = KEMChunks()
        put(chunk, at: index)
        return .begunAgain
    }

    private mutating func put(_ chunk: FixedBytes<240>, at index: UInt8) {
        if bytes.isEmpty { bytes = [UInt8](repeating: 0, count: Self.byteCount) }
        let start = Int(index) * Self.chunkByteCount
        for offset in 0..<Self.chunkByteCount { bytes[start + offset] = chunk[offset] }
        mask |= 1 << index
    }
}
