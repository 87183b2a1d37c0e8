/// The place of a one-time prekey among the leaves of its bundle's tree. 162 bytes.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | index |
/// | 1 | 1 | path length p |
/// | 2 | 32·p | path |
/// | 2 + 32·p | 160 − 32·p | zeros |
///
/// - SPEC: §9.4, KD-7
package struct TreePlace: Hashable, Sendable {
    /// Encoded size in bytes.
    package static let byteCount = 2 + 32 * MerkleTree.pathCountMax

    /// Its position among the leaves.
    package let index: UInt8
    /// Hashes from the leaf's sibling upwards, at most five.
    package let path: [MerkleTree.Hash]

    /// The place of a leaf.
    ///
    /// - Parameters:
    ///   - index: below `leaves.count`.
    ///   - leaves: the hashes of all 1 to 32 leaves, in order.
    package init(_ index: Int, _ leaves: [MerkleTree.Hash]) {
        self.index = UInt8(index)
        self.path = MerkleTree.path(index, leaves)
    }

    /// Parses 162 bytes.
    ///
    /// - Throws: `WireError.outOfRange`, `.notZero`, `.truncated`.
    init(from reader: inout Reader) throws(WireError) {
        index = try reader.u8(in: 0...UInt8(MerkleTree.leafCountMax - 1))
        let count = Int(try reader.u8(in: 0...UInt8(MerkleTree.pathCountMax)))
        var path: [MerkleTree.Hash] = []
        for _ in 0..<count { path.append(try reader.fixed()) }
        self.path = path
        try reader.zeros(32 * (MerkleTree.pathCountMax - count))
    }

    /// Writes 162 bytes.
    @_lifetime(sink: copy sink)
    func encode<Sink: ByteSink & ~Copyable & ~Escapable>(into sink: inout Sink) {
        sink.u8(index)
        sink.u8(UInt8(path.count))
        for hash in path { sink.fixed(hash) }
        sink.zeros(32 * (MerkleTree.pathCountMax - path.count))
    }

    /// True when the path leads from a leaf to the root of a tree of `count` leaves.
    func leads(from leaf: MerkleTree.Hash, count: Int, to root: MerkleTree.Hash) -> Bool {
        // KD-7
        MerkleTree.verify(leaf: leaf, index: Int(index), count: count, path: path, root: root)
    }
}
