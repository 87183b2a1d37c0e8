import Crypto
import Primitives
import Wire

/// First messages: bytes of anybody, and bytes sealed by a peer that has the recipient's bundle.
enum FirstMessageTargets {
    static let all: [Target] = [
        Target("first-message", byteCountMax: 4_352, seeds: seeds, run: run)
    ]

    private static let seedInner = innerBlock()

    @Sendable private static func seeds() -> [[UInt8]] {
        let content = Cast.alice.text("hi").encoded
        let inner = seedInner
        let extended = inner.dropLast(2) + [0, 5, 0, 1, 0, 1, 7]
        let good: [UInt8] = [1, 0, 0, 0, 0]
        return [
            [0] + StoredPair.standard.first, good + content.asPart + inner,
            good + content.asPart + extended, [3, 0, 0, 0, 0] + content.asPart + inner,
            [1, 2, 0, 0, 0] + content.asPart + inner,
        ]
    }

    /// The inner block of an honest introduction.
    private static func innerBlock() -> [UInt8] {
        let cast = Cast.alice
        var writer = Writer()
        writer.u8(0)
        writer.fixed(cast.account.publicKey.bytes)
        cast.certificate.encode(into: &writer)
        Handle.encode(cast.handle, into: &writer)
        ServerAddress.encode(cast.server, into: &writer)
        writer.fixed(cast.read.publicKey.bytes)
        writer.array(cast.write.exposeForStorage())
        writer.zeros(2 + 104 + 2)
        return writer.bytes
    }

    @Sendable private static func run(_ input: RawSpan) {
        var choices = Choices(input)
        let mode = choices.byte()
        if mode & 1 == 0 {
            try? open(choices.rest())
            return
        }
        try? open(forged(mode, &choices))
    }

    /// All that a client does with an envelope in a contact mailbox.
    private static func open(_ envelope: [UInt8]) throws {
        let bob = Cast.bob
        let message = try FirstMessage(parsing: envelope.raw)
        guard
            let outer = try message.openOuter(
                signedPreKeyID: Cast.signedPreKeyID, key: bob.signedPreKey)
        else { return }
        let oneTime =
            outer.oneTimePreKeyID == Cast.oneTimeID ? bob.oneTime.duplicate() : nil
        let result = try Handshake.accept(
            message, outer: outer, own: bob.recipientKeys, signedPreKey: bob.signedPreKey,
            oneTimePreKey: oneTime, kemPreKey: bob.kemHalf(outer.kemPreKeyID),
            secondsSince1970: Cast.now)
        switch consume result {
        case .needsNewerVersion: return
        case .accepted(let accepted):
            precondition(accepted.prefix.matches(message), "a prefix does not know its message")
            let prefix = accepted.prefix
            _ = accepted.introduction.claimedHandle
            _ = accepted.introduction.replyMailbox.id
            let content = accepted.content
            _ = (try? Content(parsing: content.raw))?.sessionReports
            let session = accepted.takeSession()
            let stored = session.exposeForStorage()
            let isOpened = (try? session.open(message, behind: prefix, atHours: 1)) != nil
            precondition(!isOpened, "a message opens twice")
            let again = try Session.restore(stored.raw)
            precondition(again.exposeForStorage() == stored, "a session does not survive storage")
        }
    }

    /// Opens a first message that must open.
    static func accepted(_ envelope: [UInt8]) throws -> Session {
        let bob = Cast.bob
        let message = try FirstMessage(parsing: envelope.raw)
        guard
            let outer = try message.openOuter(
                signedPreKeyID: Cast.signedPreKeyID, key: bob.signedPreKey)
        else { preconditionFailure("a first message for somebody else") }
        let result = try Handshake.accept(
            message, outer: outer, own: bob.recipientKeys, signedPreKey: bob.signedPreKey,
            oneTimePreKey: bob.oneTime.duplicate(), kemPreKey: bob.kemHalf(outer.kemPreKeyID),
            secondsSince1970: Cast.now)
        switch consume result {
        case .accepted(let accepted): return accepted.takeSession()
        case .needsNewerVersion: preconditionFailure("a first message of this version")
        }
    }

    // MARK: Forging

