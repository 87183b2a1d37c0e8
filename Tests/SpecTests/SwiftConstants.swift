/// Whole numbers that the code gives names to: `static let name = …` and `case name = …`, read from
/// the source so that none can be left out of a list.
struct SwiftConstants {
    /// Values by dotted name, `Limits.idleSeconds`; in an enumeration without values, by place.
    private(set) var values: [String: Int] = [:]

    private enum Token: Equatable {
        case word(String)
        case number(Int)
        case mark(Character)
        case newline
    }

    /// Takes in a file. Files whose constants refer to those of others come after them.
    mutating func read(_ text: SwiftText) {
        var scopes: [String?] = []
        var pending: String?
        let tokens = Self.tokens(text.lines)
        var index = 0
        while index < tokens.count {
            switch tokens[index] {
            case .word("enum"), .word("struct"), .word("class"), .word("extension"):
                if index + 1 < tokens.count, case .word(let name) = tokens[index + 1] {
                    pending = name
                    index += 1
                }
            case .mark("{"):
                scopes.append(pending)
                pending = nil
            case .mark("}"):
                _ = scopes.popLast()
            case .word("let"), .word("case"):
                if let scope = scopes.last ?? nil {
                    readValue(tokens[(index + 1)...], in: scope)
                }
            default:
                break
            }
            index += 1
        }
    }

    /// `name = expression` or `name: Type = expression`, up to the end of the line.
    private mutating func readValue(_ tokens: ArraySlice<Token>, in scope: String) {
        guard case .word(let name)? = tokens.first else { return }
        let line = tokens.prefix { $0 != .newline && $0 != .mark("}") }
        guard let equals = line.firstIndex(of: .mark("=")) else { return }
        var expression = Expression(
            tokens: Array(line[(equals + 1)...]), scope: scope, values: values)
        if let value = expression.evaluate() { values["\(scope).\(name)"] = value }
    }

    /// Sums and products of numbers and of names already known.
    private struct Expression {
        let tokens: [Token]
        let scope: String
        let values: [String: Int]
        var position = 0

        mutating func evaluate() -> Int? {
            guard let value = sum(), position == tokens.count else { return nil }
            return value
        }

        private mutating func takes(_ mark: Character) -> Bool {
            guard position < tokens.count, tokens[position] == .mark(mark) else { return false }
            position += 1
            return true
        }

        private mutating func sum() -> Int? {
            guard var value = product() else { return nil }
            while true {
                if takes("+") {
                    guard let other = product() else { return nil }
                    value += other
                } else if takes("-") {
                    guard let other = product() else { return nil }
                    value -= other
                } else {
                    return value
                }
            }
        }

        private mutating func product() -> Int? {
            guard var value = factor() else { return nil }
            while takes("*") {
                guard let other = factor() else { return nil }
                value *= other
            }
            return value
        }

        private mutating func factor() -> Int? {
            if takes("(") {
                guard let value = sum(), takes(")") else { return nil }
                return value
            }
            guard position < tokens.count else { return nil }
            let token = tokens[position]
            position += 1
            switch token {
            case .number(let value): return value
            case .word(var name):
                if takes("."), position < tokens.count, case .word(let member) = tokens[position] {
                    position += 1
                    name = (name == "Self" ? scope : name) + "." + member
                } else {
                    name = scope + "." + name
                }
                return values[name]
            case .mark, .newline: return nil
            }
        }
    }

    private static func tokens(_ lines: [String]) -> [Token] {
        var found: [Token] = []
        for line in lines {
            var rest = Substring(line)
            while let first = rest.first {
                if first.isLetter || first == "_" {
                    let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                    found.append(.word(String(word)))
                    rest = rest.dropFirst(word.count)
                } else if first.isNumber {
                    let digits = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                    if let value = number(String(digits)) {
                        found.append(.number(value))
                    } else {
                        found.append(.mark("?"))
                    }
                    rest = rest.dropFirst(digits.count)
                } else {
                    if !first.isWhitespace { found.append(.mark(first)) }
                    rest = rest.dropFirst()
                }
            }
            found.append(.newline)
        }
        return found
    }

    /// A whole number as Swift and SPEC.md write it: `65_280`, `0xff00`, `65,280`.
    static func number(_ text: String) -> Int? {
        let digits = text.filter { $0 != "_" && $0 != "," }
        if digits.hasPrefix("0x") { return Int(digits.dropFirst(2), radix: 16) }
        if digits.hasPrefix("0b") { return Int(digits.dropFirst(2), radix: 2) }
        return Int(digits)
    }
}
