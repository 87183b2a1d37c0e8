import Foundation
import Primitives
import Testing

@testable import VectorSuites

@Suite("SPEC §14: the project's own vectors")
struct OwnVectorsTests {
    /// The folder Vectors of this checkout.
    static func committed(_ suite: OwnSuite) throws -> [UInt8] {
        let file = URL(filePath: #filePath).appending(path: "../../../Vectors/\(suite.name).json")
        return try [UInt8](Data(contentsOf: file.standardized))
    }

    static let names = OwnSuite.all.map(\.name)

    static func suite(_ name: String) throws -> OwnSuite {
        try #require(OwnSuite.all.first { $0.name == name })
    }

    @Test("every built-in file passes whole and has cases that must be refused", arguments: names)
    func passes(name: String) throws {
        let suite = try Self.suite(name)
        let report = PublicVectors.run(BuiltInVectors.bytes(of: suite), name: name)
        #expect(report.failures == [])
        #expect(report.passedCount > 0)
        // The ephemeral file has its refusals inside a chat.
        #expect(report.refusedCount > 0 || name == "ephemeral")
        #expect(report.skippedCount == 0)
        #expect(report.name == "postern \(name)")
    }

    @Test("PR-9 the list names what is run, with its rules and all its cases")
    func summaries() {
        let reports = BuiltInVectors.run()
        let listed = reports.map { report in
            SuiteSummary(
                name: report.name, rules: report.rules,
                caseCount: report.passedCount + report.refusedCount)
        }
        #expect(BuiltInVectors.summaries == listed)
    }

    @Test("what is built in is what lies in the folder Vectors", arguments: names)
    func builtIn(name: String) throws {
        let suite = try Self.suite(name)
        #expect(BuiltInVectors.bytes(of: suite) == (try Self.committed(suite)))
    }

    @Test("one flipped bit anywhere in a file fails", arguments: names)
    func flipped(name: String) throws {
        var bytes = BuiltInVectors.bytes(of: try Self.suite(name))
        var random = SeededRandom(UInt64(bytes.count))
        for round in 0..<8 {
            let place =
                round < 2 ? round : Int(random.integer(below: UInt64(bytes.count)))
            let mask = UInt8(1) << UInt8(random.integer(below: 8))
            bytes[place] ^= mask
            #expect(!PublicVectors.run(bytes, name: name).isGood, "offset \(place) mask \(mask)")
            bytes[place] ^= mask
        }
    }

    /// The comparison of bytes is left out: the cases themselves must notice.
    @Test("one flipped digit in what a case must give fails by itself", arguments: names)
    func flippedOutput(name: String) throws {
        let suite = try Self.suite(name)
        let bytes = BuiltInVectors.bytes(of: suite)
        var cases = try #require(JSONReader.parse(bytes)["cases"]?.elements)
        // Those that cost least, so that the test stays short.
        cases = Array(cases.sorted { $0.json.utf8.count < $1.json.utf8.count }.prefix(12))
        var random = SeededRandom(7)
        for test in cases {
            let member = test["out"] == nil ? "error" : "out"
            var text = Array(try #require(test[member]).json.utf8)
            let places = text.indices.filter { isalnum(Int32(text[$0])) != 0 }
            let place = places[Int(random.integer(below: UInt64(places.count)))]
            text[place] = text[place] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
            guard let changed = try? JSONReader.parse(text) else { continue }
            let file: JSONValue = [
                "format": .string(OwnSuite.format), "suite": .string(name),
                "cases": [test.with(member, changed)],
            ]
            #expect(!suite.run(file).isGood, "\(test["name"]?.text ?? "")")
        }
    }

    @Test("a case with a member that nobody reads, or without one that is needed, has failed")
    func members() throws {
        let suite = try Self.suite("mailbox")
        let parsed = try JSONReader.parse(BuiltInVectors.bytes(of: suite))
        let test = try #require(parsed["cases"]?.elements?.first)
        let input = try #require(test["in"])
        func outcome(_ test: JSONValue) -> Bool {
            suite.run([
                "format": .string(OwnSuite.format), "suite": "mailbox", "cases": [test],
            ]).isGood
        }
        #expect(outcome(test))
        #expect(!outcome(test.with("in", input.with("more", 1))))
        #expect(!outcome(test.with("in", ["kind": 1])))
        #expect(!outcome(test.with("op", "unknown")))
        #expect(!outcome(test.with("more", 1)))
        #expect(!suite.run(["format": .string(OwnSuite.format), "suite": "mailbox"]).isGood)
    }

    @Test("a file of our format and of a suite that is not known counts as skipped")
    func unknown() {
        let text = #"{"format":"postern/1 vectors","suite":"groups","cases":[{"name":"x"}]}"#
        let report = PublicVectors.run(Array(text.utf8), name: "groups.json")
        #expect(report.isGood)
        #expect((report.passedCount, report.skippedCount) == (0, 1))
    }

    /// H1: whatever stands in a file, nothing traps.
    @Test("H1 files with members of other types or sizes fail and do not stop the program")
    func hostile() throws {
        for suite in OwnSuite.all {
            let parsed = try JSONReader.parse(BuiltInVectors.bytes(of: suite))
            var seen: Set<String> = []
            for test in parsed["cases"]?.elements ?? [] {
                guard let operation = test["op"]?.text, seen.insert(operation).inserted,
                    case .object(let members)? = test["in"]
                else { continue }
                for member in members {
                    let values: [JSONValue] = [
                        .null, "", "00", .integer(-1), .integer(.max), [], [:],
                    ]
                    for value in values {
                        let input = JSONValue.object(members).with(member.name, value)
                        let report = suite.run([
                            "format": .string(OwnSuite.format), "suite": .string(suite.name),
                            "cases": [test.with("in", input)],
                        ])
                        #expect(!report.isGood || member.value == value || test["error"] != nil)
                    }
                }
            }
        }
    }
}
