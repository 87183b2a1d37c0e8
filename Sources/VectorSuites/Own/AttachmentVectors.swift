internal import Crypto
internal import Primitives
internal import Wire

/// Files as blobs, and the stream they are made with.
///
/// - SPEC: §4.7, §7.7
enum AttachmentVectors {
    static let suite = OwnSuite(
        name: "attachment",
        rules: "PR-6 PR-20 EN-30 EN-31 EN-32 EN-33 EN-34 EN-35 EN-36 EN-37",
        operations: ["stream": stream, "seal": seal, "open": open, "size": size])

    /// What a case may hold at most, so that a damaged number does not fill the memory.
    private static let byteCountMax = 300_000

    /// Bytes that are repeated up to a count.
    static func fill(_ input: VectorInput, max: Int = byteCountMax) throws -> [UInt8] {
        let bytes = try input.bytes("bytes")
        let count: Int = try input.integer("count")
        guard (0...max).contains(count), bytes.isEmpty == (count == 0) else {
            throw VectorProblem.member("count")
        }
        var result = bytes
        // Doubled, since bytes are slow one by one.
        while result.count < count { result += result }
        return Array(result[..<count])
    }

    static func tag(_ input: VectorInput, _ name: String) throws -> SecretStreamTag {
        guard let tag = SecretStreamTag(rawValue: try input.integer(name)) else {
            throw VectorProblem.member(name)
        }
        return tag
    }

    /// A stream as it stands in the formulas: sealed messages, one after the other.
    static func sealed(
        _ key: [UInt8], _ header: [UInt8], _ messages: [(bytes: [UInt8], tag: SecretStreamTag)]
    ) throws -> [[UInt8]] {
        guard let header = FixedBytes<24>(copying: header.raw) else {
            throw VectorProblem.member("header")
        }
        let key = SecretBytes(copying: key.raw)
        var pusher = SecretStreamPusher(key: key, header: header)
        var written: [[UInt8]] = []
        var result: [[UInt8]] = []
        for message in messages {
            // A writer stops at its last mark, and a forger does not: the stream is taken up anew,
            // with what was written before marked as what goes on.
            if pusher.isEnded {
                pusher = SecretStreamPusher(key: key, header: header)
                for before in written { _ = pusher.push(before.raw, tag: .message) }
            }
            result.append(pusher.push(message.bytes.raw, tag: message.tag))
            written.append(message.bytes)
        }
        return result
    }

    // MARK: Streams

    @Sendable private static func stream(_ input: VectorInput) throws -> JSONValue {
        let key = try input.bytes("key", count: 32)
        let header = try input.bytes("header", count: 24)
        let messages = try input.objects("messages").map {
            (bytes: try $0.bytes("bytes"), tag: try tag($0, "mark"))
        }
        guard !messages.isEmpty else { throw VectorProblem.member("messages") }
        let sealed = try sealed(key, header, messages)
        return ["sealed": .array(sealed.map { .hex($0) })]
    }

    // MARK: Attachments

    private struct Derived {
        let commitment: [UInt8]
        let streamKey: [UInt8]
        let streamHeader: [UInt8]
        let salt: [UInt8]

        init(key: [UInt8], digest: [UInt8], size: UInt64) {
            salt = digest + Derive.big(size)
            commitment = Derive.hkdf(salt, key, Derive.ascii("postern/1 file commitment"), 32)
            let both = Derive.hkdf(salt, key, Derive.ascii("postern/1 file stream"), 56)
            streamKey = Array(both[..<32])
            streamHeader = Array(both[32...])
        }
    }

