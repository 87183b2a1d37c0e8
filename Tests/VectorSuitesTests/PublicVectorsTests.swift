import Foundation
import Testing
import VectorSuites

/// The folder of public vectors: `POSTERN_VECTORS`, or `shared/vectors` beside the checkout.
private enum PublicFolder {
    static let url: URL? = {
        let named = ProcessInfo.processInfo.environment["POSTERN_VECTORS"]
        let beside = URL(filePath: #filePath).appending(path: "../../../../shared/vectors")
        let folder = named.map { URL(filePath: $0) } ?? beside.standardized
        return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
    }()

    static func bytes(_ path: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: #require(url).appending(path: path)))
    }
}

/// A file and what running it must come to.
struct KnownSuite: Sendable, CustomStringConvertible {
    let path: String
    let name: String
    let passed: Int
    let refused: Int
    let skipped: Int

    var description: String { path }
}

@Suite("SPEC §14: public vectors", .enabled(if: PublicFolder.url != nil, "no public vectors here"))
struct PublicVectorsTests {
    static let suites = [
        KnownSuite(
            path: "wycheproof/x25519_test.json", name: "wycheproof x25519", passed: 474,
            refused: 44, skipped: 0),
        KnownSuite(
            path: "wycheproof/chacha20_poly1305_test.json", name: "wycheproof chacha20-poly1305",
            passed: 256, refused: 69, skipped: 0),
        KnownSuite(
            path: "wycheproof/hkdf_sha256_test.json", name: "wycheproof hkdf-sha-256", passed: 83,
            refused: 3, skipped: 0),
        KnownSuite(
            path: "wycheproof/hmac_sha256_test.json", name: "wycheproof hmac-sha-256", passed: 66,
            refused: 108, skipped: 0),
        KnownSuite(
            path: "argon2id/pyca.json", name: "argon2id", passed: 0, refused: 0, skipped: 6),
        KnownSuite(
            path: "noise/cacophony-25519-chachapoly.json", name: "noise", passed: 38, refused: 0,
            skipped: 80),
        KnownSuite(
            path: "mlkem768-acvp/keyGen.json", name: "ml-kem acvp keygen", passed: 25, refused: 0,
            skipped: 0),
        KnownSuite(
            path: "mlkem768-acvp/encapDecap.json", name: "ml-kem acvp encapdecap", passed: 35,
            refused: 0, skipped: 0),
        KnownSuite(
            path: "mlkem768-cctv/intermediate.txt", name: "ml-kem cctv intermediate", passed: 2,
            refused: 0, skipped: 0),
        KnownSuite(
            path: "mlkem768-cctv/strcmp.txt", name: "ml-kem cctv strcmp", passed: 1, refused: 0,
            skipped: 0),
    ]

    @Test("PR-4 PR-5 PR-6 PR-7 PR-8 CH-20 every known file passes whole", arguments: suites)
    func known(suite: KnownSuite) throws {
        let report = PublicVectors.run(try PublicFolder.bytes(suite.path), name: suite.path)
        #expect(report.name == suite.name)
        #expect(report.failures == [])
        #expect(report.passedCount == suite.passed)
        #expect(report.refusedCount == suite.refused)
        #expect(report.skippedCount == suite.skipped)
        let listed = PublicVectors.summaries.first { $0.name == report.name }
        #expect(listed?.rules == report.rules)
    }

    @Test("one flipped bit anywhere in a file fails", arguments: suites)
    func flipped(suite: KnownSuite) throws {
        var bytes = try PublicFolder.bytes(suite.path)
        // Sixteen places over the whole file, whatever stands there.
        for index in 0..<16 {
            let place = index * (bytes.count - 1) / 15
            bytes[place] ^= 1
            #expect(!PublicVectors.run(bytes, name: suite.path).isGood, "offset \(place)")
            bytes[place] ^= 1
        }
    }

    @Test("a suite that is not known counts as skipped, never as passed")
    func unknown() throws {
        let report = PublicVectors.run(
            try PublicFolder.bytes("ecvrf/rfc9381-edwards25519.json"), name: "ecvrf")
        #expect(report.isGood)
        #expect(report.passedCount == 0)
        #expect(report.skippedCount == 1)
    }
}
