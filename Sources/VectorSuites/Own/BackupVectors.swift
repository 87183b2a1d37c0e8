internal import Crypto
internal import Primitives

/// Backups under a passphrase.
///
/// - SPEC: §10.8
enum BackupVectors {
    static let suite = OwnSuite(
        name: "backup", rules: "PR-8 PR-20 CL-63 CL-64 CL-65 CL-66 CL-67",
        operations: ["seal": seal, "header": header, "open": open, "size": size])

    private static let contentsMax = 1_400_000

    /// A header and the stream under it, from the formulas of the specification.
    private struct Derived {
        let passwordKey: [UInt8]
        let streamKey: [UInt8]
        let streamHeader: [UInt8]
        let header: [UInt8]

        init(_ input: VectorInput) throws {
            let passphrase = try input.bytes("passphrase")
            let passes: UInt32 = try input.integer("passes")
            let memory: UInt32 = try input.integer("memory")
            let salt = try input.bytes("salt", count: 32)
            let saltBytes = Array(salt[..<16])
            guard (1...16).contains(passes), (8...1_024).contains(memory),
                let short = FixedBytes<16>(copying: saltBytes.raw)
            else { throw VectorProblem.member("passes") }
            passwordKey = try Argon2id.derive(
                from: SecretBytes(copying: passphrase.raw), salt: short,
                parameters: Argon2id.Parameters(passes: passes, memoryKiB: memory)
            ).exposeForStorage()
            let bound =
                Derive.ascii("postern backup") + [13, 10, 1, 0, 0, 0] + Derive.big(passes)
                + Derive.big(memory) + [0, 0, 0, 0] + salt
            let label = Derive.ascii("postern/1 backup commitment")
            let head = bound + Derive.hkdf(bound, passwordKey, label, 32)
            header = head + Derive.sha256(head)[..<16]
            let both = Derive.hkdf(
                bound, passwordKey, Derive.ascii("postern/1 backup stream"), 56)
            streamKey = Array(both[..<32])
            streamHeader = Array(both[32...])
        }

        /// - Parameter last: the chunk with the last mark.
        func file(_ plaintext: [UInt8], last: Int) throws -> [UInt8] {
            let chunks = stride(from: 0, to: plaintext.count, by: 65_536).map { start in
                (
                    bytes: Array(plaintext[start..<start + 65_536]),
                    tag: start / 65_536 == last ? SecretStreamTag.final : .message
                )
            }
            var file = header
            for chunk in try AttachmentVectors.sealed(streamKey, streamHeader, chunks) {
                file += chunk
            }
            return file
        }
    }

    @Sendable private static func seal(_ input: VectorInput) throws -> JSONValue {
        let derived = try Derived(input)
        let contents = try AttachmentVectors.fill(input, max: contentsMax)
        let passphrase = try input.bytes("passphrase")
        var sealer = try BackupSealer(
            passphrase: SecretBytes(copying: passphrase.raw),
            parameters: Argon2id.Parameters(
                passes: try input.integer("passes"), memoryKiB: try input.integer("memory")),
            salt: try input.fixed("salt"))
        var file = sealer.header.encoded
        for start in stride(from: 0, to: contents.count, by: 50_000) {
            let piece = contents[start..<min(start + 50_000, contents.count)]
            sealer.add(piece.raw) { file.append(copying: $0) }
        }
        sealer.finish { file.append(copying: $0) }
        // The same from the formulas of the specification.
        let size = (file.count - 112) / 65_553 * 65_536
        let plaintext =
            contents + Derive.zeros(max(0, size - 8 - contents.count))
            + Derive.big(UInt64(contents.count))
        guard try derived.file(plaintext, last: size / 65_536 - 1) == file else {
            throw VectorProblem.disagreement("file")
        }
        return [
            "password key": .hex(derived.passwordKey), "stream key": .hex(derived.streamKey),
            "stream header": .hex(derived.streamHeader), "header": .hex(derived.header),
            "size": .whole(file.count), "beginning": .hex(Array(file[112..<144])),
            "hash": .hex(SHA256.hash(file.raw)),
        ]
    }

