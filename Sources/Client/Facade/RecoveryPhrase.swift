internal import Primitives

/// The seed of the recovery key in print: 14 groups of four characters, shown once by `init`.
///
/// Whoever has it can replace the account key of the directory record, so it is written on paper
/// and kept apart from the device; the vault does not hold it. The last characters are a checksum,
/// so that a slip of the pen is found when it is typed back.
///
/// ```
/// phrase = base32(seed || SHA-256("postern/1 recovery phrase" || seed)[0..<3])
/// ```
///
/// - SPEC: §10.7, CL-34
public struct RecoveryPhrase: ~Copyable {
    /// Characters without the spaces between groups.
    static let characterCount = 56
    private static let seedByteCount = 32
    private static let checkByteCount = 3

    let seed: SecretBytes

    /// Draws a new seed.
    init(from random: inout some RandomSource) {
        seed = SecretBytes(byteCount: Self.seedByteCount, home: .guarded, from: &random)
    }

    /// Reads a phrase back: exactly what was printed; spaces, hyphens and line breaks between the
    /// characters are left out.
    ///
    /// - Throws: `ClientError.recoveryPhraseInvalid` for any other character, count or checksum.
    public init(typed text: String) throws(ClientError) {
        let separators: Set<Character> = [" ", "-", "\n", "\r\n", "\t"]
        var bytes: [UInt8]
        do {
            bytes = try Base32.decode(String(text.filter { !separators.contains($0) }))
        } catch {
            throw .recoveryPhraseInvalid
        }
        // CL-34
        guard bytes.count == Self.seedByteCount + Self.checkByteCount else {
            throw .recoveryPhraseInvalid
        }
        let seed = SecretBytes(
            copying: bytes.raw.extracting(0..<Self.seedByteCount), home: .guarded)
        let check = Array(bytes[Self.seedByteCount...])
        bytes.wipeBytes()
        let expected = Self.check(of: seed)
        guard ConstantTime.isEqual(expected.raw, check.raw) else {
            throw .recoveryPhraseInvalid
        }
        self.seed = seed
    }

    /// Lends the phrase as text, in groups of four.
    public borrowing func withText<Result>(_ body: (String) -> Result) -> Result {
        var bytes = seed.exposeForStorage()
        bytes += Self.check(of: seed)
        let characters = Array(Base32.encode(bytes.raw))
        bytes.wipeBytes()
        let groups = stride(from: 0, to: characters.count, by: 4).map {
            String(characters[$0..<min($0 + 4, characters.count)])
        }
        return body(groups.joined(separator: " "))
    }

    private static func check(of seed: borrowing SecretBytes) -> [UInt8] {
        var hash = SHA256()
        let label: StaticString = "postern/1 recovery phrase"
        hash.update(label.raw)
        seed.withBytes { hash.update($0) }
        return Array(hash.finish().array.prefix(checkByteCount))
    }
}
