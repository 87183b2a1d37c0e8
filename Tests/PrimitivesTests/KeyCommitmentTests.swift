import Primitives
import Testing

@Suite("SPEC §4.3: key commitments")
struct KeyCommitmentTests {
    private func commitment(_ key: UInt8 = 1, _ salt: UInt8 = 2) -> KeyCommitment {
        KeyCommitment(
            to: SecretBytes(copying: [UInt8](repeating: key, count: 32).raw),
            salt: [UInt8](repeating: salt, count: 24).raw, label: "postern/1 test")
    }

    @Test("PR-20 a commitment is HKDF of the key, the salt and the label")
    func derivation() {
        let key = SecretBytes(copying: [UInt8](repeating: 1, count: 32).raw)
        let expected = HKDFSHA256.derive(
            from: key, salt: [UInt8](repeating: 2, count: 24).raw, info: utf8("postern/1 test").raw,
            byteCount: 32)
        #expect(commitment().bytes.hex == hex(expected))
    }

    @Test("PR-20 another key, salt or label is another commitment; every bit is compared")
    func differences() {
        #expect(commitment() == commitment())
        #expect(commitment() != commitment(3))
        #expect(commitment() != commitment(1, 3))
        for bit in 0..<256 {
            var bytes = commitment().bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(KeyCommitment(bytes) != commitment())
        }
    }
}
