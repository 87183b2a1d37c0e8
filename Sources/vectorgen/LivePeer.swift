import Crypto
import Glibc
import Primitives
import VectorSuites
import Wire

/// One side of a live chat with an independent implementation: commands on standard input, one a
/// line, answers on standard output. Words are separated by spaces, bytes are hexadecimal, `-` is
/// nothing.
///
/// | command | answer |
/// |---|---|
/// | `keys` | `ok ACCOUNT CERTIFICATE SPK-ID SPK OPK-ID OPK WRITE-SEED KEM-ID KEM 1-KEM-ID 1-KEM` |
/// | `accept FIRST-MESSAGE` | `ok SESSION NUMBER CONTENT TYPE ACCOUNT` |
/// | `begin ACCOUNT IDENTITY RECOVERY-BUNDLE` | `ok SESSION` |
/// | `seal CONTENT` | `ok ENVELOPE` |
/// | `open ENVELOPE` | `ok NUMBER CONTENT MISSING` |
/// | `epoch` | `ok KEM-EPOCH` |
/// | `frame COUNTER ECHO NEWEST WRITE-SEED` | `ok FRAME` |
/// | `openframe FRAME` | `ok COUNTER TYPE ECHO NEWEST` |
///
/// Whatever is refused is answered `refused`, and the state stays.
final class LivePeer {
    private let person: VectorPerson
    private var random: SeededRandom
    private var box: Box?
    private var prefix: KnownPrefix?

    init(seed: UInt64) {
        guard let person = try? VectorPerson("swift", seed: seed) else {
            preconditionFailure("a person of constants")
        }
        self.person = person
        random = SeededRandom(seed ^ 0x5eed)
    }

