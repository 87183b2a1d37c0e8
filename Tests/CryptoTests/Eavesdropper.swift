import Primitives

@testable import Crypto

/// Who records a chat, has once copied one side's session, and goes on with the session's own
/// functions. It learns besides what its ``Power`` says: what breaking one of the two agreements
/// would give.
final class Eavesdropper {
    /// What it has beside the copy, of both sides and for ever.
    enum Power {
        /// Nothing.
        case copyOnly
        /// Every X25519 private key.
        case everyX25519
        /// Every secret of ML-KEM.
        case everyKEM
    }

    private struct Chain: ~Copyable {
        let headerKey: HeaderKey
        var chainKey: ChainKey
        var count: UInt32
    }

    private final class Box {
        var chain: Chain?
        var nextHeaderKey: HeaderKey?
        var ratchetKey: X25519PublicKey?
    }

    private final class KeyBox {
        let pair: X25519KeyPair
        init(_ pair: consuming X25519KeyPair) { self.pair = pair }
    }

    private let id: SessionID
    let power: Power
    private let copied: SessionRole
    private var root: RootKey
    /// Its step goes on as the copied side's would; the rest is not looked at again.
    private var copy: Session
    private var sides: [SessionRole: Box] = [.initiator: Box(), .recipient: Box()]
    private var keys: [X25519PublicKey: KeyBox] = [:]
    /// Messages read since the copy.
    private(set) var readCount = 0
    /// Messages up to the first that could not be read, that one counted; nil before.
    private(set) var healedAt: Int?
    private var heard = 0

    /// - Parameters:
    ///   - stored: a side's session as its vault holds it; everything sent has been delivered.
    ///   - signedPreKey: of the recipient, for who has every X25519 key.
    init(copying stored: [UInt8], power: Power) throws {
        let session = try Session.restore(stored.raw)
        copy = try Session.restore(stored.raw)
        id = session.id
        self.power = power
        copied = session.role
        root = session.root.duplicate()
        let own = box(session.role)
        let other = box(session.role.peer)
        switch session.sending.chain {
        case .some(let chain):
            own.chain = Chain(
                headerKey: chain.headerKey.duplicate(), chainKey: chain.chainKey.duplicate(),
                count: chain.count)
            own.ratchetKey = chain.ratchetKey.publicKey
            learn(chain.ratchetKey)
        case .none: break
        }
        own.nextHeaderKey = session.sending.nextHeaderKey.duplicate()
        switch session.receiving.chain {
        case .some(let chain):
            other.chain = Chain(
                headerKey: chain.headerKey.key.duplicate(), chainKey: chain.chainKey.duplicate(),
                count: chain.count)
            other.ratchetKey = chain.ratchetKey
        case .none: break
        }
        other.nextHeaderKey = session.receiving.nextHeaderKey.duplicate()
    }

    private func box(_ side: SessionRole) -> Box {
        guard let box = sides[side] else { preconditionFailure("two sides") }
        return box
    }

    private func learn(_ pair: borrowing X25519KeyPair) {
        keys[pair.publicKey] = KeyBox(pair.duplicate())
    }

    /// A message as it goes over the wire, and what the power says of its sender's state.
    ///
    /// - Returns: whether it was read.
    @discardableResult
    func hear(
        _ envelope: [UInt8], from sender: SessionRole, sending: borrowing Session,
        kemInput: (UInt32) -> [UInt8]?
    ) -> Bool {
        heard += 1
        if power == .everyX25519 {
            switch sending.sending.chain {
            case .some(let chain): learn(chain.ratchetKey)
            case .none: break
            }
        }
        let isRead = read(envelope, from: sender, kemInput: kemInput)
        if isRead { readCount += 1 } else if healedAt == nil { healedAt = heard }
        return isRead
    }

    private func read(
        _ envelope: [UInt8], from sender: SessionRole, kemInput: (UInt32) -> [UInt8]?
    ) -> Bool {
        let message = envelope.raw.extracting(1..<envelope.count)
        let parts = MessageParts(message, of: id, from: sender, hours: 0)
        let box = box(sender)
        var block: [UInt8]?
        switch box.chain {
        case .some(let chain): block = parts.openHeader(chain.headerKey)
        case .none: break
        }
        if block == nil {
            switch box.nextHeaderKey {
            case .some(let key): block = parts.openHeader(key)
            case .none: break
            }
            guard let block, let header = try? parts.header(block),
                turn(header, by: sender, kemInput)
            else { return false }
            return open(parts, header, box)
        }
        guard let block, let header = try? parts.header(block) else { return false }
        return open(parts, header, box)
    }

    /// The root step of a chain that begins, with whatever private key of the two is known.
    private func turn(
        _ header: RatchetHeader, by sender: SessionRole, _ kemInput: (UInt32) -> [UInt8]?
    ) -> Bool {
        let (box, other) = (box(sender), box(sender.peer))
        guard let otherKey = other.ratchetKey else { return false }
        let agreed: SecretBytes?
        if let known = keys[header.ratchetKey] {
            agreed = try? known.pair.agree(with: otherKey)
        } else if let known = keys[otherKey] {
            agreed = try? known.pair.agree(with: header.ratchetKey)
        } else if power == .everyKEM {
            // Neither private key is known: a guess takes the place of the agreement.
            agreed = SecretBytes(byteCount: 32) { _ in }
        } else {
            return false
        }
        guard let agreed else { return false }
        let step: RootStep
        if header.epoch != copy.kem.epoch {
            let input = mixed(agreed, header.epoch, kemInput)
            step = root.step(input, epoch: header.epoch)
            copy.kem = KEMStep(epoch: header.epoch, role: copied)
        } else {
            step = root.step(agreed, epoch: header.epoch)
        }
        root = step.root.duplicate()
        let headerKey = box.nextHeaderKey.take()
        guard let headerKey else { return false }
        box.chain = Chain(headerKey: headerKey, chainKey: step.chain.duplicate(), count: 0)
        box.nextHeaderKey = step.nextHeader.duplicate()
        box.ratchetKey = header.ratchetKey
        return true
    }

    /// The input of a step that begins an epoch, as well as it can be put together.
    private func mixed(
        _ agreed: borrowing SecretBytes, _ epoch: UInt32, _ kemInput: (UInt32) -> [UInt8]?
    ) -> SecretBytes {
        if power == .everyKEM, let known = kemInput(epoch) {
            return SecretBytes(copying: (agreed.exposeForStorage() + known).raw)
        }
        if let secret = copy.kem.decapsulated() {
            return copy.kem.input(agreed: agreed, secret: secret)
        }
        if let input = copy.kem.input(agreed: agreed) { return input }
        // The secret is not known: nothing can be put in its place.
        return agreed.duplicate()
    }

    private func open(
        _ parts: borrowing MessageParts, _ header: RatchetHeader, _ box: Box
    ) -> Bool {
        guard var chain = box.chain.take() else { return false }
        let advanced = chain.chainKey.advanced(
            from: chain.count, to: header.messageNumber, atHours: 0)
        let isRead = parts.openBody(advanced.messageKey.duplicate()) != nil
        chain.chainKey = advanced.advance.chainKey.duplicate()
        chain.count = header.messageNumber + 1
        box.chain = consume chain
        // What the copied side would take from it, it takes as well.
        copy.kem.take(header.kem, ofEpoch: header.epoch)
        return isRead
    }
}
