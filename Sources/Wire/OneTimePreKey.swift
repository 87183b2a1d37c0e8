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
    package static let byteCount = OneTimePreKey.byteCount + TreePlace.byteCount

    /// The key itself.
    package let preKey: OneTimePreKey
    /// Where it stands among the leaves.
    package let place: TreePlace

    /// A key with its place.
    package init(_ preKey: OneTimePreKey, at place: TreePlace) {
        self.preKey = preKey
        self.place = place
    }

    /// A key of a tree, with its path.
    ///
    /// - Parameters:
    ///   - index: below `preKeys.count`.
    ///   - preKeys: all 1 to 32 keys of the bundle, in order.
    package init(_ index: Int, of preKeys: [OneTimePreKey]) {
        self.init(preKeys[index], at: TreePlace(index, preKeys.map(\.leaf)))
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
        let preKey = try OneTimePreKey(from: &reader)
        return IssuedPreKey(preKey, at: try TreePlace(from: &reader))
    }

    /// Writes 198 bytes, zeros for none.
    @_lifetime(sink: copy sink)
    package static func encode<Sink: ByteSink & ~Copyable & ~Escapable>(
        _ issued: IssuedPreKey?, into sink: inout Sink
    ) {
        guard let issued else { return sink.zeros(byteCount) }
        issued.preKey.encode(into: &sink)
        issued.place.encode(into: &sink)
    }

    /// True when the path leads to the root that the bundle's device has signed.
    package func belongs(to bundle: PreKeyBundle) -> Bool {
        // KD-7
        place.leads(from: preKey.leaf, count: bundle.oneTimeCount, to: bundle.oneTimeRoot)
    }
}
