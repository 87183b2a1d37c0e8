internal import Glibc
internal import Platform
internal import Primitives

/// A passphrase: 1 to 1,024 bytes, kept in locked memory and wiped when dropped.
public struct Passphrase: ~Copyable {
    /// Longest passphrase in bytes; Argon2id would take more, a person types less.
    public static let byteCountMax = 1_024

    let secret: SecretBytes

    /// Takes the bytes and wipes the array; one line break at the end is left out.
    ///
    /// - Throws: `ClientError.passphraseUnusable` when nothing or too much is left.
    public init(_ bytes: inout [UInt8]) throws(ClientError) {
        var count = bytes.count
        if count > 0, bytes[count - 1] == 0x0a { count -= 1 }
        if count > 0, bytes[count - 1] == 0x0d { count -= 1 }
        defer { bytes.wipeBytes() }
        guard (1...Self.byteCountMax).contains(count) else { throw .passphraseUnusable }
        secret = SecretBytes(copying: bytes.raw.extracting(0..<count), home: .guarded)
    }

    /// Reads a descriptor up to its first line break or its end.
    ///
    /// - Throws: `ClientError.passphraseUnusable`, `.diskFailed` when it cannot be read.
    public init(reading descriptor: Int32) throws(ClientError) {
        var bytes: [UInt8] = []
        // Room for all at once: a growing array would leave copies behind.
        bytes.reserveCapacity(Self.byteCountMax + 2)
        defer { bytes.wipeBytes() }
        // One byte at a time, so that nothing behind the line is taken from whoever reads next.
        while bytes.count <= Self.byteCountMax {
            var byte: UInt8 = 0
            let count = unsafe read(descriptor, &byte, 1)
            let code = errno
            if count == 1 {
                if byte == 0x0a { break }
                bytes.append(byte)
            } else if count == 0 {
                break
            } else if code != EINTR {
                throw .diskFailed(errorNumber: code)
            }
        }
        try self.init(&bytes)
    }

    /// Reads a file up to its first line break or its end.
    ///
    /// - Throws: `ClientError.noPassphraseFile`, `.passphraseUnusable`, `.unsafeMode` when others
    ///   may read or change it, `.diskFailed`.
    public init(file path: String) throws(ClientError) {
        var bytes: [UInt8]
        do throws(UnsafeFile) {
            bytes = try SafeFile.read(path, byteCountMax: Self.byteCountMax + 2)
        } catch .missing {
            throw .noPassphraseFile
        } catch .tooLarge {
            throw .passphraseUnusable
        } catch {
            throw ClientError(error, in: .passphraseFile)
        }
        defer { bytes.wipeBytes() }
        var line = Array(bytes.prefix { $0 != 0x0a })
        try self.init(&line)
    }
}
