internal import Primitives

/// ML-KEM-768: the cases of NIST's ACVP server, and those of C2SP/CCTV.
enum MLKEMVectors {
    static let rules = "PR-11 PR-12 PR-13"

    // MARK: ACVP

    static func acvp(_ json: JSONValue) -> SuiteReport {
        let mode = json["mode"]?.text ?? ""
        var report = SuiteReport(name: "ml-kem acvp \(mode.lowercased())", rules: rules)
        for group in json["testGroups"]?.elements ?? [] {
            for test in group["tests"]?.elements ?? [] {
                let name = "tcId \(test["tcId"]?.int ?? -1)"
                guard group["parameterSet"]?.text == "ML-KEM-768" else {
                    report.add(.skipped, name)
                    continue
                }
                let outcome =
                    switch (mode, group["function"]?.text) {
                    case ("keyGen", _): keyGeneration(test)
                    case ("encapDecap", "encapsulation"): encapsulation(test)
                    case ("encapDecap", "decapsulation"): decapsulation(group, test)
                    default: CaseOutcome.skipped
                    }
                report.add(outcome ?? .failed, name)
            }
        }
        return report
    }

    private static func keyGeneration(_ test: JSONValue) -> CaseOutcome? {
        guard let d = test.upperHex("d"), let z = test.upperHex("z"), d.count == 32,
            z.count == 32, let publicKey = test.upperHex("ek"),
            let privateKey = test.upperHex("dk")
        else { return nil }
        let seed = d + z
        let pair = MLKEM768KeyPair(seed: SecretBytes(copying: seed.raw))
        return CaseOutcome(
            pair.publicKey.bytes.array == publicKey && pair.isExpanded(as: privateKey.raw))
    }

    private static func encapsulation(_ test: JSONValue) -> CaseOutcome? {
        guard let encoded = test.upperHex("ek"), let message = test.upperHex("m"),
            message.count == 32, let ciphertext = test.upperHex("c"),
            let secret = test.upperHex("k"), let privateKey = test.upperHex("dk"),
            let key = try? MLKEM768PublicKey(parsing: encoded.raw),
            let pair = try? MLKEM768KeyPair(parsing: privateKey.raw)
        else { return nil }
        let made = key.encapsulate(message: SecretBytes(copying: message.raw))
        let found = pair.decapsulate(made.ciphertext)
        return CaseOutcome(
            made.ciphertext.array == ciphertext && made.secret.isEqual(to: secret.raw)
                && found.isEqual(to: secret.raw))
    }

    private static func decapsulation(_ group: JSONValue, _ test: JSONValue) -> CaseOutcome? {
        guard let privateKey = group.upperHex("dk"),
            let pair = try? MLKEM768KeyPair(parsing: privateKey.raw),
            let ciphertext = test.upperHex("c").flatMap({ FixedBytes<1_088>(copying: $0.raw) }),
            let secret = test.upperHex("k")
        else { return nil }
        return CaseOutcome(pair.decapsulate(ciphertext).isEqual(to: secret.raw))
    }

    // MARK: CCTV

    /// The texts of C2SP/CCTV: lines `name = value`. Nil when it is none of them.
    static func cctv(_ bytes: [UInt8]) -> SuiteReport? {
        var fields: [String: [[UInt8]]] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let sides = line.split(separator: " = ", maxSplits: 1)
            guard sides.count == 2, let value = try? Hex.decode(String(sides[1])) else { continue }
            fields[String(sides[0]), default: []].append(value)
        }
        guard let privateKey = fields["dk"]?.first, privateKey.count == 2_400,
            let cipher = fields["c"]?.first, let secret = fields["K"]?.first
        else { return nil }
        // The one with intermediate values has the message too.
        let message = fields["m"]?.first
        var report = SuiteReport(
            name: message == nil ? "ml-kem cctv strcmp" : "ml-kem cctv intermediate", rules: rules)
        guard let pair = try? MLKEM768KeyPair(parsing: privateKey.raw),
            let ciphertext = FixedBytes<1_088>(copying: cipher.raw)
        else {
            report.fail("the key and the ciphertext")
            return report
        }
        if let message, let encoded = fields["ek"]?.first, message.count == 32,
            let key = try? MLKEM768PublicKey(parsing: encoded.raw)
        {
            let made = key.encapsulate(message: SecretBytes(copying: message.raw))
            report.add(
                CaseOutcome(
                    made.ciphertext == ciphertext && made.secret.isEqual(to: secret.raw)),
                "encapsulation")
        }
        let found = pair.decapsulate(ciphertext)
        report.add(CaseOutcome(found.isEqual(to: secret.raw)), "decapsulation")
        return report
    }
}

extension JSONValue {
    /// The bytes of a hexadecimal string in capitals.
    fileprivate func upperHex(_ name: String) -> [UInt8]? {
        self[name]?.text.flatMap { try? Hex.decode($0.lowercased()) }
    }
}