    func run() {
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            guard let command = words.first, command != "quit" else { break }
            do {
                print("ok \(try answer(command, Array(words.dropFirst())))")
            } catch {
                print("refused")
            }
            // Into a pipe, standard output is written in blocks; the other side waits for a line.
            _ = fflush(nil)
        }
    }

    /// The session, in a place that can be shared.
    private final class Box {
        var session: Session
        init(_ session: consuming Session) { self.session = session }
    }

    private enum Refused: Error { case command, value }

    private func bytes(_ words: [String], _ index: Int) throws -> [UInt8] {
        guard index < words.count else { throw Refused.command }
        return words[index] == "-" ? [] : try Hex.decode(words[index])
    }

    private func number(_ words: [String], _ index: Int) throws -> UInt64 {
        guard index < words.count, let value = UInt64(words[index]) else { throw Refused.command }
        return value
    }

    private func answer(_ command: String, _ words: [String]) throws -> String {
        switch command {
        case "keys":
            return [
                person.account.publicKey.bytes.hex, hex(person.certificate.bytes),
                String(person.signedPreKeyID), person.signedPreKey.publicKey.bytes.hex,
                String(person.oneTimePreKeyID), person.oneTimePreKey.publicKey.bytes.hex,
                hex(person.chatWriteKey.exposeForStorage()),
                String(person.kemPreKeyID), person.lastResortKEM.key.bytes.hex,
                String(person.oneTimeKEMPreKeyID), person.oneTimeKEM.key.bytes.hex,
            ].joined(separator: " ")
        case "accept": return try accept(try bytes(words, 0))
        case "begin": return try begin(words)
        case "seal": return try seal(try bytes(words, 0))
        case "open": return try open(try bytes(words, 0))
        case "epoch": return try epoch()
        case "frame": return try frame(words)
        case "openframe": return try openFrame(try bytes(words, 0))
        default: throw Refused.command
        }
    }

    private func accept(_ envelope: [UInt8]) throws -> String {
        let message = try FirstMessage(parsing: envelope.raw)
        guard
            let outer = try message.openOuter(
                signedPreKeyID: person.signedPreKeyID, key: person.signedPreKey)
        else { throw Refused.value }
        let oneTime =
            outer.oneTimePreKeyID == person.oneTimePreKeyID
            ? person.oneTimePreKey.duplicate() : nil
        let result = try Handshake.accept(
            message, outer: outer, own: person.keys, signedPreKey: person.signedPreKey,
            oneTimePreKey: oneTime,
            kemPreKey: person.kemHalf(outer.kemPreKeyID, withOneTime: true),
            secondsSince1970: VectorPerson.now)
        switch consume result {
        case .accepted(let accepted):
            let id = accepted.session.id
            let number = accepted.number
            let content = accepted.content
            let type = accepted.introduction.type.rawValue
            let account = accepted.introduction.account.bytes
            prefix = accepted.prefix
            box = Box(accepted.takeSession())
            return "\(id.hex) \(number) \(Hex.encode(content.raw)) \(type) \(account.hex)"
        case .needsNewerVersion: throw Refused.value
        }
    }

    private func begin(_ words: [String]) throws -> String {
        let box = Box(try session(to: try preKeys(words)))
        self.box = box
        return box.session.id.hex
    }

    private func session(to preKeys: RecipientPreKeys) throws -> Session {
        let introduction = try person.introduction(.reset)
        return try Handshake.begin(
            introduction, identity: person.identity, to: preKeys, random: &random)
    }

    private func preKeys(_ words: [String]) throws -> RecipientPreKeys {
        let account = try bytes(words, 0)
        let identity = try bytes(words, 1)
        let bundle = try bytes(words, 2)
        var reader = Reader(identity.raw)
        let device = try DeviceIdentity(from: &reader)
        try reader.finish()
        let preKeys = RecipientPreKeys(
            try RecoveryBundle(parsing: bundle.raw),
            account: try Ed25519PublicKey(parsing: account.raw), device: device)
        guard let preKeys else { throw Refused.value }
        return preKeys
    }

    private func current() throws -> Box {
        guard let box else { throw Refused.value }
        return box
    }

    private func open(_ envelope: [UInt8]) throws -> String {
        let box = try current()
        let opened: OpenedMessage
        if let prefix, let message = try? FirstMessage(parsing: envelope.raw),
            message.openingHash == prefix.openingHash
        {
            opened = try box.session.open(message, behind: prefix, atHours: VectorPerson.hours)
        } else {
            opened = try box.session.open(envelope.raw, atHours: VectorPerson.hours)
        }
        let content = opened.content
        let number = opened.number
        box.session.commit(opened)
        let missing = box.session.received.gaps.map { "\($0.first)-\($0.last)" }
            .joined(separator: ",")
        return "\(number) \(Hex.encode(content.raw)) \(missing.isEmpty ? "-" : missing)"
    }

    private func epoch() throws -> String {
        let box = try current()
        return String(box.session.kemEpoch)
    }

    private func hex(_ bytes: [UInt8]) -> String { Hex.encode(bytes.raw) }

    private func seal(_ bytes: [UInt8]) throws -> String {
        let content = try Content(parsing: bytes.raw)
        let box = try current()
        let sealed = try box.session.seal(content, random: &random)
        return Hex.encode(sealed.envelope.raw)
    }

    private func frame(_ words: [String]) throws -> String {
        let frame = Frame(
            counter: try number(words, 0), type: .echo, echo: try number(words, 1),
            newest: try number(words, 2))
        let seed = try bytes(words, 3)
        let box = try current()
        let writeKey = Ed25519KeyPair(seed: SecretBytes(copying: seed.raw))
        let sealed = try box.session.seal(frame, writeKey: writeKey, random: &random)
        return Hex.encode(sealed.raw)
    }

    private func openFrame(_ bytes: [UInt8]) throws -> String {
        let box = try current()
        let frame = try box.session.openFrame(
            bytes.raw, writeKey: person.chatWriteKey.publicKey)
        return "\(frame.counter) \(frame.type.rawValue) \(frame.echo) \(frame.newest)"
    }
}
