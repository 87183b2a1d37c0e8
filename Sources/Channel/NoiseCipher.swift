import Primitives

/// A key and its counter (Noise section 5.1, CipherState, with a key).
///
/// - SPEC: §11.2, CH-24
struct NoiseCipher: ~Copyable, Sendable {
    /// The highest counter; Noise keeps it for REKEY, so no message has it.
    static let reservedNonce = UInt64.max

    private var key: SecretBytes
    /// The counter of the next message.
    private(set) var nonce: UInt64

    init(key: consuming SecretBytes, nonce: UInt64 = 0) {
        self.key = key
        self.nonce = nonce
    }

    /// ENCRYPT in place: the last 16 bytes of `buffer` receive the tag.
    mutating func seal(
        inPlace buffer: inout MutableRawSpan, authenticating data: RawSpan = RawSpan()
    ) throws(NoiseError) {
        guard nonce < Self.reservedNonce else { throw .nonceExhausted }  // CH-24
        ChaChaPoly.seal(
            inPlace: &buffer, key: key, nonce: Self.encode(nonce), authenticating: data)
        nonce += 1
    }

    /// DECRYPT in place; the counter does not move when it fails.
    ///
    /// - Returns: the number of plaintext bytes at the start of `buffer`.
    mutating func open(
        inPlace buffer: inout MutableRawSpan, authenticating data: RawSpan = RawSpan()
    ) throws(NoiseError) -> Int {
        guard nonce < Self.reservedNonce else { throw .nonceExhausted }  // CH-24
        let count: Int
        do throws(AEADError) {
            count = try ChaChaPoly.open(
                inPlace: &buffer, key: key, nonce: Self.encode(nonce), authenticating: data)
        } catch {
            switch error {
            case .tooShort(let byteCount): throw .messageLength(byteCount: byteCount)
            case .authentication: throw .authentication
            }
        }
        nonce += 1
        return count
    }

    /// REKEY (Noise section 4.2); the counter goes on.
    mutating func rekey() {
        let zeros = FixedBytes<32>()
        let old = key.duplicate()
        // The key is the first 32 bytes of the box, without its tag.
        let box = SecretBytes(byteCount: 48) { span in
            ChaChaPoly.seal(
                zeros.raw, into: &span, key: old, nonce: Self.encode(Self.reservedNonce))
        }
        key = box.part(0..<32)
    }

    /// 32 zero bits, then the counter, little-endian (Noise section 12, ChaChaPoly).
    private static func encode(_ counter: UInt64) -> FixedBytes<12> {
        var nonce = FixedBytes<12>()
        for index in 0..<8 {
            nonce[4 + index] = UInt8(truncatingIfNeeded: counter >> UInt64(8 * index))
        }
        return nonce
    }
}
