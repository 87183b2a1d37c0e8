import Platform
import Primitives
import Testing
import Wire

@testable import Client
@testable import Crypto

private func password(_ text: String) -> SecretBytes { SecretBytes(copying: Array(text.utf8).raw) }

/// The state of a stream before its first message.
private struct StreamStart {
    let key: [UInt8]
    let nonce: [UInt8]

    init(key: [UInt8], header: [UInt8]) {
        self.key = ChaCha.subkey(key, Array(header[..<16]))
        nonce = [1, 0, 0, 0] + header[16...]
    }

    var markBlock: [UInt8] { ChaCha.block(key, nonce, 1) }
    var polyKey: [UInt8] { Array(ChaCha.block(key, nonce, 0)[..<32]) }
}

@Suite("B8 boxes that open under two keys, and what refuses them")
struct TwoKeyTests {
    @Test("the ChaCha20 of these tests is the one of RFC 8439, and a block authenticates as there")
    func cipher() {
        let key = [UInt8](0..<32)
        let nonce: [UInt8] = [0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0]
        #expect(
            Hex.encode(ChaCha.block(key, nonce, 1).raw).hasPrefix(
                "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"))
        #expect(Field(7).inverse * Field(7) == Field(1))
        #expect(Field(7) - Field(9) + Field(2) == Field(0))
    }

    /// The first message of two streams at once.
    private func crafted(
        _ one: StreamStart, _ other: StreamStart, byteCount: Int, mark: UInt8
    ) -> [UInt8] {
        var random = SeededRandom(5)
        let text = [UInt8](repeating: 0, count: byteCount)
        let tail =
            [UInt8](repeating: 0, count: byteCount % 16) + TwoKeyBox.little64(0)
            + TwoKeyBox.little64(64 + byteCount)
        let places = [one, other].map { stream in
            var block = stream.markBlock
            block[0] ^= mark
            return TwoKeyBox.Place(polyKey: stream.polyKey, text: block + text + tail)
        }
        let found = TwoKeyBox.solve(places[0], places[1], open: (4, 5), random: &random)
        return [one.markBlock[0] ^ mark] + found.first + found.second + text[32...] + found.tag
    }

    @Test("B8 EN-31 a blob that opens under the keys of two files is refused for one by commitment")
    func attachment() throws {
        let size = try AttachmentSize(3)
        var random = SeededRandom(1)
        func reference() throws -> AttachmentReference {
            AttachmentReference(
                key: SecretBytes(byteCount: 32, from: &random), digest: random.bytes(), size: size,
                server: try serverAddress(), expiry: Hours(1))
        }
        func start(_ reference: borrowing AttachmentReference) throws -> StreamStart {
            let stream = try reference.keys().stream()
            return StreamStart(
                key: stream.key.exposeForStorage(), header: stream.header.array)
        }
        let first = try reference()
        let one = try start(first)
        var second = try reference()
        // The byte with the mark must open to one under both keys.
        while try start(second).markBlock[0] != one.markBlock[0] { second = try reference() }
        let blob = crafted(one, try start(second), byteCount: 32_751, mark: 3)

        func outcome(_ reference: borrowing AttachmentReference) -> AttachmentError? {
            do throws(AttachmentError) {
                var opener = try AttachmentOpener(reference)
                var message = [UInt8](repeating: 0, count: 32_751)
                var span = message.mutableRaw
                _ = try opener.open(blob.raw, into: &span)
                return nil
            } catch {
                return error
            }
        }
        // Authentic under both; what it holds is no file of three bytes, but that comes later.
        #expect(outcome(first) == .padding)
        #expect(outcome(second) == .padding)
        // A reference that names the one key and commits to the other opens nothing.
        var mixed = second.exposeForStorage()
        mixed.replaceSubrange(32..<64, with: first.commitment.bytes.array)
        var reader = Reader(mixed.raw)
        let crossed = try AttachmentReference(from: &reader)
        #expect(outcome(crossed) == .commitment)
    }

    private func serverAddress() throws -> ServerAddress {
        var random = SeededRandom(9)
        return try ServerAddress(
            key: X25519KeyPair.generate(from: &random).publicKey, hostAndPort: "example.org")
    }

    @Test("B8 CL-64 a backup that opens under two passphrases opens under the committed one only")
    func backup() throws {
        let folder = try TemporaryFolder()
        let salt = FixedBytes<32>(repeating: 8)
        func header(_ text: String) throws -> (header: BackupHeader, start: StreamStart) {
            let key = try BackupHeader.passwordKey(password(text), .minimumForTests, salt)
            let header = BackupHeader(
                parameters: .minimumForTests, salt: salt, passwordKey: key)
            let stream = header.stream(under: key)
            return (
                header,
                StreamStart(key: stream.key.exposeForStorage(), header: stream.header.array)
            )
        }
        let one = try header("first")
        var number = 0
        var other = try header("second 0")
        while other.start.markBlock[0] != one.start.markBlock[0] {
            number += 1
            other = try header("second \(number)")
        }
        let chunk = crafted(one.start, other.start, byteCount: 65_536, mark: 0)
        // Nobody needs more than the first chunk to see which passphrase it is (a partitioning
        // oracle), so the others need not be genuine.
        let rest = [UInt8](repeating: 0, count: 15 * 65_553)
        func outcome(_ header: BackupHeader, _ text: String) throws -> ClientError? {
            let path = folder.path + "/b"
            try? SafeFile.remove(path)
            let bytes = header.encoded + chunk + rest
            try SafeFile.write(bytes.raw, toNew: path)
            do throws(ClientError) {
                _ = try BackupReader(path, passphrase: password(text))
                return nil
            } catch {
                return error
            }
        }
        // The chunk is genuine under both.
        for (found, text) in [(one.header, "first"), (other.header, "second \(number)")] {
            var opener = try BackupOpener(found, chunkCount: 16, passphrase: password(text))
            var opened = [UInt8](repeating: 0, count: 65_536)
            var span = opened.mutableRaw
            try opener.open(chunk.raw, into: &span)
        }
        #expect(try outcome(one.header, "first") == .backupCorrupt)
        #expect(try outcome(one.header, "second \(number)") == .passphraseWrong)
        #expect(try outcome(other.header, "first") == .passphraseWrong)
    }

    @Test("B8 CL-23 a vault header that opens under two passphrases opens under the committed one")
    func vault() throws {
        var random = SeededRandom(2)
        let header = try VaultHeader(
            wrapping: SecretBytes(byteCount: 32, from: &random), under: password("first"),
            parameters: .minimumForTests, random: &random)
        let bytes = header.encoded
        let nonce = Array(bytes[72..<96])
        let associatedData = Array("postern/1 vault key".utf8) + bytes[..<72]
        let wrapKeys = try ["first", "second"].map { text in
            let short = FixedBytes<16>(copying: bytes[16..<32].raw) ?? .zero
            let key = try Argon2id.derive(
                from: password(text), salt: short, parameters: .minimumForTests)
            let label: StaticString = "postern/1 vault wrap"
            return HKDFSHA256.derive(
                from: key, salt: bytes[16..<40].raw, info: label.raw, byteCount: 32
            ).exposeForStorage()
        }
        let places = wrapKeys.map { key in
            let sub = ChaCha.subkey(key, Array(nonce[..<16]))
            let poly = ChaCha.block(sub, [0, 0, 0, 0] + nonce[16...], 0)
            let text =
                associatedData + [UInt8](repeating: 0, count: 96 - associatedData.count)
                + [UInt8](repeating: 0, count: 32) + TwoKeyBox.little64(associatedData.count)
                + TwoKeyBox.little64(32)
            return TwoKeyBox.Place(polyKey: Array(poly[..<32]), text: text)
        }
        let found = TwoKeyBox.solve(places[0], places[1], open: (6, 7), random: &random)
        let box = found.first + found.second + found.tag
        // Genuine under both keys.
        let boxNonce = FixedBytes<24>(copying: nonce.raw) ?? .zero
        for key in wrapKeys {
            _ = try XChaChaPoly.open(
                box.raw, key: SecretBytes(copying: key.raw), nonce: boxNonce,
                authenticating: associatedData.raw)
        }
        var crafted = Array(bytes[..<96]) + box
        crafted += SHA256.hash(crafted.raw).array.prefix(16)
        let forged = try VaultHeader(parsing: crafted)
        _ = try forged.unwrap(with: password("first"))
        #expect(throws: ClientError.passphraseWrong) {
            _ = try forged.unwrap(with: password("second"))
        }
    }
}
