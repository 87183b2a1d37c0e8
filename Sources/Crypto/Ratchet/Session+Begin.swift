import Primitives

/// What a handshake hands to the ratchet.
///
/// - SPEC: §5.3, H5
struct SessionSecrets: ~Copyable, Sendable {
    let id: SessionID
    let root: RootKey
    let initiatorHeaderKey: HeaderKey
    let recipientHeaderKey: HeaderKey
}

extension Session {
    /// The initiator's session: draws the first ratchet key and makes the first root step.
    ///
    /// - Throws: `ZeroSharedSecret`.
    init(
        initiatorWith secrets: consuming SessionSecrets, signedPreKey: X25519PublicKey,
        prefix: [UInt8], random: inout some RandomSource
    ) throws(ZeroSharedSecret) {
        let ratchetKey = X25519KeyPair.generate(from: &random)
        let step = secrets.root.step(try ratchetKey.agree(with: signedPreKey), epoch: 0)
        id = secrets.id
        role = .initiator
        root = step.root
        kem = KEMStep(epoch: 0, role: .initiator)
        sending = Sending(
            chain: SendingChain(
                chainKey: step.chain,
                headerKey: secrets.initiatorHeaderKey, ratchetKey: ratchetKey,
                previousChainLength: 0, count: 0),
            nextHeaderKey: step.nextHeader, endedChainLength: 0, number: 0,
            link: secrets.id, tag: .zero, frameKeys: [FrameKeyBox(step.frame)])
        receiving = Receiving(
            signedPreKey: nil, chain: nil, nextHeaderKey: secrets.recipientHeaderKey,
            skipped: [], numbers: ReceivedNumbers(sessionID: secrets.id), frameKey: nil,
            isConfirmed: false)
        self.prefix = prefix
    }

    /// The recipient's session, before its first message has opened.
    init(recipientWith secrets: consuming SessionSecrets, signedPreKey: consuming X25519KeyPair) {
        id = secrets.id
        role = .recipient
        root = secrets.root
        kem = KEMStep(epoch: 0, role: .recipient)
        sending = Sending(
            chain: nil, nextHeaderKey: secrets.recipientHeaderKey,
            endedChainLength: 0, number: 0, link: secrets.id, tag: .zero, frameKeys: [])
        receiving = Receiving(
            signedPreKey: signedPreKey, chain: nil,
            nextHeaderKey: secrets.initiatorHeaderKey, skipped: [],
            numbers: ReceivedNumbers(sessionID: secrets.id), frameKey: nil, isConfirmed: false)
        prefix = []
    }
}
