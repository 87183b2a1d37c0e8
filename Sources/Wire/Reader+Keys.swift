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

    /// Consumes a public ML-KEM-768 key.
    ///
    /// - Throws: `WireError.badKey` unless the 1,184 bytes pass the modulus check and are not all
    ///   zero, `.truncated`.
    package mutating func kemKey() throws(WireError) -> MLKEM768PublicKey {
        let start = offset
        let bytes = try span(MLKEM768PublicKey.byteCount)
        // WI-6, KD-11: zeros pass the modulus check, and anybody can open what is sealed to them.
        guard let key = try? MLKEM768PublicKey(parsing: bytes), !key.bytes.isZero else {
            throw .badKey(offset: start)
        }
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
