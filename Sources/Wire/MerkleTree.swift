package import Primitives

/// Hash trees as RFC 6962 section 2.1 builds them, over 1 to 32 leaves.
///
/// The small size is what one-time prekeys need; everything is computed from the leaf hashes each
/// time.
///
/// - SPEC: §9.4, KD-7
package enum MerkleTree {
    /// A node or leaf hash.
    package typealias Hash = FixedBytes<32>

    /// Most leaves.
    package static let leafCountMax = 32
    /// Most hashes on a path: log2 of `leafCountMax`.
    package static let pathCountMax = 5

    /// The hash of a leaf's bytes. The prefix keeps leaves and nodes apart, so that no node can be
    /// passed off as a leaf.
    package static func leaf(_ bytes: RawSpan) -> Hash {
        var hash = SHA256()
        hash.update(FixedBytes<1>([0x00]).raw)
        hash.update(bytes)
        return hash.finish()
    }

    private static func node(_ left: Hash, _ right: Hash) -> Hash {
        var hash = SHA256()
        hash.update(FixedBytes<1>([0x01]).raw)
        hash.update(left.raw)
        hash.update(right.raw)
        return hash.finish()
    }

    /// The root over leaf hashes in order; 1 to 32 of them.
    package static func root(_ leaves: [Hash]) -> Hash {
        precondition((1...leafCountMax).contains(leaves.count), "tree of 1 to 32 leaves")
        return root(leaves[...])
    }

    private static func root(_ leaves: ArraySlice<Hash>) -> Hash {
        if leaves.count == 1, let only = leaves.first { return only }
        let middle = leaves.startIndex + split(leaves.count)
        return node(root(leaves[..<middle]), root(leaves[middle...]))
    }

    /// The largest power of two below `count`, which is 2 or more.
    private static func split(_ count: Int) -> Int {
        var size = 1
        while size * 2 < count { size *= 2 }
        return size
    }

    /// The path that leads from a leaf to the root, the leaf's sibling first.
    ///
    /// - Parameters:
    ///   - index: position of the leaf, below `leaves.count`.
    ///   - leaves: 1 to 32 leaf hashes.
    package static func path(_ index: Int, _ leaves: [Hash]) -> [Hash] {
        precondition(leaves.indices.contains(index), "a leaf of the tree")
        precondition(leaves.count <= leafCountMax, "tree of 1 to 32 leaves")
        return path(index, leaves[...])
    }

    private static func path(_ index: Int, _ leaves: ArraySlice<Hash>) -> [Hash] {
        guard leaves.count > 1 else { return [] }
        let size = split(leaves.count)
        let middle = leaves.startIndex + size
        return index < size
            ? path(index, leaves[..<middle]) + [root(leaves[middle...])]
            : path(index - size, leaves[middle...]) + [root(leaves[..<middle])]
    }

    /// Whether a path leads from a leaf hash to a root. Everything here may come from outside.
    ///
    /// The algorithm is RFC 9162 section 2.1.3.2, which also fixes the length of the path.
    ///
    /// - Returns: false for an index outside the tree, a tree of no or more than 32 leaves, a path
    ///   too long or too short, or another root.
    package static func verify(
        leaf: Hash, index: Int, count: Int, path: [Hash], root: Hash
    ) -> Bool {
        guard (1...leafCountMax).contains(count), (0..<count).contains(index) else { return false }
        var position = index
        var last = count - 1
        var hash = leaf
        for sibling in path {
            // KD-7: a path longer than the tree is high.
            guard last > 0 else { return false }
            if position & 1 == 1 || position == last {
                hash = node(sibling, hash)
                while position & 1 == 0, position != 0 {
                    position >>= 1
                    last >>= 1
                }
            } else {
                hash = node(hash, sibling)
            }
            position >>= 1
            last >>= 1
        }
        return last == 0 && hash == root
    }
}
