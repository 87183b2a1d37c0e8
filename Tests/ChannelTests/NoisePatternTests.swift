import Foundation
import Primitives
import Testing

@testable import Channel

/// The vectors of a public file, if the folder is there: `POSTERN_VECTORS` or the folder `shared`
/// beside the checkout.
private enum PublicVectors {
    struct File: Decodable {
        let vectors: [Case]
    }

    struct Case: Decodable, Sendable {
        let protocol_name: String
        let init_prologue: String
        let resp_prologue: String
        let init_ephemeral: String
        let resp_ephemeral: String?
        let init_static: String?
        let resp_static: String?
        let init_remote_static: String?
        let resp_remote_static: String?
        let handshake_hash: String
        let messages: [Message]
    }

    struct Message: Decodable, Sendable {
        let payload: String
        let ciphertext: String
    }

    static let cases: [Case]? = {
        let beside = URL(filePath: #filePath).appending(path: "../../../../shared/vectors")
        let folder =
            ProcessInfo.processInfo.environment["POSTERN_VECTORS"]
            .map { URL(filePath: $0) } ?? beside.standardized
        let file = folder.appending(path: "noise/cacophony-25519-chachapoly.json")
        guard let data = try? Data(contentsOf: file) else { return nil }
        return (try? JSONDecoder().decode(File.self, from: data))?.vectors ?? []
    }()
}

private func bytes(_ hex: String) -> [UInt8] { (try? Hex.decode(hex)) ?? [] }

private func keyPair(_ hex: String?) -> X25519KeyPair? {
    guard let hex else { return nil }
    return X25519KeyPair(secret: SecretBytes(copying: bytes(hex).raw))
}

private func publicKey(_ hex: String?) throws -> X25519PublicKey? {
    guard let hex else { return nil }
    return try X25519PublicKey(parsing: bytes(hex).raw)
}

@Suite("SPEC §11.2: the Noise engine")
struct NoisePatternTests {
    @Test(
        "all 38 public vectors over SHA-256 without pre-shared keys, both sides",
        .enabled(if: PublicVectors.cases != nil, "the folder of public vectors is not here"))
    func publicVectors() throws {
        let cases = PublicVectors.cases ?? []
        var run: Set<String> = []
        for vector in cases {
            let parts = vector.protocol_name.split(separator: "_")
            try #require(parts.count == 5)
            guard parts[4] == "SHA256", !parts[1].contains("psk") else { continue }
            let pattern = try #require(NoisePattern.named(String(parts[1])))
            #expect(pattern.protocolName == vector.protocol_name)
            try check(vector, pattern)
            run.insert(pattern.name)
        }
        #expect(run == Set(NoisePattern.classical.map { $0.name }))
        #expect(run.count == 38)
    }

    private func check(_ vector: PublicVectors.Case, _ pattern: NoisePattern) throws {
        var initiator = try NoiseHandshake(
            pattern, role: .initiator, prologue: bytes(vector.init_prologue).raw,
            staticKey: keyPair(vector.init_static),
            remoteStaticKey: try publicKey(vector.init_remote_static))
        var responder = try NoiseHandshake(
            pattern, role: .responder, prologue: bytes(vector.resp_prologue).raw,
            staticKey: keyPair(vector.resp_static),
            remoteStaticKey: try publicKey(vector.resp_remote_static))
        var initiatorRandom = FixedRandom(bytes(vector.init_ephemeral))
        var responderRandom = FixedRandom(bytes(vector.resp_ephemeral ?? ""))
        let name = Comment(rawValue: pattern.name)
        let handshakeCount = pattern.messages.count
        for (index, message) in vector.messages.prefix(handshakeCount).enumerated() {
            let payload = bytes(message.payload)
            let isFirst = index.isMultiple(of: 2)
            let written =
                try isFirst
                ? initiator.write(payload: payload.raw, from: &initiatorRandom)
                : responder.write(payload: payload.raw, from: &responderRandom)
            let read = try isFirst ? responder.read(written.raw) : initiator.read(written.raw)
            #expect(Hex.encode(written.raw) == message.ciphertext, name)
            #expect(read == payload, name)
        }
        #expect(initiatorRandom.isExhausted && responderRandom.isExhausted, name)
        var left = try initiator.finish()
        var right = try responder.finish()
        #expect(left.handshakeHash.hex == vector.handshake_hash, name)
        #expect(right.handshakeHash.hex == vector.handshake_hash, name)
        for (index, message) in vector.messages.enumerated().dropFirst(handshakeCount) {
            let payload = bytes(message.payload)
            let isUp = pattern.isOneWay || index.isMultiple(of: 2)
            let sealed = try isUp ? left.sending.seal(payload.raw) : right.sending.seal(payload.raw)
            let opened =
                try isUp ? right.receiving.open(sealed.raw) : left.receiving.open(sealed.raw)
            #expect(Hex.encode(sealed.raw) == message.ciphertext, name)
            #expect(opened == payload, name)
        }
    }

    @Test(
        "every pattern connects, shows the static keys it promises, and dies of any changed message",
        arguments: NoisePattern.all.map { $0.name })
    func everyPattern(name: String) throws {
        let pattern = try #require(NoisePattern.all.first { $0.name == name })
        #expect(try connect(pattern, tampering: nil) == nil)
        for index in pattern.messages.indices {
            let error = try #require(try connect(pattern, tampering: index))
            // A message without a key yet is not authenticated; the next one is.
            #expect(error == .authentication || error == .publicKey(.nonCanonical))
        }
    }

