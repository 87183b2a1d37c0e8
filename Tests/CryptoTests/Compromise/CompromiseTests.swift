import Foundation
import Testing

@testable import Crypto

@Suite("SPEC §3.6: what a stolen key reads (A17)")
struct CompromiseTests {
    private let run: CompromiseRun
    private let table: CompromiseTable

    init() throws {
        run = try CompromiseRun()
        table = CompromiseTable(run: run, drained: try CompromiseRun(withOneTime: false))
    }

    private static let specification: String = {
        let file = URL(filePath: #filePath).appending(path: "../../../../SPEC.md").standardized
        return (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    }()

    @Test("A17 the tables of SPEC.md are those of the code")
    func tables() {
        let texts = [table.singles, table.pairs, table.functions].map { $0.joined(separator: "\n") }
        for text in texts + ["Nothing at any moment: \(table.nothing)."] {
            let isThere = Self.specification.contains("\n\(text)\n")
            #expect(isThere, "SPEC.md, section 3.6, needs:\n\(text)")
        }
    }

    @Test("A17 forward secrecy: what was read before a theft is not in what is stolen")
    func forwardSecrecy() {
        for moment in run.moments where moment.textCount > 0 {
            let all = moment.keys.reduce(into: Set<Fact>()) { $0.formUnion($1.facts) }
            let read = Set(table.reading(all).texts)
            // Everything that lies on both devices at once.
            let known = read.intersection(1...moment.textCount).subtracting(moment.waiting)
            #expect(known.isEmpty, "\(moment.name): \(known)")
        }
    }

    @Test("A17 healing: two turns behind the theft of a state nothing more is read")
    func healing() {
        for moment in run.moments {
            for key in moment.keys where key.kind == "whole session state" {
                let last = table.reading(key.facts).texts.last ?? 0
                // The rest of this turn, and the next one of whoever is stolen from.
                #expect(last <= moment.textCount + 4, "\(moment.name), \(key.holder)")
            }
        }
    }

    @Test(
        "A17 hybrid: all keys of one function read nothing; with a state, up to an epoch begun later"
    )
    func hybrid() throws {
        #expect(table.reading(run.x25519).isNothing)
        #expect(table.reading(run.mlkem).isNothing)
        #expect(table.reading(run.x25519.union(run.mlkem)).texts == Array(1...run.texts.count))
        for moment in run.moments {
            for key in moment.keys where key.kind == "whole session state" {
                let texts = table.reading(key.facts.union(run.x25519)).texts
                // The private key for the epoch being made can be in the state, that of the next not.
                let begun = run.epochs.filter { $0 > moment.textCount }
                if begun.count > 1 { #expect(texts.allSatisfy { $0 < begun[1] }) }
                let turns = table.reading(key.facts.union(run.mlkem)).texts
                #expect(turns == table.reading(key.facts).texts)
            }
        }
    }

    @Test("A17 every private key of the recipient is needed to read the first message")
    func planted() throws {
        let halves = try #require(run.moments.first?.keys.last)
        #expect(table.reading(halves.facts).texts == [1])
        for fact in halves.facts {
            let less = halves.facts.subtracting([fact])
            let isNeeded = table.reading(less).texts.isEmpty
            // The signing keys of Bob decrypt nothing.
            #expect(isNeeded || run.graph.names[fact].hasSuffix(" key"), "\(run.graph.names[fact])")
        }
    }
}
