import Primitives
import Testing

@testable import Channel

/// Every secret that two sides of a channel draw or keep, and what somebody on the wire records.
private struct Recording {
    /// The secrets of both sides, by what they are.
    enum Secret: CaseIterable {
        case serverStatic, clientEphemeral, serverEphemeral
        /// The seed of the client's key pair of the KEM.
        case kemSeed
        /// What the server encapsulates.
        case kemMessage

        var isX25519: Bool { self != .kemSeed && self != .kemMessage }
    }

    static let text: [UInt8] = Array("what was said".utf8)
    private static let versions = ChannelHandshake.Versions(
        offer: "postern.v0", choice: "postern.v0")

    let secrets: [Secret: [UInt8]]
    let pattern: NoisePattern
    let serverKey: X25519PublicKey
    let first: [UInt8]
    let second: [UInt8]
    /// One transport message in each direction.
    let said: [[UInt8]]

    static var prologue: [UInt8] { versions.prologue }

    init(_ pattern: NoisePattern) throws {
        var random = SeededRandom(17)
        var secrets: [Secret: [UInt8]] = [:]
        for secret in Secret.allCases {
            secrets[secret] = random.bytes(count: secret == .kemSeed ? 64 : 32)
        }
        let drawn = secrets.filter { pattern.isHybrid || $0.key.isX25519 }
        var clientRandom = FixedRandom((drawn[.clientEphemeral] ?? []) + (drawn[.kemSeed] ?? []))
        var serverRandom = FixedRandom(
            (drawn[.serverEphemeral] ?? []) + (drawn[.kemMessage] ?? []))
        let staticBytes = secrets[.serverStatic] ?? []
        let key = X25519KeyPair(secret: SecretBytes(copying: staticBytes.raw))
        let prologue = Self.prologue
        var client = try NoiseHandshake(
            pattern, role: .initiator, prologue: prologue.raw, remoteStaticKey: key.publicKey)
        var server = try NoiseHandshake(
            pattern, role: .responder, prologue: prologue.raw, staticKey: key.duplicate())
        let first = try client.write(payload: RawSpan(), from: &clientRandom)
        _ = try server.read(first.raw)
        let second = try server.write(payload: RawSpan(), from: &serverRandom)
        _ = try client.read(second.raw)
        #expect(clientRandom.isExhausted && serverRandom.isExhausted)
        var up = try client.finish()
        var down = try server.finish()
        said = [
            try up.sending.seal(Self.text.raw), try down.sending.seal(Self.text.raw),
        ]
        self.secrets = secrets
        self.pattern = pattern
        self.first = first
        self.second = second
        serverKey = key.publicKey
    }
}

/// Somebody who has a recording and some secrets, and derives what can be derived from them: every
/// agreement, every use of a key of the KEM, every order in which up to three of their results may
/// have been mixed, and with the keys that follow every box of the recording.
private struct Attacker {
    private struct Box {
        let sealed: [UInt8]
        let data: [UInt8]
    }

    private let recording: Recording
    private let privateKeys: [[UInt8]]
    private let seeds: [[UInt8]]
    private let messages: [[UInt8]]
    private let boxes: [Box]
    private let start: [UInt8]
    /// Plaintexts of the boxes of the handshake that opened.
    private(set) var opened: Set<[UInt8]> = []
    /// How many of the transport messages opened.
    private(set) var readCount = 0
    /// How many orders were tried.
    private(set) var triedCount = 0

