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
        var bytes: [UInt8]
        do throws(UnsafeFile) {
            bytes = try SafeFile.read(path, byteCountMax: Self.byteCount)
        } catch {
            throw .file(error)
        }
        defer { for index in bytes.indices { bytes[index] = 0 } }
        let raw = bytes.raw
        guard bytes.count > 9, raw.extracting(0..<8).isEqual(to: Self.magic.raw) else {
            throw .damaged
        }
        guard bytes[8] == Self.format else { throw .newerFormat(bytes[8]) }
        guard bytes.count == Self.byteCount,
            ConstantTime.isEqual(
                SHA256.hash(raw.extracting(0..<73)).raw, raw.extracting(73..<105))
        else { throw .damaged }
        channel = X25519KeyPair(
            secret: SecretBytes(copying: raw.extracting(9..<41), home: .guarded))
        signing = Ed25519KeyPair(
            seed: SecretBytes(copying: raw.extracting(41..<73)), home: .guarded)
    }

    /// Gives up the signing key for the channel's.
    consuming func takeChannel() -> X25519KeyPair { channel }

    /// Writes a key file that must not exist yet; on the disk when this returns.
    ///
    /// - Throws: `Failure.file`.
    package borrowing func write(to path: String) throws(Failure) {
        var bytes = [UInt8](copying: Self.magic.raw)
        bytes.append(Self.format)
        bytes += channel.exposeForStorage()
        bytes += signing.exposeForStorage()
        bytes.append(copying: SHA256.hash(bytes.raw).raw)
        defer { for index in bytes.indices { bytes[index] = 0 } }
        do throws(UnsafeFile) {
            try SafeFile.write(bytes.raw, toNew: path)
        } catch {
            throw .file(error)
        }
    }
}

extension RawSpan {
    /// Whether two runs of public bytes are the same.
    fileprivate func isEqual(to other: RawSpan) -> Bool { ConstantTime.isEqual(self, other) }
}