    /// A file as somebody makes it who has the passphrase and keeps no rule, or one that was changed.
    private static func given(_ input: VectorInput) throws -> [UInt8] {
        let derived = try Derived(input)
        var plaintext = try AttachmentVectors.fill(input, max: contentsMax)
        let chunks: Int = try input.integer("chunks")
        let last: Int = try input.integer("last")
        let length: UInt64 = try input.integer("length")
        let size = chunks.multipliedReportingOverflow(by: 65_536)
        guard (1...40).contains(chunks), !size.overflow, plaintext.count <= size.partialValue - 8,
            (-1..<chunks).contains(last)
        else { throw VectorProblem.member("chunks") }
        plaintext += Derive.zeros(size.partialValue - 8 - plaintext.count) + Derive.big(length)
        var file = try derived.file(plaintext, last: last)
        try edit(&file, input)
        let cut: Int = try input.integer("cut")
        guard (0...file.count).contains(cut) else { throw VectorProblem.member("cut") }
        return Array(file.dropLast(cut))
    }

    /// Turns bits, and makes the check right again if so said.
    private static func edit(_ file: inout [UInt8], _ input: VectorInput) throws {
        for edit in try input.objects("edits") {
            let place: Int = try edit.integer("at")
            guard file.indices.contains(place) else { throw VectorProblem.member("at") }
            file[place] ^= try edit.integer("flip")
        }
        if try input.bool("check again") {
            file.replaceSubrange(96..<112, with: Derive.sha256(Array(file[..<96]))[..<16])
        }
    }

    /// The header by itself, and a passphrase.
    @Sendable private static func header(_ input: VectorInput) throws -> JSONValue {
        var bytes = try Derived(input).header
        try edit(&bytes, input)
        let cut: Int = try input.integer("cut")
        let passphrase = try input.bytes("opened with")
        guard (0...bytes.count).contains(cut) else { throw VectorProblem.member("cut") }
        let header = try BackupHeader(parsing: Array(bytes.dropLast(cut)))
        _ = try BackupOpener(
            header, chunkCount: 16, passphrase: SecretBytes(copying: passphrase.raw))
        return [
            "header": .hex(header.encoded), "commitment": .hex(header.commitment.bytes),
            "passes": .whole(header.parameters.passes),
            "memory": .whole(header.parameters.memoryKiB),
        ]
    }

    @Sendable private static func open(_ input: VectorInput) throws -> JSONValue {
        let file = try given(input)
        let passphrase = try input.bytes("opened with")
        let header = try BackupHeader(parsing: Array(file.prefix(BackupHeader.byteCount)))
        guard let count = BackupSize.chunkCount(file: Int64(file.count)) else {
            throw VectorRefusal("damaged")
        }
        var opener = try BackupOpener(
            header, chunkCount: count, passphrase: SecretBytes(copying: passphrase.raw))
        var plaintext: [UInt8] = []
        var chunk = Derive.zeros(BackupSize.chunkByteCount)
        for index in 0..<count {
            let start = BackupHeader.byteCount + index * BackupSize.sealedChunkByteCount
            let sealed = file[start..<start + BackupSize.sealedChunkByteCount]
            var span = chunk.mutableRaw
            try opener.open(sealed.raw, into: &span)
            plaintext += chunk
        }
        guard let length = opener.byteCount else { throw VectorProblem.disagreement("length") }
        let contents = plaintext[..<Int(length)]
        return ["length": .whole(length), "hash": .hex(SHA256.hash(contents.raw))]
    }

    @Sendable private static func size(_ input: VectorInput) throws -> JSONValue {
        let contents: UInt64 = try input.integer("contents")
        guard contents <= BackupSize.contentsByteCountMax else { throw VectorRefusal("tooLarge") }
        let chunks = BackupSize.chunkCount(contents: contents)
        return ["chunks": .whole(chunks), "file": .whole(112 + chunks * 65_553)]
    }
}
