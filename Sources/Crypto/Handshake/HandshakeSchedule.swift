import Primitives

/// The key schedule that both sides go through, step by step as the specification labels them.
///
/// - SPEC: §5.3
enum HandshakeSchedule {
    /// H1.
    static func outerKey(
        _ dh1: borrowing SecretBytes, sentKey: FixedBytes<32>, signedPreKey: X25519PublicKey
    ) -> SecretBytes {
        var info = [UInt8](copying: HandshakeLabels.outer.raw)
        info.append(copying: sentKey.raw)
        info.append(copying: signedPreKey.raw)
        return HKDFSHA256.derive(
            from: dh1, salt: FixedBytes<32>.zero.raw, info: info.raw, byteCount: 32)
    }

    /// H2.
    static func innerKey(
        _ agreed: borrowing Agreed, opening: RawSpan, preKeys: RecipientPreKeys,
        kemCiphertext: FixedBytes<1_088>
    ) -> SecretBytes {
        var hash = SHA256()
        hash.update(HandshakeLabels.context.raw)
        hash.update(opening)
        // HS-16, A5: the KEM's public key stands in the prekeys, its ciphertext beside them.
        hash.update(preKeys.transcriptBytes.raw)
        hash.update(kemCiphertext.raw)
        var info = [UInt8](copying: HandshakeLabels.inner.raw)
        info.append(copying: hash.finish().raw)
        // A4: everything agreed goes through one derivation, at fixed places.
        let input = SecretBytes(byteCount: 128) { agreed.write(into: &$0) }
        return HKDFSHA256.derive(
            from: input, salt: FixedBytes<32>.zero.raw, info: info.raw, byteCount: 32)
    }

    /// H4.
    static func transcript(
        prefix: RawSpan, innerBlock: RawSpan, preKeys: RecipientPreKeys,
        kemCiphertext: FixedBytes<1_088>
    ) -> SessionID {
        var hash = SHA256()
        hash.update(HandshakeLabels.transcript.raw)
        hash.update(prefix)
        hash.update(innerBlock)
        // HS-16, A5
        hash.update(preKeys.transcriptBytes.raw)
        hash.update(kemCiphertext.raw)
        return hash.finish()
    }

    /// H5.
    static func secrets(
        _ agreed: borrowing Agreed, dh4: borrowing SecretBytes, transcript: SessionID
    ) -> SessionSecrets {
        var info = [UInt8](copying: HandshakeLabels.session.raw)
        info.append(copying: transcript.raw)
        let input = SecretBytes(byteCount: 160) { span in
            agreed.write(into: &span)
            dh4.copy(into: &span, at: 128)
        }
        let output = HKDFSHA256.derive(
            from: input, salt: FixedBytes<32>.zero.raw, info: info.raw, byteCount: 96)
        return SessionSecrets(
            id: transcript, root: RootKey(output.part(0..<32)),
            initiatorHeaderKey: HeaderKey(output.part(32..<64)),
            recipientHeaderKey: HeaderKey(output.part(64..<96)))
    }

    /// What was agreed without the initiator's identity key: `dh1 || dh2 || dh3 || kem`, with zeros
    /// for dh3 without a one-time prekey.
    struct Agreed: ~Copyable {
        let dh1: SecretBytes
        let dh2: SecretBytes
        let dh3: SecretBytes?
        let kem: SecretBytes

        borrowing func write(into span: inout MutableRawSpan) {
            dh1.copy(into: &span, at: 0)
            dh2.copy(into: &span, at: 32)
            switch dh3 {
            case .some(let dh3): dh3.copy(into: &span, at: 64)
            case .none: break
            }
            kem.copy(into: &span, at: 96)
        }
    }
}

extension SecretBytes {
    /// Copies the bytes to an offset of a longer secret that is being filled.
    fileprivate borrowing func copy(into target: inout MutableRawSpan, at offset: Int) {
        let count = byteCount
        for index in 0..<count {
            let byte = withBytes { $0.byte(at: index) }
            target.storeBytes(of: byte, toByteOffset: offset + index, as: UInt8.self)
        }
    }
}