    init(_ recording: Recording, knowing known: Set<Recording.Secret>) {
        self.recording = recording
        func bytes(_ secret: Recording.Secret) -> [[UInt8]] {
            known.contains(secret) ? [recording.secrets[secret] ?? []] : []
        }
        privateKeys = bytes(.serverStatic) + bytes(.clientEphemeral) + bytes(.serverEphemeral)
        seeds = bytes(.kemSeed)
        messages = bytes(.kemMessage)
        // Every hash is one of bytes that went over the wire.
        let name = Array(recording.pattern.protocolName.utf8)
        var hash = name.count <= 32 ? name : SHA256.hash(name.raw).array
        start = hash
        var boxes: [Box] = []
        func mix(_ bytes: [UInt8]) {
            let all = hash + bytes
            hash = SHA256.hash(all.raw).array
        }
        mix(Recording.prologue)
        mix(recording.serverKey.bytes.array)
        for message in [recording.first, recording.second] {
            mix(Array(message[..<32]))
            let sealedParts =
                recording.pattern.isHybrid
                ? [Array(message[32..<message.count - 16]), Array(message.suffix(16))]
                : [Array(message[32...])]
            for sealed in sealedParts {
                boxes.append(Box(sealed: sealed, data: hash))
                mix(sealed)
            }
        }
        self.boxes = boxes
        derive()
    }

    /// Both directions were read.
    var reads: Bool { readCount == 2 }

    private mutating func derive() {
        var shared = agreements()
        while true {
            let before = opened.count
            explore(shared)
            if opened.count == before { return }
            // What opened may be a key of the KEM or a ciphertext for one.
            shared = agreements() + encapsulations()
        }
    }

    private func agreements() -> [[UInt8]] {
        let publicKeys = [
            recording.serverKey.bytes.array, Array(recording.first[..<32]),
            Array(recording.second[..<32]),
        ]
        var found: Set<[UInt8]> = [[UInt8](repeating: 0, count: 32)]
        for privateKey in privateKeys {
            let pair = X25519KeyPair(secret: SecretBytes(copying: privateKey.raw))
            for publicKey in publicKeys {
                guard let peer = try? X25519PublicKey(parsing: publicKey.raw),
                    let secret = try? pair.agree(with: peer)
                else { continue }
                found.insert(secret.exposeForStorage())
            }
        }
        return Array(found)
    }

    private func encapsulations() -> [[UInt8]] {
        var found: Set<[UInt8]> = []
        for plaintext in opened {
            if let ciphertext = FixedBytes<1_088>(copying: plaintext.raw) {
                for seed in seeds {
                    let pair = MLKEM768KeyPair(seed: SecretBytes(copying: seed.raw))
                    found.insert(pair.decapsulate(ciphertext).exposeForStorage())
                }
            }
            if let key = try? MLKEM768PublicKey(parsing: plaintext.raw) {
                for message in messages {
                    let made = key.encapsulate(message: SecretBytes(copying: message.raw))
                    found.insert(made.secret.exposeForStorage())
                }
            }
        }
        return Array(found)
    }

    private mutating func explore(_ shared: [[UInt8]]) {
        triedCount = 0
        var chains: [(key: [UInt8], used: Set<Int>)] = [(start, [])]
        for _ in 0..<3 {
            var next: [(key: [UInt8], used: Set<Int>)] = []
            for chain in chains {
                for (place, secret) in shared.enumerated() where !chain.used.contains(place) {
                    let output = Self.derive(chain.key, secret)
                    use(Array(output[32...]), chaining: Array(output[..<32]))
                    next.append((Array(output[..<32]), chain.used.union([place])))
                    if reads { return }
                }
            }
            chains = next
        }
    }

    private mutating func use(_ key: [UInt8], chaining: [UInt8]) {
        triedCount += 1
        for box in boxes {
            for number in UInt8(0)..<2 {
                if let plaintext = Self.open(box.sealed, key, number, box.data) {
                    opened.insert(plaintext)
                }
            }
        }
        let last = Self.derive(chaining, [])
        var count = 0
        for (place, sealed) in recording.said.enumerated() {
            let key = Array(last[32 * place..<32 * place + 32])
            if Self.open(sealed, key, 0, []) == Recording.text { count += 1 }
        }
        readCount = max(readCount, count)
    }

    private static func derive(_ salt: [UInt8], _ key: [UInt8]) -> [UInt8] {
        HKDFSHA256.derive(
            from: SecretBytes(copying: key.raw), salt: salt.raw, info: RawSpan(), byteCount: 64
        ).exposeForStorage()
    }

