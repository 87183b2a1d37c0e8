package import Primitives
internal import Wire

/// What stands unsealed in a vault: how its key is wrapped.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | version, 1 |
/// | 1 | 1 | key source: 0 passphrase, 1 key file |
/// | 2 | 2 | zero |
/// | 4 | 4 | Argon2id passes, 0 with a key file |
/// | 8 | 4 | Argon2id memory in KiB, 0 with a key file |
/// | 12 | 4 | zero |
/// | 16 | 24 | salt |
/// | 40 | 32 | commitment |
/// | 72 | 72 | wrapped vault key: nonce 24, sealed 48 |
/// | 144 | 16 | check: first bytes of the SHA-256 of all before |
///
/// - SPEC: §10.7, CL-22, CL-23
package struct VaultHeader: Equatable, Sendable {
    static let version: UInt8 = 1
    /// Of the whole header.
    package static let byteCount = 160
    private static let boundByteCount = 72
    /// More would let a crafted file hold the machine for minutes.
    static let passesMax: UInt32 = 16

    enum KeySource: UInt8, Sendable {
        case passphrase = 0
        case keyFile = 1
    }

    let source: KeySource
    /// Passes of Argon2id, 0 with a key file.
    package let passes: UInt32
    /// Memory of Argon2id, 0 with a key file.
    package let memoryKiB: UInt32
    let salt: FixedBytes<24>
    let commitment: KeyCommitment
    private(set) var wrapped: FixedBytes<72>

    private var boundBytes: [UInt8] {
        var writer = Writer(capacity: Self.boundByteCount)
        writer.u8(Self.version)
        writer.u8(source.rawValue)
        writer.zeros(2)
        writer.u32(passes)
        writer.u32(memoryKiB)
        writer.zeros(4)
        writer.fixed(salt)
        writer.fixed(commitment.bytes)
        return writer.bytes
    }

    /// The 160 bytes.
    package var encoded: [UInt8] {
        var bytes = boundBytes
        bytes.append(copying: wrapped.raw)
        bytes.append(contentsOf: SHA256.hash(bytes.raw).array.prefix(16))
        return bytes
    }

    /// Reads the 160 bytes.
    ///
    /// - Throws: `ClientError.vaultTooNew`, `.vaultCorrupt`.
    package init(parsing bytes: [UInt8]) throws(ClientError) {
        do {
            var reader = Reader(bytes.raw)
            let version = try reader.u8()
            // CL-23: looked at first, so that a damaged first byte is not taken for a version.
            guard bytes.count >= Self.byteCount,
                SHA256.hash(bytes.raw.extracting(0..<bytes.count - 16)).array.prefix(16)
                    == bytes.suffix(16)
            else { throw ClientError.vaultCorrupt }
            guard version <= Self.version else {
                throw ClientError.vaultTooNew(version: UInt32(version))
            }
            guard bytes.count == Self.byteCount, version == Self.version else {
                throw ClientError.vaultCorrupt
            }
            guard let source = KeySource(rawValue: try reader.u8()) else {
                throw ClientError.vaultCorrupt
            }
            self.source = source
            try reader.zeros(2)
            passes = try reader.u32()
            memoryKiB = try reader.u32()
            try reader.zeros(4)
            salt = try reader.fixed()
            commitment = KeyCommitment(try reader.fixed())
            wrapped = try reader.fixed()
            switch source {
            case .passphrase:
                let memory = Argon2id.Parameters.memoryKiBMin...Argon2id.Parameters.memoryKiBMax
                guard (1...Self.passesMax).contains(passes), memory.contains(memoryKiB) else {
                    throw ClientError.vaultCorrupt
                }
            case .keyFile:
                guard passes == 0, memoryKiB == 0 else { throw ClientError.vaultCorrupt }
            }
        } catch let error as ClientError {
            throw error
        } catch {
            throw .vaultCorrupt
        }
    }

    /// Makes a header that wraps `vaultKey`.
    ///
    /// - Parameter parameters: nil for a key file, whose 32 bytes `password` then is.
    package init(
        wrapping vaultKey: borrowing SecretBytes, under password: borrowing SecretBytes,
        parameters: Argon2id.Parameters?, random: inout some RandomSource
    ) throws(ClientError) {
        source = parameters == nil ? .keyFile : .passphrase
        passes = parameters?.passes ?? 0
        memoryKiB = parameters?.memoryKiB ?? 0
        salt = random.bytes()
        let keys = try Self.keys(password, salt: salt, parameters: parameters)
        commitment = keys.commitment
        wrapped = .zero
        let nonce: FixedBytes<24> = random.bytes()
        var sealed = nonce.array
        sealed += XChaChaPoly.seal(
            vaultKey, key: keys.wrap, nonce: nonce, authenticating: associatedData.raw)
        guard let whole = FixedBytes<72>(copying: sealed.raw) else {
            throw .internalFault(line: #line)
        }
        wrapped = whole
    }

    /// Opens the vault key.
    ///
    /// - Throws: `ClientError.passphraseWrong` when the commitment differs, `.vaultCorrupt` when the
    ///   wrapped key does not open although it is the right one, `.noSecretMemory`.
    package func unwrap(with password: borrowing SecretBytes) throws(ClientError) -> SecretBytes {
        let parameters =
            source == .keyFile ? nil : Argon2id.Parameters(passes: passes, memoryKiB: memoryKiB)
        let keys = try Self.keys(password, salt: salt, parameters: parameters)
        // CL-23, PR-20
        guard keys.commitment == commitment else { throw .passphraseWrong }
        guard let nonce = FixedBytes<24>(copying: wrapped.raw.extracting(0..<24)) else {
            throw .internalFault(line: #line)
        }
        do {
            return try XChaChaPoly.openSecret(
                wrapped.raw.extracting(24..<72), key: keys.wrap, nonce: nonce,
                authenticating: associatedData.raw, home: .guarded)
        } catch {
            throw .vaultCorrupt
        }
    }

    private var associatedData: [UInt8] {
        Array("postern/1 vault key".utf8) + boundBytes
    }

    private struct Keys: ~Copyable {
        let wrap: SecretBytes
        let commitment: KeyCommitment
    }

    private static func keys(
        _ password: borrowing SecretBytes, salt: FixedBytes<24>, parameters: Argon2id.Parameters?
    ) throws(ClientError) -> Keys {
        let key: SecretBytes
        if let parameters {
            guard let short = FixedBytes<16>(copying: salt.raw.extracting(0..<16)) else {
                throw .internalFault(line: #line)
            }
            do {
                key = try Argon2id.derive(from: password, salt: short, parameters: parameters)
            } catch .outOfMemory {
                throw .noSecretMemory
            } catch {
                throw .vaultCorrupt
            }
        } else {
            key = password.duplicate()
        }
        let wrapLabel: StaticString = "postern/1 vault wrap"
        let commitmentLabel: StaticString = "postern/1 vault commitment"
        let wrap = HKDFSHA256.derive(
            from: key, salt: salt.raw, info: wrapLabel.raw, byteCount: 32)
        let commitment = KeyCommitment(to: key, salt: salt.raw, label: commitmentLabel)
        return Keys(wrap: wrap, commitment: commitment)
    }
}
