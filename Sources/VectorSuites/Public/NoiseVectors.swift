internal import Channel
internal import Primitives

/// Noise vectors in the format of cacophony: both sides of every pattern over 25519, ChaChaPoly
/// and SHA256; cases with pre-shared keys or another hash are skipped.
enum NoiseVectors {
    static func run(_ json: JSONValue) -> SuiteReport {
        var report = SuiteReport(name: "noise", rules: "CH-20")
        for test in json["vectors"]?.elements ?? [] {
            let name = test["protocol_name"]?.text ?? "?"
            report.add(outcome(test, name) ?? .failed, name)
        }
        return report
    }

    private static func outcome(_ test: JSONValue, _ name: String) -> CaseOutcome? {
        let parts = name.split(separator: "_")
        guard parts.count == 5, parts[0] == "Noise" else { return nil }
        guard parts[2] == "25519", parts[3] == "ChaChaPoly", parts[4] == "SHA256",
            test["init_psks"] == nil
        else {
            // A damaged name must not turn a case into a skipped one.
            let known = [
                "25519", "448", "ChaChaPoly", "AESGCM", "SHA256", "SHA512", "BLAKE2s", "BLAKE2b",
            ]
            return parts[2...].allSatisfy { known.contains(String($0)) } ? .skipped : .failed
        }
        guard let pattern = NoisePattern.named(String(parts[1])),
            let messages = test["messages"]?.elements
        else { return nil }
        guard let isEqual = try? exchange(test, pattern, messages) else { return .failed }
        return CaseOutcome(isEqual)
    }

    /// Plays both sides; false at the first byte that differs.
    private static func exchange(
        _ test: JSONValue, _ pattern: NoisePattern, _ messages: [JSONValue]
    ) throws -> Bool {
        var initiator = try side(test, pattern, .initiator, "init")
        var responder = try side(test, pattern, .responder, "resp")
        var initiatorRandom = FixedRandom(test.hex("init_ephemeral") ?? [])
        var responderRandom = FixedRandom(test.hex("resp_ephemeral") ?? [])
        let handshakeCount = pattern.messages.count
        guard messages.count > handshakeCount else { return false }
        for (index, message) in messages.prefix(handshakeCount).enumerated() {
            guard let payload = message.hex("payload"), let expected = message.hex("ciphertext")
            else { return false }
            let isFirst = index.isMultiple(of: 2)
            let written =
                try isFirst
                ? initiator.write(payload: payload.raw, from: &initiatorRandom)
                : responder.write(payload: payload.raw, from: &responderRandom)
            let read = try isFirst ? responder.read(written.raw) : initiator.read(written.raw)
            guard written == expected, read == payload else { return false }
        }
        guard initiatorRandom.isUsedUp, responderRandom.isUsedUp else { return false }
        var left = try initiator.finish()
        var right = try responder.finish()
        guard let hash = test.hex("handshake_hash"), left.handshakeHash.hex == Hex.encode(hash.raw),
            right.handshakeHash.hex == Hex.encode(hash.raw)
        else { return false }
        for (index, message) in messages.enumerated().dropFirst(handshakeCount) {
            guard let payload = message.hex("payload"), let expected = message.hex("ciphertext")
            else { return false }
            let isUp = pattern.isOneWay || index.isMultiple(of: 2)
            let sealed = try isUp ? left.sending.seal(payload.raw) : right.sending.seal(payload.raw)
            let opened =
                try isUp ? right.receiving.open(sealed.raw) : left.receiving.open(sealed.raw)
            guard sealed == expected, opened == payload else { return false }
        }
        return true
    }

    private static func side(
        _ test: JSONValue, _ pattern: NoisePattern, _ role: NoiseRole, _ prefix: String
    ) throws -> NoiseHandshake {
        let prologue = test.hex("\(prefix)_prologue") ?? []
        let remote = try test.hex("\(prefix)_remote_static").map {
            try X25519PublicKey(parsing: $0.raw)
        }
        guard let own = test.hex("\(prefix)_static"), own.count == 32 else {
            return try NoiseHandshake(
                pattern, role: role, prologue: prologue.raw, remoteStaticKey: remote)
        }
        return try NoiseHandshake(
            pattern, role: role, prologue: prologue.raw,
            staticKey: X25519KeyPair(secret: SecretBytes(copying: own.raw)),
            remoteStaticKey: remote)
    }
}

/// Hands out given bytes, for vectors that fix what a program would draw.
struct FixedRandom: RandomSource {
    private var rest: [UInt8]
    /// Set when more was asked for than there was: the case has then failed.
    private var wasShort = false

    init(_ bytes: [UInt8]) { rest = bytes }

    /// Whether exactly the given bytes were drawn.
    var isUsedUp: Bool { rest.isEmpty && !wasShort }

    mutating func fill(_ bytes: inout MutableRawSpan) {
        for offset in 0..<bytes.byteCount {
            guard offset < rest.count else {
                wasShort = true
                return
            }
            bytes.storeBytes(of: rest[offset], toByteOffset: offset, as: UInt8.self)
        }
        rest.removeFirst(min(bytes.byteCount, rest.count))
    }
}
