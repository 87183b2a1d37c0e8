import Primitives

@testable import Crypto

/// The secrets in a session's state at one moment, as bytes.
struct SessionSnapshot {
    /// A chain; the private half of its ratchet key on the sending side only.
    struct Chain {
        let key: [UInt8]
        let headerKey: [UInt8]
        let ratchetKey: X25519PublicKey
        let privateKey: [UInt8]?
    }

    let root: [UInt8]
    let epoch: UInt32
    let sending: Chain?
    let receiving: Chain?
    let nextHeaderKeys: [[UInt8]]
    let frameKeys: [[UInt8]]
    let skippedKeys: [[UInt8]]
    let skippedHeaderKeys: [[UInt8]]
    /// Seed of the private key for the next epoch.
    let kemSeed: [UInt8]?
    /// The next epoch's secret, on the side that encapsulated.
    let kemSecret: [UInt8]?
    /// What the next own root step takes in, when it begins an epoch: secret and binding.
    let kemInput: (secret: [UInt8], binding: [UInt8])?

    init(_ session: borrowing Session) {
        root = Self.bytes(session.root.secret)
        epoch = session.kem.epoch
        switch session.sending.chain {
        case .some(let chain):
            sending = Chain(
                key: Self.bytes(chain.chainKey.secret),
                headerKey: Self.bytes(chain.headerKey.secret),
                ratchetKey: chain.ratchetKey.publicKey,
                privateKey: chain.ratchetKey.withSecretBytes { [UInt8](copying: $0) })
        case .none: sending = nil
        }
        switch session.receiving.chain {
        case .some(let chain):
            receiving = Chain(
                key: Self.bytes(chain.chainKey.secret),
                headerKey: Self.bytes(chain.headerKey.key.secret), ratchetKey: chain.ratchetKey,
                privateKey: nil)
        case .none: receiving = nil
        }
        nextHeaderKeys = [
            Self.bytes(session.sending.nextHeaderKey.secret),
            Self.bytes(session.receiving.nextHeaderKey.secret),
        ]
        var frameKeys = session.sending.frameKeys.map { Self.bytes($0.key.secret) }
        switch session.receiving.frameKey {
        case .some(let key): frameKeys.append(Self.bytes(key.secret))
        case .none: break
        }
        self.frameKeys = frameKeys
        skippedKeys = session.receiving.skipped.flatMap { chain in
            chain.keys.map { Self.bytes($0.key.secret) }
        }
        skippedHeaderKeys = session.receiving.skipped.map { Self.bytes($0.headerKey.key.secret) }
        kemSeed = Self.bytes(session.kem.seed)
        kemSecret = Self.bytes(session.kem.secret)
        switch session.kem.decapsulated() {
        case .some(let secret):
            kemInput = (Self.bytes(secret), session.kem.binding.array)
        case .none: kemInput = nil
        }
    }

    static func bytes(_ secret: borrowing SecretBytes) -> [UInt8] {
        secret.withBytes { [UInt8](copying: $0) }
    }

    private static func bytes(_ secret: borrowing SecretBytes?) -> [UInt8]? {
        switch secret {
        case .some(let secret): bytes(secret)
        case .none: nil
        }
    }
}

extension [UInt8] {
    /// The bytes as a secret.
    var secret: SecretBytes { SecretBytes(copying: raw) }
}
