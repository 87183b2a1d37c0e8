internal import CSodium

/// HMAC-SHA-256 (RFC 2104, RFC 4231), keys of any length.
package enum HMACSHA256 {
    /// Bytes in a tag.
    package static let byteCount = 32

    /// The tag of public bytes, as a public value.
    package static func tag(of message: RawSpan, key: borrowing SecretBytes) -> FixedBytes<32> {
        var tag = FixedBytes<32>()
        var span = tag.mutableRaw
        authenticate(key: key.raw, message, RawSpan(), RawSpan(), into: &span)
        return tag
    }

    /// The tag as a secret: one step of a key chain.
    package static func derive(
        from key: borrowing SecretBytes, message: RawSpan
    ) -> SecretBytes {
        SecretBytes(byteCount: byteCount) { span in
            authenticate(key: key.raw, message, RawSpan(), RawSpan(), into: &span)
        }
    }

    /// True when `tag` is the tag of `message`; compared in constant time.
    package static func isValid(
        _ tag: RawSpan, for message: RawSpan, key: borrowing SecretBytes
    ) -> Bool {
        let expected = self.tag(of: message, key: key)
        return ConstantTime.isEqual(expected.raw, tag)
    }

    /// HMAC over three pieces in turn into the 32 bytes of `output`; its state is wiped.
    static func authenticate(
        key: RawSpan, _ first: RawSpan, _ second: RawSpan, _ third: RawSpan,
        into output: inout MutableRawSpan
    ) {
        precondition(output.byteCount == byteCount)
        var state = crypto_auth_hmacsha256_state()
        // Safe: each pointer is used with its span's own count, the output has 32 bytes.
        unsafe key.withPointer {
            _ = unsafe crypto_auth_hmacsha256_init(&state, $0, key.byteCount)
        }
        update(&state, first)
        update(&state, second)
        update(&state, third)
        unsafe output.withMutablePointer {
            _ = unsafe crypto_auth_hmacsha256_final(&state, $0)
        }
        // The state holds the padded key's inner and outer hash, as good as the key.
        unsafe sodium_memzero(&state, MemoryLayout<crypto_auth_hmacsha256_state>.size)
    }

    private static func update(_ state: inout crypto_auth_hmacsha256_state, _ bytes: RawSpan) {
        let count = UInt64(bytes.byteCount)
        guard count > 0 else { return }
        unsafe bytes.withPointer {
            _ = unsafe crypto_auth_hmacsha256_update(&state, $0, count)
        }
    }
}
