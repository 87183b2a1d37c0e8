package import Primitives

/// A key that one first message may use. 36 bytes.
///
/// - SPEC: §9.4
package struct OneTimePreKey: Hashable, Sendable {
    /// Encoded size in bytes, also of the leaf.
    package static let byteCount = 36
    /// How many a bundle holds by default.
    package static let countDefault = 20

    /// Random, never 0: a restored device that counted would name an old id anew.
    package let id: UInt32
    /// The public half.
    package let key: X25519PublicKey

    /// - Parameter id: not 0.
    package init(id: UInt32, key: X25519PublicKey) {
        precondition(id != 0, "prekey id 0 means none")
        self.id = id
        self.key = key
    }

    /// Parses 36 bytes.
    ///
    /// - Throws: `WireError.outOfRange` for id 0, `.badKey`, `.truncated`.
    package init(from reader: inout Reader) throws(WireError) {
        self.id = try reader.nonZeroU32()
        self.key = try reader.x25519Key()
    }

    /// Writes 36 bytes.
    @_lifetime(sink: copy sink)
    package func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.u32(id)
        sink.fixed(key.bytes)
    }

    /// The hash of this key as a leaf of its bundle's tree.
    package var leaf: MerkleTree.Hash {
        var writer = Writer(capacity: Self.byteCount)
        encode(into: &writer)
        return MerkleTree.leaf(writer.bytes.raw)
    }
}

/// A one-time prekey as the directory hands it out: with its place in the tree of its bundle.
///
/// - SPEC: §9.4, KD-7
package struct IssuedPreKey: Hashable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = 198
    /// Size of the place of an issued ML-KEM-768 prekey, zeros in version 0.
    package static let kemByteCount = 1350

    /// The key itself.
    package let preKey: OneTimePreKey
    /// Its position among the leaves.
    package let index: UInt8
    /// Hashes from the leaf's sibling upwards, at most five.
    package let path: [MerkleTree.Hash]

    /// A key of a tree, with its path.
    ///
    /// - Parameters:
    ///   - index: below `preKeys.count`.
    ///   - preKeys: all 1 to 32 keys of the bundle, in order.
    package init(_ index: Int, of preKeys: [OneTimePreKey]) {
        self.preKey = preKeys[index]
        self.index = UInt8(index)
        self.path = MerkleTree.path(index, preKeys.map(\.leaf))
    }

    /// Parses 198 bytes; id 0 means that none was handed out.
    ///
    /// - Throws: `WireError.notZero`, `.outOfRange`, `.badKey`, `.truncated`.
    package static func optional(from reader: inout Reader) throws(WireError) -> IssuedPreKey? {
        var ahead = reader
        if try ahead.u32() == 0 {
            try reader.zeros(byteCount)
            return nil
        }
        return try IssuedPreKey(from: &reader)
    }

    private init(from reader: inout Reader) throws(WireError) {
        self.preKey = try OneTimePreKey(from: &reader)
        self.index = try reader.u8(in: 0...UInt8(MerkleTree.leafCountMax - 1))
        let count = Int(try reader.u8(in: 0...UInt8(MerkleTree.pathCountMax)))
        var path: [MerkleTree.Hash] = []
        for _ in 0..<count { path.append(try reader.fixed()) }
        self.path = path
        try reader.zeros(32 * (MerkleTree.pathCountMax - count))
    }

    /// Writes 198 bytes, zeros for none.
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        _ issued: IssuedPreKey?, into sink: inout Sink
    ) {
        guard let issued else { return sink.zeros(byteCount) }
        issued.preKey.encode(into: &sink)
        sink.u8(issued.index)
        sink.u8(UInt8(issued.path.count))
        for hash in issued.path { sink.fixed(hash) }
        sink.zeros(32 * (MerkleTree.pathCountMax - issued.path.count))
    }

    /// True when the path leads to the root that the bundle's device has signed.
    package func belongs(to bundle: PreKeyBundle) -> Bool {
        // KD-7
        MerkleTree.verify(
            leaf: preKey.leaf, index: Int(index), count: bundle.oneTimeCount, path: path,
            root: bundle.oneTimeRoot)
    }
}
