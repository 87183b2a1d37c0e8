import Primitives
import Wire

@testable import Crypto

/// Makes first messages that no honest initiator makes, from the same steps, with one thing changed.
struct FirstMessageForge: ~Copyable {
    let introduction: Introduction
    let identity: X25519KeyPair
    var changeInner: ([UInt8]) -> [UInt8] = { $0 }
    var changeOuter: ([UInt8]) -> [UInt8] = { $0 }

    init(introduction: consuming Introduction, identity: consuming X25519KeyPair) {
        self.introduction = introduction
        self.identity = identity
    }

    consuming func envelope(
        to preKeys: RecipientPreKeys, text: Content, random: inout SeededRandom
    ) throws -> [UInt8] {
        let ephemeral = X25519KeyPair.generate(from: &random)
        let agreed = try Handshake.agree(ephemeral, with: preKeys)
        let dh4 = try Handshake.agree(identity, preKeys.signedPreKey)
        let block = changeInner(introduction.encoded())
        var prefix = [Envelope.version] + ephemeral.publicKey.bytes.array
        let outerKey = HandshakeSchedule.outerKey(
            agreed.dh1, sentKey: ephemeral.publicKey.bytes, signedPreKey: preKeys.signedPreKey)
        let outer = changeOuter(
            Handshake.outerBlock(preKeys.oneTimePreKey?.id ?? 0, innerByteCount: block.count))
        prefix += ChaChaPoly.seal(
            outer.raw, key: outerKey, nonce: .zero, authenticating: prefix.raw)
        let innerKey = HandshakeSchedule.innerKey(agreed, opening: prefix.raw, preKeys: preKeys)
        prefix += ChaChaPoly.seal(
            block.raw, key: innerKey, nonce: .zero, authenticating: prefix.raw)
        let transcript = HandshakeSchedule.transcript(
            prefix: prefix.raw, innerBlock: block.raw, preKeys: preKeys)
        let secrets = HandshakeSchedule.secrets(agreed, dh4: dh4, transcript: transcript)
        var session = try Session(
            initiatorWith: secrets, signedPreKey: preKeys.signedPreKey, prefix: prefix,
            random: &random)
        return try session.seal(text, random: &random).envelope
    }
}