    @Sendable private static func seal(_ input: VectorInput) throws -> JSONValue {
        let key = try input.bytes("key", count: 32)
        let plaintext = try fill(input)
        let found = SHA256.hash(plaintext.raw)
        let told = try input.bytes("told hash")
        let digest = told.isEmpty ? found : FixedBytes<32>(copying: told.raw)
        guard let digest else { throw VectorProblem.member("told hash") }
        let eraseSecret = try input.secret("erase secret")
        let server = try input.server("server key", "host")
        let expiry = Hours(try input.integer("expiry"))
        let size = try AttachmentSize(UInt64(plaintext.count))

        var sealer = AttachmentSealer(
            key: SecretBytes(copying: key.raw), digest: digest, size: size)
        var blobs: [[UInt8]] = []
        while !sealer.isComplete {
            let start = blobs.count * AttachmentSize.messageByteCount
            let piece = plaintext[start..<start + sealer.nextByteCount]
            var blob = Derive.zeros(AttachmentSize.blobByteCount)
            var span = blob.mutableRaw
            try sealer.seal(piece.raw, into: &span)
            blobs.append(blob)
        }
        let reference = AttachmentReference(
            key: SecretBytes(copying: key.raw), digest: digest, size: size, server: server,
            expiry: expiry)
        let keys = try reference.keys()
        // The same from the formulas of the specification.
        let derived = Derived(key: key, digest: digest.array, size: size.byteCount)
        let messages = blobs.indices.map { index in
            let start = index * 32_751
            let piece = Array(plaintext[start..<min(start + 32_751, plaintext.count)])
            return (
                bytes: piece + Derive.zeros(32_751 - piece.count),
                tag: index + 1 == blobs.count ? SecretStreamTag.final : .message
            )
        }
        let ids = blobs.indices.map { index in
            Derive.hkdf(
                derived.salt, key,
                Derive.ascii("postern/1 file blob") + Derive.big(UInt32(index)), 32)
        }
        guard try sealed(derived.streamKey, derived.streamHeader, messages) == blobs,
            keys.commitment.bytes.array == derived.commitment,
            ids == blobs.indices.map({ keys.blobID(at: $0).array })
        else { throw VectorProblem.disagreement("blobs") }
        let eraseKeys = blobs.indices.map {
            AttachmentKeys.eraseKey(ofBlob: keys.blobID(at: $0), eraseSecret: eraseSecret)
        }
        return [
            "hash": .hex(digest), "commitment": .hex(derived.commitment),
            "stream key": .hex(derived.streamKey), "stream header": .hex(derived.streamHeader),
            "reference": .hex(reference.exposeForStorage()),
            "ids": .array(ids.map { .hex($0) }),
            "erase keys": .array(eraseKeys.map { .hex($0) }),
            "blob hashes": .array(blobs.map { .hex(SHA256.hash($0.raw)) }),
            "blob beginnings": .array(blobs.map { .hex(Array($0[..<32])) }),
        ]
    }

    /// Blobs as somebody makes them who has the key and keeps no rule.
    private static func given(
        _ input: VectorInput, _ reference: [UInt8]
    ) throws -> [[UInt8]] {
        let size: UInt64 = reference[96..<104].reduce(0) { $0 << 8 | UInt64($1) }
        let derived = Derived(
            key: Array(reference[..<32]), digest: Array(reference[64..<96]), size: size)
        let messages = try input.objects("pieces").map { piece in
            let bytes = try fill(piece, max: 32_751)
            return (
                bytes: bytes + Derive.zeros(32_751 - bytes.count), tag: try tag(piece, "mark")
            )
        }
        let sealed = try sealed(derived.streamKey, derived.streamHeader, messages)
        var blobs: [[UInt8]] = []
        for entry in try input.objects("order") {
            let index: Int = try entry.integer("blob")
            let flip: Int = try entry.integer("flip")
            let more: Int = try entry.integer("more")
            guard sealed.indices.contains(index), (-1...32_767).contains(flip),
                (-40_000...40_000).contains(more)
            else { throw VectorProblem.member("order") }
            var blob = sealed[index]
            if flip >= 0 { blob[flip] ^= 1 }
            blob = more < 0 ? Array(blob.dropLast(-more)) : blob + Derive.zeros(more)
            blobs.append(blob)
        }
        return blobs
    }

    @Sendable private static func open(_ input: VectorInput) throws -> JSONValue {
        let bytes = try input.bytes("reference")
        let kept = try input.objects("kept").map { try fill($0, max: 32_751) }
        var reader = Reader(bytes.raw)
        let reference = try AttachmentReference(from: &reader)
        try reader.finish()
        let blobs = try given(input, bytes)
        guard kept.allSatisfy({ $0.count == AttachmentSize.messageByteCount }) else {
            throw VectorProblem.member("kept")
        }
        var opener = try AttachmentOpener(reference)
        var plaintext: [UInt8] = []
        for piece in kept {
            try opener.resume(piece.raw)
            plaintext += piece
        }
        var message = Derive.zeros(AttachmentSize.messageByteCount)
        for blob in blobs {
            var span = message.mutableRaw
            let count = try opener.open(blob.raw, into: &span)
            plaintext += message[..<count]
        }
        let opened = try opener.finish()
        return [
            "size": .whole(opened.size.byteCount), "hash": .hex(SHA256.hash(plaintext.raw)),
            "server key": .hex(reference.server.key.bytes),
            "host": .string(reference.server.hostAndPort), "expiry": .whole(reference.expiry.count),
        ]
    }

    @Sendable private static func size(_ input: VectorInput) throws -> JSONValue {
        let size = try AttachmentSize(try input.integer("size"))
        return [
            "blobs": .whole(size.blobCount),
            "in the last": .whole(size.messageByteCount(at: size.blobCount - 1)),
        ]
    }
}
