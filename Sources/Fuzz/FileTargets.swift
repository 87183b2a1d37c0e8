import Client
import Crypto
import Platform
import Primitives
import Wire

/// Files from strangers: blobs of an attachment and its reference, and backups.
///
/// What the seal keeps out is sealed here with keys that are known, so that what lies behind it is
/// reached as well.
enum FileTargets {
    static let all: [Target] = [
        Target("attachment", byteCountMax: 1_024, seeds: attachmentSeeds, run: attachment),
        Target("backup", byteCountMax: 1_024, seeds: backupSeeds, run: backup),
    ]

    // MARK: Attachments

    private static let plaintext: [UInt8] =
        [UInt8](repeating: 1, count: AttachmentSize.messageByteCount)
        + [UInt8](repeating: 2, count: AttachmentSize.messageByteCount) + [3, 3, 3]

    private static let key = [UInt8](repeating: 5, count: 32)

    private static func reference() -> AttachmentReference {
        made("reference") {
            AttachmentReference(
                key: SecretBytes(copying: key.raw), digest: SHA256.hash(plaintext.raw),
                size: try AttachmentSize(UInt64(plaintext.count)), server: Cast.alice.server,
                expiry: Hours(500_000))
        }
    }

    private static let blobs: [[UInt8]] = made("blobs") {
        let reference = Self.reference()
        var sealer = AttachmentSealer(
            key: SecretBytes(copying: key.raw), digest: reference.digest, size: reference.size)
        var blobs: [[UInt8]] = []
        while !sealer.isComplete {
            let start = blobs.count * AttachmentSize.messageByteCount
            let piece = plaintext[start..<start + sealer.nextByteCount]
            var blob = [UInt8](repeating: 0, count: AttachmentSize.blobByteCount)
            var span = blob.mutableRaw
            try sealer.seal(piece.raw, into: &span)
            blobs.append(blob)
        }
        return blobs
    }

    @Sendable private static func attachmentSeeds() -> [[UInt8]] {
        let good = reference().exposeForStorage()
        return [
            [0, 3, 0, 1, 2], [0, 2, 0, 1], [0, 4, 0, 1, 2, 2], [0, 3, 0, 2, 1],
            [2, 3, 0, 1, 2], [0, 3, 0, 1, 0x82, 9, 9, 1], [1] + good, [1] + good.dropLast(),
            [4, 2, 1, 2],
        ]
    }

    /// Even: blobs of a good file, in an order and with changes. Odd: bytes as a reference.
    @Sendable private static func attachment(_ input: RawSpan) {
        var choices = Choices(input)
        let mode = choices.byte()
        if mode & 1 == 1 {
            let bytes = choices.rest()
            let content = Content(
                type: .attachment, id: .zero, milliseconds: 1,
                fields: ContentFields([.init(tag: ContentTag.attachment, value: bytes)])
            ).encoded
            guard (try? Content(parsing: content.raw)) != nil else { return }
            var reader = Reader(bytes.raw)
            let parsed = made("a reference that has its form") {
                try AttachmentReference(from: &reader)
            }
            precondition(parsed.exposeForStorage() == bytes, "a second encoding of a reference")
            _ = try? AttachmentOpener(parsed)
            return
        }
        var opener = made("opener") { try AttachmentOpener(reference()) }
        let size = AttachmentSize.messageByteCount
        var opened: [UInt8] = []
        if mode & 4 != 0 {
            let kept = Array(plaintext[..<size])
            made("what was kept") { try opener.resume(kept.raw) }
            opened = kept
        }
        var message = [UInt8](repeating: 0, count: size)
        for _ in 0..<min(choices.byte(), 8) {
            let choice = choices.byte()
            var blob = blobs[Int(choice & 0x3f) % blobs.count]
            if choice & 0x80 != 0 { blob = choices.edit(blob) }
            if choice & 0x40 != 0 { blob.removeLast(Int(choices.u16()) % (blob.count + 1)) }
            var span = message.mutableRaw
            guard let count = try? opener.open(blob.raw, into: &span) else { continue }
            opened += message[..<count]
            precondition(plaintext.starts(with: opened), "bytes that nobody sealed")
        }
        let isWhole = opened == plaintext
        let isFinished = (try? opener.finish()) != nil
        precondition(isFinished == isWhole, "half a file passes, or a whole one does not")
    }

    // MARK: Backups

    private static let passphrase = [UInt8](repeating: 7, count: 5)
    private static let salt = FixedBytes<32>(repeating: 6)
    private static let contents = [UInt8](repeating: 9, count: 100_000)

    private static let backupFile: [UInt8] = made("backup") {
        var sealer = try BackupSealer(
            passphrase: SecretBytes(copying: passphrase.raw), parameters: .minimumForTests,
            salt: salt)
        var file = sealer.header.encoded
        sealer.add(contents.raw) { file.append(copying: $0) }
        sealer.finish { file.append(copying: $0) }
        return file
    }

    @Sendable private static func backupSeeds() -> [[UInt8]] {
        [
            [0], [1, 1, 0, 0, 0, 16, 3], [1, 1, 0, 0, 0, 0x17, 3], [0, 1, 1, 0, 1, 0, 4, 8],
            [0, 1, 4, 0, 0, 112], [0, 1, 5, 0, 0, 0, 1], [1, 1, 8 << 3 | 1, 0, 0, 20, 0, 0, 0, 16],
        ]
    }

    /// Damages a good file; with an odd first byte its check is made right again.
    @Sendable private static func backup(_ input: RawSpan) {
        var choices = Choices(input)
        let mode = choices.byte()
        var file = backupFile
        Damage.apply(&choices, to: &file, pieceByteCount: 65_553)
        if mode & 1 == 1, file.count >= 112 {
            let check = SHA256.hash(file.raw.extracting(0..<96)).array.prefix(16)
            file.replaceSubrange(96..<112, with: check)
        }
        if let header = try? BackupHeader(parsing: Array(file.prefix(BackupHeader.byteCount))) {
            precondition(
                header.encoded == Array(file.prefix(BackupHeader.byteCount)),
                "a second encoding of a header")
            // What it may ask for is bounded, and still more than an input may take.
            guard header.parameters.passes <= 2, header.parameters.memoryKiB <= 1_024 else {
                return
            }
        }
        let scratch = Scratch()
        scratch.write(file, to: "backup")
        let reader = try? BackupReader(
            scratch.path + "/backup", passphrase: SecretBytes(copying: passphrase.raw))
        precondition((reader != nil) == (file == backupFile), "a damaged backup opens")
        guard let reader else { return }
        let found = try? reader.readAll(byteCountMax: 1 << 20)
        precondition(found == contents, "contents that nobody sealed")
    }
}
