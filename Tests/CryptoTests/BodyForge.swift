import Primitives

@testable import Crypto

/// Makes messages that no honest sender makes: the next message of a pair's initiator, sealed with
/// its real keys, with a changed body block. The pair's own state stays.
struct BodyForge {
    let pair: Pair
    var number: UInt64?
    var link: ReceivedNumbers.Link?

    init(_ pair: Pair) { self.pair = pair }

    func envelope(_ change: (inout [UInt8]) -> Void = { _ in }) throws -> [UInt8] {
        if !pair.initiator.hasSendingChain {
            // Sealing begins a chain; the forge needs one to take its key from.
            try pair.open(try pair.seal("x", from: .initiator), at: .recipient)
        }
        let session = try Session.restore(pair.stored(.initiator).raw)
        switch session.sending.chain {
        case .some(let chain): return envelope(session, chain, change)
        case .none: throw Missing()
        }
    }

    private func envelope(
        _ session: borrowing Session, _ chain: borrowing SendingChain,
        _ change: (inout [UInt8]) -> Void
    ) -> [UInt8] {
        var envelope = [Envelope.version]
        let nonce: FixedBytes<24> = pair.alice.random.bytes()
        envelope.append(copying: nonce.raw)
        var header: [UInt8] = []
        RatchetHeader(
            ratchetKey: chain.ratchetKey.publicKey,
            previousChainLength: chain.previousChainLength, messageNumber: chain.count,
            epoch: session.kemEpoch, kem: .idle
        ).encode(into: &header)
        let data = Session.associatedData(id: session.id, from: session.role)
        envelope += XChaChaPoly.seal(
            header.raw, key: chain.headerKey.secret, nonce: nonce, authenticating: data.raw)
        var block: [UInt8] = []
        let number = session.sending.number + 1
        block.append(bigEndian: self.number ?? number)
        let link = ReceivedNumbers.link(
            after: session.sending.link, tag: session.sending.tag, number: number)
        block.append(copying: (self.link ?? link).raw)
        pair.alice.text("forged").encode(into: &block)
        block.append(0x80)
        block += [UInt8](repeating: 0, count: 1024 - 343 - block.count)
        change(&block)
        let bodyData = data + envelope.dropFirst()
        let key = chain.chainKey.messageKey()
        envelope += ChaChaPoly.seal(
            block.raw, key: key.secret, nonce: Session.bodyNonce(nonce.raw),
            authenticating: bodyData.raw)
        return envelope
    }

    struct Missing: Error {}
}

extension Session {
    var hasSendingChain: Bool {
        switch sending.chain {
        case .some: true
        case .none: false
        }
    }
}
