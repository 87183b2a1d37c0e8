internal import CSodium

/// Why no key came from a passphrase.
package enum Argon2idError: Error, Equatable, Sendable {
    /// The parameters are outside what is accepted; they may come from a file.
    case parameters(passes: UInt32, memoryKiB: UInt32)
    /// The system did not give the memory.
    case outOfMemory(memoryKiB: UInt32)
}

/// Argon2id version 1.3 (RFC 9106), one lane: a key from a passphrase.
///
/// libsodium fixes one lane and takes neither a secret nor associated data.
///
/// - SPEC: §4.5, PR-8
package enum Argon2id {
    /// Bytes in a salt, as libsodium fixes it.
    package static let saltByteCount = 16

    /// What one derivation costs.
    package struct Parameters: Hashable, Sendable {
        /// Passes over the memory.
        package let passes: UInt32
        /// Memory in KiB.
        package let memoryKiB: UInt32

        /// The most a file may ask for: 4 GiB and 64 passes. More would let a forged file stall
        /// whoever opens it; less would shut out a careful user.
        package static let memoryKiBMax: UInt32 = 4 << 20
        /// See `memoryKiBMax`.
        package static let passesMax: UInt32 = 64
        /// The least libsodium takes.
        package static let memoryKiBMin: UInt32 = 8

        /// Parameters as read; they are checked when they are used.
        package init(passes: UInt32, memoryKiB: UInt32) {
            self.passes = passes
            self.memoryKiB = memoryKiB
        }

        /// libsodium's interactive cost, 2 passes over 64 MiB: about 0.1 s, which a person who
        /// types a passphrase does not notice.
        package static let interactive = Parameters(passes: 2, memoryKiB: 64 << 10)
        /// libsodium's moderate cost, 3 passes over 256 MiB: for backups, which travel.
        package static let moderate = Parameters(passes: 3, memoryKiB: 256 << 10)
        /// The cheapest that works. For tests only: it protects nothing.
        package static let minimumForTests = Parameters(passes: 1, memoryKiB: memoryKiBMin)
    }

    /// Derives `byteCount` bytes, at least 16.
    ///
    /// - Throws: `parameters` when they are outside the limits, `outOfMemory`.
    package static func derive(
        from passphrase: borrowing SecretBytes, salt: FixedBytes<16>, parameters: Parameters,
        byteCount: Int = 32, home: SecretBytes.Home = .guarded
    ) throws(Argon2idError) -> SecretBytes {
        precondition(byteCount >= 16, "libsodium derives at least 16 bytes")
        guard
            (1...Parameters.passesMax).contains(parameters.passes),
            (Parameters.memoryKiBMin...Parameters.memoryKiBMax).contains(parameters.memoryKiB)
        else {
            // PR-8
            throw .parameters(passes: parameters.passes, memoryKiB: parameters.memoryKiB)
        }
        let words = passphrase.raw
        return try SecretBytes(byteCount: byteCount, home: home) {
            output throws(Argon2idError) in
            // Safe: each pointer is used with its own count; the salt has 16 bytes.
            let code = unsafe output.withMutablePointer { target in
                unsafe words.withPointer { passphrasePointer in
                    unsafe salt.raw.withPointer { saltPointer in
                        unsafe passphrasePointer.withMemoryRebound(
                            to: CChar.self, capacity: words.byteCount
                        ) {
                            unsafe crypto_pwhash_argon2id(
                                target, UInt64(byteCount), $0, UInt64(words.byteCount),
                                saltPointer, UInt64(parameters.passes),
                                Int(parameters.memoryKiB) * 1024,
                                crypto_pwhash_argon2id_alg_argon2id13())
                        }
                    }
                }
            }
            guard code == 0 else { throw .outOfMemory(memoryKiB: parameters.memoryKiB) }
        }
    }
}
