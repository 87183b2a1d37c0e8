package import Primitives

extension Reader {
    /// Consumes a public X25519 key.
    ///
    /// - Throws: `WireError.badKey` unless the 32 bytes are canonical and not of low order,
    ///   `.truncated`.
    package mutating func x25519Key() throws(WireError) -> X25519PublicKey {
        let start = offset
        let bytes = try fixed(as: FixedBytes<32>.self)
        // WI-6
        guard let key = try? X25519PublicKey(parsing: bytes) else { throw .badKey(offset: start) }
        return key
    }

    /// Consumes a public Ed25519 key.
    ///
    /// - Throws: `WireError.badKey` unless the 32 bytes are canonical and not of low order,
    ///   `.truncated`.
    package mutating func ed25519Key() throws(WireError) -> Ed25519PublicKey {
        let start = offset
        let bytes = try fixed(as: FixedBytes<32>.self)
        // WI-6
        guard let key = try? Ed25519PublicKey(parsing: bytes) else { throw .badKey(offset: start) }
        return key
    }
}
