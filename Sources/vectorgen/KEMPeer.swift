import Glibc
import Primitives

/// ML-KEM-768 for an independent implementation to compare with.
enum KEMPeer {
    /// What `count` seeds come to, hashed into one value as C2SP's accumulated vectors are: from
    /// one stream of SHAKE128 a key's seed, a message and a ciphertext each; into another the key,
    /// the ciphertext, its secret, and the secret of the drawn ciphertext, which is rejected.
    static func accumulated(count: Int) -> String {
        let source = Keccak(.shake128)
        let result = Keccak(.shake128)
        for _ in 0..<count {
            let pair = MLKEM768KeyPair(seed: source.squeezeSecret(byteCount: 64))
            result.absorb(pair.publicKey.raw)
            let made = pair.publicKey.encapsulate(message: source.squeezeSecret(byteCount: 32))
            result.absorb(made.ciphertext.raw)
            made.secret.withBytes { result.absorb($0) }
            let found = pair.decapsulate(made.ciphertext)
            precondition(found.isEqual(to: made.secret), "a round trip fails")
            let drawn: FixedBytes<1_088> = source.squeeze()
            pair.decapsulate(drawn).withBytes { result.absorb($0) }
        }
        let digest: FixedBytes<32> = result.squeeze()
        return digest.hex
    }

    /// Answers each line `SEED KEY CIPHERTEXT` on standard input with `SECRET CIPHERTEXT SECRET`:
    /// what the key pair of the seed finds in the ciphertext, and an encapsulation for the key. The
    /// secrets of a test may be seen by anybody. What cannot be taken is answered `refused`.
    static func run() {
        var random = SystemRandom()
        while let line = readLine() {
            let words = line.split(separator: " ").map { (try? Hex.decode(String($0))) ?? [] }
            print(answer(words, &random) ?? "refused")
            // Into a pipe, standard output is written in blocks; the other side waits for a line.
            _ = fflush(nil)
        }
    }

    private static func answer(_ words: [[UInt8]], _ random: inout SystemRandom) -> String? {
        guard words.count == 3 else { return nil }
        let (seed, encoded, sealed) = (words[0], words[1], words[2])
        guard seed.count == MLKEM768KeyPair.seedByteCount,
            let key = try? MLKEM768PublicKey(parsing: encoded.raw),
            let ciphertext = FixedBytes<1_088>(copying: sealed.raw)
        else { return nil }
        let pair = MLKEM768KeyPair(seed: SecretBytes(copying: seed.raw))
        let found = pair.decapsulate(ciphertext).exposeForStorage()
        let made = key.encapsulate(from: &random)
        let secret = made.secret.exposeForStorage()
        return "\(Hex.encode(found.raw)) \(made.ciphertext.hex) \(Hex.encode(secret.raw))"
    }
}
