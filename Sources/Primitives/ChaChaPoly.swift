internal import CSodium

/// ChaCha20-Poly1305 (RFC 8439): for keys used once and for counter nonces.
///
/// - SPEC: §4.1
package enum ChaChaPoly: AEAD {
    /// 12 bytes: a counter, or all zero under a key that is used once.
    package typealias Nonce = FixedBytes<12>

    @unsafe package static func sealRaw(
        _ output: UnsafeMutablePointer<UInt8>, _ input: UnsafePointer<UInt8>, _ count: Int,
        _ associatedData: RawSpan, _ nonce: Nonce, _ key: UnsafePointer<UInt8>
    ) {
        let code = unsafe associatedData.withPointer { data in
            unsafe nonce.raw.withPointer {
                unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
                    output, nil, input, UInt64(count), data, UInt64(associatedData.byteCount),
                    nil, $0, key)
            }
        }
        precondition(code == 0)
    }

    @unsafe package static func openRaw(
        _ output: UnsafeMutablePointer<UInt8>, _ input: UnsafePointer<UInt8>, _ count: Int,
        _ associatedData: RawSpan, _ nonce: Nonce, _ key: UnsafePointer<UInt8>
    ) -> Bool {
        unsafe associatedData.withPointer { data in
            unsafe nonce.raw.withPointer {
                unsafe crypto_aead_chacha20poly1305_ietf_decrypt(
                    output, nil, nil, input, UInt64(count), data,
                    UInt64(associatedData.byteCount), $0, key) == 0
            }
        }
    }
}

/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): for random nonces, at rest, in headers and in
/// ephemeral frames.
///
/// - SPEC: §4.1
package enum XChaChaPoly: AEAD {
    /// 24 bytes, drawn at random for every box.
    package typealias Nonce = FixedBytes<24>

    @unsafe package static func sealRaw(
        _ output: UnsafeMutablePointer<UInt8>, _ input: UnsafePointer<UInt8>, _ count: Int,
        _ associatedData: RawSpan, _ nonce: Nonce, _ key: UnsafePointer<UInt8>
    ) {
        let code = unsafe associatedData.withPointer { data in
            unsafe nonce.raw.withPointer {
                unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
                    output, nil, input, UInt64(count), data, UInt64(associatedData.byteCount),
                    nil, $0, key)
            }
        }
        precondition(code == 0)
    }

    @unsafe package static func openRaw(
        _ output: UnsafeMutablePointer<UInt8>, _ input: UnsafePointer<UInt8>, _ count: Int,
        _ associatedData: RawSpan, _ nonce: Nonce, _ key: UnsafePointer<UInt8>
    ) -> Bool {
        unsafe associatedData.withPointer { data in
            unsafe nonce.raw.withPointer {
                unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
                    output, nil, nil, input, UInt64(count), data,
                    UInt64(associatedData.byteCount), $0, key) == 0
            }
        }
    }
}
