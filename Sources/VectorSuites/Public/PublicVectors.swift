internal import Primitives

/// Vector files, public ones in their own formats and those of this project: told apart by what stands in them, run, counted.
package enum PublicVectors {
    /// A file that is larger is not read: the largest known one has 2 MB.
    package static let fileByteCountMax = 64 << 20

    /// The public suites whose files are understood.
    package static let summaries: [SuiteSummary] = [
        ("wycheproof x25519", "PR-2 PR-3 PR-4"), ("wycheproof ed25519", "PR-5"),
        ("wycheproof chacha20-poly1305", "PR-6"), ("wycheproof xchacha20-poly1305", "PR-6"),
        ("wycheproof hkdf-sha-256", "PR-7"), ("wycheproof hmac-sha-256", "PR-7"),
        ("argon2id", "PR-8"), ("noise", "CH-20"),
        ("ml-kem acvp keygen", MLKEMVectors.rules), ("ml-kem acvp encapdecap", MLKEMVectors.rules),
        ("ml-kem cctv intermediate", MLKEMVectors.rules),
        ("ml-kem cctv strcmp", MLKEMVectors.rules),
    ].map { SuiteSummary(name: $0.0, rules: $0.1, caseCount: nil) }

    /// Runs one file.
    ///
    /// - Parameters:
    ///   - name: What the report calls a file of no known suite.
    ///   - bytes: The file.
    /// - Returns: The report; a file of a suite that this project does not know counts as one
    ///   skipped case, never as passed.
    package static func run(_ bytes: [UInt8], name: String) -> SuiteReport {
        var report = readAndRun(bytes, name: name)
        let known = KnownFile.all.first { $0.byteCount == bytes.count }
        if let known, SHA256.hash(bytes.raw).hex != known.digest {
            // Comments and flags are part of no computation; a damaged copy is still not the file
            // that was published.
            report.fail("the bytes differ from those of the published \(known.suite)")
        }
        if let suite = BuiltInVectors.isDamaged(bytes) {
            report.fail("the bytes differ from those of the built-in \(suite.name)")
        }
        return report
    }

    private static func readAndRun(_ bytes: [UInt8], name: String) -> SuiteReport {
        var unknown = SuiteReport(name: name, rules: "")
        guard let json = try? JSONReader.parse(bytes) else {
            if let report = MLKEMVectors.cctv(bytes) { return report }
            // A text that is no JSON is a suite we do not know, unless it was meant to be one.
            let first = bytes.first { $0 > 0x20 }
            if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
                unknown.fail("not JSON")
            } else {
                unknown.add(.skipped, "")
            }
            return unknown
        }
        if let report = run(json) { return report }
        unknown.add(.skipped, "")
        return unknown
    }

    private static func run(_ json: JSONValue) -> SuiteReport? {
        if json["format"]?.text == OwnSuite.format, let suite = OwnSuite.named(json) {
            return suite.run(json)
        }
        if let algorithm = json["algorithm"]?.text, json["testGroups"] != nil {
            switch (algorithm, json["testGroups"]?.elements?.first?["curve"]?.text) {
            case ("XDH", "curve25519"): return Wycheproof.x25519(json)
            case ("CHACHA20-POLY1305", _): return Wycheproof.aead(json, ChaChaPoly.self)
            case ("XCHACHA20-POLY1305", _): return Wycheproof.aead(json, XChaChaPoly.self)
            case ("HKDF-SHA-256", _): return Wycheproof.hkdf(json)
            case ("HMACSHA256", _): return Wycheproof.hmac(json)
            case ("EDDSA", _): return Wycheproof.ed25519(json)
            case ("ML-KEM", _): return MLKEMVectors.acvp(json)
            default: return nil
            }
        }
        if let first = json["vectors"]?.elements?.first, first["protocol_name"] != nil {
            return NoiseVectors.run(json)
        }
        if let first = json.elements?.first, first["memcost"] != nil, first["lanes"] != nil {
            return Argon2idVectors.run(json)
        }
        return nil
    }
}

/// A published file as it is known here, so that a flipped bit shows even in a comment.
struct KnownFile {
    let suite: String
    let byteCount: Int
    let digest: String

    static let all: [KnownFile] = [
        .init(
            suite: "wycheproof x25519", byteCount: 253_890,
            digest: "35c3f5231cf25cc640b524d403461deee9e49441d5d915a3a25b2c8ff5adbe7d"),
        .init(
            suite: "wycheproof chacha20-poly1305", byteCount: 241_127,
            digest: "fe61d25f90e1bde4461d00eafe61049e5f29bd999f36b766df9cda90906ad53d"),
        .init(
            suite: "wycheproof hkdf-sha-256", byteCount: 92_505,
            digest: "bb2b462a38b251cb52a2aede706d6d4b62b26864f4e80c95497507ddb07c5f1e"),
        .init(
            suite: "wycheproof hmac-sha-256", byteCount: 69_111,
            digest: "2d201cfa61d1bf95e6f5d07d96634b4a348b31e8eaa277ad7c8d09677b7a743f"),
        .init(
            suite: "argon2id", byteCount: 1_540,
            digest: "c5d7f6156199886f6ccf878ba959d46611cc3f0f1a7bfb84ed040ccf57071251"),
        .init(
            suite: "noise", byteCount: 212_351,
            digest: "511255a5f4fa1389f15390b1feff75618c2d8f78fa29623c72824635fe2c1e07"),
        .init(
            suite: "ml-kem acvp keygen", byteCount: 185_394,
            digest: "e57131089c054f9ec85eb0bf5cfca340df6cf1f77511de8655b7cd52e3713c03"),
        .init(
            suite: "ml-kem acvp encapdecap", byteCount: 271_911,
            digest: "a62743cabfe518f8d7d0b38c0e47b4f8497b6a39ea0fa79b2dbc579c8ea8a6a4"),
        .init(
            suite: "ml-kem cctv intermediate", byteCount: 68_979,
            digest: "4cdeed48a917ec2825a49a03815c31692d51b4be0b6850a0abc56cb39bab1f84"),
        .init(
            suite: "ml-kem cctv strcmp", byteCount: 7_056,
            digest: "2b09aa46d8b1c7b9a549a25f009cbd3937b98df177e868d3eb6395930079e4fa"),
    ]
}

extension JSONValue {
    /// The bytes of a hexadecimal string.
    func hex(_ name: String) -> [UInt8]? {
        self[name]?.text.flatMap { try? Hex.decode($0) }
    }
}
