import Primitives
import Testing
import Wire

@Suite("§9.4 one-time prekeys")
struct MerkleTests {
    static func leaves(_ count: Int) -> [MerkleTree.Hash] {
        (0..<count).map { MerkleTree.leaf([UInt8($0)].raw) }
    }

    @Test("KD-7 the tree is the one of RFC 6962: known roots over its test leaves")
    func knownRoots() {
        // The leaves and roots of the reference tests of certificate transparency.
        let inputs: [[UInt8]] = [
            [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43],
            Array(0x50...0x57), Array(0x60...0x6f),
        ]
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ]
        for count in 1...8 {
            let hashes = inputs[..<count].map { MerkleTree.leaf($0.raw) }
            #expect(MerkleTree.root(hashes).hex == roots[count - 1])
        }
    }

    @Test("KD-7 every leaf of every tree up to 32 proves itself, at its own index and size only")
    func paths() {
        for count in 1...32 {
            let leaves = Self.leaves(count)
            let root = MerkleTree.root(leaves)
            for index in 0..<count {
                let path = MerkleTree.path(index, leaves)
                #expect(path.count <= MerkleTree.pathCountMax)
                for other in -1...32 {
                    let proved = MerkleTree.verify(
                        leaf: leaves[index], index: other, count: count, path: path, root: root)
                    #expect(proved == (other == index))
                }
            }
        }
    }

    @Test("KD-7 a path longer than the count allows is refused though it leads to the root")
    func longerThanTheTree() {
        let leaf = Self.leaves(1)[0]
        let other = Self.leaves(2)[1]
        let root = SHA256.hash(([1] + other.array + leaf.array).raw)
        #expect(
            !MerkleTree.verify(leaf: leaf, index: 0, count: 1, path: [other], root: root))
        // The same path leads there as the second of two leaves.
        #expect(MerkleTree.verify(leaf: leaf, index: 1, count: 2, path: [other], root: root))
    }

    @Test("KD-7 a path with one bit flipped, a hash more, a hash less or two swapped is refused")
    func badPaths() {
        for count in [1, 2, 3, 7, 20, 32] {
            let leaves = Self.leaves(count)
            let root = MerkleTree.root(leaves)
            func proves(_ index: Int, _ path: [MerkleTree.Hash], leaf: MerkleTree.Hash? = nil)
                -> Bool
            {
                MerkleTree.verify(
                    leaf: leaf ?? leaves[index], index: index, count: count, path: path, root: root)
            }
            for index in 0..<count {
                let path = MerkleTree.path(index, leaves)
                #expect(proves(index, path))
                #expect(!proves(index, path + [.zero]))
                #expect(!proves(index, path, leaf: .zero))
                #expect(!proves(index, path + [path.last ?? root]))
                guard !path.isEmpty else { continue }
                #expect(!proves(index, Array(path.dropLast())))
                #expect(!proves(index, Array(path.dropFirst())))
                for position in path.indices {
                    var bad = path
                    bad[position][position] ^= 0x10
                    #expect(!proves(index, bad))
                    if position > 0 {
                        var swapped = path
                        swapped.swapAt(position, position - 1)
                        #expect(!proves(index, swapped))
                    }
                }
            }
        }
        #expect(!MerkleTree.verify(leaf: .zero, index: 0, count: 0, path: [], root: .zero))
        #expect(!MerkleTree.verify(leaf: .zero, index: 32, count: 33, path: [], root: .zero))
    }

    @Test("KD-7 a node is no leaf: the inner hash of a tree proves nothing")
    func secondPreimage() {
        let leaves = Self.leaves(4)
        let root = MerkleTree.root(leaves)
        let left = MerkleTree.root(Array(leaves[..<2]))
        let right = MerkleTree.root(Array(leaves[2...]))
        let nodeBytes = left.array + right.array
        #expect(MerkleTree.leaf(array: nodeBytes) != root)
        // The node itself at the place of a leaf: the path is too short for four leaves.
        #expect(
            !MerkleTree.verify(leaf: left, index: 0, count: 4, path: [right], root: root))
    }

    @Test(
        "KD-7 an issued prekey has 198 bytes, comes back as written and belongs to its bundle only")
    func issued() throws {
        for count in [1, 2, 20, 32] {
            let fixture = Fixture(preKeyCount: count)
            let other = Fixture(seed: 2, preKeyCount: count)
            let bundle = fixture.bundle
            for index in 0..<count {
                let issued = IssuedPreKey(index, of: fixture.preKeys)
                var writer = Writer()
                IssuedPreKey.encode(issued, into: &writer)
                #expect(writer.bytes.count == IssuedPreKey.byteCount)
                var reader = Reader(writer.bytes.raw)
                #expect(try IssuedPreKey.optional(from: &reader) == issued)
                try reader.finish()
                #expect(issued.belongs(to: bundle))
                #expect(!issued.belongs(to: other.bundle))
            }
        }
    }

    @Test("KD-7 no changed byte of an issued prekey passes")
    func issuedFlips() throws {
        let fixture = Fixture()
        let bundle = fixture.bundle
        var writer = Writer()
        IssuedPreKey.encode(IssuedPreKey(11, of: fixture.preKeys), into: &writer)
        for index in writer.bytes.indices {
            for mask: UInt8 in [1, 0x80] {
                let issued = try? IssuedPreKey.optional(
                    array: writer.bytes.flipping(index, by: mask))
                #expect(issued?.belongs(to: bundle) != true)
            }
        }
    }

    @Test("WI-3 no one-time prekey is 198 zeros and nothing else")
    func none() throws {
        let zeros = [UInt8](repeating: 0, count: IssuedPreKey.byteCount)
        var reader = Reader(zeros.raw)
        #expect(try IssuedPreKey.optional(from: &reader) == nil)
        for index in 4..<zeros.count {
            let bad = zeros.flipping(index)
            var reader = Reader(bad.raw)
            #expect(throws: WireError.notZero(offset: index)) {
                _ = try IssuedPreKey.optional(from: &reader)
            }
        }
    }
}
