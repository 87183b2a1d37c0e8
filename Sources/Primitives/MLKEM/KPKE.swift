internal import CSodium

/// The public-key encryption inside ML-KEM-768 (FIPS 203 section 5): k = 3, eta 2, d_u 10, d_v 4.
///
/// It is not secure by itself and is used by ML-KEM only. Whatever depends on a secret lies in one
/// object of the heap and is wiped with it.
final class KPKE {
    /// Three polynomials.
    typealias Vector = InlineArray<3, Polynomial>

    static let publicKeyByteCount = 1_184
    static let privateKeyByteCount = 1_152
    static let ciphertextByteCount = 1_088

    private struct Memory {
        var secret = Vector(repeating: Polynomial())
        var result = Vector(repeating: Polynomial())
        var sum = Polynomial()
        var entry = Polynomial()
    }

    private var memory = Memory()

    deinit {
        // Safe: exactly the bytes of the memory.
        unsafe withUnsafeMutableBytes(of: &memory) { bytes in
            if let start = bytes.baseAddress { unsafe sodium_memzero(start, bytes.count) }
        }
    }

    /// K-PKE.KeyGen, algorithm 13.
    ///
    /// - Parameters:
    ///   - seed: d, 32 bytes.
    ///   - publicKey: gets ek, 1184 bytes.
    ///   - privateKey: gets dk, 1152 bytes at its beginning.
    func generate(
        seed: RawSpan, publicKey: inout MutableRawSpan, privateKey: inout MutableRawSpan
    ) {
        let g = Keccak(.sha3_512)
        g.absorb(seed)
        g.absorb([3].raw)
        let rho: FixedBytes<32> = g.squeeze()
        let sigma = g.squeezeSecret(byteCount: 32)
        sigma.withBytes { sigma in
            for index in 0..<3 {
                memory.secret[index].sampleNoise(seed: sigma, number: UInt8(index))
                memory.secret[index].transform()
            }
            for row in 0..<3 {
                // The error e comes last, so its place can hold the product before it.
                memory.sum = Polynomial()
                for column in 0..<3 {
                    memory.entry.sampleMatrixEntry(
                        seed: rho, column: UInt8(column), row: UInt8(row))
                    memory.sum.addProduct(memory.entry, memory.secret[column])
                }
                memory.sum.leaveMontgomery()
                memory.entry.sampleNoise(seed: sigma, number: UInt8(3 + row))
                memory.entry.transform()
                memory.sum.add(memory.entry)
                memory.sum.reduce()
                memory.sum.encode(into: &publicKey, at: Polynomial.byteCount * row)
            }
        }
        for index in 0..<32 {
            publicKey.storeBytes(of: rho[index], toByteOffset: 1_152 + index, as: UInt8.self)
        }
        for index in 0..<3 {
            memory.secret[index].encode(into: &privateKey, at: Polynomial.byteCount * index)
        }
    }

    /// K-PKE.Encrypt, algorithm 14.
    ///
    /// - Parameters:
    ///   - message: 32 bytes.
    ///   - publicKey: 1184 bytes that passed the modulus check.
    ///   - seed: r, 32 bytes.
    ///   - ciphertext: gets 1088 bytes.
    func encrypt(
        _ message: RawSpan, to publicKey: RawSpan, seed: RawSpan,
        ciphertext: inout MutableRawSpan
    ) {
        var rho = FixedBytes<32>()
        for index in 0..<32 { rho[index] = publicKey.byte(at: 1_152 + index) }
        for index in 0..<3 {
            memory.secret[index].sampleNoise(seed: seed, number: UInt8(index))
            memory.secret[index].transform()
        }
        for row in 0..<3 {
            memory.sum = Polynomial()
            for column in 0..<3 {
                // The matrix transposed.
                memory.entry.sampleMatrixEntry(
                    seed: rho, column: UInt8(row), row: UInt8(column))
                memory.sum.addProduct(memory.entry, memory.secret[column])
            }
            memory.sum.transformBack()
            memory.entry.sampleNoise(seed: seed, number: UInt8(3 + row))
            memory.sum.add(memory.entry)
            memory.sum.reduce()
            memory.sum.encode10(into: &ciphertext, at: 320 * row)
        }
        memory.sum = Polynomial()
        for index in 0..<3 {
            _ = memory.entry.decode(publicKey, at: Polynomial.byteCount * index)
            memory.sum.addProduct(memory.entry, memory.secret[index])
        }
        memory.sum.transformBack()
        memory.entry.sampleNoise(seed: seed, number: 6)
        memory.sum.add(memory.entry)
        memory.sum.addDecoded1(message)
        memory.sum.reduce()
        memory.sum.encode4(into: &ciphertext, at: 960)
    }

    /// K-PKE.Decrypt, algorithm 15.
    ///
    /// - Parameters:
    ///   - ciphertext: 1088 bytes.
    ///   - privateKey: dk, 1152 bytes or more.
    ///   - message: gets 32 bytes.
    func decrypt(_ ciphertext: RawSpan, with privateKey: RawSpan, message: inout MutableRawSpan) {
        memory.sum = Polynomial()
        for index in 0..<3 {
            memory.result[index].decode10(ciphertext, at: 320 * index)
            memory.result[index].transform()
            _ = memory.secret[index].decode(privateKey, at: Polynomial.byteCount * index)
            memory.sum.addProduct(memory.secret[index], memory.result[index])
        }
        memory.sum.transformBack()
        memory.entry.decode4(ciphertext, at: 960)
        memory.sum.subtract(from: memory.entry)
        memory.sum.reduce()
        memory.sum.encode1(into: &message)
    }
}
