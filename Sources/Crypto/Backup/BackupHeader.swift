package import Primitives
internal import Wire

/// What stands unsealed in a backup: how its key comes from a passphrase.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 16 | "postern backup", CR, LF |
/// | 16 | 1 | version, 1 |
/// | 17 | 3 | zero |
/// | 20 | 4 | Argon2id passes |
/// | 24 | 4 | Argon2id memory in KiB |
/// | 28 | 4 | zero |
/// | 32 | 32 | salt |
/// | 64 | 32 | commitment |
/// | 96 | 16 | check: first bytes of the SHA-256 of all before |
///
/// - SPEC: §10.8, CL-63, CL-64, CL-67
package struct BackupHeader: Equatable, Sendable {
    /// Of the whole header.
    package static let byteCount = 112
    static let magic: StaticString = "postern backup\r\n"
    static let version: UInt8 = 1
    private static let boundByteCount = 64
    private static let checkedByteCount = 96
    /// More would let a crafted file hold the machine for minutes.
    package static let passesMax: UInt32 = 16

    /// What deriving the key costs.
    package let parameters: Argon2id.Parameters
    /// Random; the first 16 bytes are Argon2id's.
    package let salt: FixedBytes<32>
    /// Commits to the key and to all before it.
    package let commitment: KeyCommitment

    /// The bytes that go into every derivation.
    private static func bound(
        _ parameters: Argon2id.Parameters, _ salt: FixedBytes<32>
    ) -> [UInt8] {
        var writer = Writer(capacity: boundByteCount)
        writer.append(bytes: magic.raw)
        writer.u8(version)
        writer.zeros(3)
        writer.u32(parameters.passes)
        writer.u32(parameters.memoryKiB)
        writer.zeros(4)
        writer.fixed(salt)
        return writer.bytes
    }

    /// The 112 bytes.
    package var encoded: [UInt8] {
        var bytes = Self.bound(parameters, salt)
        bytes.append(copying: commitment.bytes.raw)
        bytes.append(contentsOf: SHA256.hash(bytes.raw).array.prefix(16))
        return bytes
    }

    /// Reads the 112 bytes.
    ///
    /// - Throws: `foreign`, `tooNew`, `damaged`.
    package init(parsing bytes: [UInt8]) throws(BackupError) {
        guard bytes.count == Self.byteCount, bytes.starts(with: [UInt8](copying: Self.magic.raw))
        else { throw .foreign }
        // CL-67: looked at first, so that a damaged byte is not taken for a version.
        let checked = SHA256.hash(bytes.raw.extracting(0..<Self.checkedByteCount))
        guard checked.array.prefix(16) == bytes.suffix(16) else { throw .damaged }
        do {
            var reader = Reader(bytes.raw)
            _ = try reader.range(16)
            let version = try reader.u8()
            guard version <= Self.version else { throw BackupError.tooNew(version: version) }
            guard version == Self.version else { throw BackupError.damaged }
            try reader.zeros(3)
            let passes = try reader.u32()
            let memoryKiB = try reader.u32()
            try reader.zeros(4)
            salt = try reader.fixed()
            commitment = KeyCommitment(try reader.fixed())
            // CL-63, PR-8
            let memory = Argon2id.Parameters.memoryKiBMin...Argon2id.Parameters.memoryKiBMax
            guard (1...Self.passesMax).contains(passes), memory.contains(memoryKiB) else {
                throw BackupError.damaged
            }
            parameters = Argon2id.Parameters(passes: passes, memoryKiB: memoryKiB)
        } catch let error as BackupError {
            throw error
        } catch {
            throw .damaged
        }
    }

    /// The key and header of the stream.
    struct Stream: ~Copyable {
        let key: SecretBytes
        let header: FixedBytes<24>
    }

    /// A new header.
    ///
    /// - Parameter passwordKey: of the passphrase, with these parameters and this salt.
    init(
        parameters: Argon2id.Parameters, salt: FixedBytes<32>,
        passwordKey: borrowing SecretBytes
    ) {
        self.parameters = parameters
        self.salt = salt
        commitment = KeyCommitment(
            to: passwordKey, salt: Self.bound(parameters, salt).raw,
            label: BackupLabels.commitment)
    }

    /// The stream under a passphrase.
    ///
    /// - Throws: `wrongPassphrase` when the commitment differs: nothing has been opened then;
    ///   `outOfMemory`.
    borrowing func stream(
        passphrase: borrowing SecretBytes
    ) throws(BackupError) -> Stream {
        let key = try Self.passwordKey(passphrase, parameters, salt)
        let bound = Self.bound(parameters, salt)
        // CL-64, PR-20
        guard KeyCommitment(to: key, salt: bound.raw, label: BackupLabels.commitment) == commitment
        else { throw .wrongPassphrase }
        return stream(under: key)
    }

    /// The stream under a key that is known to be the right one.
    borrowing func stream(under passwordKey: borrowing SecretBytes) -> Stream {
        let both = HKDFSHA256.derive(
            from: passwordKey, salt: Self.bound(parameters, salt).raw,
            info: BackupLabels.stream.raw,
            byteCount: SecretStream.keyByteCount + SecretStream.headerByteCount)
        let header = both.withBytes { FixedBytes<24>(copying: $0.extracting(32..<56)) }
        guard let header else { preconditionFailure("a header has 24 bytes") }
        return Stream(key: both.part(0..<32), header: header)
    }

    static func passwordKey(
        _ passphrase: borrowing SecretBytes, _ parameters: Argon2id.Parameters,
        _ salt: FixedBytes<32>
    ) throws(BackupError) -> SecretBytes {
        guard let short = FixedBytes<16>(copying: salt.raw.extracting(0..<16)) else {
            preconditionFailure("Argon2id's salt has 16 bytes")
        }
        do {
            return try Argon2id.derive(from: passphrase, salt: short, parameters: parameters)
        } catch .outOfMemory(let memoryKiB) {
            throw .outOfMemory(memoryKiB: memoryKiB)
        } catch {
            throw .damaged
        }
    }
}