    /// Seals outer block, inner block and message as the input wants them.
    private static func forged(_ mode: UInt8, _ choices: inout Choices) throws -> [UInt8] {
        let oneTimeChoice = choices.byte()
        let headerChoice = choices.byte()
        let countChange = Int8(bitPattern: choices.byte())
        let version = choices.byte()
        let content = choices.part()
        var inner = choices.rest()
        if mode & 2 == 0 {
            // The certificate is signed again, so that what it says is what is judged.
            Signing.put(
                Cast.alice.account.publicKey.bytes.array, into: &inner, at: 1)
            Signing.certificate(&inner, at: 33, by: Cast.alice)
        }
        var random = SeededRandom(31)
        let ephemeral = X25519KeyPair.generate(from: &random)
        let ratchet = X25519KeyPair.generate(from: &random)
        let bob = Cast.bob
        let spk = bob.signedPreKey.publicKey
        let usesOneTime = oneTimeChoice & 3 == 0
        let oneTimeID = usesOneTime ? Cast.oneTimeID : UInt32(oneTimeChoice >> 2)

        var agreed = try ephemeral.agree(with: spk).exposeForStorage()
        let dh1 = SecretBytes(copying: agreed.raw)
        agreed += try ephemeral.agree(with: bob.identity.publicKey).exposeForStorage()
        if usesOneTime {
            agreed += try ephemeral.agree(with: bob.oneTime.publicKey).exposeForStorage()
        }
        agreed = agreed.sized(96)
        // Half of them from the last resort, some to a KEM prekey that is not there.
        let kemPreKey = oneTimeChoice & 0x10 == 0 ? bob.kem : bob.oneTimeKEMKeys[1]
        let encapsulation = kemPreKey.key.encapsulate(from: &random)
        let ciphertext = encapsulation.ciphertext.array
        agreed += encapsulation.secret.exposeForStorage()

        var prefix = [version & 1] + ephemeral.publicKey.bytes.array
        var outer: [UInt8] = []
        outer.append(bigEndian: oneTimeID)
        outer.append(bigEndian: oneTimeChoice == 0xff ? 0 : kemPreKey.id)
        outer.append(bigEndian: UInt16(truncatingIfNeeded: inner.count + Int(countChange)))
        outer += ciphertext
        let outerInfo =
            bytes(HandshakeLabels.outer) + ephemeral.publicKey.bytes.array + spk.bytes.array
        prefix += seal(
            outer.sized(1_098), derive(dh1, outerInfo, 32), authenticating: prefix)
        let known =
            preKeyBytes(oneTimeID: oneTimeID, usesOneTime: usesOneTime, kemPreKey) + ciphertext
        let context = SHA256.hash((bytes(HandshakeLabels.context) + prefix + known).raw)
        let agreedSecret = SecretBytes(copying: agreed.raw)
        prefix += seal(
            inner, derive(agreedSecret, bytes(HandshakeLabels.inner) + context.array, 32),
            authenticating: prefix)

        let transcript = SHA256.hash(
            (bytes(HandshakeLabels.transcript) + prefix + inner + known).raw)
        let dh4 = try Cast.alice.identity.agree(with: spk).exposeForStorage()
        let session = derive(
            SecretBytes(copying: (agreed + dh4).raw),
            bytes(HandshakeLabels.session) + transcript.array, 96)
        let root = session.part(0..<32)
        let headerKey = session.part(32..<64)
        let step = HKDFSHA256.derive(
            from: try ratchet.agree(with: spk), salt: root,
            info: (bytes(RatchetLabels.root) + [0, 0, 0, 0]).raw, byteCount: 128)
        let skipped = UInt32(headerChoice & 15)
        var link = transcript.array
        link.append(bigEndian: UInt64(1))
        let message = Forge.Message(
            messageNumber: skipped, previousChainLength: UInt32(headerChoice >> 7),
            ratchetKey: ratchet.publicKey.bytes.array, kem: [], number: UInt64(skipped) + 1,
            link: SHA256.hash((link + [UInt8](repeating: 0, count: 16)).raw).array,
            content: content)
        return Forge.envelope(
            message, prefix: prefix,
            key: Forge.messageKey(step.part(32..<64), steps: Int(skipped)), headerKey: headerKey,
            id: transcript, direction: 0, byteCount: 4_096, nonceByte: 3
        ).sized(4_096)
    }

    private static func preKeyBytes(
        oneTimeID: UInt32, usesOneTime: Bool, _ kemPreKey: KEMPreKey
    ) -> [UInt8] {
        let bob = Cast.bob
        var writer = Writer()
        writer.fixed(bob.account.publicKey.bytes)
        bob.certificate.identity.encode(into: &writer)
        writer.u32(Cast.signedPreKeyID)
        writer.fixed(bob.signedPreKey.publicKey.bytes)
        writer.u32(usesOneTime ? oneTimeID : 0)
        writer.fixed(usesOneTime ? bob.oneTime.publicKey.bytes : .zero)
        kemPreKey.encode(into: &writer)
        return writer.bytes
    }

    private static func seal(
        _ block: [UInt8], _ key: consuming SecretBytes, authenticating data: [UInt8]
    ) -> [UInt8] {
        ChaChaPoly.seal(block.raw, key: key, nonce: .zero, authenticating: data.raw)
    }

    private static func derive(
        _ secret: borrowing SecretBytes, _ info: [UInt8], _ byteCount: Int
    ) -> SecretBytes {
        HKDFSHA256.derive(
            from: secret, salt: FixedBytes<32>.zero.raw, info: info.raw, byteCount: byteCount)
    }

    private static func bytes(_ label: StaticString) -> [UInt8] { [UInt8](copying: label.raw) }
}
