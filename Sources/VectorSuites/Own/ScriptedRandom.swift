internal import Primitives

/// Hands out the values that a step of a vector fixes, by the size that is asked for: 32 bytes are a
/// private key, 24 a nonce, 1 a coin, 64 a private key of ML-KEM.
struct ScriptedRandom: RandomSource {
    private var values: [[UInt8]]
    /// Set when something was asked for that is not there; the case has then failed.
    private(set) var wasShort = false

    init(_ values: [[UInt8]]) { self.values = values }

    /// Whether every value was asked for.
    var isUsedUp: Bool { values.isEmpty }

    mutating func fill(_ bytes: inout MutableRawSpan) {
        let count = bytes.byteCount
        guard let index = values.firstIndex(where: { $0.count == count }) else {
            wasShort = true
            return
        }
        let value = values.remove(at: index)
        for offset in 0..<count {
            bytes.storeBytes(of: value[offset], toByteOffset: offset, as: UInt8.self)
        }
    }
}