    private static func open(
        _ sealed: [UInt8], _ key: [UInt8], _ number: UInt8, _ data: [UInt8]
    ) -> [UInt8]? {
        var nonce = FixedBytes<12>()
        nonce[4] = number
        return try? ChaChaPoly.open(
            sealed.raw, key: SecretBytes(copying: key.raw), nonce: nonce, authenticating: data.raw)
    }
}

@Suite("SPEC §11.2: what the KEM adds to the channel")
struct NoiseHybridTests {
    @Test("A17 CH-20 recorded and robbed of every X25519 secret, a channel stays closed")
    func everyX25519Secret() throws {
        let known = Set(Recording.Secret.allCases.filter(\.isX25519))
        let attacker = Attacker(try Recording(.nkHFS), knowing: known)
        #expect(!attacker.reads)
        // He came as far as one can without the KEM: key, ciphertext and the first tag are open.
        #expect(Set(attacker.opened.map(\.count)) == [0, 1_088, 1_184])
        #expect(attacker.triedCount > 100)
        // The same attacker, where the KEM is taken out of the derivation.
        let classical = Attacker(try Recording(.nk), knowing: known)
        #expect(classical.reads)
    }

    @Test("A17 CH-20 recorded and robbed of every secret of the KEM, a channel stays closed")
    func everyKEMSecret() throws {
        let known: Set<Recording.Secret> = [.kemSeed, .kemMessage]
        let attacker = Attacker(try Recording(.nkHFS), knowing: known)
        #expect(!attacker.reads && attacker.opened.isEmpty)
        let all = Attacker(try Recording(.nkHFS), knowing: known.union([.clientEphemeral]))
        #expect(all.reads)
    }

    @Test("A17 of all sets of secrets those open a channel that SPEC §11.2 names, and no other")
    func everySet() throws {
        let recording = try Recording(.nkHFS)
        let secrets = Recording.Secret.allCases
        for mask in 0..<1 << secrets.count {
            let known = Set(
                secrets.indices.filter { mask >> $0 & 1 == 1 }.map { secrets[$0] })
            let hasES = known.contains(.serverStatic) || known.contains(.clientEphemeral)
            let hasEE = known.contains(.clientEphemeral) || known.contains(.serverEphemeral)
            let hasKEM = known.contains(.kemSeed) || known.contains(.kemMessage)
            let attacker = Attacker(recording, knowing: known)
            #expect(attacker.reads == (hasES && hasEE && hasKEM), "\(known)")
            #expect(attacker.opened.isEmpty == !hasES, "\(known)")
        }
    }

    // MARK: Hostile sides

    private static let versions = ChannelHandshake.Versions(
        offer: "postern.v0", choice: "postern.v0")

    private static func serverPair() -> X25519KeyPair {
        var random = SeededRandom(18)
        return X25519KeyPair.generate(from: &random)
    }

    /// Notices whether anything is drawn.
    private struct Watched: RandomSource {
        var inner = SeededRandom(19)
        var drawnByteCount = 0

        mutating func fill(_ bytes: inout MutableRawSpan) {
            drawnByteCount += bytes.byteCount
            inner.fill(&bytes)
        }
    }

    /// A first message with any bytes in the place of the encapsulation key, sealed by the rules.
    private static func first(sending key: [UInt8]) throws -> [UInt8] {
        let server = serverPair().publicKey
        var random = SeededRandom(20)
        let own = X25519KeyPair.generate(from: &random)
        var state = NoiseSymmetricState(protocolName: NoisePattern.nkHFS.protocolName)
        let prologue = versions.prologue
        state.mix(hash: prologue.raw)
        state.mix(hash: server.raw)
        var message = own.publicKey.bytes.array
        state.mix(hash: message.raw)
        state.mix(key: try own.agree(with: server))
        try state.encrypt(key.raw, appendingTo: &message)
        try state.encrypt(RawSpan(), appendingTo: &message)
        return message
    }

