package import Platform
package import Primitives

/// The two secrets of a server: the static key of its channels, which is its address, and the key
/// that signs log heads and key hand-overs.
///
/// Neither opens anything that people write to each other. The file, mode 0600:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 8 | "posternk" |
/// | 8 | 1 | format, 1 |
/// | 9 | 32 | X25519 private key |
/// | 41 | 32 | Ed25519 seed |
/// | 73 | 32 | SHA-256 of all bytes before |
///
/// Total: 105 bytes.
package struct ServerKeys: ~Copyable, Sendable {
    /// Why a key file was not taken.
    package enum Failure: Error, Equatable, Sendable {
        /// The file is not private, or cannot be read or written.
        case file(UnsafeFile)
        /// It is not a key file, or damaged.
        case damaged
        /// A newer version wrote it.
        case newerFormat(UInt8)
    }

    /// Of the channel; its public half is the server's address.
    package let channel: X25519KeyPair
    /// Signs what the server vouches for.
    package let signing: Ed25519KeyPair

    private static let magic: StaticString = "posternk"
    private static let format: UInt8 = 1
    private static let byteCount = 105

    /// Draws fresh keys.
    package static func generate(from random: inout some RandomSource) -> ServerKeys {
        ServerKeys(
            channel: .generate(from: &random, home: .guarded),
            signing: .generate(from: &random, home: .guarded))
    }

    private init(channel: consuming X25519KeyPair, signing: consuming Ed25519KeyPair) {
        self.channel = channel
        self.signing = signing
    }

    /// Reads a key file.
    ///
    /// - Throws: `Failure`; nothing is mended.
    package init(readingFrom path: String) throws(Failure) {
        var count = 0
        let file: SecretBytes
        do throws(UnsafeFile) {
            file = try SecretBytes(byteCount: Self.byteCount, home: .guarded) {
                (bytes) throws(UnsafeFile) in
                count = try SafeFile.read(path, into: &bytes)
            }
        } catch {
            throw .file(error)
        }
        let failure = file.withBytes { Self.failure(in: $0.extracting(0..<count)) }
        if let failure { throw failure }
        channel = X25519KeyPair(secret: file.part(9..<41, home: .guarded))
        let seed = file.part(41..<73, home: .guarded)
        signing = Ed25519KeyPair(seed: seed, home: .guarded)
    }

    /// What is wrong with the bytes of a key file, if anything.
    private static func failure(in bytes: RawSpan) -> Failure? {
        guard bytes.byteCount > 9, bytes.extracting(0..<8).isEqual(to: magic.raw),
            let format = bytes.bigEndian(at: 8, as: UInt8.self)
        else { return .damaged }
        guard format == Self.format else { return .newerFormat(format) }
        guard bytes.byteCount == byteCount,
            ConstantTime.isEqual(
                SHA256.hash(bytes.extracting(0..<73)).raw, bytes.extracting(73..<105))
        else { return .damaged }
        return nil
    }

    /// Gives up the signing key for the channel's.
    consuming func takeChannel() -> X25519KeyPair { channel }

    /// Writes a key file that must not exist yet; on the disk when this returns.
    ///
    /// - Throws: `Failure.file`.
    package borrowing func write(to path: String) throws(Failure) {
        let seed = signing.seed(home: .guarded)
        let file = channel.withSecretBytes { channel in
            seed.withBytes { signing in Self.file(channel, signing) }
        }
        do throws(UnsafeFile) {
            try file.withBytes { (bytes) throws(UnsafeFile) in
                try SafeFile.write(bytes, toNew: path)
            }
        } catch {
            throw .file(error)
        }
    }

    private static func file(_ channel: RawSpan, _ signing: RawSpan) -> SecretBytes {
        SecretBytes(byteCount: byteCount, home: .guarded) { file in
            file.copy(magic.raw, to: 0)
            file.storeBytes(of: format, toByteOffset: 8, as: UInt8.self)
            file.copy(channel, to: 9)
            file.copy(signing, to: 41)
            let hash = SHA256.hash(file.bytes.extracting(0..<73))
            file.copy(hash.raw, to: 73)
        }
    }
}

extension MutableRawSpan {
    /// Puts bytes in their place.
    fileprivate mutating func copy(_ source: RawSpan, to offset: Int) {
        for index in 0..<source.byteCount {
            storeBytes(
                of: source.byte(at: index), toByteOffset: offset + index, as: UInt8.self)
        }
    }
}

extension RawSpan {
    /// Whether two runs of public bytes are the same.
    fileprivate func isEqual(to other: RawSpan) -> Bool { ConstantTime.isEqual(self, other) }
}
