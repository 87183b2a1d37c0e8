/// The tables of SPEC.md section 3.6, computed from a run.
struct CompromiseTable {
    let run: CompromiseRun
    /// The same chat, begun when the server had no one-time prekeys left.
    let drained: CompromiseRun

    /// The texts somebody reads who holds the network and some facts, and whether they learn who
    /// wrote the first message.
    struct Reading: Hashable {
        let texts: [Int]
        let knowsInitiator: Bool

        var isNothing: Bool { texts.isEmpty && !knowsInitiator }

        /// Such as `9–12, 14`; `who` for the initiator's name alone.
        var text: String {
            if texts.isEmpty { return knowsInitiator ? "who" : "0" }
            var runs: [(Int, Int)] = []
            for number in texts {
                if let last = runs.last, last.1 + 1 == number {
                    runs[runs.count - 1].1 = number
                } else {
                    runs.append((number, number))
                }
            }
            return runs.map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0)–\($0.1)" }
                .joined(separator: ", ")
        }
    }

    func reading(_ facts: Set<Fact>) -> Reading { Self.reading(facts, in: run) }

    static func reading(_ facts: Set<Fact>, in run: CompromiseRun) -> Reading {
        let known = run.graph.closure(facts)
        return Reading(
            texts: run.texts.indices.filter { known.contains(run.texts[$0]) }.map { $0 + 1 },
            knowsInitiator: known.contains(run.initiatorName))
    }

    // MARK: One key

    /// A row for each key that reads anything: what, if it is stolen at each moment.
    var singles: [String] {
        let rows = self.rows.filter { !Self.isNothing($0.cells) }
        return Self.table(["stolen"] + run.moments.map(\.name), rows.map { [$0.label] + $0.cells })
    }

    /// The keys that read nothing at any moment, by themselves.
    var nothing: String {
        rows.filter { Self.isNothing($0.cells) }.map(\.label).joined(separator: "; ")
    }

    private static func isNothing(_ cells: [String]) -> Bool {
        cells.allSatisfy { $0 == "0" || $0 == "–" }
    }

    private var rows: [(label: String, cells: [String])] {
        var rows: [(label: String, cells: [String])] = []
        for (holder, kind) in kinds {
            let cells = cells(holder, kind, in: run)
            if let same = rows.firstIndex(where: { $0.cells == cells && $0.label.hasSuffix(kind) })
            {
                rows[same].label = "both: " + kind
            } else {
                rows.append(("\(holder): \(kind)", cells))
            }
        }
        for kind in ["last-resort KEM prekey", "identity key and all prekeys"] {
            rows.append(("Bob, no one-time prekeys left: \(kind)", cells("Bob", kind, in: drained)))
        }
        return rows
    }

    private func cells(_ holder: String, _ kind: String, in run: CompromiseRun) -> [String] {
        run.moments.map { moment in
            key(holder, kind, in: moment).map { Self.reading($0.facts, in: run).text } ?? "–"
        }
    }

    /// Every kind of key with its holder, in the order they come up.
    private var kinds: [(String, String)] {
        var kinds: [(String, String)] = []
        for key in run.moments.flatMap(\.keys)
        where !kinds.contains(where: { $0 == (key.holder, key.kind) }) {
            kinds.append((key.holder, key.kind))
        }
        return kinds
    }

    private func key(
        _ holder: String, _ kind: String, in moment: CompromiseRun.Moment
    ) -> CompromiseRun.Key? {
        moment.keys.first { $0.holder == holder && $0.kind == kind }
    }

    // MARK: Two keys

    private static let headerKeys = "header keys, current and next"
    private static let composite = [
        "whole session state", "identity key and all prekeys", headerKeys,
    ]

    /// A row for each pair of keys that together read more than each for itself. Whoever holds them
    /// has the header keys of that moment as well, which read nothing by themselves.
    var pairs: [String] {
        var rows: [String: [(moment: String, more: String)]] = [:]
        var order: [String] = []
        for moment in run.moments {
            let headers = moment.keys.filter { $0.kind == Self.headerKeys }
                .reduce(into: Set<Fact>()) { $0.formUnion($1.facts) }
            let keys = moment.keys.filter { !Self.composite.contains($0.kind) }
            let alone = keys.map { reading($0.facts.union(headers)) }
            for first in keys.indices {
                for second in keys.indices.dropFirst(first + 1) {
                    let both = reading(
                        keys[first].facts.union(keys[second].facts).union(headers))
                    let known = Set(alone[first].texts).union(alone[second].texts)
                    let more = both.texts.filter { !known.contains($0) }
                    let names =
                        both.knowsInitiator
                        && !alone[first].knowsInitiator && !alone[second].knowsInitiator
                    if more.isEmpty && !names { continue }
                    let label =
                        "\(keys[first].holder): \(keys[first].kind) + "
                        + "\(keys[second].holder): \(keys[second].kind)"
                    if rows[label] == nil { order.append(label) }
                    let text = Reading(texts: more, knowsInitiator: names).text
                    rows[label, default: []].append((moment.name, text))
                }
            }
        }
        return Self.table(
            ["stolen together", "read besides"],
            order.map { label in
                let cells = rows[label, default: []].map { "\($0.moment): \($0.more)" }
                return [label, cells.joined(separator: "; ")]
            })
    }

    // MARK: All keys of a function

    /// What the keys of one function read, all that there ever are, alone and with a state.
    var functions: [String] {
        let sets: [(String, Set<Fact>)] = [
            ("every X25519 private key", run.x25519), ("every ML-KEM private key", run.mlkem),
            ("both", run.x25519.union(run.mlkem)),
        ]
        let rows = sets.map { name, facts in
            [name, reading(facts).text]
                + run.moments.dropFirst().map { moment in
                    key("Alice", "whole session state", in: moment)
                        .map { reading($0.facts.union(facts)).text } ?? "–"
                }
        }
        let head = ["stolen", "alone"] + run.moments.dropFirst().map(\.name)
        return Self.table(head, rows)
    }

    private static func table(_ head: [String], _ rows: [[String]]) -> [String] {
        func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
        return [line(head), "|" + String(repeating: "---|", count: head.count)] + rows.map(line)
    }
}
