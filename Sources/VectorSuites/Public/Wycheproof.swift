internal import Primitives

/// The suites of C2SP/wycheproof that concern our primitives.
enum Wycheproof {
    /// What a case asks for.
    enum Verdict {
        case valid
        case invalid
        /// Either is right as far as the suite goes; our own rules decide.
        case acceptable

        init?(_ test: JSONValue) {
            switch test["result"]?.text {
            case "valid": self = .valid
            case "invalid": self = .invalid
            case "acceptable": self = .acceptable
            default: return nil
            }
        }
    }

    /// Runs every test of every group; a test without a verdict, or whose body gives nil because a
    /// field is missing, has failed. The count that the file states must be the one found.
    private static func run(
        _ json: JSONValue, _ report: SuiteReport,
        _ body: (_ group: JSONValue, _ test: JSONValue, Verdict) -> CaseOutcome?
    ) -> SuiteReport {
        var report = report
        var count: Int64 = 0
        for group in json["testGroups"]?.elements ?? [] {
            for test in group["tests"]?.elements ?? [] {
                count += 1
                let outcome = Verdict(test).flatMap { body(group, test, $0) } ?? .failed
                report.add(outcome, "tcId \(test["tcId"]?.int ?? -1)")
            }
        }
        if json["numberOfTests"]?.int != count { report.fail("the number of tests") }
        return report
    }

    static func x25519(_ json: JSONValue) -> SuiteReport {
        run(json, SuiteReport(name: "wycheproof x25519", rules: "PR-2 PR-3 PR-4")) {
            _, test, verdict in
            guard let secret = test.hex("private"), secret.count == 32,
                let point = test.hex("public").flatMap({ FixedBytes<32>(copying: $0.raw) }),
                let shared = test.hex("shared")
            else { return nil }
            let key = X25519KeyPair(secret: SecretBytes(copying: secret.raw))
            guard let peer = try? X25519PublicKey(parsing: point) else {
                // PR-2, PR-3: refused before any multiplication; never a case that must pass.
                return verdict == .valid ? .failed : .refused
            }
            guard let result = try? key.agree(with: peer) else {
                return verdict == .valid ? .failed : .refused
            }
            if shared.allSatisfy({ $0 == 0 }) { return .failed }
            return CaseOutcome(result.isEqual(to: shared.raw) && verdict != .invalid)
        }
    }

    static func aead<Cipher: AEAD>(_ json: JSONValue, _ cipher: Cipher.Type) -> SuiteReport
    where Cipher.Nonce: FixedSize {
        let name = Cipher.Nonce.fixedByteCount == 12 ? "chacha20-poly1305" : "xchacha20-poly1305"
        return run(json, SuiteReport(name: "wycheproof \(name)", rules: "PR-6")) {
            _, test, verdict in
            guard let keyBytes = test.hex("key"), keyBytes.count == 32, let iv = test.hex("iv"),
                let data = test.hex("aad"), let message = test.hex("msg"),
                let ciphertext = test.hex("ct"), let tag = test.hex("tag")
            else { return nil }
            guard let nonce = Cipher.Nonce(fixed: iv) else {
                // A nonce of another size does not even have a type.
                return verdict == .invalid ? .refused : .failed
            }
            let key = SecretBytes(copying: keyBytes.raw)
            let sealed = ciphertext + tag
            let opened = try? Cipher.open(
                sealed.raw, key: key, nonce: nonce, authenticating: data.raw)
            guard let opened else { return verdict == .invalid ? .refused : .failed }
            let again = Cipher.seal(
                message.raw, key: key, nonce: nonce, authenticating: data.raw)
            return CaseOutcome(opened == message && again == sealed && verdict == .valid)
        }
    }

    static func hkdf(_ json: JSONValue) -> SuiteReport {
        run(json, SuiteReport(name: "wycheproof hkdf-sha-256", rules: "PR-7")) {
            _, test, verdict in
            guard let ikm = test.hex("ikm"), let salt = test.hex("salt"),
                let info = test.hex("info"), let size = test["size"]?.int,
                let okm = test.hex("okm")
            else { return nil }
            guard size >= 0, size <= Int64(HKDFSHA256.outputByteCountMax) else {
                return verdict == .invalid ? .refused : .failed
            }
            let output = HKDFSHA256.derive(
                from: SecretBytes(copying: ikm.raw), salt: salt.raw, info: info.raw,
                byteCount: Int(size))
            return CaseOutcome(output.isEqual(to: okm.raw) && verdict == .valid)
        }
    }

    static func hmac(_ json: JSONValue) -> SuiteReport {
        run(json, SuiteReport(name: "wycheproof hmac-sha-256", rules: "PR-7")) {
            group, test, verdict in
            guard let keyBytes = test.hex("key"), let message = test.hex("msg"),
                let tag = test.hex("tag"), let tagBits = group["tagSize"]?.int
            else { return nil }
            let key = SecretBytes(copying: keyBytes.raw)
            let full = HMACSHA256.tag(of: message.raw, key: key)
            // Truncated tags are not used here; the comparison is all that can be shown of them.
            let isValid =
                tagBits == 256
                ? HMACSHA256.isValid(tag.raw, for: message.raw, key: key)
                : Int64(tag.count) * 8 == tagBits
                    && Hex.encode(full.raw).hasPrefix(
                        Hex.encode(tag.raw))
            if verdict == .invalid { return isValid ? .failed : .refused }
            return CaseOutcome(isValid)
        }
    }

    static func ed25519(_ json: JSONValue) -> SuiteReport {
        run(json, SuiteReport(name: "wycheproof ed25519", rules: "PR-5")) {
            group, test, verdict in
            guard let keyBytes = group["publicKey"]?.hex("pk"), let message = test.hex("msg"),
                let signature = test.hex("sig")
            else { return nil }
            let isValid = Ed25519PublicKey.isValid(signature, for: message, publicKey: keyBytes)
            if verdict == .invalid { return isValid ? .failed : .refused }
            return CaseOutcome(isValid)
        }
    }
}

/// A nonce of fixed size that can be made from bytes of that size.
protocol FixedSize {
    static var fixedByteCount: Int { get }
    init?(fixed bytes: [UInt8])
}

extension FixedBytes: FixedSize {
    static var fixedByteCount: Int { byteCount }
    init?(fixed bytes: [UInt8]) { self.init(copying: bytes.raw) }
}

extension Ed25519PublicKey {
    /// The verdict on bytes of any length.
    static func isValid(_ signature: [UInt8], for message: [UInt8], publicKey: [UInt8]) -> Bool {
        guard let key = try? Ed25519PublicKey(parsing: publicKey.raw),
            let signature = Ed25519Signature(copying: signature.raw)
        else { return false }
        return key.isValid(signature, for: message.raw)
    }
}
