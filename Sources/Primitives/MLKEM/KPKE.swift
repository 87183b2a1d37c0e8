internal import CSodium

/// The public-key encryption inside ML-KEM-768 (FIPS 203 section 5): k = 3, eta 2, d_u 10, d_v 4.
///
/// It is not secure by itself and is used by ML-KEM only. Whatever depends on a secret lies in one
/// object of the heap and is wiped with it.
final class KPKE {
    static let publicKeyByteCount = 1_184
    static let privateKeyByteCount = 1_152
    static let ciphertextByteCount = 1_088

    private var memory = KPKEMemory()

    deinit {
        // Safe: exactly the bytes of the memory, which is plain integers.
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
        sigma.withBytes {
            memory.generate(rho: rho, sigma: $0, publicKey: &publicKey, privateKey: &privateKey)
        }
        for index in 0..<32 {
            publicKey.storeBytes(of: rho[index], toByteOffset: 1_152 + index, as: UInt8.self)
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
        memory.encrypt(message, to: publicKey, seed: seed, ciphertext: &ciphertext)
    }

    /// K-PKE.Decrypt, algorithm 15.
    ///
    /// - Parameters:
    ///   - ciphertext: 1088 bytes.
    ///   - privateKey: dk, 1152 bytes or more.
    ///   - message: gets 32 bytes.
    func decrypt(_ ciphertext: RawSpan, with privateKey: RawSpan, message: inout MutableRawSpan) {
        memory.decrypt(ciphertext, with: privateKey, message: &message)
    }
}

/// The working memory of one operation and what is done in it, in place.
private struct KPKEMemory: ~Copyable {
    /// s or y: the vector of which the products are taken.
    private var secret = InlineArray<3, Polynomial> { _ in Polynomial() }
    private var sum = Polynomial()
    private var entry = Polynomial()

    /// Draws the vector from `seed`, numbers 0 to 2, and transforms it.
    private mutating func drawSecret(seed: RawSpan) {
        for index in 0..<3 {
            secret[index].sampleNoise(seed: seed, number: UInt8(index))
            secret[index].transform()
        }
    }

    /// Makes the sum one row of the matrix of `rho`, or of its transpose, times the vector.
    private mutating func multiply(row: Int, rho: FixedBytes<32>, isTransposed: Bool) {
        sum.clear()
        for column in 0..<3 {
            entry.sampleMatrixEntry(
                seed: rho, column: UInt8(isTransposed ? row : column),
                row: UInt8(isTransposed ? column : row))
            sum.addProduct(&entry, &secret[column])
        }
    }

    mutating func generate(
        rho: FixedBytes<32>, sigma: RawSpan, publicKey: inout MutableRawSpan,
        privateKey: inout MutableRawSpan
    ) {
        drawSecret(seed: sigma)
        for row in 0..<3 {
            multiply(row: row, rho: rho, isTransposed: false)
            sum.leaveMontgomery()
            entry.sampleNoise(seed: sigma, number: UInt8(3 + row))
            entry.transform()
            sum.add(&entry)
            sum.reduce()
            sum.encode(into: &publicKey, at: Polynomial.byteCount * row)
            secret[row].encode(into: &privateKey, at: Polynomial.byteCount * row)
        }
    }

    mutating func encrypt(
        _ message: RawSpan, to publicKey: RawSpan, seed: RawSpan,
        ciphertext: inout MutableRawSpan
    ) {
        var rho = FixedBytes<32>()
        for index in 0..<32 { rho[index] = publicKey.byte(at: 1_152 + index) }
        drawSecret(seed: seed)
        for row in 0..<3 {
            multiply(row: row, rho: rho, isTransposed: true)
            sum.transformBack()
            entry.sampleNoise(seed: seed, number: UInt8(3 + row))
            sum.add(&entry)
            sum.reduce()
            sum.encode10(into: &ciphertext, at: 320 * row)
        }
        sum.clear()
        for index in 0..<3 {
            _ = entry.decode(publicKey, at: Polynomial.byteCount * index)
            sum.addProduct(&entry, &secret[index])
        }
        sum.transformBack()
        entry.sampleNoise(seed: seed, number: 6)
        sum.add(&entry)
        sum.addDecoded1(message)
        sum.reduce()
        sum.encode4(into: &ciphertext, at: 960)
    }

    mutating func decrypt(
        _ ciphertext: RawSpan, with privateKey: RawSpan, message: inout MutableRawSpan
    ) {
        sum.clear()
        for index in 0..<3 {
            entry.decode10(ciphertext, at: 320 * index)
            entry.transform()
            _ = secret[index].decode(privateKey, at: Polynomial.byteCount * index)
            sum.addProduct(&secret[index], &entry)
        }
        sum.transformBack()
        entry.decode4(ciphertext, at: 960)
        sum.subtract(from: &entry)
        sum.reduce()
        sum.encode1(into: &message)
    }
}
