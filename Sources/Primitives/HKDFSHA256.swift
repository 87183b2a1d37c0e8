internal import CSodium

/// HKDF-SHA-256 (RFC 5869). libsodium 1.0.18 has none, so it is built here from its HMAC.
///
/// Everything it returns is a secret. Labels are passed as `info`.
package enum HKDFSHA256 {
    /// Bytes of a pseudorandom key.
    package static let pseudorandomKeyByteCount = 32
    /// The most that one expansion gives: 255 blocks of 32 bytes.
    package static let outputByteCountMax = 255 * 32

    /// HKDF-Extract with a public salt.
    package static func extract(
        salt: RawSpan, inputKey: borrowing SecretBytes
    ) -> SecretBytes {
        SecretBytes(byteCount: pseudorandomKeyByteCount) { span in
            HMACSHA256.authenticate(
                key: salt, inputKey.raw, RawSpan(), RawSpan(), into: &span)
        }
    }

    /// HKDF-Extract with a secret salt, such as a root key.
    package static func extract(
        salt: borrowing SecretBytes, inputKey: borrowing SecretBytes
    ) -> SecretBytes {
        extract(salt: salt.raw, inputKey: inputKey)
    }

    /// HKDF-Expand to `byteCount` bytes, at most `outputByteCountMax`.
    package static func expand(
        _ pseudorandomKey: borrowing SecretBytes, info: RawSpan, byteCount: Int,
        home: SecretBytes.Home = .slab
    ) -> SecretBytes {
        precondition((0...outputByteCountMax).contains(byteCount), "HKDF output too long")
        return SecretBytes(byteCount: byteCount, home: home) { output in
            // T(n) = HMAC(PRK, T(n-1) ‖ info ‖ n); T(0) is empty. Each block is written where it
            // stays and read from there for the next, so no copy is left on the stack.
            unsafe output.withMutablePointer { base in
                var done = 0
                var counter: UInt8 = 0
                while done < byteCount {
                    counter += 1
                    let number = FixedBytes<1>([counter])
                    let previous =
                        counter == 1
                        ? RawSpan() : unsafe RawSpan(_unsafeStart: base + done - 32, byteCount: 32)
                    let room = byteCount - done
                    if room >= 32 {
                        var target = unsafe MutableRawSpan(_unsafeStart: base + done, byteCount: 32)
                        HMACSHA256.authenticate(
                            key: pseudorandomKey.raw, previous, info, number.raw, into: &target)
                    } else {
                        let last = SecretBytes(byteCount: 32) { target in
                            HMACSHA256.authenticate(
                                key: pseudorandomKey.raw, previous, info, number.raw, into: &target)
                        }
                        unsafe last.raw.withPointer {
                            unsafe (base + done).update(from: $0, count: room)
                        }
                    }
                    done += 32
                }
            }
        }
    }

    /// Extract and expand in one step, with a public salt.
    package static func derive(
        from inputKey: borrowing SecretBytes, salt: RawSpan, info: RawSpan, byteCount: Int,
        home: SecretBytes.Home = .slab
    ) -> SecretBytes {
        expand(
            extract(salt: salt, inputKey: inputKey), info: info, byteCount: byteCount, home: home)
    }

    /// Extract and expand in one step, with a secret salt.
    package static func derive(
        from inputKey: borrowing SecretBytes, salt: borrowing SecretBytes, info: RawSpan,
        byteCount: Int, home: SecretBytes.Home = .slab
    ) -> SecretBytes {
        expand(
            extract(salt: salt, inputKey: inputKey), info: info, byteCount: byteCount, home: home)
    }
}
