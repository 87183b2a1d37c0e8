/// What somebody can come to know in one recorded run of the protocol: secrets, what a sealed part
/// says, the text of a message.
typealias Fact = Int

/// Facts, and which of them follow from which.
///
/// Every rule stands for one call of the protocol's own functions, made with the run's real values
/// when the rule was added; what it gave was one of the run's real values too.
struct FactGraph {
    private(set) var names: [String] = []
    private var ofBytes: [[UInt8]: Fact] = [:]
    private var ofName: [String: Fact] = [:]
    private var rules: [(needs: [Fact], gives: [Fact])] = []
    private var rulesOfFact: [[Int]] = []

    /// The fact of a secret, the same for the same bytes.
    mutating func secret(_ bytes: [UInt8], _ name: @autoclosure () -> String) -> Fact {
        if let fact = ofBytes[bytes] { return fact }
        let fact = add(name())
        ofBytes[bytes] = fact
        return fact
    }

    /// The fact of a secret that is there.
    func known(_ bytes: [UInt8]) -> Fact? { ofBytes[bytes] }

    /// The fact of a name, such as `header 3`.
    mutating func named(_ name: String) -> Fact {
        if let fact = ofName[name] { return fact }
        let fact = add(name)
        ofName[name] = fact
        return fact
    }

    private mutating func add(_ name: String) -> Fact {
        names.append(name)
        rulesOfFact.append([])
        return names.count - 1
    }

    /// Who knows all of `needs` can compute `gives`.
    mutating func rule(_ needs: [Fact], gives: [Fact]) {
        for fact in Set(needs) { rulesOfFact[fact].append(rules.count) }
        rules.append((needs, gives))
    }

    /// All that follows from some facts.
    func closure(_ start: Set<Fact>) -> Set<Fact> {
        var known = start
        var waiting = Array(start)
        while let fact = waiting.popLast() {
            for index in rulesOfFact[fact] {
                let rule = rules[index]
                guard rule.needs.allSatisfy(known.contains) else { continue }
                for fact in rule.gives where known.insert(fact).inserted { waiting.append(fact) }
            }
        }
        return known
    }
}
