internal import Primitives

/// The Argon2id cases of pyca/cryptography.
///
/// libsodium has one lane, no secret and no associated data; other cases are skipped.
enum Argon2idVectors {
    /// More memory than this is not taken in a test.
    private static let memoryKiBMax: Int64 = 128 << 10

    static func run(_ json: JSONValue) -> SuiteReport {
        var report = SuiteReport(name: "argon2id", rules: "PR-8")
        for test in json.elements ?? [] {
            report.add(outcome(test) ?? .failed, "count \(test["COUNT"]?.int ?? -1)")
        }
        return report
    }

    private static func outcome(_ test: JSONValue) -> CaseOutcome? {
        guard let lanes = test["lanes"]?.int, let passes = test["iter"]?.int,
            let memory = test["memcost"]?.int, let saltBytes = test.hex("salt"),
            let output = test.hex("output"), test["length"]?.int == Int64(output.count)
        else { return nil }
        let passphrase = test["pass"] == nil ? [] : test.hex("pass")
        guard let passphrase else { return nil }
        guard lanes == 1, test["secret"] == nil, test["ad"] == nil, memory <= memoryKiBMax,
            let salt = FixedBytes<16>(copying: saltBytes.raw), output.count >= 16
        else { return .skipped }
        let parameters = Argon2id.Parameters(
            passes: UInt32(clamping: passes), memoryKiB: UInt32(clamping: memory))
        let derived = try? Argon2id.derive(
            from: SecretBytes(copying: passphrase.raw), salt: salt, parameters: parameters,
            byteCount: output.count)
        guard let derived else { return .failed }
        return CaseOutcome(derived.isEqual(to: output.raw))
    }
}