    @Test("CH-28 a coefficient of q or more is refused before anything is drawn for the answer")
    func modulus() throws {
        var random = SeededRandom(21)
        let good = MLKEM768KeyPair.generate(from: &random).publicKey.bytes.array
        func answer(_ key: [UInt8], _ random: inout Watched) -> NoiseError? {
            do throws(NoiseError) {
                let message = (try? Self.first(sending: key)) ?? []
                _ = try ChannelHandshake.respond(
                    to: message.raw, staticKey: Self.serverPair(), versions: Self.versions,
                    from: &random
                ).message
                return nil
            } catch {
                return error
            }
        }
        var watched = Watched()
        #expect(answer(good, &watched) == nil)
        #expect(watched.drawnByteCount == 64)
        for polynomial in 0..<3 {
            for value in [3_329, 4_095] {
                // The first coefficient of each polynomial, then the last one.
                var low = good
                low[384 * polynomial] = UInt8(value & 255)
                low[384 * polynomial + 1] = low[384 * polynomial + 1] & 0xf0 | UInt8(value >> 8)
                var high = good
                let last = 384 * polynomial + 382
                high[last] = high[last] & 0x0f | UInt8(value & 15) << 4
                high[last + 1] = UInt8(value >> 4)
                for bad in [low, high] {
                    var watched = Watched()
                    #expect(answer(bad, &watched) == .encapsulationKey(.modulus))
                    #expect(watched.drawnByteCount == 0)
                }
            }
        }
    }

    /// What a client says to a server that holds the right key, but seals `change` of the
    /// ciphertext and goes on with the secret of the true one.
    private static func outcome(_ change: ([UInt8]) -> [UInt8]) throws -> NoiseError? {
        let server = serverPair()
        var clientRandom = SeededRandom(22)
        let client = try ChannelHandshake.Initiator(
            serverKey: server.publicKey, versions: versions, from: &clientRandom)
        let first = client.message
        var state = NoiseSymmetricState(protocolName: NoisePattern.nkHFS.protocolName)
        let prologue = versions.prologue
        state.mix(hash: prologue.raw)
        state.mix(hash: server.publicKey.raw)
        let (ownPart, keyPart, tag) = (
            Array(first[..<32]), Array(first[32..<1_232]), Array(first[1_232...])
        )
        let clientKey = try X25519PublicKey(parsing: ownPart.raw)
        state.mix(hash: clientKey.raw)
        state.mix(key: try server.agree(with: clientKey))
        let sent = try state.decrypt(keyPart.raw)
        let key = try MLKEM768PublicKey(parsing: sent.raw)
        _ = try state.decrypt(tag.raw)
        var random = SeededRandom(23)
        let own = X25519KeyPair.generate(from: &random)
        var second = own.publicKey.bytes.array
        state.mix(hash: second.raw)
        state.mix(key: try own.agree(with: clientKey))
        let made = key.encapsulate(from: &random)
        let ciphertext = change(made.ciphertext.array)
        try state.encrypt(ciphertext.raw, appendingTo: &second)
        state.mix(key: made.secret)
        try state.encrypt(RawSpan(), appendingTo: &second)
        do throws(NoiseError) {
            _ = try client.finish(reading: second.raw).handshakeHash
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "CH-28 PR-13 a ciphertext with another bit ends as a tag that does not fit, and no other way"
    )
    func ciphertext() throws {
        #expect(try Self.outcome { $0 } == nil)
        // The first of these is lost in the noise: the same message is decrypted, and only
        // encrypting it again tells.
        for place in [0, 959, 960, 1_087] {
            for bit in [UInt8(1), 0x80] {
                let error = try Self.outcome { good in
                    var bad = good
                    bad[place] ^= bit
                    return bad
                }
                #expect(error == .authentication)
            }
        }
        #expect(try Self.outcome { [UInt8](repeating: 0, count: $0.count) } == .authentication)
    }
}