    /// Runs a handshake and one message; flips a bit of the last byte of message `index`.
    private func connect(_ pattern: NoisePattern, tampering index: Int?) throws -> NoiseError? {
        var random = SeededRandom(77)
        let initiatorKey = X25519KeyPair.generate(from: &random)
        let responderKey = X25519KeyPair.generate(from: &random)
        let initiatorPublic = initiatorKey.publicKey
        let responderPublic = responderKey.publicKey
        do throws(NoiseError) {
            var initiator = try NoiseHandshake(
                pattern, role: .initiator, prologue: RawSpan(), staticKey: consume initiatorKey,
                remoteStaticKey: pattern.responderStaticIsKnown ? responderPublic : nil)
            var responder = try NoiseHandshake(
                pattern, role: .responder, prologue: RawSpan(), staticKey: consume responderKey,
                remoteStaticKey: pattern.initiatorStaticIsKnown ? initiatorPublic : nil)
            for number in pattern.messages.indices {
                let isFirst = number.isMultiple(of: 2)
                var message =
                    try isFirst
                    ? initiator.write(payload: [9].raw, from: &random)
                    : responder.write(payload: [9].raw, from: &random)
                if number == index { message[message.count - 1] ^= 1 }
                let payload =
                    try isFirst ? responder.read(message.raw) : initiator.read(message.raw)
                if number != index, payload != [9] { return .dead }
            }
            let tokens = Set(pattern.messages.flatMap { $0 })
            if tokens.contains(.se) || tokens.contains(.ss) {
                #expect(responder.remoteStatic == initiatorPublic)
            }
            if tokens.contains(.es) {
                #expect(initiator.remoteStatic == responderPublic)
            }
            var left = try initiator.finish()
            var right = try responder.finish()
            let sealed = try left.sending.seal([1, 2, 3].raw)
            let opened = try right.receiving.open(sealed.raw)
            #expect(opened == [1, 2, 3])
            return nil
        } catch {
            return error
        }
    }

    @Test("a missing key is an error when the handshake is made or the key is needed")
    func missingKeys() throws {
        #expect(throws: NoiseError.missingKey) {
            _ = try NoiseHandshake(.nk, role: .initiator, prologue: RawSpan()).isFinished
        }
        #expect(throws: NoiseError.missingKey) {
            _ = try NoiseHandshake(.nk, role: .responder, prologue: RawSpan()).isFinished
        }
        let pattern = try #require(NoisePattern.named("IN"))
        #expect(throws: NoiseError.missingKey) {
            var random = SeededRandom(1)
            var handshake = try NoiseHandshake(pattern, role: .initiator, prologue: RawSpan())
            _ = try handshake.write(payload: RawSpan(), from: &random)
        }
    }

    @Test("CH-23 out of turn, early finish and everything after a failure are refused")
    func order() throws {
        let pattern = try #require(NoisePattern.named("NN"))
        var random = SeededRandom(1)
        var initiator = try NoiseHandshake(pattern, role: .initiator, prologue: RawSpan())
        let first = try initiator.write(payload: RawSpan(), from: &random)
        #expect(throws: NoiseError.outOfTurn) {
            _ = try initiator.write(payload: RawSpan(), from: &random)
        }
        #expect(throws: NoiseError.dead) { _ = try initiator.read(first.raw) }
        #expect(throws: NoiseError.dead) {
            _ = try initiator.write(payload: RawSpan(), from: &random)
        }
        var responder = try NoiseHandshake(pattern, role: .responder, prologue: RawSpan())
        #expect(throws: NoiseError.outOfTurn) {
            _ = try responder.write(payload: RawSpan(), from: &random)
        }
        #expect(throws: NoiseError.dead) { _ = try responder.read(first.raw) }
        let early = try NoiseHandshake(pattern, role: .responder, prologue: RawSpan())
        do throws(NoiseError) {
            _ = try early.finish().handshakeHash
            Issue.record("an unfinished handshake was split")
        } catch {
            #expect(error == .outOfTurn)
        }
    }

    @Test("a handshake message of 65,535 bytes passes, one more is refused by both sides")
    func longest() throws {
        let pattern = try #require(NoisePattern.named("NN"))
        var random = SeededRandom(1)
        let payload = [UInt8](repeating: 1, count: 65_535 - 32)
        var initiator = try NoiseHandshake(pattern, role: .initiator, prologue: RawSpan())
        var responder = try NoiseHandshake(pattern, role: .responder, prologue: RawSpan())
        let message = try initiator.write(payload: payload.raw, from: &random)
        #expect(message.count == 65_535)
        let read = try responder.read(message.raw)
        #expect(read == payload)

        let longer = payload + [1]
        #expect(throws: NoiseError.messageLength(byteCount: 65_536)) {
            var other = try NoiseHandshake(pattern, role: .initiator, prologue: RawSpan())
            _ = try other.write(payload: longer.raw, from: &random)
        }
        let tooLong = message + [1]
        #expect(throws: NoiseError.messageLength(byteCount: 65_536)) {
            var other = try NoiseHandshake(pattern, role: .responder, prologue: RawSpan())
            _ = try other.read(tooLong.raw)
        }
    }
}
