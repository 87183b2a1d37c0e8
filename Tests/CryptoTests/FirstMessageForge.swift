import Primitives
import Wire

@testable import Crypto

/// Makes first messages that no honest initiator makes, from the same steps, with one thing changed.
struct FirstMessageForge: ~Copyable {
    let introduction: Introduction
    let identity: X25519KeyPair
    var changeInner: ([UInt8]) -> [UInt8] = { $0 }
    var changeOuter: ([UInt8]) -> [UInt8] = { $0 }
    /// Takes the place of the KEM's secret, given its ciphertext too.
    var changeKEM: ([UInt8], FixedBytes<1_088>) -> [UInt8] = { secret, _ in secret }

    init(introduction: consuming Introduction, identity: consuming X25519KeyPair) {
        self.introduction = introduction
        self.identity = identity
    }

    consuming func envelope(
        to preKeys: RecipientPreKeys, text: Content, random: inout SeededRandom
    ) throws -> [UInt8] {
        let ephemeral = X25519KeyPair.generate(from: &random)
        let encapsulation = preKeys.kemPreKey.key.encapsulate(from: &random)
        let secret = changeKEM(
            encapsulation.secret.exposeForStorage(), encapsulation.ciphertext)
        let agreed = try Handshake.agree(
            ephemeral, SecretBytes(copying: secret.raw), with: preKeys)
        let dh4 = try Handshake.agree(identity, preKeys.signedPreKey)
        let block = changeInner(introduction.encoded())
        var prefix = [Envelope.version] + ephemeral.publicKey.bytes.array
        let outerKey = HandshakeSchedule.outerKey(
            agreed.dh1, sentKey: ephemeral.publicKey.bytes, signedPreKey: preKeys.signedPreKey)
        let outer = changeOuter(
            Handshake.outerBlock(
                preKeys, innerByteCount: block.count, kemCiphertext: encapsulation.ciphertext))
        // What is bound is what was sent.
        let ciphertext = Array(outer.dropFirst(10))
        let sent = FixedBytes<1_088>(copying: ciphertext.raw) ?? .zero
        prefix += ChaChaPoly.seal(
            outer.raw, key: outerKey, nonce: .zero, authenticating: prefix.raw)
        let innerKey = HandshakeSchedule.innerKey(
            agreed, opening: prefix.raw, preKeys: preKeys, kemCiphertext: sent)
        prefix += ChaChaPoly.seal(
            block.raw, key: innerKey, nonce: .zero, authenticating: prefix.raw)
        let transcript = HandshakeSchedule.transcript(
            prefix: prefix.raw, innerBlock: block.raw, preKeys: preKeys, kemCiphertext: sent)
        let secrets = HandshakeSchedule.secrets(agreed, dh4: dh4, transcript: transcript)
        var session = try Session(
            initiatorWith: secrets, signedPreKey: preKeys.signedPreKey, prefix: prefix,
            random: &random)
        return try session.seal(text, random: &random).envelope
    }
}
